"""The exported reply network: reads messages once, then gives the scores of every draft's next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

TOP = 24  # tokens that are looked at in each step

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Read:
    """What the network keeps of n messages. memory: (n, width, 2 x encoder), keys: (n, decoder, width)."""

    memory: Floats
    keys: Floats
    mask: Floats  # (n, width), 0 or -10,000
    condition: Floats  # (n, condition)
    state: Floats  # (n, decoder): where every draft begins

    def of(self, rows: Sequence[int] | Ids) -> Read:
        return Read(self.memory[rows], self.keys[rows], self.mask[rows], self.condition[rows], self.state[rows])


class ReplyNetwork:
    """Two ONNX sessions. width: tokens read of a message; shorter ones are padded, so that none depends on another."""

    def __init__(self, reader: Path, step: Path, *, width: int, threads: int = 1) -> None:
        self._reader, self._step = _session(reader, threads), _session(step, threads)
        self._width = width
        self._tells_best = "best" in {output.name for output in self._step.get_outputs()}

    def read(self, messages: Sequence[Sequence[int]], conditions: Ids) -> Read:
        """messages: ids of each. conditions: (n, fields)."""
        source = np.zeros((len(messages), self._width), dtype=np.int64)
        lengths = np.array([max(1, min(len(ids), self._width)) for ids in messages], dtype=np.int64)
        for row, ids in enumerate(messages):
            source[row, : min(len(ids), self._width)] = ids[: self._width]
        told = {"source": source, "lengths": lengths, "conditions": conditions}
        memory, keys, state, condition = self._reader.run(["memory", "keys", "state", "condition"], told)
        mask = np.where(np.arange(self._width)[None, :] < lengths[:, None], 0, -1e4).astype(np.float32)
        return Read(memory, keys, mask, condition, state)

    def step(self, tokens: Ids, state: Floats, read: Read) -> tuple[Floats, Floats]:
        """tokens: (n, drafts), state: (n, drafts, decoder). Returns log probabilities (n, drafts, words), state."""
        given: dict[str, Any] = {"tokens": tokens, "state": state, "memory": read.memory, "keys": read.keys}
        scores, after = self._step.run(["scores", "next"], {**given, "mask": read.mask, "condition": read.condition})
        return scores, after

    def best(self, tokens: Ids, state: Floats, read: Read) -> tuple[Floats, Ids, Floats]:
        """As `step`, of the TOP likeliest next tokens alone: log probabilities and which they are, then the state."""
        given: dict[str, Any] = {"tokens": tokens, "state": state, "memory": read.memory, "keys": read.keys}
        given |= {"mask": read.mask, "condition": read.condition}
        if self._tells_best:
            best, which, after = self._step.run(["best", "which", "next"], given)
            return best, which, after
        scores, after = self._step.run(["scores", "next"], given)  # an older directory
        which = np.argsort(-scores, axis=-1, kind="stable")[:, :, :TOP]
        return np.take_along_axis(scores, which, -1), which, after


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are shared with the rest
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

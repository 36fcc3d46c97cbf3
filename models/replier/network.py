"""The exported reply network: reads messages once, then gives the scores of every draft's next
token.
"""

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
    """What the network keeps of n messages. memory: (n, width, embedding), keys: (n, decoder,
    width).
    """

    memory: Floats
    keys: Floats
    mask: Floats  # (n, width), 0 or -10,000
    given: Floats  # (n, 3 x decoder + embedding): what the conditions add
    state: Floats  # (n, decoder): where every draft begins

    def of(self, rows: Sequence[int] | Ids) -> Read:
        return Read(
            self.memory[rows], self.keys[rows], self.mask[rows], self.given[rows], self.state[rows]
        )


class ReplyNetwork:
    """Two ONNX sessions. width: tokens read of a message; shorter ones are padded, so that none
    depends on another.

    What is asked alone is run twice over: a lone row is summed in another order than one among
    others.
    """

    def __init__(self, reader: Path, step: Path, *, width: int, threads: int = 1) -> None:
        self._reader, self._step = _session(reader, threads), _session(step, threads)
        self._width = width

    def read(self, messages: Sequence[Sequence[int]], conditions: Ids) -> Read:
        """messages: ids of each. conditions: (n, fields)."""
        if len(messages) == 1:
            return self.read([*messages, *messages], np.repeat(conditions, 2, 0)).of([0])
        source = np.zeros((len(messages), self._width), dtype=np.int64)
        lengths = np.array([max(1, min(len(ids), self._width)) for ids in messages], dtype=np.int64)
        for row, ids in enumerate(messages):
            source[row, : min(len(ids), self._width)] = ids[: self._width]
        told = {"source": source, "lengths": lengths, "conditions": conditions}
        memory, keys, state, given = self._reader.run(["memory", "keys", "state", "given"], told)
        mask = np.where(np.arange(self._width)[None, :] < lengths[:, None], 0, -1e4).astype(
            np.float32
        )
        return Read(memory, keys, mask, given, state)

    def step(self, tokens: Ids, state: Floats, message: Ids, read: Read) -> tuple[Floats, Floats]:
        """A row is a draft, sorted by message. tokens, message: (rows,), the last one and whose it
        is.

        state: (rows, decoder). Returns log probabilities of all words, (rows, words), and the next
        state.
        """
        scores, after = self._run(["scores", "next"], tokens, state, message, read)
        return scores, after

    def best(
        self, tokens: Ids, state: Floats, message: Ids, read: Read
    ) -> tuple[Floats, Ids, Floats]:
        """As `step`, of the TOP likeliest words of drafts: their log probabilities, which they are,
        the next state.
        """
        best, which, after = self._run(["best", "which", "next"], tokens, state, message, read)
        return best, which, after

    def _run(
        self, wanted: Sequence[str], tokens: Ids, state: Floats, message: Ids, read: Read
    ) -> Any:
        if len(tokens) == 1:
            twice = self._run(
                wanted, np.repeat(tokens, 2), np.repeat(state, 2, 0), np.repeat(message, 2), read
            )
            return [each[:1] for each in twice]
        counts = np.bincount(message, minlength=len(read.memory))
        drafts = max(2, int(counts.max()))
        nth = np.arange(len(message)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = message * drafts + nth
        grid = np.zeros(len(counts) * drafts, dtype=np.int64)
        grid[place] = np.arange(len(message))
        told: dict[str, Any] = {
            "tokens": tokens,
            "state": state,
            "message": message,
            "place": place,
        }
        told |= {"grid": grid.reshape(-1, drafts), "memory": read.memory, "keys": read.keys}
        told |= {"mask": read.mask, "given": read.given, "all": np.array("scores" in wanted)}
        return self._step.run(list(wanted), told)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # the cores are shared with the rest
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

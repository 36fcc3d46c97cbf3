"""Reply network: two ONNX sessions, one reads messages, one scores every draft's next token."""

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
class Encoded:
    """n messages as the network remembers them."""

    memory: Floats  # (n, width, embedding)
    keys: Floats  # (n, decoder, width)
    mask: Floats  # (n, width), 0 or -10,000
    conditions: Floats  # (n, 3 x decoder + embedding), added in every step
    state: Floats  # (n, decoder), the beginning of every draft

    def of(self, rows: Sequence[int] | Ids) -> Encoded:
        return Encoded(
            self.memory[rows],
            self.keys[rows],
            self.mask[rows],
            self.conditions[rows],
            self.state[rows],
        )


class ReplyNetwork:
    """Two ONNX sessions.

    width: tokens read of a message; shorter ones are padded, so that none depends on another. A
    lone row is run twice over, as it would be summed in another order than among others.
    """

    def __init__(self, reader: Path, step: Path, *, width: int, threads: int = 1) -> None:
        self._reader, self._step = _session(reader, threads), _session(step, threads)
        self._width = width

    def read(self, messages: Sequence[Sequence[int]], conditions: Ids) -> Encoded:
        """messages: ids of each. conditions: (n, fields)."""
        if len(messages) == 1:
            return self.read([*messages, *messages], np.repeat(conditions, 2, 0)).of([0])
        source = np.zeros((len(messages), self._width), dtype=np.int64)
        lengths = np.array([max(1, min(len(ids), self._width)) for ids in messages], dtype=np.int64)
        for row, ids in enumerate(messages):
            source[row, : min(len(ids), self._width)] = ids[: self._width]
        memory, keys, state, added = self._reader.run(
            ["memory", "keys", "state", "given"],
            {"source": source, "lengths": lengths, "conditions": conditions},
        )
        inside = np.arange(self._width)[None, :] < lengths[:, None]
        mask = np.where(inside, 0, -1e4).astype(np.float32)
        return Encoded(memory, keys, mask, added, state)

    def step(
        self, tokens: Ids, state: Floats, message: Ids, encoded: Encoded
    ) -> tuple[Floats, Floats]:
        """Log probabilities of all words, (rows, words), and the next state.

        A row is a draft, sorted by message. tokens, message: (rows,), its last token and the row of
        its message. state: (rows, decoder).
        """
        scores, after = self._run(["scores", "next"], tokens, state, message, encoded)
        return scores, after

    def best(
        self, tokens: Ids, state: Floats, message: Ids, encoded: Encoded
    ) -> tuple[Floats, Ids, Floats]:
        """As `step`, for the TOP likeliest words: log probabilities, words, next state."""
        best, words, after = self._run(["best", "which", "next"], tokens, state, message, encoded)
        return best, words, after

    def _run(
        self, outputs: Sequence[str], tokens: Ids, state: Floats, message: Ids, encoded: Encoded
    ) -> Any:
        if len(tokens) == 1:
            twice = np.repeat(tokens, 2), np.repeat(state, 2, 0), np.repeat(message, 2)
            return [values[:1] for values in self._run(outputs, *twice, encoded)]
        counts = np.bincount(message, minlength=len(encoded.memory))
        drafts = max(2, int(counts.max()))
        nth = np.arange(len(message)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = message * drafts + nth
        grid = np.zeros(len(counts) * drafts, dtype=np.int64)
        grid[place] = np.arange(len(message))
        inputs: dict[str, Any] = {
            "tokens": tokens,
            "state": state,
            "message": message,
            "place": place,
            "grid": grid.reshape(-1, drafts),
            "memory": encoded.memory,
            "keys": encoded.keys,
            "mask": encoded.mask,
            "given": encoded.conditions,
            "all": np.array("scores" in outputs),
        }
        return self._step.run(list(outputs), inputs)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads would take cores from the other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

"""Cross-check of sense: how likely it is that a text answers this message and not another one.

Two bags of subwords, one for messages and one for replies, that point the same way where the one
answers the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.artifact import ArtifactError

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

PAIRS = 8192  # places for pairs of neighbouring subwords, by their hash
_TABLES, _MEANS = ("message", "reply"), ("message_mean", "reply_mean")
_NAMES = (*_TABLES, *_MEANS, "message_scale", "reply_scale", "factor", "shift")


def features(ids: Sequence[int], words: int) -> Ids:
    """The places of a text's subwords, and of each two neighbours behind those of all words."""
    single = np.array(ids, dtype=np.int64)
    pairs = words + (single[:-1] * 31_337 + single[1:]) % PAIRS
    return np.concatenate([single, pairs])


class Sense:
    """message, reply: (words + PAIRS, width), a vector of each place; their means over texts.

    factor, shift: probability = sigmoid(factor * cosine + shift), against as many replies to other
    messages.
    """

    def __init__(
        self,
        message: Floats,
        reply: Floats,
        message_mean: Floats,
        reply_mean: Floats,
        factor: float,
        shift: float,
    ) -> None:
        self.message, self.reply = message, reply
        self.message_mean, self.reply_mean = message_mean, reply_mean
        self.factor, self.shift = factor, shift

    def __call__(
        self, messages: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]
    ) -> Floats:
        """(messages, replies) probabilities. Both as ids of subwords."""
        cosines = self.messages(messages) @ self.replies(replies).T
        probabilities: Floats = 1 / (1 + np.exp(-(self.factor * cosines + self.shift)))
        return probabilities

    def messages(self, texts: Sequence[Sequence[int]]) -> Floats:
        """(texts, width), of unit length."""
        return _vectors(self.message, self.message_mean, texts)

    def replies(self, texts: Sequence[Sequence[int]]) -> Floats:
        """(texts, width), of unit length."""
        return _vectors(self.reply, self.reply_mean, texts)

    def scaled(self, factor: float, shift: float) -> Sense:
        """The same vectors, read with another scale."""
        parts = self.message, self.reply, self.message_mean, self.reply_mean
        return Sense(*parts, factor, shift)


def _vectors(table: Floats, mean: Floats, texts: Sequence[Sequence[int]]) -> Floats:
    vectors = np.zeros((len(texts), table.shape[1]), dtype=np.float32)
    for row, ids in enumerate(texts):
        places = np.unique(features(ids, len(table) - PAIRS))
        vectors[row] = table[places].sum(0) - mean
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit


def save(sense: Sense, path: Path) -> None:
    """The vectors as INT8, each place with a scale of its own."""
    parts: dict[str, Any] = {}
    for name, table in zip(_TABLES, (sense.message, sense.reply), strict=True):
        scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-9) / 127
        parts[name] = np.round(table / scale).astype(np.int8)
        parts[f"{name}_scale"] = scale.astype(np.float16)
    np.savez_compressed(
        path,
        **parts,
        message_mean=sense.message_mean,
        reply_mean=sense.reply_mean,
        factor=np.float32(sense.factor),
        shift=np.float32(sense.shift),
    )


def load(path: Path) -> Sense:
    """Raises ArtifactError for a file that is none of this kind."""
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = {name: file[name] for name in _NAMES}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ArtifactError(f"{path}: it cannot be read ({error})") from None
    message, reply = (
        parts[name].astype(np.float32) * parts[f"{name}_scale"].astype(np.float32)
        for name in _TABLES
    )
    message_mean, reply_mean = (parts[name] for name in _MEANS)
    return Sense(
        message, reply, message_mean, reply_mean, float(parts["factor"]), float(parts["shift"])
    )

"""N-gram model: interpolated modified Kneser-Ney, as a trie in numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import ArtifactError

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

ABSENT = -1  # no such context


@dataclass(frozen=True)
class Level:
    """The n-grams of one order n, sorted by context, then word.

    A context is the place of the first n - 1 words one order lower. keys: context x vocabulary +
    word. mass: the n-gram's addition to the word's probability, its discounted share.
    """

    keys: Ids  # (n-grams,)
    mass: Floats  # (n-grams,)


class NGram:
    """p(w | h) = mass(h w) + left(h) p(w | h'), h' being h without its first word.

    After Chen & Goodman, 1998, section 3. mass(h w) is the discounted share of w after h, and
    left(h) the rest: 1 for a context never seen. The lowest order has every word. States are the
    places of the last 1 ... order - 1 words, ABSENT where unknown.
    """

    def __init__(self, unigram: Floats, levels: Sequence[Level]) -> None:
        self.unigram = unigram  # (vocabulary,)
        self.levels = tuple(levels)  # of order 2, 3, ...
        self.order = len(levels) + 1
        self._left = [self._left_after(order) for order in range(1, self.order)]

    def start(self, word: int, rows: int = 1) -> Ids:
        """(rows, order - 1): the state after the one word that every text begins with."""
        state = np.full((rows, self.order - 1), ABSENT, dtype=np.int64)
        state[:, 0] = word
        return state

    def advance(self, state: Ids, words: Ids) -> Ids:
        """state: (rows, order - 1), words: (rows,). Returns the state after each row's word."""
        after = np.full_like(state, ABSENT)
        after[:, 0] = words
        for order, level in enumerate(self.levels[:-1], start=1):
            after[:, order] = self._find(level, state[:, order - 1], words)
        return after

    def probabilities(self, state: Ids, words: Ids) -> Floats:
        """(rows, words): the probability of each word of the rows after their states."""
        probabilities = self.unigram[words]
        for order, level in enumerate(self.levels):
            context = state[:, order]
            known = np.flatnonzero(context != ABSENT)
            if not len(known):
                break
            left = self._left[order][context[known]]
            places = self._find(
                level, np.repeat(context[known], words.shape[1]), words[known].ravel()
            )
            mass = np.where(places == ABSENT, 0, level.mass[places]).reshape(len(known), -1)
            probabilities[known] = probabilities[known] * left[:, None] + mass
        return probabilities

    def known(self, state: Ids) -> Ids:
        """(rows,): words of the longest context that other words were seen after, to order - 1."""
        longest = np.zeros(len(state), dtype=np.int64)
        for order in range(self.order - 1):
            context = state[:, order]
            seen = (context != ABSENT) & (self._left[order][context] < 1)
            longest[seen] = order + 1
        return longest

    def _find(self, level: Level, context: Ids, words: Ids) -> Ids:
        """Places of the n-grams (context, word), ABSENT where there is none."""
        if not len(level.keys):
            return np.full(len(words), ABSENT, dtype=np.int64)
        keys = context * len(self.unigram) + words
        places = np.searchsorted(level.keys, keys)
        places[places == len(level.keys)] = 0
        return np.where((context != ABSENT) & (level.keys[places] == keys), places, ABSENT)

    def _left_after(self, order: int) -> Floats:
        """The share of each context of this length that goes to the shorter context."""
        contexts = len(self.unigram) if order == 1 else len(self.levels[order - 2].keys)
        level = self.levels[order - 1]
        used = np.bincount(level.keys // len(self.unigram), weights=level.mass, minlength=contexts)
        left: Floats = np.clip(1 - used, 0, 1).astype(np.float32)
        return left


def save(model: NGram, path: Path) -> None:
    """Words as 16-bit numbers, masses as half floats; contexts by where their n-grams begin."""
    arrays: dict[str, Any] = {"unigram": model.unigram.astype(np.float32)}
    contexts = size = len(model.unigram)
    for order, level in enumerate(model.levels, start=2):
        counts = np.bincount(level.keys // size, minlength=contexts)
        arrays[f"count{order}"] = counts.astype(np.uint16)
        arrays[f"word{order}"] = (level.keys % size).astype(np.uint16)
        arrays[f"mass{order}"] = level.mass.astype(np.float16)
        contexts = len(level.keys)
    np.savez_compressed(path, **arrays)


def load(path: Path) -> NGram:
    """Raises ArtifactError when the file is no n-gram model."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            unigram: Floats = arrays["unigram"]
            levels = []
            for order in range(2, 2 + sum(name.startswith("word") for name in arrays.files)):
                counts = arrays[f"count{order}"].astype(np.int64)
                context = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
                keys = context * len(unigram) + arrays[f"word{order}"]
                levels.append(Level(keys, arrays[f"mass{order}"].astype(np.float32)))
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(
            f"model directory {path.parent}: {path.name} cannot be read ({error})"
        ) from None
    return NGram(unigram, levels)

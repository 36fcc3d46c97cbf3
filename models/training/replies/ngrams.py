"""N-gram model of the replies: counted, estimated by Kneser-Ney, and pruned to a size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.replier.ngram import Level, NGram

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

FEW = (0.5, 1.0, 1.5)  # the discounts where a text is too small or too uniform to tell them


@dataclass
class _Counted:
    """Every n-gram of one order that occurs, sorted by key (context x vocabulary + last word)."""

    keys: Ids
    counts: Ids  # how often it occurs
    suffix: Ids  # its last n - 1 words: their place one order lower
    opens: NDArray[np.bool_]  # begins with the start of a text
    mass: Reals
    probability: Reals


def estimate(
    texts: Sequence[Sequence[int]], size: int, *, order: int, start: int, end: int, keep: int
) -> NGram:
    """Interpolated modified Kneser-Ney over `texts` (ids below `size`).

    Start and end are added to each. Chen & Goodman (1998): lower orders count the different words
    before an n-gram instead of the n-gram, and three discounts (of counts 1, 2, and more) follow
    from how many n-grams occur once to four times. keep: n-grams of order two and more that stay,
    those that change the likelihood of the texts most (after Stolcke, 1998); what a pruned one had
    goes back to the shorter context, so that probabilities still sum to one.
    """
    stream, first = _stream(texts, start, end)
    levels = _counted(stream, first, size, order, start)
    unigram = _estimated(levels, size, start)
    masks = _pruned(levels[1:], keep)
    return NGram(unigram.astype(np.float32), _renumbered(levels[1:], masks, size))


def _stream(texts: Sequence[Sequence[int]], start: int, end: int) -> tuple[Ids, Ids]:
    """All texts in a row, and for each place how many words of its text come before it."""
    parts = [np.array([start, *text, end], dtype=np.int64) for text in texts]
    return np.concatenate(parts), np.concatenate([np.arange(len(part)) for part in parts])


def _counted(stream: Ids, before: Ids, size: int, order: int, start: int) -> list[_Counted]:
    empty = np.zeros(0)
    words = np.arange(size)
    levels = [
        _Counted(words, np.bincount(stream, minlength=size), words, words == start, empty, empty)
    ]
    places = stream  # of the n-gram that ends at each place: its place in its level
    for length in range(2, order + 1):
        ends = np.flatnonzero(before >= length - 1)
        keys, at, inverse, counts = np.unique(
            places[ends - 1] * size + stream[ends],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        levels.append(
            _Counted(keys, counts, places[ends[at]], before[ends[at]] == length - 1, empty, empty)
        )
        following = np.full(len(stream), -1, dtype=np.int64)
        following[ends] = inverse
        places = following
    return levels


def _estimated(levels: list[_Counted], size: int, start: int) -> Reals:
    """Fills mass and probability of every level; returns the lowest order's probabilities."""
    unigram = np.zeros(size)
    for length, level in enumerate(levels, start=1):
        counts = level.counts
        if length < len(levels):
            continued = np.bincount(levels[length].suffix, minlength=len(level.keys))
            # Nothing comes before a text's start.
            counts = np.where(level.opens, level.counts, continued)
        if length == 1:
            # The start is never predicted itself.
            counts = np.where(np.arange(size) == start, 0, counts)
            used = np.maximum(counts - _discount(counts), 0) / counts.sum()
            unigram = used + (1 - used.sum()) / size
            level.probability = unigram
            continue
        context = level.keys // size
        total = np.bincount(context, weights=counts, minlength=len(levels[length - 2].keys))
        level.mass = np.maximum(counts - _discount(counts), 0) / np.maximum(total[context], 1)
        left = 1 - np.bincount(context, weights=level.mass, minlength=len(total))
        level.probability = (
            level.mass + left[context] * levels[length - 2].probability[level.suffix]
        )
    return unigram


def _discount(counts: Ids) -> Reals:
    """The discount of each count, from the counts of counts (Chen & Goodman, 1998, equation 26)."""
    n1, n2, n3, n4 = (int((counts == value).sum()) for value in (1, 2, 3, 4))
    d1, d2, d3 = FEW
    if min(n1, n2, n3, n4):
        share = n1 / (n1 + 2 * n2)
        d1, d2, d3 = 1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3
    if not (0 < d1 < 1 and 0 < d2 < 2 and 0 < d3 < 3):
        d1, d2, d3 = FEW
    discount: Reals = np.select([counts == 0, counts == 1, counts == 2], [0.0, d1, d2], d3)
    return discount


def _pruned(levels: list[_Counted], keep: int) -> list[NDArray[np.bool_]]:
    """Masks of the n-grams that stay: those without which the texts would be least likely."""
    worth = [
        level.counts * np.log(level.probability / np.maximum(level.probability - level.mass, 1e-12))
        for level in levels
    ]
    total = sum(len(values) for values in worth)
    threshold = -np.inf
    if total > keep:
        threshold = np.partition(np.concatenate(worth), total - keep)[total - keep]
    return [values >= threshold for values in worth]


def _renumbered(levels: list[_Counted], masks: list[NDArray[np.bool_]], size: int) -> list[Level]:
    """The n-grams that stay, and their contexts, with contexts numbered among themselves."""
    for longer in range(len(levels) - 1, 0, -1):
        masks[longer - 1][np.unique(levels[longer].keys[masks[longer]] // size)] = True
    renumbered: list[Level] = []
    number = np.arange(size)
    for level, mask in zip(levels, masks, strict=True):
        keys = number[level.keys[mask] // size] * size + level.keys[mask] % size
        renumbered.append(Level(keys, level.mass[mask].astype(np.float32)))
        number = np.cumsum(mask) - 1
    return renumbered

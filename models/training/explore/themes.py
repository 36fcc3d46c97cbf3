"""Clusters of texts: themes by their embeddings, and groups of near duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from models.training.explore.words import distinctive_words, pairs

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

FEWEST, LIMIT = 4, 12  # themes
SAMPLE = 1500  # texts that choose their number
NEAR = 0.9  # cosine from which two texts may be the same
SHARED = 0.5  # of their words, for them to be so
_BLOCK = 512


@dataclass(frozen=True)
class Theme:
    """members: rows, the most typical first. words: what tells it from the others."""

    words: tuple[str, ...]
    members: tuple[int, ...]


def find_themes(embeddings: Floats, text_words: Sequence[Sequence[str]]) -> list[Theme]:
    """The themes, the largest first; none for fewer than twenty texts. embeddings: (texts, dim),
    unit length.
    """
    if len(embeddings) < 20:
        return []
    labels, centres = _clustered(embeddings)
    both = [[*tokens, *pairs(tokens)] for tokens in text_words]
    themes = []
    for label in range(len(centres)):
        rows = np.flatnonzero(labels == label)
        typical = rows[np.argsort(-(embeddings[rows] @ centres[label]), kind="stable")]
        inside = [both[row] for row in rows]
        outside = [both[row] for row in np.flatnonzero(labels != label)]
        theme_words = _without_parts(distinctive_words(inside, outside, 14))[:6]
        themes.append(Theme(tuple(theme_words), tuple(typical.tolist())))
    return sorted(themes, key=lambda theme: -len(theme.members))


def _clustered(embeddings: Floats) -> tuple[Labels, Floats]:
    """The number of clusters whose members are nearest to their own (silhouette, on a sample)."""
    sample = np.random.default_rng(0).permutation(len(embeddings))[:SAMPLE]
    limit = min(LIMIT, len(embeddings) // 10, len(np.unique(embeddings.round(4), axis=0)) - 1)
    best: tuple[float, KMeans] | None = None
    counts = range(min(FEWEST, limit), limit + 1) if limit >= 2 else range(0)
    for count in counts:
        model = KMeans(count, n_init=2, random_state=0).fit(embeddings[sample])
        score = -1.0
        if len(set(model.labels_)) > 1:
            score = silhouette_score(embeddings[sample], model.labels_)
        if best is None or score > best[0]:
            best = (float(score), model)
    if best is None:
        return np.zeros(len(embeddings), np.int64), embeddings.mean(0, keepdims=True)
    model = best[1]
    return model.predict(embeddings).astype(np.int64), model.cluster_centers_


def _without_parts(phrases: Sequence[str]) -> list[str]:
    """`slow internet` says `slow` and `internet` too."""
    joined: set[str] = set()
    for phrase in phrases:
        if " " in phrase:
            joined |= set(phrase.split())
    return [phrase for phrase in phrases if phrase not in joined]


def near_duplicates(embeddings: Floats, text_words: Sequence[Sequence[str]]) -> list[list[int]]:
    """Groups of rows that say nearly the same in nearly the same words, the largest group first."""
    sets = [frozenset(tokens) for tokens in text_words]
    parent = list(range(len(sets)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for start in range(0, len(embeddings), _BLOCK):
        near = embeddings[start : start + _BLOCK] @ embeddings.T >= NEAR
        for offset, other in np.argwhere(near).tolist():
            row = start + offset
            if (
                row < other
                and root(row) != root(other)
                and _overlap(sets[row], sets[other]) >= SHARED
            ):
                parent[root(other)] = root(row)
    groups: dict[int, list[int]] = {}
    for row in range(len(sets)):
        groups.setdefault(root(row), []).append(row)
    return sorted(
        (group for group in groups.values() if len(group) > 1),
        key=lambda group: (-len(group), group[0]),
    )


def _overlap(first: frozenset[str], second: frozenset[str]) -> float:
    """Jaccard's share of the words that both have."""
    return len(first & second) / max(len(first | second), 1)

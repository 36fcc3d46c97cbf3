"""Labels that a model gives to unlabelled texts: the sure ones, as many of each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


def confident(probabilities: Floats, threshold: float, limit: int) -> tuple[Rows, Rows]:
    """(rows, labels) of the texts to learn from, the surest first.

    probabilities: (texts, classes). A text counts from the probability `threshold` on. Every class
    gets the same number, that of the rarest, no more than `limit` together: a model that learns
    its own favourite class forgets the others.
    """
    labels, sureness = probabilities.argmax(-1), probabilities.max(-1)
    by_class: list[list[int]] = []
    for label in range(probabilities.shape[-1]):
        rows = np.flatnonzero((labels == label) & (sureness >= threshold)).tolist()
        by_class.append(sorted(rows, key=lambda row: (-sureness[row], row)))
    size = min(limit // len(by_class), *(len(rows) for rows in by_class))
    selected = np.array([row for rows in by_class for row in rows[:size]], dtype=np.int64)
    return selected, labels[selected].astype(np.int64)

"""Labels that a model gives to unlabelled texts: only where it is sure, and as many of each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


def chosen(probabilities: Floats, *, least: float, most: int) -> tuple[Rows, Rows]:
    """(rows, labels) of the texts to learn from, the surest first.

    probabilities: (texts, classes). A text counts from the probability `least` on. Every class gets
    the same number, that of the rarest, no more than `most` together: a model that learns its own
    favourite class forgets the others.
    """
    labels, sure = probabilities.argmax(-1), probabilities.max(-1)
    by_class = [
        sorted(
            np.flatnonzero((labels == label) & (sure >= least)).tolist(),
            key=lambda row: (-sure[row], row),
        )
        for label in range(probabilities.shape[-1])
    ]
    each = min(most // len(by_class), *(len(rows) for rows in by_class))
    rows = np.array([row for some in by_class for row in some[:each]], dtype=np.int64)
    return rows, labels[rows].astype(np.int64)

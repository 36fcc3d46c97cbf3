"""Exact cosines of embeddings: sums of whole steps, so that none depends on the batch it is in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS = 2.0**15  # of a coordinate of unit length; sums of their products stay exact in float64

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]


def in_steps(embeddings: Floats) -> Exact:
    """Embeddings (n, dim) of unit length, rounded to whole steps."""
    steps: Exact = np.rint(np.asarray(embeddings, np.float64) * _STEPS)
    return steps


def cosines(left: Exact, right: Exact) -> Exact:
    """(n, m): the cosines of (n, dim) with (m, dim), both in steps."""
    products: Exact = left @ right.T / _STEPS**2
    return products

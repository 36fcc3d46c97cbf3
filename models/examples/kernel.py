"""Likeness of a message to the labelled messages of `examples.toml`.

The messages are of our own writing; likeness is measured in the space of the embedding.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.cosines import Exact, cosines, in_steps

EXAMPLES = Path(__file__).with_name("examples.toml")
LEVELS = ("P1", "P2", "P3", "P4", "none")
WIDTH = 1.2  # of the kernel: exp(-WIDTH * squared distance)
RIDGE = 0.3  # how far an example may be missed

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]  # n texts -> (n, dim), unit length


@dataclass(frozen=True, slots=True)
class Likeness:
    """-1 like none of them, 1 like them."""

    alarm: float  # like messages that a person must see within minutes
    need: float  # like messages that need a person at all


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    level: str  # P1 to P4, or none when nobody is needed


def read_examples() -> list[Example]:
    """The examples of EXAMPLES: for each level its messages, one a line."""
    by_level = tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))
    return [
        Example(text, level) for level in LEVELS for text in by_level[level].strip().splitlines()
    ]


class Resemblance:
    """Kernel ridge regression over the examples, each class with half of the weight (Saunders et
    al., 1998).

    The examples are embedded by the model that reads the messages, so that a new model needs no new
    weights.
    """

    def __init__(self, examples: Sequence[Example], embed: Embed) -> None:
        self._places = in_steps(embed([example.text for example in examples]))  # (examples, dim)
        levels = np.array([example.level for example in examples])
        kernel = self._kernel(self._places)
        self._alarm = _weights(kernel, levels == "P1")
        self._need = _weights(kernel, levels != "none")

    def __call__(self, embeddings: Floats) -> list[Likeness]:
        """The likeness of each embedding (n, dim), unit length. Does not depend on the others."""
        if not len(embeddings):
            return []
        kernel = self._kernel(in_steps(embeddings))  # (n, examples)
        alarms, needs = (
            (kernel * self._alarm).sum(-1),
            (kernel * self._need).sum(-1),
        )  # row by row, unlike a product
        return [
            Likeness(_within(alarm), _within(need))
            for alarm, need in zip(alarms, needs, strict=True)
        ]

    def _kernel(self, places: Exact) -> Exact:
        kernel = cosines(places, self._places)
        kernel -= 1
        kernel *= 2 * WIDTH
        return np.exp(kernel, out=kernel)


def _weights(kernel: Exact, positive: NDArray[np.bool_]) -> Exact:
    """What each example adds: solves (kernel + RIDGE / class weight) weights = +-1."""
    share = positive.mean()
    balance: Exact = np.where(positive, 0.5 / share, 0.5 / (1 - share)).astype(np.float64)
    weights: Exact = np.linalg.solve(
        kernel + np.diag(RIDGE / balance), np.where(positive, 1.0, -1.0)
    ).astype(np.float64)
    return weights


def _within(likeness: float) -> float:
    return max(-1.0, min(1.0, round(float(likeness), 4)))

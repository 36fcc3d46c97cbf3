"""Quality of a release: paired tests against the majority class and against the model in use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from models.training.errors import TrainingError
from models.training.release import remedies
from models.training.release.gate import Check, refusal

Guesses = NDArray[np.int64]  # (n,)
CHANCE = 0.05  # probability of so good a result by chance, at most


class QualityError(TrainingError):
    """The model says no more than a simpler one would."""


def better_by_chance(truth: Guesses, ours: Guesses, rivals: Guesses) -> float:
    """Probability that guesses no better than rivals would do so well beside them, one-sided.

    McNemar's exact test (1947): of the texts that one side alone has right, how many are ours.
    All arguments: (n,). 1.0 where both are right on the same texts.
    """
    right, other = ours == truth, rivals == truth
    won, lost = int((right & ~other).sum()), int((~right & other).sum())
    if not won + lost:
        return 1.0
    return float(binomtest(won, won + lost, 0.5, alternative="greater").pvalue)


def quality(
    truth: Guesses, ours: Guesses, majority: int, in_use: tuple[str, Guesses] | None = None
) -> list[Check]:
    """Better than one answer for all, and not worse than the model in use: both beyond chance.

    majority: the class that is most frequent among the texts to learn from. in_use: its version
    and guesses. A model that is neither better nor worse is let through: `better_than` tells.
    """
    always = np.full_like(truth, majority)
    checks = [
        Check(
            "as good by chance as the most frequent label",
            better_by_chance(truth, ours, always),
            CHANCE,
            remedy=f"{len(truth)} held-out texts do not show that it learnt: {remedies.MAJORITY}",
        )
    ]
    if in_use is not None:
        version, guesses = in_use
        checks.append(
            Check(
                f"worse than {version} in use, by chance",
                better_by_chance(truth, guesses, ours),
                CHANCE,
                at_least=True,
                remedy=remedies.IN_USE,
            )
        )
    return checks


def better_than(truth: Guesses, ours: Guesses, version: str, rivals: Guesses) -> dict[str, Any]:
    """The comparison with the model in use, for a release's story: accuracies and the test."""
    return {
        "version": version,
        "accuracy": round(float((rivals == truth).mean()), 4),
        "own_accuracy": round(float((ours == truth).mean()), 4),
        "better_by_chance": round(better_by_chance(truth, ours, rivals), 5),
    }


def enforce_quality(checks: Sequence[Check], trained: Path | None = None) -> None:
    """Raises QualityError with the failed checks and what to do next.

    trained: where the model that is not released stays.
    """
    if line := refusal(checks, trained):
        raise QualityError(line)

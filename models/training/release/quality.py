"""Quality of a release: paired tests against the majority class and against the model in use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from models.training.errors import TrainingError
from models.training.release.gate import Check

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


def enforce_quality(checks: list[Check], texts: int) -> None:
    """Raises QualityError with the failed checks and what to do next. texts: held out."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return
    if failed[0].at_least:
        advice = (
            "the model in use is better on these texts: keep it, or begin from it"
            ' (base = "shipped"), or learn from more texts'
        )
    else:
        advice = (
            f"{texts} held-out texts do not show that it learnt: more epochs, another rate,"
            " more texts, or a larger validation file"
        )
    raise QualityError(f"the model is not released: {'; '.join(map(str, failed))}. Next: {advice}")

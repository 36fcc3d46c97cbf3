"""How far a mix of classes has moved from another one: the population stability index, and what
chance would give.

The index is the sum over the classes of (now - then) ln(now / then), shares of one: Jeffreys'
divergence of the two mixes (Proc. R. Soc. A 186 (1946) 453), under this name in credit scoring,
where 0.1 and 0.25 are the lines between steady, moved and drifted (Siddiqi, Credit Risk Scorecards,
2006). Of two samples of one mix it is about chi-squared(k - 1) times (1/n + 1/m) (Yurdakul and
Naranjo, Journal of Risk Model Validation 14 (2020) 89): an index below that quantile says nothing,
however large it looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Literal

MOVED, DRIFTED = 0.1, 0.25
FEWEST = 100  # messages on either side

_HALF = 0.5  # added to every count: a class that nobody named yet has no logarithm
_ONE_SIDED_95 = 1.6449  # quantile of the normal distribution

Verdict = Literal["steady", "moved", "drifted", "too few"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One comparison. now, then: shares of each class; index: None where there are too few messages
    to tell.

    chance: what the index reaches in one of twenty comparisons of samples of these sizes from one
    mix.
    """

    now: dict[str, float]
    then: dict[str, float]
    messages: int
    messages_then: int
    index: float | None
    chance: float | None
    verdict: Verdict


def drift(now: Mapping[str, int], then: Mapping[str, int]) -> Drift:
    """now, then: messages by class. A class that only one of them has counts as none in the other."""
    classes = sorted({*now, *then})
    n, m = sum(now.values()), sum(then.values())
    shares, before = _shares(now, classes), _shares(then, classes)
    told = (
        {name: round(now.get(name, 0) / n, 4) for name in classes} if n else {},
        {name: round(then.get(name, 0) / m, 4) for name in classes} if m else {},
    )
    if min(n, m) < FEWEST or len(classes) < 2:
        return Drift(*told, n, m, None, None, "too few")
    index = sum(
        (shares[name] - before[name]) * log(shares[name] / before[name]) for name in classes
    )
    chance = _chi_squared_95(len(classes) - 1) * (1 / n + 1 / m)
    return Drift(*told, n, m, round(index, 4), round(chance, 4), _verdict(index, chance))


def _verdict(index: float, chance: float) -> Verdict:
    if index < max(MOVED, chance):
        return "steady"
    return "moved" if index < DRIFTED else "drifted"


def _shares(counts: Mapping[str, int], classes: list[str]) -> dict[str, float]:
    whole = sum(counts.get(name, 0) + _HALF for name in classes)
    return {name: (counts.get(name, 0) + _HALF) / whole for name in classes}


def _chi_squared_95(freedom: int) -> float:
    """Its 95 % quantile, after Wilson and Hilferty, PNAS 17 (1931) 684: within 2 % from one degree
    of freedom on.
    """
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + _ONE_SIDED_95 * sqrt(spread)) ** 3)

"""Population stability index between two mixes of classes, and the value that chance would give.

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
    """One comparison. now, then: share of each class; index: None for too few messages.

    chance: the index that one of twenty comparisons of samples of these sizes from one mix reaches.
    """

    now: dict[str, float]
    then: dict[str, float]
    messages: int
    messages_then: int
    index: float | None
    chance: float | None
    verdict: Verdict


def drift(now: Mapping[str, int], then: Mapping[str, int]) -> Drift:
    """now, then: messages by class. A class of only one of them counts as none in the other."""
    classes = sorted({*now, *then})
    n, m = sum(now.values()), sum(then.values())
    mixes = (_rounded_shares(now, classes), _rounded_shares(then, classes))
    if min(n, m) < FEWEST or len(classes) < 2:
        return Drift(*mixes, n, m, None, None, "too few")
    index = _stability_index(_smoothed_shares(now, classes), _smoothed_shares(then, classes))
    chance = _chi_squared_95(len(classes) - 1) * (1 / n + 1 / m)
    return Drift(*mixes, n, m, round(index, 4), round(chance, 4), _verdict(index, chance))


def _stability_index(now: Mapping[str, float], then: Mapping[str, float]) -> float:
    return sum((now[name] - then[name]) * log(now[name] / then[name]) for name in now)


def _verdict(index: float, chance: float) -> Verdict:
    if index < max(MOVED, chance):
        return "steady"
    return "moved" if index < DRIFTED else "drifted"


def _rounded_shares(counts: Mapping[str, int], classes: list[str]) -> dict[str, float]:
    whole = sum(counts.values())
    return {name: round(counts.get(name, 0) / whole, 4) for name in classes} if whole else {}


def _smoothed_shares(counts: Mapping[str, int], classes: list[str]) -> dict[str, float]:
    whole = sum(counts.get(name, 0) + _HALF for name in classes)
    return {name: (counts.get(name, 0) + _HALF) / whole for name in classes}


def _chi_squared_95(freedom: int) -> float:
    """Its 95 % quantile, after Wilson and Hilferty, PNAS 17 (1931) 684.

    Within 2 % from one degree of freedom on.
    """
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + _ONE_SIDED_95 * sqrt(spread)) ** 3)

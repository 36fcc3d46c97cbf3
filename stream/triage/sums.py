"""Sums of factors: their total, their order, and the most that they may come to."""

from __future__ import annotations

from collections.abc import Sequence

from stream.triage.ticket import Factor


def total(factors: Sequence[Factor]) -> int:
    return max(round(sum(factor.points for factor in factors)), 0)


def strongest_first(factor: Factor) -> tuple[float, str]:
    return -factor.points, factor.name


def at_most(limit: int, factors: Sequence[Factor]) -> list[Factor]:
    """The factors, strongest first, whose points stop at `limit`; those without points are left
    out.
    """
    capped: list[Factor] = []
    for factor in sorted(factors, key=strongest_first):
        points = min(factor.points, limit - total(capped))
        if points:
            capped.append(Factor(factor.name, points, factor.words))
    return capped

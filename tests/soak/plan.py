"""Plan of the soak: which fault comes after which portion, by the seed alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = (
    "kill",  # a worker, SIGKILL
    "term",  # a worker, SIGTERM
    "broker killed",
    "broker hangs",
    "join",  # a fifth worker comes and goes
    "freeze",  # a worker stands still for longer than its session, and goes on
    "postgres away",
    "disk full",
    "disk slow",
    "clock jumps",
)


@dataclass(frozen=True)
class Fault:
    """portion: the one that has just been sent when it happens. length: 0 to 1, of how long."""

    portion: int
    kind: str
    length: float


@dataclass(frozen=True)
class Size:
    """How much of each. brokers: in the cluster."""

    kills: int
    others: int  # broker deaths, rebalances, absences of Postgres
    brokers: int


def plan(seed: int, portions: int, size: Size) -> list[Fault]:
    """In the order of the portions. None after the last one: there is nothing to do then."""
    chance = random.Random(f"{seed} plan")
    counts = Counter(
        {
            "kill": size.kills // 2,
            "term": size.kills - size.kills // 2,
            "broker killed": size.others,
            "broker hangs": max(1, size.others // 2),
            "join": size.others - size.others // 2,
            "freeze": max(1, size.others // 2),
            "postgres away": size.others,
            "disk full": 1,
            "disk slow": 1,
            "clock jumps": max(2, size.others),
        }
    )
    kinds = [kind for kind in KINDS for _ in range(counts[kind])]
    chance.shuffle(kinds)
    last = max(1, portions - 1)
    places = [at * last // len(kinds) for at in range(len(kinds))]
    return [
        Fault(portion, kind, chance.random()) for portion, kind in zip(places, kinds, strict=True)
    ]


def at_portion(faults: Sequence[Fault], portion: int) -> list[Fault]:
    return [fault for fault in faults if fault.portion == portion]

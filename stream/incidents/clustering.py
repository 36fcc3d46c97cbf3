"""Tickets of one brand about the same problem within hours are one incident: who belongs together,
and the evaluator.

Embedding and problem decide, of one model version only: a ticket joins an incident whose centre it
is like, with less likeness where the problem has the same name. The thresholds were chosen on the
demo day's outage. People may put a ticket in or take it out, and earshot does not change what they
decided. Priorities know nothing of incidents.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import log2
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

WITHIN = timedelta(hours=3)  # of an incident's last ticket
FEWEST = 4  # tickets make an incident
SAME_PROBLEM, ANY_PROBLEM = 0.35, 0.55  # least cosine to the centre
SAME_TEXT = 0.95  # least cosine of what one hand has written many times: it counts once

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Loose:
    """A ticket in no incident. said: the embedding of its angriest message, of unit length."""

    id: str
    brand: str
    problem: str | None
    topic: str | None
    at: datetime
    model: str
    said: Floats


@dataclass(frozen=True)
class Incident:
    """id: None for a new one. tickets: those that join it now, with their likeness to its centre."""

    id: str | None
    brand: str
    problem: str
    topic: str | None
    model: str
    centre: Floats
    first: datetime
    last: datetime
    tickets: tuple[tuple[str, float], ...] = ()


def gather(loose: Iterable[Loose], known: Iterable[Incident]) -> list[Incident]:
    """The incidents that tickets join, and the new ones. In the order of time; known ones are
    filled first.
    """
    groups = list(known)
    rest: list[Loose] = []
    for ticket in sorted(loose, key=lambda each: (each.at, each.id)):
        at = _nearest(ticket, groups)
        if at is None:
            rest.append(ticket)
        else:
            groups[at] = _with(groups[at], ticket)
    new: list[Incident] = []
    while (found := _largest(rest)) is not None:
        taken = {id for id, _ in found.tickets}
        rest, others = [], [each for each in rest if each.id not in taken]
        for (
            ticket
        ) in others:  # the larger one takes what is like it, before a smaller one is made of that
            if likeness(found, ticket) is None:
                rest.append(ticket)
            else:
                found = _with(found, ticket)
        new.append(found)
    return [incident for incident in (*groups, *new) if incident.tickets]


def likeness(incident: Incident, ticket: Loose) -> float | None:
    """The cosine to the centre where that is enough to belong to it; None otherwise."""
    if (ticket.brand, ticket.model) != (incident.brand, incident.model):
        return None
    if not incident.first - WITHIN <= ticket.at <= incident.last + WITHIN:
        return None
    cosine = float(ticket.said @ incident.centre)
    return (
        cosine
        if cosine >= (SAME_PROBLEM if ticket.problem == incident.problem else ANY_PROBLEM)
        else None
    )


def severity(tickets: int, urgent: int) -> int:
    """1-10: four tickets are 4, every doubling adds 1, and so does every doubling of those that are
    P1.
    """
    return max(1, min(10, round(2 + log2(max(1, tickets)) + log2(1 + urgent) / 2)))


def _nearest(ticket: Loose, groups: Sequence[Incident]) -> int | None:
    near = [
        (cosine, at)
        for at, group in enumerate(groups)
        if (cosine := likeness(group, ticket)) is not None
    ]
    return max(near, key=lambda each: (each[0], -each[1]))[1] if near else None


def _with(incident: Incident, ticket: Loose) -> Incident:
    return replace(
        incident,
        first=min(incident.first, ticket.at),
        last=max(incident.last, ticket.at),
        tickets=(*incident.tickets, (ticket.id, float(ticket.said @ incident.centre))),
    )


def _largest(loose: Sequence[Loose]) -> Incident | None:
    """The largest new incident: of one brand and problem, FEWEST or more around the ticket that has
    most near it.
    """
    alike: dict[tuple[str, str, str], list[Loose]] = defaultdict(list)
    for ticket in loose:
        if ticket.problem is not None:
            alike[ticket.brand, ticket.problem, ticket.model].append(ticket)
    largest: list[Loose] = []
    for _, tickets in sorted(alike.items()):
        said = np.stack([each.said for each in tickets])  # (tickets, width)
        times = np.array([each.at.timestamp() for each in tickets])
        cosines = said @ said.T
        near = (cosines >= SAME_PROBLEM) & (
            np.abs(times[:, None] - times) <= WITHIN.total_seconds()
        )
        middle = near[int(near.sum(axis=1).argmax())]
        repeated = np.triu(cosines >= SAME_TEXT, 1)[middle][:, middle].any(axis=0)
        if (~repeated).sum() >= FEWEST and middle.sum() > len(largest):
            largest = [each for each, is_near in zip(tickets, middle, strict=True) if is_near]
    if not largest:
        return None
    first = largest[0]
    centre = _unit(np.mean([each.said for each in largest], axis=0))
    return Incident(
        None,
        first.brand,
        str(first.problem),
        first.topic,
        first.model,
        centre,
        min(each.at for each in largest),
        max(each.at for each in largest),
        tuple((each.id, float(each.said @ centre)) for each in largest),
    )


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)


class Tickets(Protocol):
    """The tickets and the incidents; `stream.incidents.store.Incidents` in earnest."""

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]: ...
    async def loose(
        self, since: datetime | None
    ) -> tuple[list[Loose], list[Incident], datetime]: ...
    async def write(self, incidents: Sequence[Incident]) -> list[str]: ...
    async def close_quiet(self, before: timedelta) -> int: ...


class Gatherer:
    """Looks at what is new since its last look. Any number may run: an advisory lock lets one at a
    time gather.
    """

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._since: datetime | None = None

    async def look(self) -> list[str]:
        """The ids of the incidents that grew or began."""
        async with self._tickets.sole("incidents") as mine:
            if not mine:
                return []
            loose, known, following = await self._tickets.loose(self._since)
            grown = await asyncio.to_thread(gather, loose, known) if loose else []
            told = await self._tickets.write(grown) if grown else []
            await self._tickets.close_quiet(WITHIN)
            self._since = following
            return told

"""Incident clusterer: tickets of one brand about the same problem within hours are one incident.

Embedding and problem decide, of one model version only: a ticket joins an incident whose centre it
is like, with less likeness where the problem has the same name. The thresholds were chosen on the
demo day's outage. People may put a ticket in or take it out, and earshot does not change their
decision. Priorities know nothing of incidents.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import log2
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

WITHIN = timedelta(hours=3)  # of an incident's last ticket
FEWEST = 4  # tickets make an incident
SAME_PROBLEM, ANY_PROBLEM = 0.35, 0.55  # least cosine to the centre
SAME_TEXT = 0.95  # least cosine of texts that one hand has written many times: they count once

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class UnassignedTicket:
    """A ticket in no incident. embedding: of its angriest message, of unit length."""

    id: str
    brand: str
    problem: str | None
    topic: str | None
    at: datetime
    model: str
    embedding: Floats


@dataclass(frozen=True)
class Incident:
    """id: None for a new one. tickets: that join it now, with their likeness to its centre."""

    id: str | None
    brand: str
    problem: str
    topic: str | None
    model: str
    centre: Floats
    first: datetime
    last: datetime
    tickets: tuple[tuple[str, float], ...] = ()


def cluster(tickets: Iterable[UnassignedTicket], known: Iterable[Incident]) -> list[Incident]:
    """The incidents that tickets join, and the new ones.

    Tickets go in the order of time, and known incidents are filled first.
    """
    groups = list(known)
    rest: list[UnassignedTicket] = []
    for ticket in sorted(tickets, key=lambda ticket: (ticket.at, ticket.id)):
        at = _nearest(ticket, groups)
        if at is None:
            rest.append(ticket)
        else:
            groups[at] = _with(groups[at], ticket)
    while (incident := _largest(rest)) is not None:
        members = {id for id, _ in incident.tickets}
        remaining = [ticket for ticket in rest if ticket.id not in members]
        # The larger one takes the tickets that are like it, before a smaller one is made of them.
        incident, rest = _filled(incident, remaining)
        groups.append(incident)
    return [incident for incident in groups if incident.tickets]


def _filled(
    incident: Incident, tickets: Sequence[UnassignedTicket]
) -> tuple[Incident, list[UnassignedTicket]]:
    """The incident with the tickets that are like it, and the rest."""
    rest: list[UnassignedTicket] = []
    for ticket in tickets:
        if likeness(incident, ticket) is None:
            rest.append(ticket)
        else:
            incident = _with(incident, ticket)
    return incident, rest


def likeness(incident: Incident, ticket: UnassignedTicket) -> float | None:
    """The cosine to the centre where that is enough to belong to it; None otherwise."""
    if (ticket.brand, ticket.model) != (incident.brand, incident.model):
        return None
    if not incident.first - WITHIN <= ticket.at <= incident.last + WITHIN:
        return None
    cosine = float(ticket.embedding @ incident.centre)
    minimum = SAME_PROBLEM if ticket.problem == incident.problem else ANY_PROBLEM
    return cosine if cosine >= minimum else None


def severity(tickets: int, urgent: int) -> int:
    """1-10: four tickets are 4; every doubling adds 1, and so does every doubling of P1s."""
    return max(1, min(10, round(2 + log2(max(1, tickets)) + log2(1 + urgent) / 2)))


def _nearest(ticket: UnassignedTicket, groups: Sequence[Incident]) -> int | None:
    """The place of the incident that it is most like, the first of equals; None without one."""
    best: tuple[float, int] | None = None
    for at, group in enumerate(groups):
        cosine = likeness(group, ticket)
        if cosine is not None and (best is None or cosine > best[0]):
            best = cosine, at
    return None if best is None else best[1]


def _with(incident: Incident, ticket: UnassignedTicket) -> Incident:
    return replace(
        incident,
        first=min(incident.first, ticket.at),
        last=max(incident.last, ticket.at),
        tickets=(*incident.tickets, (ticket.id, float(ticket.embedding @ incident.centre))),
    )


def _largest(tickets: Sequence[UnassignedTicket]) -> Incident | None:
    """The largest new incident: FEWEST tickets or more of one brand and problem."""
    by_problem: dict[tuple[str, str, str], list[UnassignedTicket]] = defaultdict(list)
    for ticket in tickets:
        if ticket.problem is not None:
            by_problem[ticket.brand, ticket.problem, ticket.model].append(ticket)
    largest: list[UnassignedTicket] = []
    for _, same_problem in sorted(by_problem.items()):
        neighbours = _densest(same_problem)
        if len(neighbours) > len(largest):
            largest = neighbours
    return _incident_of(largest) if largest else None


def _densest(tickets: Sequence[UnassignedTicket]) -> list[UnassignedTicket]:
    """The ticket with the most neighbours in meaning and time, and they; none of too few texts."""
    embeddings = np.stack([ticket.embedding for ticket in tickets])  # (tickets, width)
    times = np.array([ticket.at.timestamp() for ticket in tickets])
    cosines = embeddings @ embeddings.T
    apart = np.abs(times[:, None] - times)
    near = (cosines >= SAME_PROBLEM) & (apart <= WITHIN.total_seconds())
    middle = near[int(near.sum(axis=1).argmax())]
    repeated = np.triu(cosines >= SAME_TEXT, 1)[middle][:, middle].any(axis=0)
    if (~repeated).sum() < FEWEST:
        return []
    return [ticket for ticket, is_near in zip(tickets, middle, strict=True) if is_near]


def _incident_of(tickets: Sequence[UnassignedTicket]) -> Incident:
    first = tickets[0]
    centre = unit(np.mean([ticket.embedding for ticket in tickets], axis=0))
    return Incident(
        id=None,
        brand=first.brand,
        problem=str(first.problem),
        topic=first.topic,
        model=first.model,
        centre=centre,
        first=min(ticket.at for ticket in tickets),
        last=max(ticket.at for ticket in tickets),
        tickets=tuple((ticket.id, float(ticket.embedding @ centre)) for ticket in tickets),
    )


def unit(vector: Any) -> Floats:
    """The vector at unit length."""
    wide = np.asarray(vector, dtype=np.float32)
    return np.asarray(wide / max(float(np.linalg.norm(wide)), 1e-9), dtype=np.float32)


class Store(Protocol):
    """The tickets and the incidents; `stream.incidents.store.Incidents` in earnest."""

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]: ...
    async def unassigned(
        self, since: datetime | None
    ) -> tuple[list[UnassignedTicket], list[Incident], datetime]: ...
    async def write(self, incidents: Sequence[Incident]) -> list[str]: ...
    async def close_quiet(self, before: timedelta) -> int: ...


class IncidentClusterer:
    """Looks at the tickets that are new since its last look.

    Any number may run: an advisory lock lets one at a time cluster.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since: datetime | None = None

    async def look(self) -> list[str]:
        """The ids of the incidents that grew or began."""
        async with self._store.sole("incidents") as alone:
            if not alone:
                return []
            tickets, known, following = await self._store.unassigned(self._since)
            grown = await asyncio.to_thread(cluster, tickets, known) if tickets else []
            ids = await self._store.write(grown) if grown else []
            await self._store.close_quiet(WITHIN)
            self._since = following
            return ids

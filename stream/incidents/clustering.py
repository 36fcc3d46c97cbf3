"""Incident clusterer: a burst of tickets of one brand about the same event is one incident.

An incident opens where tickets that mean nearly the same come far more often than the brand's own
tickets of that meaning do. The tickets of the burst before it are gathered then, and tickets that
tell of it in other words join while it goes on: `stream.incidents.rise` says which. Its first
tickets make its centre. Where the meaning or the number of later ones leaves it, it is over, and
what follows may open another. Only vectors of one model version are compared. People may put a
ticket in or take it out, and earshot does not change their decision. Priorities know nothing of
incidents.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import log2
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stream.incidents.rise import Likeness, Past

WITHIN = timedelta(hours=3)  # of an incident's last ticket
FEWEST = 5  # tickets make an incident, by as many people and in as many wordings
SAME_TEXT = 0.95  # least cosine of texts that one hand has written many times: they count once
NEAR = 0.5  # least cosine of tickets that mean nearly the same
SAME_EVENT = 0.8  # least cosine of the centres of an incident and of one that flares up again
RISE = 10.0  # least log likelihood ratio of a rise
TIMES = 3.0  # and as many as usual in such an hour of the day
UNKNOWN_TIMES = 8.0  # the same, of an hour that the brand was not listened to on another day
UNKNOWN_SWING = 3.0  # and as many times the level of the hours before may be the day's own course
MORE = 1.5  # and their share of all, for a busy hour has more of everything
BELONGS = 0.5  # least probability of a ticket that joins: likelier than not

BEFORE = 2 * WITHIN  # of what is new, that is looked at with it
PAST = 1000  # tickets of a brand's past that are compared
WARM = 3  # hours of a past without which a rise cannot be told

_HOUR = 3600.0
_WINDOW = _HOUR  # in which a rise is looked for
_AROUND = _HOUR / 4  # of a ticket, before and after, in which its moment is weighed
_STEP = _HOUR / 12  # between looks
_LEVEL = 3 * _HOUR  # before that, which sets the level
LONGEST = 12 * _HOUR  # after which the unusual has become the usual
_AGAIN = 6 * _HOUR  # in which an incident that is over may flare up again
_LATELY = 1.5 * _HOUR  # in which an incident must be more than the usual to go on
_CENTRE = 50  # first tickets make the centre, which stays then: what drifts away is something else
_WEIGHED = 200  # latest tickets say how near to it they are
_LOOKED_AT = 15  # tickets with the most neighbours

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TimedTicket:
    """A ticket with the moment and the embedding of its angriest message.

    embedding: of unit length; None where no model read it. incident: that it is in. settled: a
    person said where it belongs.
    """

    id: str
    brand: str
    problem: str | None
    topic: str | None
    at: datetime
    model: str | None
    embedding: Floats | None
    author: str | None = None
    incident: str | None = None
    settled: bool = False


@dataclass(frozen=True)
class Incident:
    """id: None for a new one. size: tickets that it has already. tickets: that join it now, with
    their likeness to its centre.
    """

    id: str | None
    brand: str
    problem: str | None
    topic: str | None
    model: str
    centre: Floats
    first: datetime
    last: datetime
    size: int = 0
    tickets: tuple[tuple[str, float], ...] = ()


def cluster(
    tickets: Iterable[TimedTicket],
    known: Iterable[Incident],
    past: Mapping[str, Mapping[str, Past]] | None = None,
    *,
    since: datetime | None = None,
) -> list[Incident]:
    """The incidents that tickets join, and the new ones.

    tickets: of some hours, also those that are in an incident. known: incidents near them. past:
    by brand and model. since: from when on tickets are new; None: all of them are.
    """
    by_brand: dict[tuple[str, str], list[TimedTicket]] = defaultdict(list)
    unread: dict[str, list[TimedTicket]] = defaultdict(list)
    for ticket in tickets:
        if ticket.model is None or ticket.embedding is None:
            unread[ticket.brand].append(ticket)
        else:
            by_brand[ticket.brand, ticket.model].append(ticket)
    grown: list[Incident] = []
    for (brand, model), of_model in sorted(by_brand.items()):
        own = [incident for incident in known if (incident.brand, incident.model) == (brand, model)]
        watch = _Watch(
            of_model + unread.pop(brand, []), own, (past or {}).get(brand, {}).get(model, _NO_PAST)
        )
        grown += watch.run(since)
    return grown


_NO_PAST = Past(np.zeros((0, 0), np.float32), np.zeros(24, np.int64), np.zeros(24, np.int64))


@dataclass
class _Group:
    """An incident while its brand is watched. members: places of tickets, those it had too."""

    incident: Incident | None
    centre: Floats
    members: list[int]
    start: float
    joined: list[int]
    is_over: bool = False


class _Watch:
    """The tickets of one brand and model, in the order of time, step by step."""

    def __init__(
        self, tickets: Sequence[TimedTicket], known: Sequence[Incident], past: Past
    ) -> None:
        self._tickets = sorted(tickets, key=lambda ticket: (ticket.at, ticket.id))
        self._before = self._past = past
        width = next(len(t.embedding) for t in self._tickets if t.embedding is not None)
        self._at = np.array([ticket.at.timestamp() for ticket in self._tickets])
        self._is_read = np.array([ticket.embedding is not None for ticket in self._tickets])
        self._embeddings = np.stack(
            [
                np.zeros(width, np.float32) if ticket.embedding is None else ticket.embedding
                for ticket in self._tickets
            ]
        )  # (tickets, width)
        self._group = np.full(len(self._tickets), -1)
        self._free = np.array([not (ticket.settled or ticket.incident) for ticket in self._tickets])
        self._groups = [self._known(number, incident) for number, incident in enumerate(known)]

    def _known(self, number: int, incident: Incident) -> _Group:
        members = [at for at, t in enumerate(self._tickets) if t.incident == incident.id]
        self._group[members] = number
        start = incident.first.timestamp()
        return _Group(incident, incident.centre, members, start, [])

    def run(self, since: datetime | None) -> list[Incident]:
        """Watch from then on, and return what grew."""
        first = self._at[0] if since is None else max(since.timestamp(), self._at[0])
        last = self._at[-1]
        for now in [*np.arange(first + _STEP, last, _STEP), last]:
            seen = int(np.searchsorted(self._at, now, side="right"))
            if seen and (now == last or self._at[seen - 1] > now - _STEP):
                self._look(float(now), seen)
        return [self._incident(group) for group in self._groups if group.joined]

    def _look(self, now: float, seen: int) -> None:
        """The tickets before place `seen` are known by now."""
        low = int(np.searchsorted(self._at, now - WITHIN.total_seconds()))
        self._past = self._past_until(now - _WINDOW)
        for number, group in enumerate(self._groups):
            if not group.is_over:
                group.is_over = self._has_ended(group, now)
            if not group.is_over:
                self._gather(number, now, low, seen)
        if self._past.hours < WARM:
            return
        while (members := self._risen(now, low, seen)) is not None:
            self._open(members, now, low, seen)

    def _past_until(self, moment: float) -> Past:
        """What the brand got before, and what of these tickets is past by now."""
        low = int(np.searchsorted(self._at, moment))
        usual = (self._group[:low] < 0) | (self._at[:low] < moment - LONGEST)
        embeddings = self._embeddings[:low][usual & self._is_read[:low]]
        before = self._before
        if len(before.embeddings):
            embeddings = np.concatenate([before.embeddings, embeddings])
        hours = (self._at[:low][usual] // _HOUR).astype(np.int64) % 24
        own = Past.of(embeddings[-PAST:], hours, float(self._at[0]), moment)
        return replace(
            own, tickets=before.tickets + own.tickets, listened=before.listened + own.listened
        )

    def _has_ended(self, group: _Group, now: float) -> bool:
        """Whether what came lately is no more than the brand's usual of that meaning."""
        lately = self._at[group.members]
        count = int(((lately > now - _LATELY) & (lately <= now)).sum())
        usual = self._usual(group.centre, now, _LATELY)
        return count < max(FEWEST / 2, TIMES / 2 * usual)

    def _usual(self, centre: Floats, now: float, seconds: float) -> float:
        """How many tickets near the centre are usual before now."""
        return self._past.share(centre, NEAR) * self._rate(now) * seconds / _HOUR

    def _rate(self, now: float) -> float:
        """Tickets an hour that are usual by now: of such an hour of the day, and at least as many
        as came in the hours before the last one, without those of incidents.
        """
        window, level = self._windows(now)
        low, high = np.searchsorted(self._at, [now - window - level, now - window])
        usual = int((self._group[low:high] < 0).sum())
        return max(self._past.rate(_hour(now)), usual * _HOUR / level)

    def _windows(self, now: float) -> tuple[float, float]:
        """Seconds in which a rise is looked for, and before that, which set the level: short ones
        where nobody knows how such an hour of the day begins.
        """
        is_known = self._past.is_known(_hour(now))
        return (_WINDOW, _LEVEL) if is_known else (_WINDOW / 2, _WINDOW)

    def _risen(self, now: float, low: int, seen: int) -> list[int] | None:
        """The free tickets of the plainest rise in the last window; None without any."""
        window, _ = self._windows(now)
        times = TIMES if self._past.is_known(_hour(now)) else UNKNOWN_TIMES
        low = max(low, int(np.searchsorted(self._at, now - window, side="right")))
        free = np.arange(low, seen)[(self._free & self._is_read)[low:seen]]
        if len(free) < FEWEST:
            return None
        total = int(self._is_read[low:seen].sum())
        cosines = self._embeddings[free] @ self._embeddings[free].T
        near = cosines >= NEAR
        counts = near.sum(axis=1)
        best, members = RISE, None
        for place in np.argsort(-counts, kind="stable")[:_LOOKED_AT]:
            around = np.flatnonzero(near[place])
            different = self._different(free[around], cosines[np.ix_(around, around)])
            if different < FEWEST:
                continue
            centre = self._embeddings[free[place]]
            expected = self._usual(centre, now, window)
            of_all = MORE * self._past.share(centre, NEAR) * total
            if different < max(times * expected, of_all):
                continue
            score = self._past.score(different, expected, centre, NEAR)
            if score >= best:
                best, members = score, [int(at) for at in free[around]]
        return members

    def _different(self, places: NDArray[np.intp], cosines: Floats) -> int:
        """How many people and wordings there are: what one hand writes many times counts once."""
        repeated = np.triu(cosines >= SAME_TEXT, 1).any(axis=0)
        authors = {self._tickets[at].author or self._tickets[at].id for at in places}
        return min(int((~repeated).sum()), len(authors))

    def _open(self, members: list[int], now: float, low: int, seen: int) -> None:
        centre = unit(self._embeddings[members].mean(axis=0))
        if (known := self._same(centre, now)) is not None:
            group = self._groups[known]
            group.is_over = False
            group.members = sorted([*group.members, *members])
            group.joined += members
            self._group[members] = known
            self._free[members] = False
            return
        start = self._start(low, seen)
        group = _Group(None, centre, list(members), start, list(members))
        self._groups.append(group)
        self._group[members] = len(self._groups) - 1
        self._free[members] = False
        while self._gather(len(self._groups) - 1, now, low, seen):
            pass

    def _same(self, centre: Floats, now: float) -> int | None:
        """The incident, over for some hours at most, that flares up again."""
        for number, group in enumerate(self._groups):
            last = max(self._at[group.members], default=0.0)
            if group.is_over and now - last < _AGAIN and group.centre @ centre >= SAME_EVENT:
                return number
        return None

    def _start(self, low: int, seen: int) -> float:
        """The likeliest moment of the change in how many tickets the brand gets."""
        at = self._at[low:seen]
        rate = self._rate(at[-1]) / _HOUR
        counts = np.arange(len(at), 0, -1)
        expected = np.maximum(rate * (at[-1] - at + 60), 0.1)
        scores = counts * np.log(np.maximum(counts / expected, 1)) - (counts - expected)
        return float(at[int(np.argmax(scores))])

    def _gather(self, number: int, now: float, low: int, seen: int) -> bool:
        """Let the free tickets that are about it join; whether any did."""
        group = self._groups[number]
        read = [at for at in group.members if self._is_read[at]][-_WEIGHED:]
        if not read:
            return False
        likeness = Likeness.of(self._embeddings[read], group.centre, self._past)
        first = max(low, int(np.searchsorted(self._at, group.start)))
        joined = [
            at
            for at in range(first, seen)
            if self._free[at]
            and likeness.belongs(self._cosine(at, group), self._prior(at, number, now, seen))
            >= BELONGS
        ]
        if not joined:
            return False
        size = 0 if group.incident is None else group.incident.size
        is_young = max(size, len(group.members)) < _CENTRE
        group.members = sorted([*group.members, *joined])
        group.joined += joined
        self._group[joined] = number
        self._free[joined] = False
        if is_young:
            read = [at for at in group.members if self._is_read[at]][:_CENTRE]
            group.centre = unit(self._embeddings[read].mean(axis=0))
        return True

    def _cosine(self, at: int, group: _Group) -> float | None:
        return float(self._embeddings[at] @ group.centre) if self._is_read[at] else None

    def _prior(self, at: int, number: int, now: float, seen: int) -> float:
        """How much of what the brand hears around that moment is this event's."""
        low = int(np.searchsorted(self._at, self._at[at] - _AROUND))
        high = min(int(np.searchsorted(self._at, self._at[at] + _AROUND, side="right")), seen)
        group = self._groups[number]
        groups = self._group[low:high]
        if not (groups == number).any():
            return 0.0
        foreign = float(((groups >= 0) & (groups != number)).mean())
        end = min(now, self._at[at] + _AROUND)
        seconds = end - max(self._at[at] - _AROUND, group.start)
        swing = 1.0 if self._past.is_known(_hour(end)) else UNKNOWN_SWING
        usual = swing * self._rate(end) * seconds / _HOUR
        return float(min(1 - foreign, 1 - usual / len(groups)))

    def _incident(self, group: _Group) -> Incident:
        joined = [self._tickets[at] for at in group.joined]
        tickets = tuple(
            (ticket.id, 1.0 if ticket.embedding is None else float(ticket.embedding @ group.centre))
            for ticket in joined
        )
        first, last = min(t.at for t in joined), max(t.at for t in joined)
        known = group.incident
        if known is not None:
            return replace(
                known,
                centre=group.centre,
                first=min(known.first, first),
                last=max(known.last, last),
                tickets=tickets,
            )
        read = next(ticket for ticket in joined if ticket.model is not None)
        return Incident(
            id=None,
            brand=read.brand,
            problem=_commonest(ticket.problem for ticket in joined),
            topic=_commonest(ticket.topic for ticket in joined),
            model=str(read.model),
            centre=group.centre,
            first=first,
            last=last,
            tickets=tickets,
        )


def _hour(moment: float) -> int:
    """Of the day, in UTC."""
    return int(moment // _HOUR) % 24


def _commonest(names: Iterable[str | None]) -> str | None:
    """The name that most have; None where none has one."""
    counts = Counter(name for name in names if name is not None)
    return min(counts, key=lambda name: (-counts[name], name), default=None)


def severity(tickets: int, urgent: int) -> int:
    """1-10: four tickets are 4; every doubling adds 1, and so does every doubling of P1s."""
    return max(1, min(10, round(2 + log2(max(1, tickets)) + log2(1 + urgent) / 2)))


def unit(vector: Any) -> Floats:
    """The vector at unit length."""
    wide = np.asarray(vector, dtype=np.float32)
    return np.asarray(wide / max(float(np.linalg.norm(wide)), 1e-9), dtype=np.float32)


@dataclass(frozen=True)
class Look:
    """What a look needs: see `cluster`. following: the moment to ask for the next time."""

    tickets: Sequence[TimedTicket] = ()
    known: Sequence[Incident] = ()
    past: Mapping[str, Mapping[str, Past]] = field(default_factory=dict)
    since: datetime | None = None
    following: datetime | None = None


class Store(Protocol):
    """The tickets and the incidents; `stream.incidents.store.Incidents` in earnest."""

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]: ...
    async def timed(self, since: datetime | None) -> Look: ...
    async def write(self, incidents: Sequence[Incident]) -> list[str]: ...
    async def close_quiet(self, before: timedelta) -> int: ...


class IncidentClusterer:
    """Looks at the tickets that are new since its last look.

    Any number may run: an advisory lock lets one at a time cluster.
    """

    def __init__(self, store: Store, since: datetime | None = None) -> None:
        """since: from when on a change is new; None: every ticket in no incident is."""
        self._store = store
        self._since = since

    async def look(self) -> list[str]:
        """The ids of the incidents that grew or began."""
        return await self.look_alone() or []

    async def look_alone(self) -> list[str] | None:
        """The same; None where another process looks just now."""
        async with self._store.sole("incidents") as alone:
            if not alone:
                return None
            look = await self._store.timed(self._since)
            grown = await asyncio.to_thread(_clustered, look) if look.tickets else []
            ids = await self._store.write(grown) if grown else []
            await self._store.close_quiet(WITHIN)
            self._since = look.following
            return ids


def _clustered(look: Look) -> list[Incident]:
    return cluster(look.tickets, look.known, look.past, since=look.since)

"""Long conversation in memory: its messages by ticket, and those that are weighed, one by one.

It says what reading all of them again would say. What `weighed_of` sorts is kept sorted here, so
that a further message finds its place in it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from stream.postgres.tables import Row
from stream.store import histories as read
from stream.store.brand_parts import ticket_of
from stream.store.histories import History, Part
from stream.store.message_brands import FirstBrandChanged, MessageBrands, Move, Place, place_of
from stream.triage.ticket import Message

_OUTLINE = ("id", "kind", "conversation", "brand", "in_reply_to", "occurred_at", "gravity")

Gravity = tuple[float, Any, Place]  # the gravest first


class LongConversation:
    """The live messages of a conversation. rows: of those that are weighed, in full."""

    def __init__(self, id: str, history: History) -> None:
        self.id = id
        self.stamp: UUID | None = None
        # Where more than are weighed, outlines of all of them say which are.
        self.is_outlined = bool(history.outlines)
        self.rows: dict[str, Row] = {row["id"]: row for row in map(dict, _live(history.rows))}
        self._outlines: dict[str, Row] = self.rows
        if self.is_outlined:
            self._outlines = {row["id"]: row for row in map(dict, _live(history.outlines))}
        self._read: dict[str, Message] = {}
        self._brands = Counter(row["brand"] for row in self._outlines.values() if row["brand"])
        self._arrange()

    def __len__(self) -> int:
        return len(self._outlines)

    def _arrange(self) -> None:
        """Find the ticket of each message, as `by_ticket` does."""
        self._threads: dict[str, _Thread] = {}
        self._messages = MessageBrands(self._outlines) if len(self._brands) > 1 else None
        places: dict[str, list[Place]] = defaultdict(list)
        for place in sorted(map(place_of, self._outlines.values())):
            places[self._ticket_of(place[1])].append(place)
        for ticket, of_ticket in places.items():
            self._thread(ticket).extend(of_ticket)
        self._is_arranged = True

    def _thread(self, ticket: str) -> _Thread:
        if ticket not in self._threads:
            self._threads[ticket] = _Thread(self._outlines)
        return self._threads[ticket]

    def _ticket_of(self, id: str) -> str:
        return self.id if self._messages is None else self._ticket(self._messages.of[id])

    def _ticket(self, brand: str | None) -> str:
        if self._messages is None:
            return self.id
        return ticket_of(self.id, brand, self._messages.first)

    def replace(self, ids: Iterable[str], stored: Mapping[str, dict[str, Any]]) -> None:
        """Take over what is stored of these events now. stored: in order, with their `gravity`,
        which is taken off.
        """
        outlines = {id: _outline(row) for id, row in stored.items() if row["kind"] != "deleted"}
        for row in stored.values():
            del row["gravity"]
        for id in ids:
            if id in self._outlines and id not in outlines:
                self._drop(id)
        for id, outline in outlines.items():
            self._put(stored[id], outline if self.is_outlined else stored[id])
        if not self._is_arranged:
            self._arrange()

    def _put(self, row: Row, outline: Row) -> None:
        id, known = row["id"], self._outlines.get(row["id"])
        if known is not None and known == outline:
            if id in self.rows and self.rows[id] != row:
                self._read.pop(id, None)
                self.rows[id] = row
                if self._is_arranged:
                    self._threads[self._ticket_of(id)].touch()
            return
        if known is not None:
            self._drop(id)
        self.rows[id] = row
        self._outlines[id] = outline
        self._add(outline)

    def _add(self, outline: Row) -> None:
        if outline["brand"]:
            self._brands[outline["brand"]] += 1
        if not self._stays_arranged():
            return
        try:
            moves = [] if self._messages is None else self._messages.add(outline)
        except FirstBrandChanged:
            self._is_arranged = False
            return
        self._thread(self._ticket_of(outline["id"])).add(place_of(outline))
        self._move(moves)

    def _drop(self, id: str) -> None:
        outline = self._outlines[id]
        if outline["brand"]:
            self._brands[outline["brand"]] -= 1
            self._brands += Counter()  # without those that nobody names any more
        if self._stays_arranged():
            self._thread(self._ticket_of(id)).drop(place_of(outline))
            try:
                self._move([] if self._messages is None else self._messages.drop(outline))
            except FirstBrandChanged:
                self._is_arranged = False
        del self._outlines[id]
        self.rows.pop(id, None)
        self._read.pop(id, None)

    def _stays_arranged(self) -> bool:
        """Whether a message may come or go without that all of them are looked at."""
        is_of_several = len(self._brands) > 1
        self._is_arranged &= is_of_several == (self._messages is not None)
        return self._is_arranged

    def _move(self, moves: Iterable[Move]) -> None:
        for place, before, after in moves:
            self._thread(self._ticket(before)).drop(place)
            self._thread(self._ticket(after)).add(place)

    def lacking(self) -> list[str]:
        """The ids of weighed messages whose rows are not here; rows of others go."""
        weighed = {id for thread in self._threads.values() for id in thread.weighed}
        if self.is_outlined and len(self.rows) > len(weighed) + read.LAST:
            self.rows = {id: row for id, row in self.rows.items() if id in weighed}
            self._read = {id: row for id, row in self._read.items() if id in weighed}
        return [id for id in weighed if id not in self.rows]

    def history(self, batch: Mapping[str, Row]) -> History:
        """What its tickets weigh. batch: what is stored of the batch here."""
        late: dict[str, list[Row]] = defaultdict(list)
        for id, row in sorted(batch.items()):
            ticket = self._ticket_of(id) if id in self._outlines else None
            if ticket is not None and id not in self._threads[ticket].weighed:
                late[ticket].append(row)
        parts = {
            ticket: replace(thread.part(self.rows, self._read), late=late.get(ticket, ()))
            for ticket, thread in self._threads.items()
            if len(thread)
        }
        return History(list(batch.values()), parts)


class _Thread:
    """The messages of one ticket, in order."""

    def __init__(self, outlines: Mapping[str, Row]) -> None:
        self._outlines = outlines
        self._order: list[Place] = []
        self._naming: list[Place] = []  # those that name a brand
        self._gravest: list[Gravity] | None = None  # of those between the first and the last ones
        self.touch()

    def __len__(self) -> int:
        return len(self._order)

    def touch(self) -> None:
        """What was made of it counts no more."""
        self._weighed: dict[str, None] | None = None
        self._part: Part | None = None

    def extend(self, places: list[Place]) -> None:
        """Further messages, all later than those that are here."""
        self._order += places
        self._naming += [place for place in places if self._outlines[place[1]]["brand"]]
        self._gravest = None
        self.touch()

    def add(self, place: Place) -> None:
        at = bisect_left(self._order, place)
        self._order.insert(at, place)
        if self._outlines[place[1]]["brand"]:
            insort(self._naming, place)
        if self._gravest is not None:
            insort(self._gravest, self._gravity(self._border(at)))
        self.touch()

    def drop(self, place: Place) -> None:
        at = bisect_left(self._order, place)
        if self._gravest is not None:
            del self._gravest[bisect_left(self._gravest, self._gravity(self._border(at)))]
        del self._order[at]
        if self._outlines[place[1]]["brand"]:
            del self._naming[bisect_left(self._naming, place)]
        if len(self._order) <= read.WEIGHED:
            self._gravest = None
        self.touch()

    def _border(self, at: int) -> Place:
        """The message that is between the first and the last ones by the one at `at`, and would not
        be without it.
        """
        return self._order[min(max(at, read.FIRST), len(self._order) - read.LAST - 1)]

    def _gravity(self, place: Place) -> Gravity:
        outline = self._outlines[place[1]]
        return -outline["gravity"], -outline["dissatisfaction"], place

    @property
    def weighed(self) -> dict[str, None]:
        """The ids of the messages that are weighed, in order."""
        if self._weighed is None:
            self._weighed = dict.fromkeys(id for _, id in self._places_weighed())
        return self._weighed

    def _places_weighed(self) -> list[Place]:
        """The places that `weighed_of` chooses."""
        if len(self._order) <= read.WEIGHED:
            return self._order
        if self._gravest is None:
            self._gravest = sorted(map(self._gravity, self._order[read.FIRST : -read.LAST]))
        first, last = self._order[: read.FIRST], self._order[-read.LAST :]
        room = read.WEIGHED - read.FIRST - read.LAST
        between = [place for *_, place in self._gravest[:room]]
        naming = self._naming[0] if self._naming else first[0]
        if first[-1] < naming < last[0] and naming not in between:
            between[-1] = naming
        return [*first, *sorted(between), *last]

    def part(self, rows: Mapping[str, Row], messages: dict[str, Message]) -> Part:
        """rows: of those that are weighed, at least."""
        if self._part is None:
            self._part = Part([rows[id] for id in self.weighed], (), len(self), messages)
        return self._part


def _live(rows: Iterable[Row]) -> Iterable[Row]:
    return (row for row in rows if row["kind"] != "deleted")


def _outline(row: Row) -> Row:
    outline = {name: row[name] for name in _OUTLINE}
    return outline | {"dissatisfaction": row["dissatisfaction"] or 0}

"""Brands of messages: whose each of a conversation is, message by message, as `brands_of` says."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from heapq import heapify, heappop, heappush

from stream.postgres.tables import Row
from stream.store.brand_parts import brands_of

Place = tuple[datetime, str]  # of a message: when it was said, and its id
Move = tuple[Place, str | None, str | None]  # of a message, from a brand to a brand


class FirstBrandChanged(Exception):
    """Another brand is the first one that is named: what every message belongs to may differ."""


class MessageBrands:
    """The brand of each live message, while messages come and go."""

    def __init__(self, outlines: Mapping[str, Row]) -> None:
        """outlines: of the live messages, by id, one of which names a brand; whoever changes them
        says so by `add` and `drop`.
        """
        self._outlines = outlines
        self._order = sorted(map(place_of, outlines.values()))
        rows = [outlines[id] for _, id in self._order]
        self._naming = [place_of(row) for row in rows if row["brand"]]
        self._answers: dict[str, set[Place]] = defaultdict(set)
        for row in rows:
            if row["in_reply_to"]:
                self._answers[row["in_reply_to"]].add(place_of(row))
        self.of: dict[str, str | None] = brands_of(rows)
        self.first: str = outlines[self._naming[0][1]]["brand"]

    def add(self, row: Row) -> list[Move]:
        """A message came; returns which others are another brand's now. Raises
        FirstBrandChanged.
        """
        place = place_of(row)
        insort(self._order, place)
        if row["brand"]:
            insort(self._naming, place)
        if row["in_reply_to"]:
            self._answers[row["in_reply_to"]].add(place)
        self._check_first()
        self.of[row["id"]] = self._brand(place)
        return self._settled(self._following(place, row["id"]))

    def drop(self, row: Row) -> list[Move]:
        """As `add`, of a message that went."""
        place = place_of(row)
        del self._order[bisect_left(self._order, place)]
        if row["brand"]:
            del self._naming[bisect_left(self._naming, place)]
        if row["in_reply_to"]:
            self._answers[row["in_reply_to"]].discard(place)
        self._check_first()
        del self.of[row["id"]]
        return self._settled(self._following(place, row["id"]))

    def _check_first(self) -> None:
        if not self._naming or self._outlines[self._naming[0][1]]["brand"] != self.first:
            raise FirstBrandChanged

    def _settled(self, places: Iterable[Place]) -> list[Move]:
        """The moves of these messages, and of those that depend on them, which come later."""
        moves: list[Move] = []
        waiting = list(places)
        heapify(waiting)
        while waiting:
            place = heappop(waiting)
            before, brand = self.of[place[1]], self._brand(place)
            if brand == before:
                continue
            self.of[place[1]] = brand
            moves.append((place, before, brand))
            for later in self._following(place, place[1]):
                heappush(waiting, later)
        return moves

    def _following(self, place: Place, id: str) -> list[Place]:
        """The messages whose brand depends on that at a place: the next one, and its answers."""
        at = bisect_left(self._order, place)
        at += self._order[at : at + 1] == [place]
        return [*self._order[at : at + 1], *self._answers.get(id, ())]

    def _brand(self, place: Place) -> str | None:
        """What it names, otherwise what it answers, otherwise what was named last before it."""
        row = self._outlines[place[1]]
        if row["brand"]:
            return str(row["brand"])
        answered = row["in_reply_to"]
        if answered in self.of and place_of(self._outlines[answered]) < place:
            return self.of[answered]
        at = bisect_left(self._order, place)
        return self.of[self._order[at - 1][1]] if at else self.first


def place_of(row: Row) -> Place:
    """Where a message stands in its conversation."""
    return row["occurred_at"], row["id"]

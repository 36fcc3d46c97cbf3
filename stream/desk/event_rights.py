"""Rights on events: a sender who is bound to brands writes what is theirs, and nothing else.

An event counts once by its id. Whoever may choose any id could therefore post under the id that
another brand's message is going to have, and that message would be known already when it comes. So
a bound sender's new ids stand in their brand's own name space, where nobody else's message is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors.events import Deleted, Event
from stream.accounts.row_security import NotTheirs
from stream.postgres.database import reachable
from stream.store.forgotten_ids import digest_of
from stream.store.merges import ends

LONGEST = 200  # characters of an id behind its network
_LONGEST_NAME = 60  # of a brand in an id; of a longer one, or with many signs, its digest

# A message whose month was dropped is nobody's to write.
_STORED = text("""
    select i.id, i.conversation, coalesce(e.brand = any(:brands), false) as theirs
    from event_ids i left join events e on e.id = i.id and e.occurred_at = i.occurred_at
    where i.id = any(:ids)
""")
# Where a customer named two brands, each may go on.
_CONVERSATIONS = text("""
    select conversation, coalesce(bool_or(brand = any(:brands)), false) as theirs
    from events where conversation = any(:conversations) group by conversation
""")


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is stored of the ids and conversations that events name, and whose it is.

    messages: whether each is theirs; places: the conversation of each; conversations: whether each
    is theirs, where people merged it into another one as well.
    """

    messages: Mapping[str, bool]
    places: Mapping[str, str]
    conversations: Mapping[str, bool]


class EventRights:
    """Looks at what is stored of events before a bound sender's may go into the stream."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def allowed(self, events: Sequence[Event], brands: Collection[str]) -> list[Event]:
        """The events, each with its brand and with ids that are theirs. Raises NotTheirs.

        Each names a brand of theirs, or there is one alone. What is stored under its id or in its
        conversation must not be another brand's, nor nobody's. What is not stored yet gets an id of
        the brand's name space: see `own_id`.
        """
        branded = [_with_brand(event, at, brands) for at, event in enumerate(events)]
        async with reachable(), self._engine.connect() as connection:
            stored = await _stored(connection, branded, sorted(brands))
        return [_identified(event, at, stored, brands) for at, event in enumerate(branded)]


def own_id(id: str, brand: str) -> str:
    """The id in the brand's name space: `form:7` of Acme is `form:~Acme/7`, which stays as it is.

    The same brand and id come to the same, so that a message counts once by whichever key it comes.
    """
    network, _, native = id.partition(":")
    name = quote(brand, safe="", errors="replace")
    if len(name) > _LONGEST_NAME:
        name = _digest(brand)
    space = f"~{name}/"
    if native.startswith(space):
        return id
    if len(space) + len(native) > LONGEST:
        native = _digest(native)
    return f"{network}:{space}{native}"


async def _stored(
    connection: AsyncConnection, events: Sequence[Event], brands: Sequence[str]
) -> _Stored:
    rows = await _messages(connection, events, brands)
    return _Stored(
        {id: row.theirs for id, row in rows.items()},
        {id: row.conversation for id, row in rows.items()},
        await _conversations(connection, {event.conversation for event in events}, brands),
    )


async def _messages(
    connection: AsyncConnection, events: Sequence[Event], brands: Sequence[str]
) -> dict[str, Row[Any]]:
    """What is stored of the ids that events have or answer."""
    parents = [parent for event in events if (parent := _parent(event)) is not None]
    ids = {event.id for event in events}.union(parents)
    names = sorted(ids | {digest_of(id) for id in ids})
    rows = await connection.execute(_STORED, {"ids": names, "brands": brands})
    stored = {row.id: row for row in rows}
    # What its author was forgotten with is known by its digest, and nobody's to write.
    known = {id: stored.get(id, stored.get(digest_of(id))) for id in ids}
    return {id: row for id, row in known.items() if row is not None}


async def _conversations(
    connection: AsyncConnection, names: set[str], brands: Sequence[str]
) -> dict[str, bool]:
    """Whether each of those that are stored is theirs; of a merged one, where it was led to."""
    led = await ends(connection, names)
    values = {"conversations": sorted(names | set(led.values())), "brands": brands}
    rows = await connection.execute(_CONVERSATIONS, values)
    theirs = {row.conversation: row.theirs for row in rows}
    return theirs | {name: theirs[end] for name, end in led.items() if end in theirs}


def _identified(event: Event, at: int, stored: _Stored, brands: Collection[str]) -> Event:
    is_theirs = stored.messages.get(event.id, True)
    if not (is_theirs and stored.conversations.get(event.conversation, True)):
        raise NotTheirs(f"event {at}: its id or its conversation is not one of {_listed(brands)}")
    brand = event.brand or ""
    ids = {
        "id": event.id if event.id in stored.messages else own_id(event.id, brand),
        "conversation": event.conversation
        if event.conversation in stored.conversations
        else own_id(event.conversation, brand),
    }
    parent = _parent(event)
    if parent is not None:
        # A message goes where the one that it answers was put: that must not be another brand's.
        is_near = stored.places.get(parent) == event.conversation
        is_theirs = is_near or stored.messages.get(parent, False)
        ids["in_reply_to"] = parent if is_theirs else own_id(parent, brand)
    return event.model_copy(update=ids)


def _parent(event: Event) -> str | None:
    return None if isinstance(event, Deleted) else event.in_reply_to


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:32]


def _with_brand(event: Event, at: int, brands: Collection[str]) -> Event:
    if event.brand in brands:
        return event
    if event.brand is None and len(brands) == 1:
        return event.model_copy(update={"brand": next(iter(brands))})
    raise NotTheirs(f"event {at}: this key writes for {_listed(brands)}; name it as `brand`")


def _listed(brands: Collection[str]) -> str:
    return " or ".join(sorted(brands)) or "no brand"

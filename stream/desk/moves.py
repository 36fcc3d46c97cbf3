"""Moves of messages between conversations, as people want them: the facts, and the rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.desk.actions import NotAllowed
from stream.postgres.database import storable
from stream.postgres.tables import Row
from stream.store import merges, places
from stream.store.brand_parts import by_ticket, conversation_of

_MESSAGES = text("""
    select id, kind, conversation, direction, brand, in_reply_to, occurred_at from events
    where conversation = :conversation order by occurred_at, id
""")
_OTHER_BRANDS = text("""
    select count(*) from tickets where split_part(id, ' ', 1) = :conversation and id <> :ticket
""")
_MERGE = text("""
    insert into conversation_merges (conversation, into_conversation, who)
    values (:conversation, :into, :who)
""")
_UNMERGE = text("delete from conversation_merges where conversation = :conversation")
_SAID_ELSEWHERE = text("""
    select p.event_id, coalesce(p.conversation, p.said_in) as place
    from event_places p join events e on e.id = p.event_id
    where e.conversation = :conversation
""")
_KEEP = text("""
    insert into event_places (event_id, said_in)
    select id, :said_in from unnest(cast(:ids as text[])) id on conflict do nothing
""")
_SPLIT = text("""
    update event_places set conversation = :conversation, brand = :brand, at = now()
    where event_id = any(cast(:ids as text[]))
""")
_UNSPLIT = text("""
    update event_places set conversation = null where conversation = :conversation
    returning event_id, said_in
""")
_IS_USED = text("""
    select exists (select from events where conversation = :id)
        or exists (select from conversation_merges where :id in (conversation, into_conversation))
        or exists (select from event_places where :id in (conversation, said_in))
        or exists (select from ticket_changes where ticket_id = :id)
""")
_TELL = text("""
    update ticket_changes set who = :who, reason = :reason
    where ticket_id = :ticket and version = (
        select max(version) from ticket_changes where ticket_id = :ticket)
""")

_REPLIES_OF_PARTS = text("""
    update replies r set ticket_id = x.ticket
    from unnest(cast(:events as text[]), cast(:tickets as text[])) as x (event, ticket)
    where r.event_id = x.event and r.ticket_id <> x.ticket
""")


async def messages(connection: AsyncConnection, conversation: str) -> Sequence[Row]:
    """Its events in order, without their words; deletions too."""
    result = await connection.execute(_MESSAGES, {"conversation": conversation})
    return result.mappings().all()


async def refuse_several(connection: AsyncConnection, ticket_id: str) -> None:
    """Raises NotAllowed where the conversation has tickets of several brands."""
    values = {"conversation": conversation_of(ticket_id), "ticket": ticket_id}
    if (await connection.execute(_OTHER_BRANDS, values)).scalar_one():
        raise NotAllowed(f"the conversation of {ticket_id} is to several brands: it stays whole")


async def merge(connection: AsyncConnection, source: str, target: str, actor: str) -> None:
    """Lead one conversation into the other. Both are locked by who calls."""
    values = {"conversation": source, "into": target, "who": storable(actor)}
    await connection.execute(_MERGE, values)
    ids = [row["id"] for row in await messages(connection, source)]
    await connection.execute(_KEEP, {"ids": ids, "said_in": source})
    await places.move(connection, ids, target)


async def unmerge(connection: AsyncConnection, target: str, source: str) -> set[str]:
    """Take that back; returns the conversations that got their messages again."""
    await connection.execute(_UNMERGE, {"conversation": source})
    rows = (await connection.execute(_SAID_ELSEWHERE, {"conversation": target})).all()
    return await _move_home(connection, [(row.event_id, row.place) for row in rows], target)


async def split(
    connection: AsyncConnection, ids: Collection[str], source: str, target: str, brand: str | None
) -> None:
    """Put messages of one conversation into one of their own, which is their ticket's brand's."""
    values = {"ids": sorted(ids), "said_in": source, "conversation": target, "brand": brand}
    await connection.execute(_KEEP, values)
    await connection.execute(_SPLIT, values)
    await places.move(connection, ids, target, brand)


async def unsplit(connection: AsyncConnection, target: str) -> set[str]:
    """Take that back; returns the conversations that got their messages again."""
    rows = (await connection.execute(_UNSPLIT, {"conversation": target})).all()
    return await _move_home(connection, [(row.event_id, row.said_in) for row in rows], target)


async def _move_home(
    connection: AsyncConnection, places_of: Sequence[tuple[str, str]], away_from: str
) -> set[str]:
    """places_of: (message, conversation that leads to where it belongs)."""
    ends = await merges.ends(connection, {place for _, place in places_of})
    homes: dict[str, list[str]] = {}
    for id, place in places_of:
        homes.setdefault(ends.get(place, place), []).append(id)
    homes.pop(away_from, None)
    for home, ids in sorted(homes.items()):
        await places.move(connection, ids, home)
    return {away_from, *homes}


async def bring_replies(connection: AsyncConnection, conversations: Collection[str]) -> None:
    """Put replies under their messages' tickets, where a conversation is to several brands."""
    for conversation in sorted(conversations):
        parts = by_ticket(await messages(connection, conversation))
        if len(parts) > 1:
            pairs = [(row["id"], ticket) for ticket, part in parts.items() for row in part]
            values = {"events": [id for id, _ in pairs], "tickets": [id for _, id in pairs]}
            await connection.execute(_REPLIES_OF_PARTS, values)


def with_answers(part: Sequence[Row], picked: Collection[str]) -> list[Row]:
    """The picked messages of a ticket, and those that answer them, in order."""
    ids = set(picked)
    for row in part:
        if row["in_reply_to"] in ids:
            ids.add(row["id"])
    return [row for row in part if row["id"] in ids]


def refuse_split(part: Sequence[Row], moved: Sequence[Row], picked: Collection[str]) -> None:
    """Raises NotAllowed where that is no split. moved: the picked messages, and their answers."""
    known = {row["id"] for row in part}
    strange = [id for id in picked if id not in known]
    if not picked:
        raise NotAllowed("say which messages are to be split off")
    if strange:
        raise NotAllowed(f"{strange[0]} is no message of this ticket")
    if not any(row["direction"] == "inbound" for row in moved):
        raise NotAllowed("a ticket needs a message of the customer: choose one")
    if not any(row["direction"] == "inbound" for row in part if row not in moved):
        raise NotAllowed("nothing of the customer would be left: choose fewer messages")


async def free_id(connection: AsyncConnection, id: str) -> str:
    """The id of a new conversation that begins with this message."""
    for number in range(1, 1000):
        candidate = id if number == 1 else f"{id}~{number}"
        if not (await connection.execute(_IS_USED, {"id": candidate})).scalar_one():
            return candidate
    raise NotAllowed(f"{id} was split off too often")


async def tell(connection: AsyncConnection, ticket_id: str, actor: str, reason: str) -> None:
    """Who caused the ticket's latest change, and why, in place of what the fold says."""
    values: dict[str, Any] = {"ticket": ticket_id, "who": storable(actor), "reason": reason}
    await connection.execute(_TELL, values)

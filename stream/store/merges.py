"""Reading of where people put conversations and messages; light, for commands that only look."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_PLACED = text("""
    with recursive led (start, here) as (
        select c, c from unnest(cast(:conversations as text[])) c
        union
        select led.start, m.into_conversation
        from led join conversation_merges m on m.conversation = led.here
    )
    select 'merge' as how, start as name, here as conversation, null as brand from led
    where start <> here
      and not exists (select from conversation_merges m where m.conversation = led.here)
    union all
    select 'split', event_id, conversation, brand from event_places
    where event_id = any(cast(:ids as text[])) and conversation is not null
""")


async def ends(connection: AsyncConnection, conversations: Collection[str]) -> dict[str, str]:
    """Where merges lead to from each of these conversations that was merged."""
    led, _ = await read_places(connection, conversations, ())
    return led


async def read_places(
    connection: AsyncConnection, conversations: Iterable[str], ids: Iterable[str]
) -> tuple[dict[str, str], dict[str, tuple[str, str | None]]]:
    """Where merges lead to from the conversations, and into which conversation and brand each of
    these messages was split off.
    """
    values = {"conversations": sorted(set(conversations)), "ids": sorted(set(ids))}
    led: dict[str, str] = {}
    split: dict[str, tuple[str, str | None]] = {}
    for how, name, conversation, brand in await connection.execute(_PLACED, values):
        if how == "merge":
            led[name] = conversation
        else:
            split[name] = conversation, brand
    return led, split

"""Rebuild of all tickets from the stored events: after a loss, or when triage changed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable
from stream.records import TicketRecord, WithdrawnTicket
from stream.store.cursors import Cursors
from stream.store.rows import COMPLAINT
from stream.store.store import Store

CURSOR = "rebuild"  # in `cursors`: where it goes on after it was stopped
# The same: when the last one began, and with which model in use; of one under way, and of one that
# came to its end.
BEGUN, REBUILT = "rebuild began", "rebuilt"
BATCH = 500  # conversations in one transaction

log = logging.getLogger(__name__)

Publish = Callable[[Sequence[TicketRecord | WithdrawnTicket]], Awaitable[object]]

_NOW = text("select to_jsonb(now()) #>> '{}'")
_NEXT = text("""
    select conversation from events where conversation > :after
    group by conversation order by conversation limit :limit
""")
_DAYS = text("""
    select date_trunc('day', occurred_at, 'UTC') from events where direction = 'inbound'
    union select date_trunc('day', minute, 'UTC') from signal_counts order by 1
""")
# A save counts in the transaction that stores its events: what has to wait for this lock is not
# stored here yet.
_LOCK = text("lock table signal_counts in share row exclusive mode")
_COUNTED = """
    select coalesce(brand, ''), coalesce(topic, ''), date_trunc('minute', occurred_at, 'UTC'),
           count(*),
           count(*) filter (where sentiment = 'negative'),
           count(*) filter (where (scores ->> 'complaint')::double precision >= :complaint),
           coalesce(sum(dissatisfaction), 0)
    from events
    where direction = 'inbound' and occurred_at >= :day and occurred_at < :day + interval '1 day'
    group by 1, 2, 3
"""
_CELL = "brand, topic, minute, events, negative, complaints, dissatisfaction_sum"
# An empty cell says nothing wrong: it goes, and is not told.
_REMOVE = text(f"""
    delete from signal_counts
    where minute >= :day and minute < :day + interval '1 day' and ({_CELL}) not in ({_COUNTED})
    returning (events <> 0)::integer
""")  # noqa: S608  our own words
_ADD = text(f"insert into signal_counts ({_CELL}) {_COUNTED} on conflict do nothing")


@dataclass(slots=True)
class Rebuilt:
    """How far it is. changed: tickets that were not what their events say. cells: of
    `signal_counts`, put right.
    """

    conversations: int = 0
    tickets: int = 0
    changed: int = 0
    cells: int = 0


async def rebuild(
    engine: AsyncEngine,
    store: Store,
    publish: Publish | None,
    *,
    batch: int = BATCH,
    model: str = "",
    on_progress: Callable[[Rebuilt], None] = lambda _: None,
) -> Rebuilt:
    """Fold every conversation anew, a batch a transaction; then count the signals anew, a day a
    transaction.

    Workers may go on meanwhile. Stopped at any moment, it goes on where it stopped. A batch counts
    as done once `publish` has been given its tickets: one may be told twice, never not at all.
    model: version of the one in use, kept with the moment. Raises DatabaseAway.
    """
    done = Rebuilt()
    cursors = Cursors(engine)
    after = await cursors.cursor(CURSOR) or ""
    if after:
        log.warning("going on where the last rebuild was stopped")
    else:
        await cursors.set_cursor(BEGUN, {"at": await _now(engine), "model": model})
    while conversations := await _conversations(engine, after, batch):
        folded = await store.refold(conversations)
        if publish is not None:
            await publish(folded.tickets)
        after = conversations[-1]
        await cursors.set_cursor(CURSOR, after)
        done.conversations += len(conversations)
        done.tickets += sum(isinstance(ticket, TicketRecord) for ticket in folded.tickets)
        done.changed += folded.changed
        on_progress(done)
    done.cells = await recount(engine)
    await cursors.set_cursor(REBUILT, await cursors.cursor(BEGUN) or {})
    for name in (CURSOR, BEGUN):
        await cursors.forget_cursor(name)
    return done


async def recount(engine: AsyncEngine) -> int:
    """Make `signal_counts` what the stored events say; returns how many cells were wrong or
    missing.
    """
    async with reachable(), engine.connect() as connection:
        days = list((await connection.execute(_DAYS)).scalars())
    wrong = 0
    for day in days:
        values = {"day": day, "complaint": COMPLAINT}
        async with reachable(), engine.begin() as connection:
            await connection.execute(_LOCK)
            removed = sum((await connection.execute(_REMOVE, values)).scalars())
            added = (await connection.execute(_ADD, values)).rowcount
        wrong += max(removed, added)
    return wrong


async def _now(engine: AsyncEngine) -> str:
    async with reachable(), engine.connect() as connection:
        return str((await connection.execute(_NOW)).scalar_one())


async def _conversations(engine: AsyncEngine, after: str, limit: int) -> list[str]:
    async with reachable(), engine.connect() as connection:
        return list((await connection.execute(_NEXT, {"after": after, "limit": limit})).scalars())

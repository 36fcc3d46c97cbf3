"""A person's right to be forgotten: their texts, embeddings, drafts and dead letters go; tombstones
keep them gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.events import Deleted
from stream.postgres.database import reachable, storable
from stream.store.store import Saved, Store
from stream.triage.judgement import Judgement

BATCH = 200

_THEIRS = text("""
    select id, conversation, occurred_at from events
    where author = :author and kind <> 'deleted' and (cast(:network as text) is null or network = :network)
    order by id limit :limit
""")
# Replies quote what was said; corrections hold labels alone, but tell what somebody wrote about.
_DRAFTS = text("delete from replies where event_id = any(:ids)")
_CORRECTIONS = text("delete from corrections where event_id = any(:ids)")
# Bytes that could not be read cannot be asked whose they are: whatever names the author goes.
_LETTERS = text(
    "delete from dead_letters where position(:mark in value) > 0 or position(:mark in key) > 0"
)
_AUDIT = text(
    "insert into audit (who, action, subject, details) values (:who, 'forget', :subject, :details)"
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much of a person was removed."""

    messages: int
    drafts: int
    dead_letters: int


async def forget(
    engine: AsyncEngine,
    author: str,
    *,
    who: str,
    network: str | None = None,
    publish: Callable[[Saved], Awaitable[object]],
) -> Forgotten:
    """Remove what an author wrote, as if they had deleted each message on the network.

    Each message becomes a tombstone, which a redelivery does not overcome; tickets are folded anew
    without it, and what changed is published. Raw topics keep their bytes until their retention
    ends (7 days): a replay of them meets the tombstones. May be run again: it goes on where it was
    interrupted. The audit keeps a digest of the author.
    """
    store = Store(engine)
    messages = drafts = 0
    while True:
        async with reachable(), engine.connect() as connection:
            asked = {"author": storable(author), "network": network, "limit": BATCH}
            found = (await connection.execute(_THEIRS, asked)).all()
        if not found:
            break
        tombstones = [
            Deleted(id=row.id, conversation=row.conversation, occurred_at=row.occurred_at)
            for row in found
        ]
        async with (
            reachable(),
            engine.begin() as connection,
        ):  # first: afterwards nobody knows whose they were
            for query in (_DRAFTS, _CORRECTIONS):
                gone = await connection.execute(query, {"ids": [row.id for row in found]})
                drafts += gone.rowcount if query is _DRAFTS else 0
        await publish(await store.save([Judgement(one, "", None, None) for one in tombstones]))
        messages += len(found)
    async with reachable(), engine.begin() as connection:
        letters = (await connection.execute(_LETTERS, {"mark": author.encode()})).rowcount
        digest = hashlib.sha256(author.encode()).hexdigest()
        details = f'{{"messages": {messages}, "drafts": {drafts}, "dead_letters": {letters}}}'
        await connection.execute(_AUDIT, {"who": who, "subject": digest, "details": details})
    return Forgotten(messages, drafts, letters)

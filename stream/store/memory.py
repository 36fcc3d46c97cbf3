"""Memory of long conversations: what was read of one, so that a further message reads no other.

Whatever changes an event gives its conversation another stamp, SQL of a person's own too, but for
what is not committed while the first stamp is made. What is in memory counts while its stamp is
the stored one, which is locked until the save has ended.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres.tables import Row
from stream.store import histories as read
from stream.store.histories import History
from stream.store.long_conversation import LongConversation

LONG = 50  # messages of a conversation from which on it is remembered
MESSAGES = 60_000  # messages in all, with an outline of each: about half a kilobyte
ROWS = 8_000  # of them with their text and scores: about five kilobytes

_STAMPS = text("""
    select named.conversation, stamps.stamp
    from unnest(cast(:conversations as text[])) as named (conversation)
    join conversation_stamps stamps on stamps.key = hashtextextended(named.conversation, 0)
    order by stamps.key
    for update of stamps
""")
_STAMP = text("""
    with named as (
        select conversation, hashtextextended(conversation, 0) as key
        from unnest(cast(:conversations as text[])) as given (conversation)
    ),
    put as (
        insert into conversation_stamps (key, stamp)
        select distinct key, gen_random_uuid() from named order by key
        on conflict (key) do update set stamp = excluded.stamp
        returning key, stamp
    )
    select conversation, stamp from named join put using (key)
""")


class Memory:
    """The long conversations of late, as many as memory is spent on."""

    def __init__(self) -> None:
        self._conversations: OrderedDict[str, LongConversation] = OrderedDict()

    async def take(
        self, connection: AsyncConnection, locked: Collection[str]
    ) -> dict[str, LongConversation]:
        """Those of these conversations that are as stored. They are the caller's: whoever fails
        does not put them back. locked: no other saver writes to them.
        """
        own = {id: self._conversations.pop(id) for id in locked if id in self._conversations}
        if not own:
            return {}
        result = await connection.execute(_STAMPS, {"conversations": sorted(own)})
        stamps = {row.conversation: row.stamp for row in result}
        return {
            id: conversation
            for id, conversation in own.items()
            if stamps.get(id) == conversation.stamp
        }

    def put(self, conversations: Iterable[LongConversation]) -> None:
        """Remember them, now that they are stored."""
        for conversation in conversations:
            self._conversations[conversation.id] = conversation
        all_of_them = self._conversations.values()
        messages, in_full = (
            sum(map(len, all_of_them)),
            sum(len(conversation.rows) for conversation in all_of_them),
        )
        while messages > MESSAGES or in_full > ROWS:
            _, oldest = self._conversations.popitem(last=False)
            messages, in_full = messages - len(oldest), in_full - len(oldest.rows)


def are_short(rows: Iterable[Row]) -> bool:
    """Whether none of the conversations that begin with these rows is to be remembered."""
    return max(Counter(row["conversation"] for row in rows).values()) < LONG


async def histories_of(
    connection: AsyncConnection,
    locked: Collection[str],
    batch: Collection[str],
    remembered: Mapping[str, LongConversation],
) -> tuple[dict[str, History], list[LongConversation]]:
    """As `histories`, with what is remembered of some conversations; and what is to be of all."""
    past = await _advanced(connection, batch, remembered) if remembered else {}
    fresh = await read.histories(connection, [id for id in locked if id not in past], batch)
    long = [remembered[id] for id in past]
    for id, history in fresh.items():
        if len(history.outlines or history.rows) >= LONG:
            long.append(LongConversation(id, history))
    long = [conversation for conversation in long if _fits(conversation)]
    await _stamp(connection, long)
    return past | fresh, long


async def _advanced(
    connection: AsyncConnection, batch: Collection[str], remembered: Mapping[str, LongConversation]
) -> dict[str, History]:
    """The histories of remembered conversations with what is stored of the batch now; without those
    that must be read anew.
    """
    stored = await read.by_id(connection, remembered, batch)
    for id, conversation in remembered.items():
        conversation.replace(batch, stored[id])
    fitting = {id: conversation for id, conversation in remembered.items() if _fits(conversation)}
    lacking = [id for conversation in fitting.values() for id in conversation.lacking()]
    if lacking:
        further = await read.by_id(connection, fitting, lacking)
        for id, conversation in fitting.items():
            conversation.rows |= further[id]
    return {id: conversation.history(stored[id]) for id, conversation in fitting.items()}


def _fits(conversation: LongConversation) -> bool:
    """Whether it is of the length still that it was read for, and leaves room for others."""
    messages = len(conversation)
    return LONG <= messages <= MESSAGES and (messages > read.WEIGHED) == conversation.is_outlined


async def _stamp(connection: AsyncConnection, conversations: Sequence[LongConversation]) -> None:
    if conversations:
        names = [conversation.id for conversation in conversations]
        result = await connection.execute(_STAMP, {"conversations": names})
        stamps = {row.conversation: row.stamp for row in result}
        for conversation in conversations:
            conversation.stamp = stamps[conversation.id]

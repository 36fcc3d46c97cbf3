"""Work that a command does once on the store: dead letters sent again, tickets folded anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack

from stream.bootstrap.parts import Parts
from stream.errors import UserError
from stream.kafka import MESSAGE_LIMIT, Outgoing
from stream.pipeline import REPLAY_HEADER
from stream.postgres.database import open_engine
from stream.records import TicketRecord, WithdrawnTicket
from stream.store.rebuild import Rebuilt, rebuild
from stream.store.store import Store


async def rebuild_tickets(
    found: Parts, *, publish: bool, batch: int, told: Callable[[Rebuilt], None]
) -> Rebuilt:
    """Fold every ticket anew from the stored events. publish: tell the topic `tickets` each of them
    as it is stored.
    """
    async with AsyncExitStack() as stack:
        tell = None
        if publish:
            await found.kafka.declare_topics()
            publisher = await stack.enter_async_context(found.kafka.publisher())

            async def tell(tickets: Sequence[TicketRecord | WithdrawnTicket]) -> None:
                await publisher.publish(
                    [Outgoing("tickets", each.id, each.encode()) for each in tickets]
                )

        engine = open_engine(found.database_url, command_seconds=None)
        stack.push_async_callback(engine.dispose)
        return await rebuild(engine, Store(engine), tell, batch=batch, on_progress=told)


async def replay_dead(found: Parts, ids: Iterable[int] | None) -> int:
    """Send dead letters once more, marked as what they are; None: all that are not resolved.
    Returns how many went.

    One that was sent already may be sent again: the store counts an event once, and a failure
    updates its letter.
    """
    async with found.store() as store, AsyncExitStack() as stack:
        chosen = (
            [letter.id for letter in await store.dead_letters.list_dead()]
            if ids is None
            else list(ids)
        )
        await found.kafka.declare_topics()
        publisher = await stack.enter_async_context(found.kafka.publisher())
        sent = 0
        for number in chosen:
            letter = await store.dead_letters.show_dead(number)
            if letter is None:
                raise UserError(f"there is no dead letter {number}; see `earshot dead list`")
            if letter.state == "resolved" or (letter.size > MESSAGE_LIMIT and ids is None):
                continue
            if letter.size > MESSAGE_LIMIT:
                raise UserError(
                    f"dead letter {number} is larger than a message may be; it cannot be sent again"
                )
            # Marked before it goes: the worker may have answered before we could mark it
            # afterwards.
            await store.dead_letters.mark_replayed([number])
            header = (REPLAY_HEADER, str(number).encode())
            await publisher.publish([Outgoing(letter.topic, letter.key, letter.value, (header,))])
            sent += 1
        return sent

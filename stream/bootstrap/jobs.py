"""Jobs that a command does once on the store: rebuild, dead letters, keys, erasure, merges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress

from models.artifact import ArtifactError
from stream.accounts.api_keys import ApiKeys, Scope
from stream.accounts.users import People
from stream.bootstrap.loading import artifact_in_use, load_brands, load_replier
from stream.bootstrap.parts import Parts
from stream.desk.erasure import Forgotten, Theirs, find_theirs, forget
from stream.desk.joining import Joined, Joining
from stream.errors import UserError
from stream.incidents.answers import IncidentAnswers, answer
from stream.incidents.store import Incidents
from stream.kafka import MESSAGE_LIMIT, Outgoing
from stream.pipeline import REPLAY_HEADER, outgoing
from stream.postgres.database import open_engine
from stream.records import TicketRecord, WithdrawnTicket
from stream.replies.drafting import with_trades
from stream.replies.store import Replies
from stream.store.dead_letters import DeadLetters, StoredLetter
from stream.store.rebuild import Rebuilt, rebuild
from stream.store.store import Store


async def rebuild_tickets(
    running: Parts, *, publish: bool, batch: int, on_progress: Callable[[Rebuilt], None]
) -> Rebuilt:
    """Fold every ticket anew from the stored events. publish: each to the topic `tickets`."""
    async with AsyncExitStack() as stack:
        send = None
        if publish:
            await running.kafka.declare_topics()
            publisher = await stack.enter_async_context(running.kafka.publisher())

            async def send(tickets: Sequence[TicketRecord | WithdrawnTicket]) -> None:
                await publisher.publish(
                    [Outgoing("tickets", ticket.id, ticket.encode()) for ticket in tickets]
                )

        engine = open_engine(running.database_url, command_seconds=None)
        stack.push_async_callback(engine.dispose)
        model = ""
        with suppress(ArtifactError):  # tickets are made anew without any, after a loss
            model = (await asyncio.to_thread(artifact_in_use, running.settings)).version
        return await rebuild(
            engine, Store(engine), send, batch=batch, model=model, on_progress=on_progress
        )


async def replay_dead(running: Parts, ids: Iterable[int] | None) -> int:
    """Send dead letters once more, marked as replayed; None: all that are not resolved.

    Returns how many were sent. A letter that was sent already may be sent again: the store counts
    an event once, and a failure updates its letter.
    """
    async with running.store() as stores, AsyncExitStack() as stack:
        dead_letters = stores.dead_letters
        numbers = await _to_replay(dead_letters) if ids is None else list(ids)
        await running.kafka.declare_topics()
        publisher = await stack.enter_async_context(running.kafka.publisher())
        sent = 0
        for number in numbers:
            letter = await dead_letters.show_dead(number)
            if letter is None:
                raise UserError(f"there is no dead letter {number}; see `earshot dead list`")
            if letter.state == "resolved":
                continue
            if not _fits(letter):
                raise UserError(
                    f"dead letter {number} is larger than a message may be; it cannot be sent again"
                )
            # Marked before it goes: the worker may have answered before we could mark it
            # afterwards.
            await dead_letters.mark_replayed([number])
            header = (REPLAY_HEADER, str(number).encode())
            await publisher.publish([Outgoing(letter.topic, letter.key, letter.value, (header,))])
            sent += 1
        return sent


async def _to_replay(letters: DeadLetters) -> list[int]:
    return [letter.id for letter in await letters.list_dead() if _fits(letter)]


def _fits(letter: StoredLetter) -> bool:
    return letter.size <= MESSAGE_LIMIT


async def create_key(running: Parts, name: str, scopes: Sequence[Scope], user: str | None) -> str:
    """The token of a new API key. user: the name of the user that it acts for."""
    async with running.engine() as engine:
        holder = None if user is None else await People(engine).find(user)
        return await ApiKeys(engine).create(name, scopes, holder)


async def count_theirs(running: Parts, author: str, *, network: str | None) -> Theirs:
    """What `forget_author` would remove. Raises UserError where an author has no message."""
    async with running.engine() as engine:
        return await find_theirs(engine, author, network)


async def forget_author(running: Parts, author: str, *, by: str, network: str | None) -> Forgotten:
    """Remove everything that an author wrote, and publish what changed.

    Raises UserError where an author has no message.
    """
    async with running.engine() as engine, running.kafka.publisher() as publisher:
        await find_theirs(engine, author, network)
        await running.kafka.declare_topics()
        return await forget(
            engine,
            author,
            actor=by,
            network=network,
            publish=lambda saved: publisher.publish(outgoing(saved)),
        )


async def join_conversations(running: Parts, act: Callable[[Joining], Awaitable[Joined]]) -> Joined:
    """A merge or a split, and what changed by it on the topics."""
    async with running.engine() as engine, running.kafka.publisher() as publisher:
        await running.kafka.declare_topics()
        joined = await act(Joining(engine))
        await publisher.publish(outgoing(joined.saved))
        return joined


async def answer_incident(running: Parts, id: str, say: str | None, actor: str) -> IncidentAnswers:
    """Draft an answer for each ticket of an incident that waits for one."""
    async with running.engine() as engine:
        members = (await Incidents(engine).show_incident(id))["members"]
        tickets = [
            row["ticket_id"] for row in members if row["state"] == "joined" and row["excerpt"]
        ]
        replier = await asyncio.to_thread(load_replier, running.settings)
        brands = load_brands(running.settings)
        return await answer(
            tickets,
            Replies(engine),
            lambda requests, lately: replier(with_trades(requests, brands), recent=lately),
            actor,
            say=say,
        )

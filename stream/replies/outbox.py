"""Outbox: sends approved replies, each once, and asks the network after a crash.

    approved -> sending -> sent | failed | uncertain

A person settles what stays uncertain. `sending` is committed before the network is asked, so a
crash in between is seen. One sender works at a time (an advisory lock, held by a connection of its
own): a reply that stands at `sending` when it begins is that of a sender that died.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.base import (
    ConnectorError,
    NotSent,
    PictureReplier,
    PostStatus,
    Replier,
    SentReply,
    SentUnknown,
)
from connectors.events import Event, Tweet
from models.replier.policy import is_repeat
from stream.observe.metrics import Metrics
from stream.postgres.advisory_lock import advisory_lock
from stream.postgres.database import reachable
from stream.postgres.tables import event_ids, events, opted_out, replies
from stream.replies.pictures import Pictures
from stream.replies.statements import texts_lately
from stream.replies.store import Row, note, set_
from stream.retry import while_away
from stream.store.brand_parts import conversation_of

log = logging.getLogger(__name__)

SHOWS_AFTER = timedelta(minutes=2)  # a network may take so long to show what it accepted
MAX_TRIES, MAX_LOOKS = 8, 5
PAUSE = 1.0  # seconds between two looks for approved replies
LONGEST_BACKOFF = timedelta(minutes=15)
BY = "earshot"  # the actor of changes here

_NEXT = (
    select(replies)
    .where(replies.c.state == "approved", replies.c.due_at <= func.now())
    .order_by(replies.c.due_at, replies.c.id)
    .limit(1)
)
_BEGUN = (
    select(replies)
    .where(
        replies.c.state == "sending",
        (replies.c.due_at.is_(None)) | (replies.c.due_at <= func.now()),
    )
    .order_by(replies.c.id)
)

_UNPUBLISHED = select(replies).where(
    replies.c.state == "sent",
    replies.c.sent_id.is_not(None),
    replies.c.sent_at > func.now() - timedelta(days=1),
    ~select(event_ids.c.id).where(event_ids.c.id == replies.c.sent_id).exists(),
)

# network, brand -> the connector that answers there; raises ConnectorError
Open = Callable[[str, str | None], Awaitable[Replier]]
Publish = Callable[[Event], Awaitable[object]]
Words = Callable[[Row], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """The reason why a reply is not sent now, and the state that it gets instead."""

    state: str
    reason: str


class Outbox:
    """The sender.

    open: the connector that answers on a network. publish: brings our own answer into the stream.
    words: what is sent of a reply; its text, if left out. While a reply stands at `sending`, its
    column `tries` counts how often the network was asked for it.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        open: Open,
        publish: Publish,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        words: Words | None = None,
    ) -> None:
        self._engine = engine
        self._open = open
        self._publish = publish
        self._metrics = metrics
        self._now = now
        self._words = words or _own_words
        self._pictures = Pictures(engine)
        self._connectors: dict[tuple[str, str | None], Replier] = {}

    async def run(self, pause: float = PAUSE) -> None:
        """Send approved replies, until cancelled. Another process that sends is waited for."""
        try:
            while True:
                await while_away(_log_away)(self._send_while_alone, pause)
                await asyncio.sleep(pause)
        finally:
            await self.close()

    async def _send_while_alone(self, pause: float) -> None:
        async with advisory_lock(self._engine, "outbox") as lock:
            if lock.acquired:
                await self.publish_again()
            while await lock.still():
                while await self.step():
                    pass
                await asyncio.sleep(pause)

    async def close(self) -> None:
        for connector in self._connectors.values():
            await connector.close()
        self._connectors.clear()

    async def publish_again(self) -> int:
        """Publish answers whose sender died between sending and publishing; returns how many."""
        async with reachable(), self._engine.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(_UNPUBLISHED)).mappings()]
        for row in rows:
            await self._publish(own_answer(row, SentReply(row["sent_id"], row["sent_at"])))
        return len(rows)

    async def step(self) -> bool:
        """Settle one reply that was begun, or send the next that is due; False without either."""
        async with reachable(), self._engine.connect() as connection:
            begun = (await connection.execute(_BEGUN)).mappings().first()
            due = None if begun else (await connection.execute(_NEXT)).mappings().first()
        if begun is not None:
            await self._settle(dict(begun))
        elif due is not None:
            await self._send(dict(due))
        return begun is not None or due is not None

    async def _send(self, row: Row) -> None:
        try:
            connector = await self._connector(row)
            obstacle = await self._obstacle(row, connector)
            if obstacle is not None:
                return await self._end(row, obstacle.state, obstacle.reason)
            if not await self._begin(row):
                return None
            sent = await self._reply(row, connector)
        except NotSent as error:
            return await self._not_sent(row, error)
        except SentUnknown as error:
            log.warning("reply %s: nobody knows whether it was sent: %s", row["id"], error)
            return await self._look_again(row, 0)
        except ConnectorError as error:
            return await self._end(row, "failed", str(error))
        return await self._sent(row, sent)

    async def _reply(self, row: Row, connector: Replier) -> SentReply:
        words, pictures = await self._words(row), await self._pictures.of(row)
        if not pictures:
            return await connector.reply(row["event_id"], words, key=_key(row))
        if not isinstance(connector, PictureReplier):
            raise NotSent(f"replies on {row['network']} take no pictures: remove them")
        return await connector.reply_with_pictures(row["event_id"], words, pictures, key=_key(row))

    async def _settle(self, row: Row) -> None:
        """Ask the network about a reply that a sender began and did not finish."""
        looks = row["tries"]
        since = row["sending_since"] - timedelta(minutes=1)
        try:
            connector = await self._connector(row)
            sent = await connector.find_reply(
                row["event_id"], await self._words(row), key=_key(row), since=since
            )
        except ConnectorError as error:
            hopeless = isinstance(error, NotSent) and error.retry_after is None
            if hopeless or looks + 1 >= MAX_LOOKS:
                reason = f"the network cannot tell whether it was sent: {error}"
                return await self._end(row, "uncertain", reason)
            return await self._look_again(row, looks + 1)
        if sent is not None:
            return await self._sent(row, sent)
        if self._now() - row["sending_since"] < SHOWS_AFTER:
            return await self._look_again(row, looks)
        return await self._end(
            row, "failed", "it broke off before it was sent; approve it again to send it"
        )

    async def _obstacle(self, row: Row, connector: Replier) -> Obstacle | None:
        """The reason against sending it now, by the store and by the network."""
        message = select(events).where(events.c.id == row["event_id"])
        earlier = texts_lately(row["brand"], exclude=row["id"]).where(
            replies.c.network == row["network"], replies.c.state != "approved"
        )
        async with reachable(), self._engine.connect() as connection:
            event = (await connection.execute(message)).mappings().first()
            if event is None or event["kind"] == "deleted":
                return Obstacle("discarded", "the message was deleted")
            author = select(opted_out.c.author).where(
                opted_out.c.network == event["network"],
                opted_out.c.author.in_(_names(event["author"])),
            )
            if (await connection.execute(author)).first() is not None:
                return Obstacle("discarded", "its author wants no answers")
            if is_repeat(row["text"], list(await connection.scalars(earlier))):
                return Obstacle(
                    "draft", "the brand sent the very same words lately; say it in others"
                )
        posts = await connector.lookup([row["event_id"]])
        post = posts.get(row["event_id"], PostStatus("unknown"))
        if post.state == "gone":
            return Obstacle("discarded", "the message is no longer on the network")
        if max(event["revision"], post.revision or 0) > row["revision"]:
            return Obstacle(
                "draft", "the message was edited since the answer was approved; look at it again"
            )
        return None

    async def _begin(self, row: Row) -> bool:
        current = (
            select(replies.c.state, replies.c.version)
            .where(replies.c.id == row["id"])
            .with_for_update()
        )
        async with reachable(), self._engine.begin() as connection:
            if tuple((await connection.execute(current)).one()) != ("approved", row["version"]):
                return False  # a person took it back at the last moment, or changed its words
            await set_(
                connection, row["id"], BY, state="sending", sending_since=self._now(), due_at=None
            )
            await note(connection, BY, "send", row["id"], {"network": row["network"]})
        return True

    async def _sent(self, row: Row, sent: SentReply) -> None:
        values = {
            "state": "sent",
            "sent_id": sent.id,
            "sent_at": sent.at,
            "url": sent.url,
            "reason": None,
        }
        async with reachable(), self._engine.begin() as connection:
            await set_(connection, row["id"], BY, **values)
            await note(connection, BY, "sent", row["id"], {"id": sent.id})
        self._metrics.replies.labels("sent").inc()
        # The network's own stream may bring it too, or never: an id counts once.
        await self._publish(own_answer(row, sent))

    async def _not_sent(self, row: Row, error: NotSent) -> None:
        tries = row["tries"] + 1
        if error.retry_after is None or tries >= MAX_TRIES:
            return await self._end(row, "failed", str(error))
        pause = timedelta(seconds=max(error.retry_after, 2**tries))
        values: dict[str, Any] = {
            "state": "approved",
            "sending_since": None,
            "reason": str(error),
            "tries": tries,
            "due_at": self._now() + min(LONGEST_BACKOFF, pause),
        }
        async with reachable(), self._engine.begin() as connection:
            await set_(connection, row["id"], BY, **values)
        return None

    async def _look_again(self, row: Row, looks: int) -> None:
        async with reachable(), self._engine.begin() as connection:
            due = self._now() + timedelta(seconds=min(60, 10 * 2**looks))
            await set_(connection, row["id"], BY, tries=looks, due_at=due)

    async def _end(self, row: Row, state: str, reason: str) -> None:
        async with reachable(), self._engine.begin() as connection:
            await set_(connection, row["id"], BY, state=state, reason=reason)
            await note(connection, BY, state, row["id"], {"why": reason})
        self._metrics.replies.labels(state).inc()
        log.info("reply %s is %s: %s", row["id"], state, reason)

    async def _connector(self, row: Row) -> Replier:
        key = row["network"], row["brand"]
        if key not in self._connectors:
            self._connectors[key] = await self._open(*key)
        return self._connectors[key]


def _log_away(away: BaseException) -> None:
    log.warning("the outbox waits for Postgres: %s", away)


async def _own_words(row: Row) -> str:
    return str(row["text"])


def own_answer(row: Mapping[str, Any], sent: SentReply) -> Tweet:
    """The brand's answer, as its network would bring it: it marks the ticket as answered."""
    return Tweet(
        id=sent.id,
        conversation=conversation_of(row["ticket_id"]),
        direction="outbound",
        brand=row["brand"],
        author=row["brand"],
        text=row["text"],
        occurred_at=sent.at,
        in_reply_to=row["event_id"],
    )


def _key(row: Row) -> str:
    """The reply's name for ever: of two tries a network that knows keys takes one."""
    return f"reply:{row['id']}"


def _names(author: str | None) -> list[str]:
    """The author as they may stand in the list of those who want no answers: who was forgotten
    stands there by a digest.
    """
    if author is None:
        return []
    return [author, f"sha256:{hashlib.sha256(author.encode()).hexdigest()}"]

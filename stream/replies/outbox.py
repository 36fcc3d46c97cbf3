"""Approved replies go out: looked up before, sent once, and looked for after a crash. What stays
unknown is a person's.

    approved -> sending -> sent | failed | uncertain

`sending` is committed before the network is asked, so a crash in between is seen. One sender works
at a time (an advisory lock, held by a connection of its own): whatever stands at `sending` when it
begins was somebody's who died.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.base import ConnectorError, NotSent, PostStatus, Replier, SentReply, SentUnknown
from connectors.events import Event, Tweet
from stream.errors import DatabaseAway
from stream.observe.metrics import Metrics
from stream.postgres.advisory_lock import advisory_lock
from stream.postgres.database import reachable
from stream.postgres.tables import event_ids, events, opted_out, replies
from stream.replies.store import Row, note, set_

log = logging.getLogger(__name__)

SHOWS_AFTER = timedelta(minutes=2)  # a network may take so long to show what it accepted
MOST_TRIES = 8
MOST_LOOKS = 5
LONGEST_BACKOFF = timedelta(minutes=15)
BY = "earshot"  # who changes a reply here

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

_UNTOLD = select(replies).where(
    replies.c.state == "sent",
    replies.c.sent_id.is_not(None),
    replies.c.sent_at > func.now() - timedelta(days=1),
    ~select(event_ids.c.id).where(event_ids.c.id == replies.c.sent_id).exists(),
)

Open = Callable[
    [str, str | None], Awaitable[Replier]
]  # network, brand -> how to answer there; raises ConnectorError
Publish = Callable[[Event], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a reply is not sent now. state: what becomes of it."""

    state: str
    why: str


class Outbox:
    """The sender. open: gives the way to answer on a network. publish: brings our own answer into
    the stream.

    While a reply stands at `sending`, its column `tries` counts how often the network was asked for
    it.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        open: Open,
        publish: Publish,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._open = open
        self._publish = publish
        self._metrics = metrics
        self._now = now
        self._ways: dict[tuple[str, str | None], Replier] = {}

    async def run(self, pause: float = 1.0) -> None:
        """Send what is approved, until cancelled. Another process that sends already is waited for."""
        try:
            while True:
                try:
                    async with advisory_lock(self._engine, "outbox") as lock:
                        if lock.acquired:
                            await self.tell_again()
                        while await lock.still():
                            while await self.step():
                                pass
                            await asyncio.sleep(pause)
                except DatabaseAway as away:
                    log.warning("the outbox waits for Postgres: %s", away)
                await asyncio.sleep(pause)
        finally:
            await self.close()

    async def close(self) -> None:
        for way in self._ways.values():
            await way.close()
        self._ways.clear()

    async def tell_again(self) -> int:
        """Bring answers into the stream that were sent and never told: a sender died in between.
        Returns how many.
        """
        async with reachable(), self._engine.connect() as connection:
            untold = [dict(row) for row in (await connection.execute(_UNTOLD)).mappings()]
        for row in untold:
            await self._publish(own_answer(row, SentReply(row["sent_id"], row["sent_at"])))
        return len(untold)

    async def step(self) -> bool:
        """Settle one reply that was begun, or send the next that is due; False when there is
        neither.
        """
        async with reachable(), self._engine.connect() as connection:
            begun = [dict(row) for row in (await connection.execute(_BEGUN)).mappings()]
            due = None if begun else (await connection.execute(_NEXT)).mappings().first()
        if begun:
            await self._settle(begun[0])
            return True
        if due is None:
            return False
        await self._send(dict(due))
        return True

    async def _send(self, row: Row) -> None:
        try:
            way = await self._way(row)
            refused = await self._refused(row, way)
            if refused is not None:
                return await self._end(row, refused.state, refused.why)
            if not await self._begin(row):
                return None
            sent = await way.reply(row["event_id"], row["text"], key=_key(row))
        except NotSent as error:
            return await self._not_sent(row, error)
        except SentUnknown as error:
            log.warning("reply %s: nobody knows whether it was sent: %s", row["id"], error)
            return await self._look_again(row, 0)
        except ConnectorError as error:
            return await self._end(row, "failed", str(error))
        return await self._sent(row, sent)

    async def _settle(self, row: Row) -> None:
        """Somebody began to send it and never said how it ended: ask the network."""
        looks = row["tries"]
        try:
            way = await self._way(row)
            since = row["sending_since"] - timedelta(minutes=1)
            found = await way.find_reply(row["event_id"], row["text"], key=_key(row), since=since)
        except ConnectorError as error:
            if looks + 1 >= MOST_LOOKS or (
                isinstance(error, NotSent) and error.retry_after is None
            ):
                return await self._end(
                    row, "uncertain", f"the network cannot tell whether it was sent: {error}"
                )
            return await self._look_again(row, looks + 1)
        if found is not None:
            return await self._sent(row, found)
        if self._now() - row["sending_since"] < SHOWS_AFTER:
            return await self._look_again(row, looks)
        return await self._end(
            row, "failed", "it broke off before it was sent; approve it again to send it"
        )

    async def _refused(self, row: Row, way: Replier) -> Refused | None:
        """Why it must not go now: the post is gone, or says something else by now, or its author
        wants no answers.
        """
        async with reachable(), self._engine.connect() as connection:
            asked = select(events.c.kind, events.c.revision, events.c.author, events.c.network)
            event = (
                (await connection.execute(asked.where(events.c.id == row["event_id"])))
                .mappings()
                .first()
            )
            if event is None or event["kind"] == "deleted":
                return Refused("discarded", "the message was deleted")
            of_author = (
                opted_out.c.network == event["network"],
                opted_out.c.author == event["author"],
            )
            if (
                await connection.execute(select(opted_out.c.author).where(*of_author))
            ).first() is not None:
                return Refused("discarded", "its author wants no answers")
            own = select(replies.c.id).where(
                replies.c.brand.is_not_distinct_from(row["brand"]),
                replies.c.state.in_(("sending", "sent", "uncertain")),
                func.lower(replies.c.text) == row["text"].lower(),
                replies.c.network == row["network"],
                replies.c.updated_at > func.now() - timedelta(days=7),
                replies.c.id != row["id"],
            )
            if (await connection.execute(own.limit(1))).first() is not None:
                return Refused(
                    "draft", "the brand sent the very same words lately; say it in others"
                )
        standing = (await way.lookup([row["event_id"]])).get(row["event_id"], PostStatus("unknown"))
        if standing.state == "gone":
            return Refused("discarded", "the message is no longer on the network")
        if max(event["revision"], standing.revision or 0) > row["revision"]:
            return Refused(
                "draft", "the message was edited since the answer was approved; look at it again"
            )
        return None

    async def _begin(self, row: Row) -> bool:
        async with reachable(), self._engine.begin() as connection:
            again = (
                select(replies.c.state, replies.c.version)
                .where(replies.c.id == row["id"])
                .with_for_update()
            )
            if tuple((await connection.execute(again)).one()) != ("approved", row["version"]):
                # a person took it back at the last moment, or says it in other words by now
                return False
            await set_(
                connection, row["id"], BY, state="sending", sending_since=self._now(), due_at=None
            )
            await note(connection, BY, "send", row["id"], {"network": row["network"]})
        return True

    async def _sent(self, row: Row, sent: SentReply) -> None:
        async with reachable(), self._engine.begin() as connection:
            values = {
                "state": "sent",
                "sent_id": sent.id,
                "sent_at": sent.at,
                "url": sent.url,
                "reason": None,
            }
            await set_(connection, row["id"], BY, **values)
            await note(connection, BY, "sent", row["id"], {"id": sent.id})
        self._metrics.replies.labels("sent").inc()
        # The network's own stream may bring it too, or never: an id counts once.
        await self._publish(own_answer(row, sent))

    async def _not_sent(self, row: Row, error: NotSent) -> None:
        tries = row["tries"] + 1
        if error.retry_after is None or tries >= MOST_TRIES:
            return await self._end(row, "failed", str(error))
        wait = min(
            LONGEST_BACKOFF, max(timedelta(seconds=error.retry_after), timedelta(seconds=2**tries))
        )
        async with reachable(), self._engine.begin() as connection:
            values: dict[str, Any] = {
                "state": "approved",
                "sending_since": None,
                "reason": str(error),
            }
            await set_(connection, row["id"], BY, **values, tries=tries, due_at=self._now() + wait)
        return None

    async def _look_again(self, row: Row, looks: int) -> None:
        async with reachable(), self._engine.begin() as connection:
            due = self._now() + timedelta(seconds=min(60, 10 * 2**looks))
            await set_(connection, row["id"], BY, tries=looks, due_at=due)

    async def _end(self, row: Row, state: str, why: str) -> None:
        async with reachable(), self._engine.begin() as connection:
            await set_(connection, row["id"], BY, state=state, reason=why)
            await note(connection, BY, state, row["id"], {"why": why})
        self._metrics.replies.labels(state).inc()
        log.info("reply %s is %s: %s", row["id"], state, why)

    async def _way(self, row: Row) -> Replier:
        which = (row["network"], row["brand"])
        if which not in self._ways:
            self._ways[which] = await self._open(*which)
        return self._ways[which]


def own_answer(row: Mapping[str, Any], sent: SentReply) -> Tweet:
    """What the brand said, as its network would tell it: it marks the ticket as answered."""
    return Tweet(
        id=sent.id,
        conversation=row["ticket_id"],
        direction="outbound",
        brand=row["brand"],
        author=row["brand"],
        text=row["text"],
        occurred_at=sent.at,
        in_reply_to=row["event_id"],
    )


def _key(row: Row) -> str:
    """Names the reply for ever: of two tries a network that knows keys takes one."""
    return f"reply:{row['id']}"

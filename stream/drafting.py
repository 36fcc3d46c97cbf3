"""Drafts for tickets, after the tickets are there: never in their way, and never twice for the same message."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Sequence

from models.draft import Draft, ReplyRequest
from stream.brands import Brands
from stream.database import DatabaseAway
from stream.metrics import Metrics
from stream.pipeline import Message, where
from stream.replies import Replies, ToDraft

log = logging.getLogger(__name__)

BATCH = 16  # what the replier does in one run
LONGEST_YIELD = 300.0  # seconds that a batch waits for the worker's first duty
LONGEST_PAUSE = 5.0

Write = Callable[[Sequence[ReplyRequest], Collection[str]], Sequence[Draft]]  # requests, texts sent lately -> drafts


class Drafting:
    """What the agent on the topic `tickets` does. busy: whether messages wait to be understood, which comes first."""

    def __init__(
        self, replies: Replies, write: Write, brands: Brands, metrics: Metrics, busy: Callable[[], bool]
    ) -> None:
        self._replies = replies
        self._write = write
        self._brands = brands
        self._metrics = metrics
        self._busy = busy
        self._tried: set[str] = set()  # of the sweep: what got no draft then gets none now

    async def sweep(self) -> None:
        """Draft for tickets that were told while nobody listened: on an embedded broker that is gone, say."""
        while not self._busy() and (missed := await self._replies.missed(BATCH, self._tried)):
            self._tried.update(missed)
            await self._surely(missed)

    async def process(self, batch: Sequence[Message]) -> None:
        """Draft for every ticket of the batch that waits for an answer. The caller acknowledges when this returns.

        A database that is away is waited for. A ticket that cannot be drafted for is logged and goes without: it is in
        the queue all the same, and a person can write.
        """
        await self._surely(list(dict.fromkeys(ticket for message in batch if (ticket := ticket_of(message)))))

    async def _surely(self, tickets: Sequence[str]) -> None:
        pause = 0.1
        while tickets:
            try:
                await self.draft(tickets)
                return
            except DatabaseAway as away:
                log.warning("drafts wait for Postgres: %s", away)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception as error:
                await self._one_by_one(tickets, error)
                return

    async def _one_by_one(self, tickets: Sequence[str], error: Exception) -> None:
        if len(tickets) > 1:
            for ticket in tickets:
                await self._surely([ticket])
            return
        log.error("no draft for %s: %s", tickets[0], where(error))
        self._metrics.drafts.labels("failed").inc()

    async def draft(self, tickets: Sequence[str]) -> list[int]:
        """The ids of the drafts that are new."""
        made: list[int] = []
        wanted = await self._replies.to_draft(tickets)
        for start in range(0, len(wanted), BATCH):
            some = wanted[start : start + BATCH]
            await self._give_way()
            lately = {
                text for brand in {one.request.brand for one in some} for text in await self._replies.lately(brand)
            }
            drafts = await asyncio.to_thread(self._write, [one.request for one in some], lately)
            pairs = [(one, draft, self._approver(one, draft)) for one, draft in zip(some, drafts, strict=True)]
            stored = await self._replies.store(pairs)
            for _, draft, _ in pairs:
                self._metrics.drafts.labels(draft.candidates[0].source).inc()
            made += stored
        return made

    def _approver(self, one: ToDraft, draft: Draft) -> str | None:
        """Who approves it unseen: nobody, unless the brand has said so for this topic, and the text passes the gate."""
        brand = self._brands.get(one.request.brand) if one.request.brand else None
        if brand is None or brand.automatic is None or one.level in ("P1", "P2"):
            return None
        covered = brand.automatic.covers(one.request.topic, one.request.severity)
        return "automatic" if covered and draft.candidates[0].passes else None

    async def _give_way(self) -> None:
        for _ in range(int(LONGEST_YIELD)):
            if not self._busy():
                return
            await asyncio.sleep(1.0)


def ticket_of(message: Message) -> str | None:
    """The ticket that a record on the topic `tickets` tells of; None where nothing can be answered."""
    try:
        told = json.loads(message.value or b"null")
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("withdrawn") or told.get("answered_at"):
        return None
    ticket = told.get("id")
    return ticket if isinstance(ticket, str) else None

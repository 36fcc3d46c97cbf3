"""Drafts for tickets, after the tickets are there: never in their way, and never twice for the same
message.
"""

from __future__ import annotations

import heapq
import json
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

from models.replier.draft import Draft, ReplyRequest
from stream.brands import Brands
from stream.errors import DatabaseAway, where
from stream.observe.metrics import Metrics
from stream.pipeline import Message
from stream.replies.replier_process import ScribeAway
from stream.replies.store import Replies, ToDraft
from stream.triage.points import LEVELS

log = logging.getLogger(__name__)

BATCH = 16  # what the replier does in one run
FEW = 4  # while messages wait to be understood
URGENT = dict(LEVELS)["P2"]  # the least priority that is drafted for while messages wait
MOST = 10_000  # tickets that are remembered; the least urgent of more are found by a sweep
REST = 60.0  # seconds, where nobody can draft
SWEEP_EVERY, SWEEP_AT_MOST = 10.0, 160.0  # seconds; less and less often while a sweep finds nothing

Write = Callable[
    [Sequence[ReplyRequest], Collection[str]], Awaitable[Sequence[Draft]]
]  # requests, texts sent lately


class Drafting:
    """The agent on the topic `tickets` remembers who waits for an answer; `round` drafts, the most
    urgent first.

    busy: whether messages wait to be understood, which comes first: then only urgent tickets are
    drafted for.
    """

    def __init__(
        self,
        replies: Replies,
        write: Write,
        brands: Brands,
        metrics: Metrics,
        busy: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._replies = replies
        self._write = write
        self._brands = brands
        self._metrics = metrics
        self._busy = busy
        self._clock = clock
        self._waiting: dict[str, int] = {}  # ticket -> priority
        self._tried: set[str] = set()  # of the sweep: what got no draft then gets none now
        self._sweep_at, self._sweep_after = clock(), SWEEP_EVERY
        self._rests_until = clock()

    async def process(self, batch: Sequence[Message]) -> None:
        """Remember every ticket of the batch that waits for an answer. The caller acknowledges when
        this returns.

        What is remembered is lost with the process, and then found by a sweep.
        """
        for message in batch:
            if (ticket := ticket_of(message)) is not None:
                self._waiting[ticket[0]] = ticket[1]
        if len(self._waiting) > MOST:
            kept = heapq.nlargest(MOST, self._waiting.items(), key=lambda one: one[1])
            self._waiting = dict(kept)

    async def round(self) -> None:
        """Draft until nobody waits whom there is time for. Raises DatabaseAway: the next round goes
        on.

        A ticket that cannot be drafted for is logged and goes without: it is in the queue all the
        same, and a person can write.
        """
        while self._clock() >= self._rests_until and (some := self._next() or await self._swept()):
            try:
                await self._surely(list(some))
            except DatabaseAway:
                self._waiting = some | self._waiting
                raise
            except ScribeAway as error:
                self._waiting = some | self._waiting
                self._rests_until = self._clock() + REST
                log.error("no replies are drafted: %s; tried again in %.0f s", error, REST)

    def _next(self) -> dict[str, int]:
        """The tickets that come next, taken from those that wait."""
        busy = self._busy()
        open_to = {
            ticket: priority
            for ticket, priority in self._waiting.items()
            if priority >= URGENT or not busy
        }
        some = dict(heapq.nlargest(FEW if busy else BATCH, open_to.items(), key=lambda one: one[1]))
        for ticket in some:
            del self._waiting[ticket]
        return some

    async def _swept(self) -> dict[str, int]:
        """Tickets that were told while nobody listened: on an embedded broker that is gone, say."""
        if self._busy() or self._clock() < self._sweep_at:
            return {}
        missed = await self._replies.missed(BATCH, self._tried)
        self._tried.update(missed)
        self._sweep_after = SWEEP_EVERY if missed else min(SWEEP_AT_MOST, 2 * self._sweep_after)
        self._sweep_at = self._clock() + (0 if missed else self._sweep_after)
        return dict.fromkeys(missed, 0)

    async def _surely(self, tickets: Sequence[str]) -> None:
        try:
            await self.draft(tickets)
        except (DatabaseAway, ScribeAway):
            raise
        except Exception as error:
            # Whatever a message does to the model or the templates, the other tickets' drafts are
            # still written.
            if len(tickets) > 1:  # it may be one message alone
                for ticket in tickets:
                    await self._surely([ticket])
                return
            log.error("no draft for %s: %s", tickets[0], where(error))
            self._metrics.drafts.labels("failed").inc()

    async def draft(self, tickets: Sequence[str]) -> list[int]:
        """The ids of the drafts that are new."""
        wanted = await self._replies.to_draft(tickets)
        if not wanted:
            return []
        brands = {one.request.brand for one in wanted}
        lately = {text for brand in brands for text in await self._replies.lately(brand)}
        drafts = await self._write([one.request for one in wanted], lately)
        pairs = [
            (one, draft, self._approver(one, draft))
            for one, draft in zip(wanted, drafts, strict=True)
        ]
        stored = await self._replies.store(pairs)
        for _, draft, _ in pairs:
            self._metrics.drafts.labels(draft.candidates[0].source).inc()
        return stored

    def _approver(self, one: ToDraft, draft: Draft) -> str | None:
        """Who approves it unseen: nobody, unless the brand has said so for this topic, and the text
        passes the gate.
        """
        brand = self._brands.get(one.request.brand) if one.request.brand else None
        if brand is None or brand.automatic is None or one.level in ("P1", "P2"):
            return None
        covered = brand.automatic.covers(one.request.topic, one.request.severity)
        return "automatic" if covered and draft.candidates[0].passes else None


def ticket_of(message: Message) -> tuple[str, int] | None:
    """The ticket that a record on the topic `tickets` tells of, with its priority; None: there is
    nothing to answer.
    """
    try:
        told = json.loads(message.value or b"null")
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("withdrawn") or told.get("answered_at"):
        return None
    ticket, priority = told.get("id"), told.get("priority")
    return (
        (ticket, priority if isinstance(priority, int) else 0) if isinstance(ticket, str) else None
    )

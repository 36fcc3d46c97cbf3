"""Drafter of replies: after the tickets are stored, never in their way."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace

from models.replier.draft import Draft, ReplyRequest
from stream.brands import Brands
from stream.errors import DatabaseAway, where
from stream.observe.metrics import Metrics
from stream.replies.replier_process import ReplierAway
from stream.replies.statements import AUTOMATIC
from stream.replies.store import Replies, ToDraft
from stream.triage.points import LEVELS

log = logging.getLogger(__name__)

BATCH = 16  # tickets that the replier drafts for in one run
FEW = 4  # while messages wait to be understood
URGENT = dict(LEVELS)["P2"]  # the lowest priority that is drafted for while messages wait
REST = 60.0  # seconds without a try where the replier cannot be used
LOOK_FIRST, LOOK_LONGEST = 10.0, 160.0  # seconds between looks that no bell asked for

# requests, texts sent lately -> a draft of each request
Write = Callable[[Sequence[ReplyRequest], Collection[str]], Awaitable[Sequence[Draft]]]


def with_trades(requests: Sequence[ReplyRequest], brands: Brands) -> list[ReplyRequest]:
    """The requests with the trades of their brands: a bank's customer is asked for no flight."""
    return [replace(request, trade=brands.trade_of(request.brand)) for request in requests]


class Drafter:
    """Drafts for the tickets that Postgres says wait for a draft, the most urgent first.

    Whoever stores tickets rings its bell: that is worth a look at the tickets that changed lately.
    A look at all open tickets, now and then, makes up for bells that a crash lost or that another
    process did not ring, and for the tickets that were left out while messages waited.

    busy: whether messages wait to be understood, which comes first. Then only urgent tickets are
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
        self._rung = True
        self._pause = LOOK_FIRST
        self._look_at = clock()
        self._rests_until = clock()
        self._undrafted: dict[str, int] = {}  # ticket -> the version that got no draft

    def ring(self) -> None:
        """Say that tickets were stored: the next round looks at them."""
        self._rung = True

    async def round(self) -> None:
        """Draft until no ticket waits that there is time for. Raises DatabaseAway.

        A ticket that cannot be drafted for is logged and stays without a draft: it is in the queue
        all the same, and a person can write.
        """
        while await self._draft_next():
            pass

    async def _draft_next(self) -> bool:
        """Draft for the tickets that come next; False where there are none, or no replier."""
        now, busy = self._clock(), self._busy()
        every = now >= self._look_at and not busy
        if now < self._rests_until or not (every or self._rung):
            return False
        self._rung = False  # before the look: a ticket that comes during it rings again
        try:
            useful = await self._draft_claimed(busy=busy, recent=not every)
        except DatabaseAway:
            self._rung = True
            raise
        except ReplierAway as error:
            self._rung = True
            self._rests_until = self._clock() + REST
            log.error("no replies are drafted: %s; tried again in %.0f s", error, REST)
            return False
        if every:
            self._pause = LOOK_FIRST if useful else min(LOOK_LONGEST, 2 * self._pause)
            self._look_at = self._clock() + (0 if useful else self._pause)
        elif busy:
            self._rung, self._look_at = True, now
        return useful

    async def _draft_claimed(self, *, busy: bool, recent: bool) -> bool:
        """Draft for the tickets that come next. recent: only changed ones."""
        limit, minimum = (FEW, URGENT) if busy else (BATCH, 0)
        async with self._replies.claim(
            limit, minimum=minimum, exclude=self._undrafted, recent=recent
        ) as waiting:
            drafted = await self._draft_surely(list(waiting))
        for ticket, version in waiting.items():
            if ticket not in drafted:
                self._undrafted[ticket] = version
        return bool(waiting)

    async def _draft_surely(self, tickets: Sequence[str]) -> set[str]:
        """Draft for these tickets together, or for each alone where that fails."""
        try:
            return await self.draft(tickets)
        except (DatabaseAway, ReplierAway):
            raise
        except Exception as error:
            # Whatever a message does to the model or the templates, the other tickets' drafts are
            # still written.
            if len(tickets) > 1:  # one message alone may be the reason
                drafted: set[str] = set()
                for ticket in tickets:
                    drafted |= await self._draft_surely([ticket])
                return drafted
            log.error("no draft for %s: %s", tickets[0], where(error))
            self._metrics.drafts.labels("failed").inc()
            return set()

    async def draft(self, tickets: Sequence[str]) -> set[str]:
        """Draft for those of the tickets that wait for a draft, and return them."""
        messages = await self._replies.to_draft(tickets) if tickets else []
        if not messages:
            return set()
        brands = {message.request.brand for message in messages}
        recent: set[str] = set()
        for brand in brands:
            recent.update(await self._replies.lately(brand))
        drafts = await self._write(
            with_trades([message.request for message in messages], self._brands), recent
        )
        await self._replies.store(
            [
                (message, draft, self._approver(message, draft))
                for message, draft in zip(messages, drafts, strict=True)
            ]
        )
        for draft in drafts:
            self._metrics.drafts.labels(draft.candidates[0].source).inc()
        return {message.ticket_id for message in messages}

    def _approver(self, message: ToDraft, draft: Draft) -> str | None:
        """Who approves the draft unseen: nobody, or "automatic".

        Only where the brand allows it for this topic, and the text passes the gate; never where
        somebody may come to harm.
        """
        request = message.request
        if request.gravity is not None:
            return None
        brand = self._brands.get(request.brand) if request.brand else None
        if brand is None or brand.automatic is None or message.level in ("P1", "P2"):
            return None
        covered = brand.automatic.covers(request.topic, request.severity)
        return AUTOMATIC if covered and draft.candidates[0].passes else None

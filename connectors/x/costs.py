"""Costs of X: every post that is read and every reply that is sent, against a budget a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from math import inf
from time import monotonic
from typing import Literal

from connectors.network import BudgetSpent, Ledger

# Millionths of a US dollar for one (https://docs.x.com/x-api/getting-started/pricing, read in
# November 2026).
PRICES = {"read": 5_000, "owned_read": 1_000, "post": 15_000, "post_with_url": 200_000}

OnBudget = Literal["poll", "sample", "stop"]
WRITTEN_EVERY = 5.0  # seconds that costs may wait in memory, where a kill would forget them
HARD = 2.0  # cheaper reading beyond the budget ends at twice the budget
_FOLLOWING: Mapping[OnBudget, str] = {
    "stop": "X is read again tomorrow (UTC)",
    "poll": "only the account's own mentions are read until tomorrow (UTC)",
    "sample": "only a sample is read until tomorrow (UTC)",
}


class Meter:
    """Spending of one brand on X in a day of UTC. X charges a post once a day, however often it is
    read.

    budget: in dollars a day; None: no end. on_spent: called once a day, when the budget is reached.
    written_every: seconds after which new costs are due to be settled.
    """

    def __init__(
        self,
        brand: str,
        ledger: Ledger,
        *,
        budget: float | None,
        on_budget: OnBudget,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_spent: Callable[[BudgetSpent], None] = lambda spent: None,
        written_every: float = WRITTEN_EVERY,
    ) -> None:
        self.brand = brand
        self.on_budget: OnBudget = on_budget
        self.now = now
        self._ledger = ledger
        self._budget = None if budget is None else round(budget * 1e6)
        self._on_spent = on_spent
        self._day = now().astimezone(UTC).date()
        self._spent = 0  # as the ledger has it
        self._pending: Counter[str] = Counter()
        self._written_every = written_every
        self._pending_since: float | None = None  # of the monotonic clock
        self._charged: set[str] = set()
        self._reported: date | None = None

    @property
    def spent(self) -> int:
        """Today's, in millionths of a dollar."""
        self._turn_the_day()
        return self._spent + sum(PRICES[kind] * count for kind, count in self._pending.items())

    @property
    def exhausted(self) -> bool:
        """Is the day's budget reached?"""
        return self._budget is not None and self.spent >= self._budget

    @property
    def finished(self) -> bool:
        """Is nothing to be bought any more today, not even cheaper posts?"""
        if self._budget is None:
            return False
        limit = self._budget if self.on_budget == "stop" else self._budget * HARD
        return self.spent >= limit

    @property
    def due_in(self) -> float:
        """Seconds until `settle` is due: infinite where nothing is unwritten."""
        if self._pending_since is None:
            return inf
        return max(0.0, self._pending_since + self._written_every - monotonic())

    def until_tomorrow(self) -> float:
        """Seconds until the next day of UTC, with one to spare."""
        now = self.now().astimezone(UTC)
        tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        return (tomorrow - now).total_seconds() + 1.0

    def read(self, ids: Iterable[str], *, owned: bool = False) -> None:
        """Posts that X returned, by the id of the revision."""
        self._turn_the_day()
        fresh = set(ids) - self._charged
        self._charged |= fresh
        self._add("owned_read" if owned else "read", len(fresh))
        self._report()

    def posted(self, text: str) -> None:
        """A reply that was sent, or may have been."""
        self._turn_the_day()
        has_url = "http://" in text or "https://" in text
        self._add("post_with_url" if has_url else "post", 1)
        self._report()

    async def settle(self) -> None:
        """Write the new costs down, and learn of those of other processes."""
        self._turn_the_day()
        day, pending, self._pending = self._day, self._pending, Counter()
        self._pending_since = None
        try:
            spent = await self._ledger.add(self.brand, day, pending, PRICES)
        except BaseException:
            self._pending += pending
            self._pending_since = monotonic()
            raise
        if day == self._day:
            self._spent = spent
        self._report()

    def _add(self, kind: str, count: int) -> None:
        self._pending[kind] += count
        if count and self._pending_since is None:
            self._pending_since = monotonic()

    def _report(self) -> None:
        if self._budget is None or not self.exhausted or self._reported == self._day:
            return
        self._reported = self._day
        dollars = f"{self.spent / 1e6:.2f} of {self._budget / 1e6:.2f} dollars"
        message = f"X's budget of {self.brand or 'today'} is reached: {dollars}"
        self._on_spent(
            BudgetSpent(
                self.brand,
                self._day,
                self.spent,
                self._budget,
                self.on_budget,
                f"{message}; {_FOLLOWING[self.on_budget]}",
            )
        )

    def _turn_the_day(self) -> None:
        today = self.now().astimezone(UTC).date()
        if today > self._day:  # never back: a clock that jumps buys no second budget
            self._day, self._spent = today, 0
            self._charged.clear()

"""What X costs: every post that is read and every reply that is sent, against a budget a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Protocol

# Millionths of a US dollar for one (https://docs.x.com/x-api/getting-started/pricing, read in
# November 2026).
PRICES = {"read": 5_000, "owned_read": 1_000, "post": 15_000, "post_with_url": 200_000}

OnBudget = Literal["poll", "sample", "stop"]
HARD = 2.0  # what goes on cheaper beyond the budget ends at twice the budget


class Ledger(Protocol):
    """Where spending is written down, so that a restart and other processes know of it."""

    async def add(
        self, brand: str, day: date, counts: Mapping[str, int], prices: Mapping[str, int]
    ) -> int:
        """Add to what was spent on this day and return the day's sum in millionths of a dollar."""
        ...


class Meter:
    """What one brand spends on X in a day of UTC. X charges a post once a day, however often it is
    read.

    budget: in dollars a day; None: no end. told: hears once a day that the budget is reached.
    """

    def __init__(
        self,
        brand: str,
        ledger: Ledger,
        *,
        budget: float | None,
        on_budget: OnBudget,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        reached: Callable[[Reached], None] = lambda reached: None,
    ) -> None:
        self.brand = brand
        self.on_budget: OnBudget = on_budget
        self.now = now
        self._ledger = ledger
        self._budget = None if budget is None else round(budget * 1e6)
        self._reached = reached
        self._day = now().astimezone(UTC).date()
        self._spent = 0  # as the ledger said
        self._pending: Counter[str] = Counter()
        self._charged: set[str] = set()
        self._told: date | None = None

    @property
    def spent(self) -> int:
        """Today's, in millionths of a dollar."""
        self._turn_the_day()
        return self._spent + sum(PRICES[what] * count for what, count in self._pending.items())

    @property
    def exhausted(self) -> bool:
        """Is the day's budget reached?"""
        return self._budget is not None and self.spent >= self._budget

    @property
    def finished(self) -> bool:
        """Is nothing to be bought any more today, not even what is cheaper?"""
        if self._budget is None:
            return False
        return self.spent >= (self._budget if self.on_budget == "stop" else self._budget * HARD)

    def until_tomorrow(self) -> float:
        """Seconds until the next day of UTC, with one to spare."""
        now = self.now().astimezone(UTC)
        return (
            datetime.combine(now.date() + timedelta(days=1), time(), UTC) - now
        ).total_seconds() + 1.0

    def read(self, ids: Iterable[str], *, owned: bool = False) -> None:
        """Posts that X returned, by the id of the revision."""
        self._turn_the_day()
        fresh = set(ids) - self._charged
        self._charged |= fresh
        self._pending["owned_read" if owned else "read"] += len(fresh)
        self._tell()

    def posted(self, text: str) -> None:
        """A reply that was sent, or may have been."""
        self._turn_the_day()
        self._pending["post_with_url" if "http://" in text or "https://" in text else "post"] += 1
        self._tell()

    async def settle(self) -> None:
        """Write down what is new, and learn what others have spent today."""
        self._turn_the_day()
        day, pending, self._pending = self._day, self._pending, Counter()
        try:
            spent = await self._ledger.add(self.brand, day, pending, PRICES)
        except BaseException:
            self._pending += pending
            raise
        if day == self._day:
            self._spent = spent
        self._tell()

    def _tell(self) -> None:
        if self.exhausted and self._told != self._day and self._budget is not None:
            self._told = self._day
            self._reached(Reached(self.brand, self._day, self.spent, self._budget, self.on_budget))

    def _turn_the_day(self) -> None:
        today = self.now().astimezone(UTC).date()
        if today > self._day:  # never back: a clock that jumps buys no second budget
            self._day, self._spent = today, 0
            self._charged.clear()


class Reached:
    """The budget of a day is reached. spent, budget: in millionths of a dollar."""

    def __init__(self, brand: str, day: date, spent: int, budget: int, then: OnBudget) -> None:
        self.brand, self.day, self.spent, self.budget, self.then = brand, day, spent, budget, then

    def __str__(self) -> str:
        then = {
            "stop": "X is read again tomorrow (UTC)",
            "poll": "only the account's own mentions are read until tomorrow (UTC)",
            "sample": "only a sample is read until tomorrow (UTC)",
        }[self.then]
        spent = f"{self.spent / 1e6:.2f} of {self.budget / 1e6:.2f} dollars"
        return f"X's budget of {self.brand or 'today'} is reached: {spent}; {then}"

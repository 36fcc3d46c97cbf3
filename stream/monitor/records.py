"""Records of the monitor: numbers that are JSON as they stand, with the time that they cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from stream.monitor.drift import Drift

Span = Literal["1h", "24h", "7d", "30d", "90d"]
SPANS: tuple[Span, ...] = get_args(Span)
NO_BRAND = "no brand"
NO_TOPIC = "no topic"

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

LENGTH: Mapping[Span, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
STEP: Mapping[Span, timedelta] = {
    "1h": timedelta(minutes=2),
    "24h": timedelta(minutes=30),
    "7d": timedelta(hours=3),
    "30d": timedelta(hours=12),
    "90d": timedelta(days=1),
}
_MONDAY = datetime(2000, 1, 3, tzinfo=UTC)  # steps of hours begin with the day


@dataclass(frozen=True, slots=True)
class Spent:
    """What a network was paid for a brand today, a day of UTC."""

    network: str
    brand: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time: since <= a message's own time < until. step: of its points, in seconds.

    live: it ends now. A stream whose latest message is older than the range (a replay) is shown as
    of that message.
    """

    span: Span
    since: datetime
    until: datetime
    step: int
    live: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a series. dissatisfaction: mean, 0 to 100."""

    at: datetime
    messages: int
    negative: int
    complaints: int
    dissatisfaction: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Customers' messages by brand and by topic, each by time; steps without a message are left
    out.
    """

    window: Window
    brands: dict[str, list[Point]]
    topics: dict[str, list[Point]]


@dataclass(frozen=True, slots=True)
class Versions:
    """Which models judged the latest messages. in_use: the very latest's; shares: by version, of
    `messages`.
    """

    in_use: str | None
    messages: int
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class Mixes:
    """Drift of the latest messages.

    sentiment: against the model's training mix, None where it is unknown. topics: against the 7
    days before.
    """

    versions: Versions
    sentiment: Drift | None
    topics: Drift


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the stream is behind. messages: waiting in Kafka; None where Kafka did not answer.

    idle_seconds: since the last event was saved. said_to_saved_seconds: median of the latest
    events; None where those are not live.
    """

    messages: int | None
    idle_seconds: float | None
    said_to_saved_seconds: float | None


@dataclass(frozen=True, slots=True)
class MonitorQuery:
    """What to show. brands: those that the person is bound to; None: all. brand: the chosen one."""

    span: Span = "24h"
    brand: str | None = None
    brands: frozenset[str] | None = None

    @property
    def scope(self) -> list[str] | None:
        """The brands to look at; None: all, and what has no brand."""
        if self.brand is None:
            return None if self.brands is None else sorted(self.brands)
        return [self.brand] if self.brands is None or self.brand in self.brands else []


@dataclass(frozen=True, slots=True)
class TrainingMix:
    """Sentiments by count in the training set of this process's model, and the model's version."""

    version: str
    sentiment: Mapping[str, int] = field(default_factory=dict)


def window_of(span: Span, latest: datetime | None, now: datetime) -> Window:
    """Ends with the running step; as of the latest message where all are older than the range."""
    live = latest is None or latest >= now - LENGTH[span]
    end = now if live or latest is None else latest + MINUTE
    if latest is not None:
        end = max(end, latest + MINUTE)
    step = STEP[span]
    until = _MONDAY + -(-(end - _MONDAY) // step) * step
    return Window(span, until - LENGTH[span], until, int(step.total_seconds()), live)

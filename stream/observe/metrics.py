"""Metrics for Prometheus and `earshot bench`: of a worker, of ingest, of the web, of the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.skipped import KINDS, TALLY
from stream.postgres.gauges import Figures

STAGES = ("decode", "redact", "analyze", "save", "publish", "judge")
JUDGEMENT_STEPS = ("redact", "brand", "language", "model", "save", "cues", "fold")
LEVELS = ("P1", "P2", "P3", "P4")
DEPENDENCIES = ("Kafka", "Postgres")
DRAFT_SOURCES = ("model", "template", "past", "failed")
REPLY_STATES = ("sent", "failed", "uncertain", "discarded", "draft")

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Skipped(Collector):
    """What the readers of this process left out, by kind: 0 before the first."""

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily(
            "earshot_skipped", "Parts of what was read that were left out.", labels=["kind"]
        )
        counts = TALLY.counts()
        for kind in KINDS:
            counter.add_metric([kind], counts[kind])
        yield counter


class Metrics:
    """The collectors of one worker, in a registry of their own."""

    def __init__(
        self, clock: Callable[[], float] = time.time, *, topics: Iterable[str] = ()
    ) -> None:
        """topics: that are read."""
        self._clock = clock
        self._caught_up_at = clock()
        self._waiting = 0
        self.registry = registry = CollectorRegistry()
        self.events = Counter(
            "earshot_events", "Messages taken from Kafka.", ["topic"], registry=registry
        )
        self.failed = Counter(
            "earshot_judgements_failed",
            "Steps of a judgement that failed: the event is stored and needs a look.",
            ["step"],
            registry=registry,
        )
        self.scored = Counter("earshot_scored", "Texts that a model judged.", registry=registry)
        self.tickets = Counter(
            "earshot_tickets_written", "Tickets made or changed.", ["level"], registry=registry
        )
        self.alerts = Counter("earshot_alerts", "Alerts raised.", ["kind"], registry=registry)
        self.dead = Counter(
            "earshot_dead_letters", "Messages buried.", ["topic"], registry=registry
        )
        self.drafts = Counter(
            "earshot_drafts", "Replies drafted, by source.", ["source"], registry=registry
        )
        self.replies = Counter(
            "earshot_replies", "Replies decided by the outbox.", ["state"], registry=registry
        )
        self.retries = Counter(
            "earshot_dependency_retries", "Waits for what is away.", ["what"], registry=registry
        )
        self.stage = Histogram(
            "earshot_stage_seconds",
            "Seconds a batch spent in a stage.",
            ["stage"],
            buckets=_FAST,
            registry=registry,
        )
        self.batch = Histogram(
            "earshot_batch_size", "Messages in a batch.", buckets=_SIZES, registry=registry
        )
        self.latency = Histogram(
            "earshot_commit_seconds",
            "Seconds from produce to commit.",
            buckets=_FAST,
            registry=registry,
        )
        self.ready = Gauge("earshot_ready", "1 while nothing is waited for.", registry=registry)
        self.lag = Gauge("earshot_lag", "Messages behind, all input partitions.", registry=registry)
        self.lag_seconds = Gauge(
            "earshot_lag_seconds",
            "Seconds behind: how old the stream is at the last commit.",
            registry=registry,
        )
        self.lag_seconds.set_function(self._lag_in_seconds)
        self.model = Gauge(
            "earshot_model_info", "1 for the model version in use.", ["version"], registry=registry
        )
        ProcessCollector(registry=registry)
        registry.register(Skipped())
        # What has not happened yet is 0: a rate over a series that is not there cannot raise an
        # alert.
        for topic in topics:
            self.events.labels(topic)
            self.dead.labels(topic)
        for stage in STAGES:
            self.stage.labels(stage)
        for dependency in DEPENDENCIES:
            self.retries.labels(dependency)
        for step in JUDGEMENT_STEPS:
            self.failed.labels(step)
        for source in DRAFT_SOURCES:
            self.drafts.labels(source)
        for state in REPLY_STATES:
            self.replies.labels(state)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stage.labels(stage).observe(time.perf_counter() - started)

    def committed(self, produced_at: float) -> None:
        """A message of that time (seconds since the epoch) is committed: the stream is at least so
        young here.
        """
        self._caught_up_at = max(self._caught_up_at, min(produced_at, self._clock()))

    def saw_lag(self, messages: int) -> None:
        """So many messages wait, on all input partitions."""
        self.lag.set(messages)
        self._waiting = messages
        if messages == 0:
            self._caught_up_at = self._clock()

    def _lag_in_seconds(self) -> float:
        return max(0.0, self._clock() - self._caught_up_at) if self._waiting else 0.0


class IngestMetrics:
    """The collectors of one `earshot ingest` of a live network."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._events = Counter(
            "earshot_ingested", "Events that a source gave.", ["source"], registry=registry
        )
        self._breaks = Counter(
            "earshot_ingest_breaks", "Connections that broke.", ["source"], registry=registry
        )
        self._skipped = Counter(
            "earshot_ingest_skipped",
            "Messages that are no event, such as automatic answers.",
            ["source", "reason"],
            registry=registry,
        )
        self._up = Gauge(
            "earshot_ingest_connected",
            "1 while a source is connected.",
            ["source"],
            registry=registry,
        )
        self._spent = Gauge(
            "earshot_spend_dollars",
            "Dollars paid today (UTC).",
            ["network", "brand"],
            registry=registry,
        )
        ProcessCollector(registry=registry)
        registry.register(Skipped())

    def saw(self, source: str, events: int, breaks: int, connected: bool) -> None:
        """events, breaks: since the last time."""
        self._events.labels(source).inc(events)
        self._breaks.labels(source).inc(breaks)
        self._up.labels(source).set(connected)

    def skipped(self, source: str, messages: Mapping[str, int]) -> None:
        """messages: since the last time, by the reason."""
        for reason, count in messages.items():
            self._skipped.labels(source, reason).inc(count)

    def paid(self, dollars: Mapping[tuple[str, str], float]) -> None:
        """Today's, by network and brand."""
        self._spent.clear()  # yesterday's do not stay
        for (network, brand), amount in dollars.items():
            self._spent.labels(network, brand).set(amount)


class RequestMetrics:
    """The collectors of one web process: what it was asked, and how long it took to answer."""

    def __init__(self, collectors: Iterable[Collector] = ()) -> None:
        """collectors: of what else is to be watched here, such as a language model."""
        self.registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "earshot_request_seconds",
            "Seconds until the answer to a request began.",
            ["route", "method", "status"],
            buckets=_FAST,
            registry=registry,
        )
        self._refused = Counter(
            "earshot_hook_events_refused",
            "Events of webhooks that do not fit their field map.",
            ["hook"],
            registry=registry,
        )
        ProcessCollector(registry=registry)
        for collector in (Skipped(), *collectors):
            registry.register(collector)
        self._seconds.labels("/v1/analyze", "POST", "2xx")  # 0 before the first: see above

    def may_fail(self, routes: Iterable[tuple[str, str]]) -> None:
        """Every (route, method) that is declared: 0 faults before its first, which no rate would
        see otherwise.
        """
        for route, method in routes:
            if method in _METHODS:
                self._seconds.labels(route, method, "5xx")

    def refused_events(self, events: int) -> None:
        """Of `POST /v1/events`."""
        TALLY.add("event", events)

    def refused(self, hook: str, events: int) -> None:
        TALLY.add("hook_event", events)
        self._refused.labels(hook).inc(events)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """route: as it is declared (`/v1/hooks/{name}`), so that nobody's ids become series."""
        known = method if method in _METHODS else "other"
        self._seconds.labels(route, known, f"{status // 100}xx").observe(seconds)


def store_metrics(figures: Figures) -> CollectorRegistry:
    """What the database holds, as the web tells it."""
    registry = CollectorRegistry()
    Gauge(
        "earshot_stored_events", "Events in the store, an estimate of many.", registry=registry
    ).set(figures.events)
    Gauge("earshot_database_bytes", "Size of the database.", registry=registry).set(
        figures.database_bytes
    )
    _by(
        "earshot_open_tickets",
        "Tickets in the queue.",
        "level",
        LEVELS,
        figures.open_tickets,
        registry,
    )
    _by(
        "earshot_late_tickets",
        "Tickets past their promise.",
        "level",
        LEVELS,
        figures.late_tickets,
        registry,
    )
    waiting = ("dead", "replayed")
    _by(
        "earshot_dead_letters_waiting",
        "Dead letters not resolved.",
        "state",
        waiting,
        figures.dead_letters,
        registry,
    )
    states = ("approved", "sending", "failed", "uncertain")
    _by("earshot_outbox", "Replies on their way.", "state", states, figures.outbox, registry)
    Gauge(
        "earshot_outbox_age_seconds",
        "How long the oldest approved reply has waited.",
        registry=registry,
    ).set(figures.outbox_seconds)
    _by(
        "earshot_source_silent_seconds",
        "Since a source's cursor moved.",
        "source",
        (),
        figures.sources,
        registry,
    )
    delivery_states = ("queued", "sending", "failed")
    _by(
        "earshot_alert_deliveries",
        "Alerts on their way to people.",
        "state",
        delivery_states,
        figures.deliveries,
        registry,
    )
    Gauge(
        "earshot_alert_delivery_age_seconds",
        "How long the oldest alert waits to be sent.",
        registry=registry,
    ).set(figures.deliveries_seconds)
    spend = Gauge(
        "earshot_spend_dollars",
        "Paid to networks today (UTC).",
        ["network", "brand"],
        registry=registry,
    )
    for network, brand, dollars in figures.spend:
        spend.labels(network, brand).set(dollars)
    return registry


def _by(
    name: str,
    description: str,
    label: str,
    always: tuple[str, ...],
    values: Mapping[str, float],
    registry: CollectorRegistry,
) -> None:
    """A gauge with a value for each label, 0 for those of `always` that are not there."""
    gauge = Gauge(name, description, [label], registry=registry)
    for value, number in (dict.fromkeys(always, 0) | dict(values)).items():
        gauge.labels(value).set(number)

"""What a worker counts, for Prometheus and for `earshot bench`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

STAGES = ("decode", "redact", "analyze", "save", "publish")

_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The collectors of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.events = Counter("earshot_events", "Messages taken from Kafka.", ["topic"], registry=registry)
        self.scored = Counter("earshot_scored", "Texts that a model judged.", registry=registry)
        self.tickets = Counter("earshot_tickets_written", "Tickets made or changed.", ["level"], registry=registry)
        self.alerts = Counter("earshot_alerts", "Alerts raised.", ["kind"], registry=registry)
        self.dead = Counter("earshot_dead_letters", "Messages buried.", ["topic"], registry=registry)
        self.retries = Counter("earshot_dependency_retries", "Waits for what is away.", ["what"], registry=registry)
        self.stage = Histogram(
            "earshot_stage_seconds", "Seconds a batch spent in a stage.", ["stage"], buckets=_FAST, registry=registry
        )
        self.batch = Histogram("earshot_batch_size", "Messages in a batch.", buckets=_SIZES, registry=registry)
        self.latency = Histogram(
            "earshot_commit_seconds", "Seconds from produce to commit.", buckets=_FAST, registry=registry
        )
        self.ready = Gauge("earshot_ready", "1 while nothing is waited for.", registry=registry)
        self.lag = Gauge("earshot_lag", "Messages behind, all input partitions.", registry=registry)
        self.model = Gauge("earshot_model_info", "1 for the model version in use.", ["version"], registry=registry)
        for stage in STAGES:
            self.stage.labels(stage)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stage.labels(stage).observe(time.perf_counter() - started)

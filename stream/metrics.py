"""What a worker counts, for Prometheus and for `earshot bench`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

STAGES = ("decode", "redact", "analyze", "save", "publish")

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The collectors of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = {"registry": self.registry, "namespace": "earshot"}
        self.events = Counter("events", "Messages taken from Kafka.", ["topic"], **own)
        self.scored = Counter("scored", "Texts that a model judged.", **own)
        self.tickets = Counter("tickets_written", "Tickets made or changed.", ["level"], **own)
        self.alerts = Counter("alerts", "Alerts raised.", ["kind"], **own)
        self.dead = Counter("dead_letters", "Messages buried.", ["topic"], **own)
        self.retries = Counter("dependency_retries", "Times a batch waited for something away.", ["what"], **own)
        self.stage = Histogram("stage_seconds", "Seconds a batch spent in a stage.", ["stage"], buckets=_FAST, **own)
        self.batch = Histogram("batch_size", "Messages in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256), **own)
        self.latency = Histogram("commit_seconds", "Seconds from produce to commit.", buckets=_FAST, **own)
        self.ready = Gauge("ready", "1 while nothing is waited for.", **own)
        self.lag = Gauge("lag", "Messages behind, all input partitions.", **own)
        self.model = Gauge("model_info", "1 for the model version in use.", ["version"], **own)
        for stage in STAGES:
            self.stage.labels(stage)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stage.labels(stage).observe(time.perf_counter() - started)

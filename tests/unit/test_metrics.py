"""What a worker tells Prometheus of how far it is behind."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from stream.kafka import INPUTS
from stream.observe.metrics import LEVELS, IngestMetrics, Metrics, store_metrics
from stream.postgres.gauges import Figures


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(clock)


def behind(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("earshot_lag_seconds")


@pytest.mark.parametrize("topic", INPUTS)
@pytest.mark.parametrize("name", ["earshot_events_total", "earshot_dead_letters_total"])
def test_a_topic_that_is_read_is_told_before_its_first_message(name, topic):
    """An increase from nothing at all is none: nobody would be told of the first dead letters."""
    metrics = Metrics(topics=INPUTS)

    assert metrics.registry.get_sample_value(name, {"topic": topic}) == 0


def test_a_worker_without_messages_to_read_is_not_behind(metrics, clock):
    metrics.committed(990.0)
    metrics.saw_lag(0)
    clock.now = 5000.0

    assert behind(metrics) == 0


def test_while_messages_wait_the_time_since_the_last_committed_one_is_told(metrics, clock):
    metrics.saw_lag(40)
    clock.now = 1030.0
    metrics.committed(1012.0)

    assert behind(metrics) == pytest.approx(18)


def test_a_worker_that_stands_still_falls_behind_by_the_second(metrics, clock):
    metrics.saw_lag(0)
    metrics.saw_lag(5)
    clock.now = 1300.0

    assert behind(metrics) == pytest.approx(300)


def test_one_message_after_a_quiet_night_is_no_lag_of_hours(metrics, clock):
    metrics.committed(900.0)
    clock.now = 40_000.0
    metrics.saw_lag(0)
    clock.now = 40_001.0
    metrics.saw_lag(1)

    assert behind(metrics) == pytest.approx(1)


def test_what_has_not_happened_yet_is_there_as_zero():
    worker, store = (
        generate_latest(Metrics().registry).decode(),
        generate_latest(store_metrics(Figures(3, 8))),
    )

    assert 'earshot_dependency_retries_total{what="Postgres"} 0.0' in worker
    assert [
        f'earshot_late_tickets{{level="{level}"}} 0.0'.encode() in store for level in LEVELS
    ] == [True] * 4


def test_the_database_tells_its_queue_its_outbox_and_its_sources():
    told = store_metrics(
        Figures(
            events=3,
            database_bytes=8,
            outbox_seconds=61.5,
            late_tickets={"P1": 2},
            dead_letters={"dead": 4},
            outbox={"approved": 1},
            sources={"bluesky": 12.0},
            spend=[("x", "SkyNorth", 3.25)],
        )
    )

    assert told.get_sample_value("earshot_late_tickets", {"level": "P1"}) == 2
    assert told.get_sample_value("earshot_dead_letters_waiting", {"state": "dead"}) == 4
    assert told.get_sample_value("earshot_outbox_age_seconds") == 61.5
    assert (
        told.get_sample_value("earshot_spend_dollars", {"network": "x", "brand": "SkyNorth"})
        == 3.25
    )
    assert told.get_sample_value("earshot_source_silent_seconds", {"source": "bluesky"}) == 12


def test_what_a_network_gave_that_is_no_event_is_counted_by_its_reason():
    metrics = IngestMetrics()
    metrics.skipped("imap:care", {"an automatic answer": 2})
    metrics.skipped("imap:care", {"an automatic answer": 1, "it says nothing": 1})

    told = generate_latest(metrics.registry).decode()
    series = 'earshot_ingest_skipped_total{reason="an automatic answer",source="imap:care"} 3.0'
    assert series in told

"""Traces from produce to commit, told to a collector of our own; and what they cost where nobody
asked for them.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import MemoryStore, Published, message, sentiment_of_length, tweet
from servers.otlp import Collector

from stream.bootstrap.traces import open_traces
from stream.brands import Brands
from stream.errors import UserError
from stream.kafka import Outgoing, Publisher
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.observe.traces import OFF
from stream.pipeline import Pipeline
from stream.triage.judgement import Judge

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def collector(monkeypatch):
    async with Collector().open() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.address)
        yield running


class Producer:
    """Takes what a Kafka producer takes, and confirms it."""

    def __init__(self) -> None:
        self.sent = []

    async def send(self, topic, *, value, key, headers):
        self.sent.append((topic, headers))
        done = asyncio.get_running_loop().create_future()
        done.set_result(
            type("Confirmed", (), {"topic": topic, "partition": 0, "offset": len(self.sent)})
        )
        return done


async def closed(*traces):
    for each in traces:
        await asyncio.to_thread(each.close)


def pipeline(traces, store=None):
    store = store or MemoryStore()
    return Pipeline(
        judge=Judge(sentiment_of_length, Brands([])),
        store=store,
        dead_letters=store,
        publish=Published(),
        cluster="test",
        metrics=Metrics(),
        health=Health(),
        traces=traces,
    )


async def test_a_batch_is_linked_to_those_who_produced_its_messages(collector):
    ingest, worker = open_traces("ingest"), open_traces("worker")
    producer = Producer()
    publisher = Publisher(producer, "here", ingest)
    await publisher.publish([Outgoing("tweets", "x:1", b"1"), Outgoing("tweets", "x:2", b"2")])
    await publisher.publish([Outgoing("tweets", "x:3", b"3", (("dead-letter-id", b"7"),))])

    began = time.time()
    batch = [
        message(tweet(f"x:{at}"), at, headers=dict(headers), produced_at=began - 5)
        for at, (_, headers) in enumerate(producer.sent)
    ]
    await pipeline(worker).process(
        [*batch, message(b"no event", 9, headers={"traceparent": b"\xff nonsense"})]
    )
    took = time.time() - began
    await closed(ingest, worker)

    sent, (processed,) = collector.named("send tweets"), collector.named("process tweets")
    assert {span.service for span in sent} == {"earshot-ingest"}
    assert processed.service == "earshot-worker"
    assert set(processed.links) == {(span.trace, span.id) for span in sent}, (
        "one link for each time of sending"
    )
    assert dict(producer.sent[2][1])["dead-letter-id"] == b"7"
    assert processed.attributes["messaging.batch.message_count"] == 4
    assert 4.9 < processed.attributes["earshot.waited_seconds"] < 5.1 + took
    stages = [span for span in collector.spans if span.parent == processed.id]
    assert {span.name for span in stages} == {"decode", "redact", "analyze", "save", "publish"}
    assert {span.trace for span in stages} == {processed.trace}
    assert not processed.failed


async def test_a_span_that_fails_tells_what_kind_of_error_it_was_and_no_word_of_a_message(
    collector,
):
    store = MemoryStore(ValueError("my line is down"))
    traces = open_traces("worker")

    await pipeline(traces, store).process([message(tweet(text="my line is down"))])
    await closed(traces)

    assert "ValueError" in {span.failed for span in collector.named("process tweets")}
    assert not any("line is down" in span.raw for span in collector.spans)


async def test_a_collector_that_is_away_keeps_nobody(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    traces = open_traces("worker")
    store = MemoryStore()

    started = time.monotonic()
    await pipeline(traces, store).process([message(tweet())])
    handled = time.monotonic() - started
    await closed(traces)

    assert list(store.events) == ["x:1"]
    assert handled < 8, "it waits for the collector"
    assert time.monotonic() - started < 30


def test_where_no_endpoint_is_set_nothing_is_imported_and_no_header_is_sent():
    program = (
        "import sys, stream.bootstrap, stream.cli.main; "
        "from stream.bootstrap.traces import open_traces; open_traces('worker'); "
        "print(any(name.startswith('stream.observe.otel') or 'opentelemetry.sdk' in name "
        "for name in sys.modules))"
    )
    environment = {"PATH": "", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )

    assert answer.stdout.strip() == "False"
    assert open_traces("worker", {}) is OFF
    assert (
        open_traces(
            "worker", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"}
        )
        is OFF
    )
    with OFF.producing(["tweets"], 1) as headers:
        assert headers == ()


def test_an_endpoint_without_the_extra_is_one_clear_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "stream.observe.otel", None)

    with pytest.raises(UserError, match=r"earshot\[otel\]"):
        open_traces("worker", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})

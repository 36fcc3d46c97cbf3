"""How fast this machine is, end to end on the embedded parts: throughput, latency, stages, memory."""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

import psutil
from aiokafka import AIOKafkaConsumer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from connectors.demo import demo_day
from connectors.events import SourcedEvent, Tweet
from connectors.files import open_file
from models.redact import redact
from stream.bench_desk import bench_desk, send_one
from stream.benchmark.rest import bench_api
from stream.bootstrap.loading import load_analyzer
from stream.bootstrap.parts import Parts, ensure_migrated, parts
from stream.bootstrap.worker_process import worker_process
from stream.embedded import free_port
from stream.ingest.publish import ingest
from stream.kafka import Publisher
from stream.records import AnalysisRecord
from stream.settings import Settings

WARM_UP = 200  # events before anything is measured: the group has joined, the model is warm
SESSION_TEXTS = 4_000  # texts for the model alone


def run_bench(
    settings: Settings,
    *,
    rate: float,
    seconds: float,
    events: int,
    data: Path | None,
    console: Console,
    part: Literal["all", "stream", "rest", "desk"] = "all",
) -> dict[str, Any]:
    """The figures of this machine, as JSON-able numbers; seconds are seconds, memory is MB.

    rate, seconds: events a second while latency is measured, and for how long. events: of the
    throughput run. data: a file of tweets; the demo day otherwise, each text made different by a
    number so that none is scored twice. part: the stream from produce to commit, POST /v1/analyze,
    both, or open consoles while the stream is busy.
    """
    figures: dict[str, Any] = {}
    texts = _texts(data, WARM_UP + events + int(rate * seconds))
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as home:
        own = settings.model_copy(update={"home": Path(home), "broker": None, "database_url": None})
        if part == "desk":
            figures["desk"] = asyncio.run(
                bench_desk(own, list(_events(texts)), rate=rate, seconds=seconds, console=console)
            )
        if part in ("all", "stream"):
            figures |= asyncio.run(_measure(own, texts, rate, seconds, events, console))
            console.print("the model alone ...")
            figures["model_alone_texts_per_s"] = _model_alone(settings, texts[WARM_UP:])
            figures["share_of_model_alone"] = round(
                figures["events_per_s"] / figures["model_alone_texts_per_s"], 3
            )
        if part in ("all", "rest"):
            figures["rest"] = asyncio.run(
                bench_api(own, texts, rate=rate, seconds=seconds, console=console)
            )
    return {"machine": _machine(), "texts": str(data.name if data else "demo day"), **figures}


async def _measure(
    settings: Settings,
    texts: Sequence[str],
    rate: float,
    seconds: float,
    events: int,
    console: Console,
) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(parts(settings, "bench"))
        await ensure_migrated(found)
        await found.kafka.declare_topics()
        port = free_port()
        worker = stack.enter_context(worker_process(found.settings.home, port=port))
        publisher = await stack.enter_async_context(found.kafka.publisher())

        console.print("warming up ...")
        tweets = iter(_events(texts))
        await _through(publisher, list(islice(tweets, WARM_UP)), port)
        before = await asyncio.to_thread(_stage_seconds, port)

        console.print(f"throughput of {events:,} events ...")
        started = time.perf_counter()
        await _through(publisher, list(islice(tweets, events)), port)
        took = time.perf_counter() - started
        stages = {
            stage: told - before.get(stage, 0.0)
            for stage, told in (await asyncio.to_thread(_stage_seconds, port)).items()
        }

        console.print(f"latency at {rate:g} events a second for {seconds:g} s ...")
        latencies = await _latencies(
            found, publisher, list(islice(tweets, int(rate * seconds))), rate
        )
        return {
            "events": events,
            "events_per_s": round(events / took, 1),
            "latency_at_rate": {"rate": rate, "events": len(latencies), **_percentiles(latencies)},
            "stage_share": {
                stage: round(value / sum(stages.values()), 3) for stage, value in stages.items()
            },
            "worker_peak_mb": round(_peak_mb(worker.pid), 1),
        }


async def _through(publisher: Publisher, events: Sequence[SourcedEvent], port: int) -> None:
    """Produce all and wait until the worker says that it has committed and published as many more.

    It is asked for a counter: asking Kafka for the lag in a loop would take the processor from what
    is measured.
    """

    async def no_letters(_: object) -> None:
        return None

    before = await asyncio.to_thread(_events_done, port)
    await ingest(events, publisher, name="bench", bury=no_letters)
    while await asyncio.to_thread(_events_done, port) < before + len(events):
        await asyncio.sleep(0.1)


async def _latencies(
    found: Parts, publisher: Publisher, events: Sequence[SourcedEvent], rate: float
) -> list[float]:
    """Seconds from produce to commit, an event each: its analysis is published right after the
    commit.
    """
    produced: dict[str, float] = {}
    committed: dict[str, float] = {}
    consumer = AIOKafkaConsumer(
        "analyses", bootstrap_servers=found.broker, auto_offset_reset="latest"
    )
    await consumer.start()
    await consumer.seek_to_end()

    async def listen() -> None:
        async for message in consumer:
            committed.setdefault(
                AnalysisRecord.model_validate_json(message.value).id, message.timestamp / 1000
            )

    listening = asyncio.create_task(listen())
    try:
        await asyncio.sleep(0.5)
        started = time.perf_counter()
        sending = []
        for number, (event, _) in enumerate(events):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            produced[event.id] = time.time()
            sending.append(asyncio.create_task(send_one(publisher, event)))
        await asyncio.gather(*sending)
        async with asyncio.timeout(60):
            while len(committed.keys() & produced.keys()) < len(produced):
                await asyncio.sleep(0.1)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await consumer.stop()
    return [committed[each] - at for each, at in produced.items()]


def _texts(data: Path | None, count: int) -> list[str]:
    if data is None:
        said = [
            event.text
            for event, _ in demo_day()
            if isinstance(event, Tweet) and event.direction == "inbound"
        ]
    else:
        said = [
            event.text
            for event, _ in open_file(data, on_bad_row=lambda _: None)
            if isinstance(event, Tweet)
        ]
    rounds = enumerate(islice(cycle(said), count))
    return [
        text if number < len(said) else f"{text} {number // len(said)}" for number, text in rounds
    ]


def _events(texts: Sequence[str]) -> Iterator[SourcedEvent]:
    start = datetime(2026, 3, 12, 7, 0, tzinfo=UTC)
    for number, text in enumerate(texts):
        name = f"bench:{number}"
        said_at = start + timedelta(seconds=number)
        yield SourcedEvent(
            Tweet(id=name, conversation=name, occurred_at=said_at, author=f"a{number}", text=text),
            number,
        )


def _model_alone(settings: Settings, texts: Sequence[str]) -> float:
    """Texts a second of the same model on the same redacted texts in batches as large, without
    Kafka and Postgres.
    """
    analyzer = load_analyzer(settings)
    ready = [redact(text) for text in texts[:SESSION_TEXTS]]
    batches = [ready[at : at + settings.batch] for at in range(0, len(ready), settings.batch)]
    analyzer(batches[0])
    started = time.perf_counter()
    for batch in batches:
        analyzer(batch)
    return round(len(ready) / (time.perf_counter() - started), 1)


def _stage_seconds(port: int) -> dict[str, float]:
    return {labels["stage"]: value for labels, value in _samples(port, "earshot_stage_seconds_sum")}


def _events_done(port: int) -> float:
    return sum(value for _, value in _samples(port, "earshot_events_total"))


def _samples(port: int, name: str) -> list[tuple[dict[str, str], float]]:
    """The samples of that name among the worker's metrics; none while it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            told = answer.read().decode()
    except URLError:
        return []
    families = text_string_to_metric_families(told)
    return [
        (sample.labels, sample.value)
        for each in families
        for sample in each.samples
        if sample.name == name
    ]


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    ranked = sorted(seconds)

    def at(part: int) -> float:
        return round(1000 * ranked[min(len(ranked) - 1, len(ranked) * part // 100)], 1)

    return {"p50_ms": at(50), "p95_ms": at(95), "p99_ms": at(99)}


def _peak_mb(pid: int) -> float:
    """The most memory that the process ever held."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float(psutil.Process(pid).memory_info().rss) / 1024**2


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
    }

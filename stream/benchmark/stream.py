"""Stream benchmark, end to end on the embedded parts: throughput, latency, stages, memory."""

from __future__ import annotations

import asyncio
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
from connectors.events import Event, SourcedEvent, Tweet, encode
from connectors.files import open_file
from models.redact import redact
from stream.benchmark.processor import Meter, by_part, clocked, machine, meters
from stream.benchmark.rest import bench_api
from stream.bootstrap.loading import load_analyzer, load_judge
from stream.bootstrap.parts import Parts, ensure_migrated, parts
from stream.bootstrap.worker_process import worker_process
from stream.embedded import Embedded, free_port
from stream.ingest.publish import ingest, topic_of
from stream.kafka import Outgoing, Publisher
from stream.records import AnalysisRecord
from stream.settings import Settings

LOW_RATE = 10.0  # events a second: a lone message waits for nothing
WARM_UP = 200  # events before anything is measured: the group has joined, the model is warm
MOST_RATE = 2_000.0  # events a second at which latency is measured
SESSION_TEXTS = 4_000  # texts for the model alone


def run_bench(
    settings: Settings,
    *,
    rate: float,
    seconds: float,
    events: int,
    data: Path | None,
    console: Console,
    part: Literal["all", "stream", "rest"],
    drafts: bool = False,
) -> dict[str, Any]:
    """The figures of this machine, as JSON-able numbers; seconds are seconds, memory is MB.

    rate, seconds: events a second while latency is measured, and for how long. events: of the
    throughput run. data: a file of tweets; the demo day otherwise. part: the stream from produce to
    commit, POST /v1/analyze, or both. drafts: a reply is drafted for every ticket meanwhile, in a
    process that the cores are shared with, whatever EARSHOT_DRAFTS says.
    """
    figures: dict[str, Any] = {}
    # of the three latency runs, the last is at half of a rate that nobody knows yet
    timed = int((rate + LOW_RATE + MOST_RATE) * seconds)
    texts = bench_texts(data, WARM_UP + events + timed)
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as home:
        own = settings.model_copy(update={"home": Path(home), "broker": None, "database_url": None})
        if part in ("all", "stream"):
            figures["drafts"] = "on" if drafts else "off"
            figures |= asyncio.run(_measure(own, texts, rate, seconds, events, console, drafts))
            console.print("the model alone ...")
            figures["model_alone_texts_per_s"] = _model_alone(
                settings, texts[WARM_UP : WARM_UP + events]
            )
            figures["share_of_model_alone"] = round(
                figures["events_per_s"] / figures["model_alone_texts_per_s"], 3
            )
            figures["processor_ms_per_event"] |= _by_part(
                settings,
                texts[WARM_UP : WARM_UP + events],
                figures["processor_ms_per_event"]["worker"],
            )
        if part in ("all", "rest"):
            figures["rest"] = asyncio.run(
                bench_api(own, texts, rate=rate, seconds=seconds, console=console)
            )
    return {"machine": machine(), "texts": str(data.name if data else "demo day"), **figures}


async def _measure(
    settings: Settings,
    texts: Sequence[str],
    rate: float,
    seconds: float,
    events: int,
    console: Console,
    drafts: bool,
) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(parts(settings, "bench"))
        await ensure_migrated(running)
        await running.kafka.declare_topics()
        port = free_port()
        switch = {"EARSHOT_DRAFTS": str(drafts).lower()}
        worker = stack.enter_context(
            worker_process(running.settings.home, port=port, settings=switch)
        )
        publisher = await stack.enter_async_context(running.kafka.publisher())
        embedded = Embedded(running.settings.home)

        console.print(f"warming up, drafts {'on' if drafts else 'off'} ...")
        tweets = iter(bench_events(texts))
        await through(publisher, list(islice(tweets, WARM_UP)), port)
        before = await asyncio.to_thread(_stage_seconds, port)
        meter = Meter(worker.pid)

        console.print(f"throughput of {events:,} events ...")
        started = time.perf_counter()
        await through(publisher, list(islice(tweets, events)), port)
        took = time.perf_counter() - started
        used = meter.read(events)
        after = await asyncio.to_thread(_stage_seconds, port)
        stages = {stage: total - before.get(stage, 0.0) for stage, total in after.items()}
        whole = sum(stages.values())

        async def latency(rate: float) -> dict[str, Any]:
            console.print(f"latency at {rate:g} events a second for {seconds:g} s ...")
            timed = list(islice(tweets, int(rate * seconds)))
            at_work = meters(embedded, worker.pid)
            latencies = await _latencies(running, publisher, timed, rate)
            used = {part: meter.read(len(timed)) for part, meter in at_work.items()}
            return {
                "rate": rate,
                "events": len(latencies),
                **_percentiles(latencies),
                "processor_ms_per_event": {part: of["ms_per_event"] for part, of in used.items()},
            }

        half = min(max(1.0, round(events / took / 2)), MOST_RATE)
        return {
            "events": events,
            "events_per_s": round(events / took, 1),
            "worker_cores_busy": used["cores"],
            "processor_ms_per_event": {"worker": used["ms_per_event"]},
            "latency_at_rate": await latency(rate),
            "latency_at_low_rate": await latency(LOW_RATE),
            "latency_at_half_of_the_highest_rate": await latency(half),
            "stage_share": {stage: round(value / whole, 3) for stage, value in stages.items()},
            "worker_peak_mb": round(_peak_mb(worker.pid), 1),
        }


async def through(publisher: Publisher, events: Sequence[SourcedEvent], port: int) -> None:
    """Produce all, and wait until the worker has committed and published as many more.

    The worker's counter is read: asking Kafka for the lag in a loop would take the processor from
    what is measured.
    """

    async def no_letters(_: object) -> None:
        return None

    before = await asyncio.to_thread(events_done, port)
    await ingest(events, publisher, name="bench", bury=no_letters)
    started = time.perf_counter()
    while (done := await asyncio.to_thread(events_done, port) - before) < len(events):
        # Each question costs the worker some milliseconds: fewer while much is left to do.
        took = time.perf_counter() - started
        left = took * (len(events) - done) / done if done else 0.2
        await asyncio.sleep(min(max(left / 2, 0.1), 2.0))


async def send_one(publisher: Publisher, event: Event) -> None:
    """Publish one event to its topic, confirmed."""
    await publisher.publish([Outgoing(topic_of(event), event.conversation, encode(event))])


async def _latencies(
    running: Parts, publisher: Publisher, events: Sequence[SourcedEvent], rate: float
) -> list[float]:
    """Seconds from produce to commit by event: its analysis is published right after the commit."""
    produced: dict[str, float] = {}
    committed: dict[str, float] = {}
    consumer = AIOKafkaConsumer(
        "analyses", bootstrap_servers=running.broker, auto_offset_reset="latest"
    )
    await consumer.start()
    await consumer.seek_to_end()

    async def listen() -> None:
        async for message in consumer:
            analysis = AnalysisRecord.model_validate_json(message.value)
            committed.setdefault(analysis.id, message.timestamp / 1000)

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
    return [committed[id] - at for id, at in produced.items()]


def bench_texts(data: Path | None, count: int) -> list[str]:
    """So many texts of a file of tweets, of the demo day without one.

    From the second round on each text ends in a number, so that none is scored twice.
    """
    texts = _demo_texts() if data is None else _file_texts(data)
    rounds = enumerate(islice(cycle(texts), count))
    return [
        text if number < len(texts) else f"{text} {number // len(texts)}" for number, text in rounds
    ]


def _demo_texts() -> list[str]:
    tweets = [event for event, _ in demo_day() if isinstance(event, Tweet)]
    return [tweet.text for tweet in tweets if tweet.direction == "inbound"]


def _file_texts(path: Path) -> list[str]:
    source = open_file(path, on_bad_row=lambda _: None)
    return [event.text for event, _ in source if isinstance(event, Tweet)]


def bench_events(texts: Sequence[str]) -> Iterator[SourcedEvent]:
    """A tweet of its own conversation and author for each text."""
    start = datetime(2026, 3, 12, 7, 0, tzinfo=UTC)
    for number, text in enumerate(texts):
        name = f"bench:{number}"
        occurred_at = start + timedelta(seconds=number)
        tweet = Tweet(
            id=name, conversation=name, occurred_at=occurred_at, author=f"a{number}", text=text
        )
        yield SourcedEvent(tweet, number)


def _model_alone(settings: Settings, texts: Sequence[str]) -> float:
    """Texts a second of the model alone, on the same redacted texts in batches as large."""
    analyzer = load_analyzer(settings)
    ready = [redact(text) for text in texts[:SESSION_TEXTS]]
    batches = [ready[at : at + settings.batch] for at in range(0, len(ready), settings.batch)]
    analyzer(batches[0])
    started = time.perf_counter()
    for batch in batches:
        analyzer(batch)
    return round(len(ready) / (time.perf_counter() - started), 1)


def _by_part(settings: Settings, texts: Sequence[str], worker_ms: float) -> dict[str, float]:
    analyzer = load_analyzer(settings)
    events = [event for event, _ in bench_events(texts[:SESSION_TEXTS])]
    model = clocked(analyzer)
    return by_part(load_judge(settings, analyzer), model, events, settings.batch, worker_ms)


def _stage_seconds(port: int) -> dict[str, float]:
    return {labels["stage"]: value for labels, value in _samples(port, "earshot_stage_seconds_sum")}


def events_done(port: int) -> float:
    return sum(value for _, value in _samples(port, "earshot_events_total"))


def _samples(port: int, name: str) -> list[tuple[dict[str, str], float]]:
    """Samples of a metric of the worker, with their labels; none while it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except URLError:
        return []
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
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

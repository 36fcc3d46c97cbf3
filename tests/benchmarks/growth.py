"""Growth: what an event costs after many, in a long conversation, and in a large incident.

`make bench-growth EVENTS=300000 CONVERSATION=20000 INCIDENT=10000`; the stream with a worker, with
incidents and bursts; the two others by the store alone, with stored analyses.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.stored import START, batches, judgements, repeated
from benchmarks.tables import print_table
from stream.benchmark.processor import Meter
from stream.benchmark.stream import bench_events, bench_texts, through
from stream.bootstrap.parts import Parts, ensure_migrated, parts
from stream.bootstrap.worker_process import worker_process
from stream.embedded import free_port
from stream.incidents.clustering import IncidentClusterer
from stream.incidents.store import Incidents
from stream.settings import Settings
from stream.triage.judgement import Judgement

TENTHS = 10
BATCH = 64
SAVES = 9  # of one message


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="through Kafka and a worker")
    parser.add_argument("--conversation", type=int, default=2_000, help="messages of one")
    parser.add_argument("--incident", type=int, default=2_000, help="tickets of one")
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earshot-growth-") as home:
        settings = Settings(home=Path(home), broker=None, database_url=None)
        async with parts(settings, "bench") as running:
            await ensure_migrated(running)
            await running.kafka.declare_topics()
            if args.events:
                await _stream(running, bench_texts(args.data, args.events))
            known = await asyncio.to_thread(judgements, settings, args.data)
            if args.conversation:
                await _conversation(running, known, args.conversation)
            if args.incident:
                await _incident(running, known, args.incident)


async def _stream(running: Parts, texts: Sequence[str]) -> None:
    """Rate and processor time of each tenth of the events."""
    port = free_port()
    rows: list[tuple[object, ...]] = []
    rates: list[float] = []
    costs: list[float] = []
    with worker_process(running.settings.home, port=port) as worker:
        async with running.kafka.publisher() as publisher:
            events = iter(bench_events(texts))
            part = len(texts) // (TENTHS + 1)
            await through(publisher, list(islice(events, part)), port)  # the worker gets warm
            for number in range(TENTHS):
                meter, started = Meter(worker.pid), time.perf_counter()
                await through(publisher, list(islice(events, part)), port)
                rates.append(part / (time.perf_counter() - started))
                costs.append(meter.read(part)["ms_per_event"])
                rows.append((number + 1, f"{rates[-1]:.0f}", f"{costs[-1]:.2f}"))
    rows.append(("last / first", f"{rates[-1] / rates[0]:.2f}", f"{costs[-1] / costs[0]:.2f}"))
    header = ("tenth", "events a second", "worker, ms of processor an event")
    print_table(f"{len(texts):,} events, incidents and bursts on", header, rows)


async def _conversation(running: Parts, known: Sequence[Judgement], messages: int) -> None:
    async with running.store() as stores:
        events = repeated(known, messages, "long", "bench:long-0")
        await _tenths(
            f"One conversation of {messages:,} messages",
            list(batches(events, BATCH)),
            stores.events.save,
        )
        end = START + timedelta(seconds=messages)
        for name, moment in (("at its end", end), ("of its first second", START)):
            took = []
            for last in repeated(known, SAVES, name.replace(" ", "-"), "bench:long-0"):
                event = last.event.model_copy(update={"occurred_at": moment})
                started = time.perf_counter()
                await stores.events.save([replace(last, event=event)])
                took.append(1000 * (time.perf_counter() - started))
            print(f"\nsave of one message {name}: {median(took):.1f} ms (median of {SAVES})")


async def _incident(running: Parts, known: Sequence[Judgement], tickets: int) -> None:
    """Tickets of one brand with one problem, a second apart, gathered after each batch."""
    grave = next(judgement for judgement in known if _is_grave(judgement))
    one = replace(grave, brand="Bench")
    events = repeated(_near(one), tickets, "incident")
    async with running.store() as stores, running.engine() as engine:
        clusterer = IncidentClusterer(Incidents(engine))
        await stores.events.save(list(_usual(known, one)))
        await clusterer.look()

        async def save(batch: Sequence[Judgement]) -> None:
            await stores.events.save(batch)
            await clusterer.look()

        await _tenths(f"One incident of {tickets:,} tickets", list(batches(events, BATCH)), save)


def _usual(known: Sequence[Judgement], one: Judgement) -> Iterator[Judgement]:
    """What the brand hears in the two days before: a rise is a rise above that."""
    for hours, judgement in enumerate(repeated(known, 48, "usual"), 1):
        event = judgement.event.model_copy(update={"occurred_at": START - timedelta(hours=hours)})
        yield replace(judgement, brand=one.brand, event=event)


def _near(judgement: Judgement) -> list[Judgement]:
    """Variants whose embeddings are near each other and not the same: what one hand writes many
    times counts once.
    """
    analysis = judgement.analysis
    if analysis is None or analysis.embedding is None:
        raise ValueError("the model abstained")
    noise = np.random.default_rng(1)
    centre = analysis.embedding.astype(np.float32)
    places = [centre + noise.normal(0, 0.015, centre.shape) for _ in range(500)]
    return [
        replace(
            judgement,
            analysis=replace(
                analysis, embedding=(place / np.linalg.norm(place)).astype(np.float16)
            ),
        )
        for place in places
    ]


def _is_grave(judgement: Judgement) -> bool:
    analysis = judgement.analysis
    return bool(
        analysis and analysis.problem and analysis.urgency and analysis.urgency.levels[1] > 0.7
    )


async def _tenths(
    title: str,
    saves: Sequence[list[Judgement]],
    save: Callable[[Sequence[Judgement]], Awaitable[object]],
) -> None:
    """What the saves of each tenth take; the processor's time is of this process, not of
    PostgreSQL.
    """
    rows: list[tuple[object, ...]] = []
    walls: list[float] = []
    costs: list[float] = []
    part = max(1, len(saves) // TENTHS)
    for number in range(min(TENTHS, len(saves))):
        own = saves[number * part : (number + 1) * part]
        count = sum(map(len, own))
        started, used = time.perf_counter(), time.process_time()
        for batch in own:
            await save(batch)
        walls.append(1000 * (time.perf_counter() - started) / count)
        costs.append(1000 * (time.process_time() - used) / count)
        rows.append((number + 1, f"{walls[-1]:.2f}", f"{costs[-1]:.2f}"))
    rows.append(("first / last", f"{walls[0] / walls[-1]:.2f}", f"{costs[0] / costs[-1]:.2f}"))
    header = ("tenth", "ms an event", "of them processor time of the saver")
    print_table(f"{title}, in batches of {BATCH}", header, rows)


if __name__ == "__main__":
    asyncio.run(main())

"""Stored analyses: judgements that the model made once, as events that nobody has seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.events import Tweet
from stream.benchmark.stream import bench_events, bench_texts
from stream.bootstrap.loading import load_judge
from stream.settings import Settings
from stream.triage.judgement import Judgement

START = datetime(2026, 3, 12, 7, 0, tzinfo=UTC)


def judgements(settings: Settings, data: Path | None, count: int = 1_000) -> list[Judgement]:
    """What the model makes of so many texts."""
    judge = load_judge(settings)
    return judge([event for event, _ in bench_events(bench_texts(data, count))])


def repeated(
    known: Sequence[Judgement], count: int, name: str, conversation: str | None = None
) -> Iterator[Judgement]:
    """So many events with these judgements, a second apart. name: of their ids. conversation: that
    all of them belong to; each has its own otherwise.
    """
    for number in range(count):
        judgement = known[number % len(known)]
        id = f"bench:{name}-{number}"
        event = Tweet(
            id=id,
            conversation=conversation or id,
            occurred_at=START + timedelta(seconds=number),
            author=f"a{number}" if conversation is None else "a",
            text=judgement.text or "-",
        )
        yield replace(judgement, event=event)


def batches(events: Iterator[Judgement], size: int) -> Iterator[list[Judgement]]:
    batch: list[Judgement] = []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

"""Incident benchmark: incidents of a week of tweets, and of the demo day's outage.

`make bench-incidents`, or `PYTHONPATH=.:tests python -m benchmarks.incidents --data Tweets.csv`.
The tweets are those of *Twitter US Airline Sentiment*, whose rows are not part of the project
(`../shared/data`, or EARSHOT_SHARED). Tickets come in the order of time and are looked at as a
worker does. `--sample N` prints so many tickets of each incident, to be read: can the event be
named, and do its members belong?
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from connectors.demo import DAY, demo_day
from connectors.events import SourcedEvent
from connectors.files import open_file
from models.training.corpus.data import shared_data
from stream.bootstrap.loading import load_judge
from stream.incidents.clustering import Incident, TimedTicket, cluster, unit
from stream.settings import Settings
from stream.store.brand_parts import by_ticket
from stream.store.rows import event_row, message
from stream.triage.fold import fold
from stream.triage.judgement import Judge

TWEETS = Path("tweets/airline/Tweets.csv")
# Every ticket of VoltLine that the demo day begins in these hours tells of the outage: by reading.
OUTAGE = ("VoltLine", "11:58", "14:10")
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Told:
    """A ticket, when it began, and the words of its angriest message, redacted."""

    ticket: TimedTicket
    first: datetime
    words: str


def told(events: Iterable[SourcedEvent], judge: Judge) -> list[Told]:
    """The tickets of a source's events, as they are once all of them have come."""
    rows: dict[str, dict[str, Any]] = {}
    for row in _rows(iter(events), judge):
        known = rows.get(row["id"])
        if known is None or known["revision"] <= row["revision"]:
            rows[row["id"]] = row
    conversations: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows.values(), key=lambda row: (row["occurred_at"], row["id"])):
        conversations.setdefault(row["conversation"], []).append(row)
    return [
        ticket
        for history in conversations.values()
        for id, part in by_ticket(history).items()
        if (ticket := _told(id, part)) is not None
    ]


def _rows(events: Iterator[SourcedEvent], judge: Judge) -> Iterator[dict[str, Any]]:
    while batch := [sourced.event for sourced in islice(events, _BATCH)]:
        for judgement in judge(batch):
            analysis = judgement.analysis
            embedding = None if analysis is None else analysis.embedding
            yield event_row(judgement) | {"vector": None if embedding is None else unit(embedding)}


def _told(id: str, part: Sequence[Any]) -> Told | None:
    folded = fold([message(row) for row in part])
    if folded is None or folded.brand is None:
        return None
    inbound = [row for row in part if row["direction"] == "inbound"]
    read = [row for row in inbound if row["vector"] is not None]
    angriest = max(read or inbound, key=lambda row: float(row["dissatisfaction"] or 0))
    ticket = TimedTicket(
        id=id,
        brand=folded.brand,
        problem=folded.problem,
        topic=folded.topic,
        at=angriest["occurred_at"] if read else folded.first_at,
        model=angriest["model_version"] if read else None,
        embedding=angriest["vector"],
        author=folded.author,
    )
    return Told(ticket, folded.first_at, str(angriest["text"]))


def measure(tickets: Sequence[Told], incidents: Sequence[Incident]) -> dict[str, Any]:
    """How many incidents there are, and how they share the tickets."""
    sizes = sorted((len(incident.tickets) for incident in incidents), reverse=True)
    return {
        "tickets": len(tickets),
        "incidents": len(sizes),
        "in_incidents": sum(sizes),
        "largest": sizes[0] if sizes else 0,
        "largest_share_of_tickets": round(sizes[0] / len(tickets), 4) if sizes else 0.0,
        "sizes": sizes,
    }


def outage(tickets: Sequence[Told], incidents: Sequence[Incident]) -> dict[str, Any]:
    """How much of the demo day's outage is in one incident, and what is in it besides."""
    brand, first, last = OUTAGE
    theirs = {
        each.ticket.id
        for each in tickets
        if each.ticket.brand == brand and first <= f"{each.first:%H:%M}" <= last
    }
    members = [{id for id, _ in incident.tickets} for incident in incidents]
    largest = max(members, key=lambda ids: len(ids & theirs), default=set())
    return {
        "tickets": len(theirs),
        "in_one_incident": len(largest & theirs),
        "share": round(len(largest & theirs) / max(1, len(theirs)), 4),
        "wrong": len(largest - theirs),
        "other_incidents": len(members) - 1,
    }


def _print(tickets: Sequence[Told], incidents: Sequence[Incident], sample: int) -> None:
    """To standard error, beside the figures."""
    words = {each.ticket.id: each.words for each in tickets}
    order = random.Random(17)
    for incident in sorted(incidents, key=lambda incident: incident.first):
        span = f"{incident.first:%d %H:%M} to {incident.last:%d %H:%M}"
        size = len(incident.tickets)
        print(f"\n{incident.brand}, {span}, {size}: {incident.problem}", file=sys.stderr)
        ids = [id for id, _ in incident.tickets]
        for id in order.sample(ids, min(sample, size)):
            print(f"    {' '.join(words[id].split())[:150]}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description="Incidents of a week and of a day, as JSON.")
    parser.add_argument("--data", type=Path, default=shared_data() / TWEETS, help="a file")
    parser.add_argument("--sample", type=int, default=0, help="tickets of each to print")
    options = parser.parse_args()
    judge = load_judge(Settings())
    day = told(demo_day(DAY), judge)
    found = cluster([each.ticket for each in day], [])
    figures = {"demo": measure(day, found) | {"outage": outage(day, found)}}
    _print(day, found, options.sample)
    if options.data.exists():
        week = told(open_file(options.data, on_bad_row=lambda row: None), judge)
        found = cluster([each.ticket for each in week], [])
        figures["week"] = measure(week, found)
        _print(week, found, options.sample)
    else:
        print(f"no {options.data}: --data says where a week is", file=sys.stderr)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

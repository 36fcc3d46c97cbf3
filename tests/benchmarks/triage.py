"""Triage benchmark: triage against readers' labels of real messages, and how often it calls P1.

`make bench-triage`, or `PYTHONPATH=tests python -m benchmarks.triage`. The labels stand by a hash
of the text: of `tests/data/triage_real_labels.csv` the model learned, of `triage_real_heldout.csv`
it did not. The texts are looked for in the public sets (`../shared/data`, or EARSHOT_SHARED),
whose rows are not part of the project. Shares are of unlabelled messages; terse alarms, calm
figures of speech and mails with a footer, each against the same mail without, are of
`../shared/cases`, where that is at hand. `signs` says of each decisive sign, on the labelled
messages (which the model learned from), how often a P1 that was given on it is right, and how often
one would have been that the model's own judgement refused. Last, milliseconds of processor a random
message: `judge` is what the model's outputs mean, `together` is that with cues and fold.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.signs import by_sign, rows_of
from connectors.events import Event
from models.training.corpus.data import shared_data, text_hash
from models.training.corpus.keyed import SETS, texts_of
from models.training.triage.labelled import read_keyed
from stream.benchmark.processor import alone, clocked
from stream.benchmark.stream import bench_events
from stream.bootstrap.loading import load_analyzer, load_judge
from stream.settings import Settings
from stream.store.rows import stored_by
from stream.triage.evaluate import tickets_of
from stream.triage.figures import NONE, measured
from stream.triage.fold import fold
from stream.triage.ticket import Message, Ticket

DATA = Path(__file__).parents[1] / "data"
LABELS, HELD_OUT = DATA / "triage_real_labels.csv", DATA / "triage_real_heldout.csv"
SHARES = {"replies/support_pairs.csv.gz": 3_000, "complaints/cfpb/cfpb_narratives.csv.gz": 200}
BATCH = 64
WARM_UP = 1_000  # messages
CASES = ("short_alarms", "short_alarms_2", "triage")  # JSON lines with `id` and `text`
FOOTERS, WITHOUT = "footers.jsonl", "none"  # their ids end with the footer, or with this

Messages = Callable[[Sequence[Event]], Sequence[Message]]
Triage = Callable[[Sequence[str]], list[Ticket | None]]


def evaluate(labels: Path, data: Path, triage: Triage) -> dict[str, Any]:
    """The figures of all labelled rows, and of the random ones: these alone tell shares."""
    rows = read_keyed(labels, data)
    tickets = triage([row.text for row in rows])
    parts = {"all": range(len(rows))} | {
        "random": [place for place, row in enumerate(rows) if row.stratum.startswith("random")]
    }
    return {
        name: measured([rows[place].level for place in part], [tickets[place] for place in part])
        for name, part in parts.items()
        if part
    }


def signs(labels: Path, data: Path, messages: Messages) -> list[str]:
    """Each decisive sign, and by what: how often its P1 are right, and those that were refused."""
    rows = read_keyed(labels, data)
    stored: list[Message] = []
    for start in range(0, len(rows), BATCH):
        texts = [row.text for row in rows[start : start + BATCH]]
        stored += messages([event for event, _ in bench_events(texts)])
    tickets = [fold([message]) for message in stored]
    figures = by_sign(stored, tickets, [row.level for row in rows])
    return [
        f"{reason}, by {kind}: P1 right {given}, refused but P1 {refused}"
        for reason, kind, given, refused in rows_of(figures)
    ]


def shares(data: Path, triage: Triage) -> dict[str, dict[str, int]]:
    """How many of unlabelled messages get each level: those whose hashes come first."""
    levels: dict[str, dict[str, int]] = {}
    for name, count in SHARES.items():
        if (data / name).exists():
            texts = sorted(set(texts_of(data / name, SETS[name])), key=text_hash)
            levels[name] = _levels(triage(list(islice(texts, count))))
    return levels


def cases(folder: Path, triage: Triage) -> dict[str, dict[str, int]]:
    """The levels of short alarms and of other small cases, by what their ids begin with."""
    levels: dict[str, dict[str, int]] = {}
    for name in CASES:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            continue
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for kind in sorted({row["id"].partition(":")[0] for row in rows}):
            texts = [row["text"] for row in rows if row["id"].startswith(f"{kind}:")]
            levels[f"{name}, {kind}"] = _levels(triage(texts))
    return levels


def footers(path: Path, triage: Triage) -> dict[str, int]:
    """Mails with a footer or a signature, and how many have another level than without."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    tickets = triage([row["text"] for row in rows])
    levels = {
        tuple(row["id"].rsplit(".", 1)): ticket.level if ticket else NONE
        for row, ticket in zip(rows, tickets, strict=True)
    }
    pairs = [
        (level, levels[mail, WITHOUT])
        for (mail, footer), level in levels.items()
        if footer != WITHOUT
    ]
    return {"mails": len(pairs), "another level": sum(level != bare for level, bare in pairs)}


def processor_ms(data: Path, settings: Settings) -> dict[str, float]:
    """Processor time of a message by part, of random ones; the first ones warm the caches up."""
    name, count = next(iter(SHARES.items()))
    if not (data / name).exists():
        return {}
    texts = sorted(set(texts_of(data / name, SETS[name])), key=text_hash)[:count]
    events = [event for event, _ in bench_events(texts)]
    analyzer = load_analyzer(settings)
    judge = load_judge(settings, analyzer)
    model = clocked(analyzer)
    alone(judge, model, events[:WARM_UP], settings.batch)
    parts = alone(judge, model, events[WARM_UP:], settings.batch)
    together = sum(parts[part] for part in ("judge", "cues", "fold"))
    return parts | {"together": round(together, 3)}


def _levels(tickets: Sequence[Ticket | None]) -> dict[str, int]:
    counts = Counter(ticket.level if ticket else NONE for ticket in tickets)
    return dict(sorted(counts.items()))


def main() -> None:
    data = shared_data()
    if not any((data / name).exists() for name in SETS):
        sys.exit(f"no public set below {data}: EARSHOT_SHARED says where they are")
    settings = Settings()
    messages = stored_by(load_judge(settings))

    def triage(texts: Sequence[str]) -> list[Ticket | None]:
        return tickets_of(texts, messages)

    figures = {
        "held out": evaluate(HELD_OUT, data, triage),
        "labelled": evaluate(LABELS, data, triage),
        "signs": signs(LABELS, data, messages),
        "shares": shares(data, triage),
        "cases": cases(data.parent / "cases" / "texts", triage),
        "footers": footers(data.parent / "cases" / "texts" / FOOTERS, triage),
        "processor_ms": processor_ms(data, settings),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

"""Triage benchmark: triage against readers' labels of real public messages.

`make bench-triage`, or `PYTHONPATH=tests python -m benchmarks.triage`. The labels stand in
`tests/data/triage_real_labels.csv` by a hash of the text. The texts are looked for in the public
sets (`../shared/data`, or EARSHOT_SHARED), whose rows are not part of the project.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.training.corpus.data import shared_data
from models.training.triage.labelled import key_of, public_texts
from stream.bootstrap.loading import load_analyzer
from stream.brands import Brands
from stream.settings import Settings
from stream.store.rows import as_stored
from stream.triage.evaluate import tickets_of
from stream.triage.figures import measured
from stream.triage.judgement import Judge

LABELS = Path(__file__).parents[1] / "data" / "triage_real_labels.csv"


@dataclass(frozen=True, slots=True)
class RealLabel:
    """level: P1 to P4 or none. sure: False where a colleague could decide otherwise."""

    level: str
    stratum: str
    sure: bool


def read_labels(path: Path = LABELS) -> dict[str, RealLabel]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["key"]: RealLabel(row["level"], row["stratum"], row["sure"] == "1")
            for row in csv.DictReader(file)
        }


def labelled_texts(data: Path, labels: dict[str, RealLabel]) -> list[tuple[str, RealLabel]]:
    """Every labelled text that the public sets below `data` hold, once."""
    remaining = dict(labels)
    rows: list[tuple[str, RealLabel]] = []
    for text in public_texts(data):
        label = remaining.pop(key_of(text), None)
        if label is not None:
            rows.append((text, label))
    return rows


def evaluate(rows: Sequence[tuple[str, RealLabel]]) -> dict[str, Any]:
    """The figures of all rows, and of the random ones, which alone tell shares as in life."""
    judge = Judge(load_analyzer(Settings()), Brands(()))
    tickets = tickets_of(
        [text for text, _ in rows],
        lambda events: [as_stored(judgement) for judgement in judge(events)],
    )
    figures: dict[str, Any] = {"all": measured([label.level for _, label in rows], tickets)}
    random = [place for place, (_, label) in enumerate(rows) if label.stratum == "random"]
    levels = [rows[place][1].level for place in random]
    figures["random"] = measured(levels, [tickets[place] for place in random])
    return figures


def main() -> None:
    data, labels = shared_data(), read_labels()
    rows = labelled_texts(data, labels)
    if not rows:
        sys.exit(f"no public set below {data}: EARSHOT_SHARED says where they are")
    print(f"{len(rows):,} of {len(labels):,} labelled messages are at hand", file=sys.stderr)
    print(json.dumps(evaluate(rows), indent=2))


if __name__ == "__main__":
    main()

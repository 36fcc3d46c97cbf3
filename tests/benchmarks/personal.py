"""Redaction benchmark: recall and precision on written samples, false finds in real messages.

`make bench-personal`, or `PYTHONPATH=tests python -m benchmarks.personal`. The samples stand in
`tests/data/personal_written.jsonl`: texts with the places of what is personal, and near misses with
none, written before the rules and by another hand. The rules were tuned on the part "tune" alone;
"report" tells how good they are. Recall counts what is wholly covered, whatever the placeholder;
precision counts finds that touch something personal. `--texts 2000` redacts as many messages of the
public sets (`../shared/data`, or EARSHOT_SHARED), whose rows are not part of the project, and
writes what was found in them to `--out`, to be read by a person.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from models.redact import Span, find
from models.training.corpus.data import shared_data, text_hash
from models.training.corpus.keyed import SETS, texts_of

SAMPLES = Path(__file__).parents[1] / "data" / "personal_written.jsonl"


class Sample(NamedTuple):
    """A text with the places of what is personal in it. locale: of the brand that reads it."""

    part: str
    text: str
    spans: list[Span]
    locale: str


class Figures(NamedTuple):
    """Shares from 0 to 1, and what they are shares of."""

    recall: float
    precision: float
    personal: int
    found: int


def samples(path: Path = SAMPLES) -> list[Sample]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Sample(row["part"], row["text"], [Span(*span) for span in row["spans"]], row["locale"])
        for row in rows
    ]


def missed(sample: Sample) -> list[Span]:
    """What is personal and not wholly covered."""
    finds = _finds(sample)
    return [span for span in sample.spans if not _is_covered(sample.text, span, finds)]


def false(sample: Sample) -> list[Span]:
    """What was found where nothing is personal."""
    return [
        found
        for found in _finds(sample)
        if not any(found.start < span.end and span.start < found.end for span in sample.spans)
    ]


def measured(part: Sequence[Sample]) -> Figures:
    personal = sum(len(sample.spans) for sample in part)
    found = sum(len(_finds(sample)) for sample in part)
    misses = sum(len(missed(sample)) for sample in part)
    wrong = sum(len(false(sample)) for sample in part)
    return Figures(1 - misses / personal, 1 - wrong / found, personal, found)


def _finds(sample: Sample) -> list[Span]:
    return find(sample.text, sample.locale[-2:])


def _is_covered(text: str, span: Span, finds: Sequence[Span]) -> bool:
    """Whether no letter or digit of it is left."""
    return not any(
        text[place].isalnum() and not any(found.start <= place < found.end for found in finds)
        for place in range(span.start, span.end)
    )


def real_texts(data: Path, count: int) -> Iterator[str]:
    """Messages of the public sets, as many of each: those whose hashes come first."""
    present = [name for name in SETS if (data / name).exists()]
    for name in present:
        texts = sorted(set(texts_of(data / name, SETS[name])), key=text_hash)
        yield from islice(texts, -(-count // len(present)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Redaction on labelled samples and real messages.")
    parser.add_argument("--part", choices=["tune", "report"], help="one half alone")
    parser.add_argument("--show", action="store_true", help="print each miss and each false find")
    parser.add_argument("--texts", type=int, default=0, help="real messages to redact as well")
    parser.add_argument("--out", type=Path, help="JSON lines: what was found in real messages")
    options = parser.parse_args(arguments)
    for name in [options.part] if options.part else ["tune", "report"]:
        part = [sample for sample in samples() if sample.part == name]
        print(json.dumps({"part": name} | measured(part)._asdict()))
        for sample in part if options.show else ():
            for what, spans in (("missed", missed(sample)), ("false", false(sample))):
                for span in spans:
                    print(what, span.kind, repr(sample.text[span.start : span.end]), sample[1:2])
    if options.texts:
        _real(options.texts, options.out)


def _real(count: int, out: Path | None) -> None:
    data = shared_data()
    if data is None:
        sys.exit("the public sets are not at hand: set EARSHOT_SHARED to the folder of data/")
    texts = list(real_texts(data, count))
    rows: list[dict[str, Any]] = []
    for text in texts:
        for span in find(text, "US"):
            around = text[max(0, span.start - 60) : span.end + 40]
            rows.append({"kind": span.kind, "found": text[span.start : span.end], "in": around})
    kinds = Counter(row["kind"] for row in rows)
    print(json.dumps({"texts": len(texts), "finds": len(rows)} | dict(kinds.most_common())))
    if out:
        out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()

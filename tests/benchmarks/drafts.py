"""Held-out messages with their drafts, drawn by hash for a person to read, and the verdicts.

`PYTHONPATH=tests python -m benchmarks.drafts --out drafts.csv` draws messages of the replier's test
split (`../shared/data`, or EARSHOT_SHARED; the rows are no part of the project) by the hash of
conversation and message, and writes each with its draft and the verdict, where one was given:
`send` as it is, `edit` a little, `never`. The verdicts stand in `tests/data/draft_verdicts.csv`, by
the hash and the brand; `--tally` counts them, and needs no data. A message that the model abstains
from gets no draft and is not drawn. `--split validation` draws from the part that answers were
written for.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from models.evaluation.labelled_file import Row
from models.evaluation.replies import answered
from models.replier.replier import Replier
from models.training.corpus.data import shared_data
from models.training.replies.data import Pair, grouped, part_of, read_pairs
from stream.bootstrap.loading import load_analyzer
from stream.settings import read_settings

VERDICTS = Path(__file__).parents[1] / "data" / "draft_verdicts.csv"
KINDS = ("send", "edit", "never")
# The messages before these were read while the answers were made better: they tell nothing.
READ, DRAWN = 115, 100


def key_of(pair: Pair) -> str:
    words = f"drafts:{pair.conversation}:{pair.customer}"
    return hashlib.sha256(words.encode()).hexdigest()[:12]


def drawn(pairs: Path, split: str, count: int) -> list[Pair]:
    """So many of the split, in the order of their hashes; of the test split behind READ."""
    part = [pair for pair in grouped(read_pairs(pairs)) if part_of(pair.conversation) == split]
    first = READ if split == "test" else 0
    return sorted(part, key=key_of)[first : first + count]


def verdicts(path: Path = VERDICTS) -> dict[tuple[str, str], dict[str, str]]:
    """The verdicts by message and brand."""
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["key"], row["brand"]): row for row in csv.DictReader(file)}


def tally(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, int]]:
    """The count of each verdict, before and after."""
    return {
        column: {kind: Counter(row[column] for row in rows)[kind] for kind in KINDS}
        for column in ("before", "after")
    }


def write(out: Path, split: str, count: int) -> int:
    known = verdicts()
    pairs = drawn(shared_data() / "replies" / "support_pairs.csv.gz", split, count + count // 4)
    rows = [
        Row(0, {"brand": pair.brand, "customer_text": pair.customer, "agent_text": pair.agent})
        for pair in pairs
    ]
    asked = [
        (pair, answer.request)
        for pair, answer in zip(pairs, answered(rows, load_analyzer(read_settings())), strict=True)
        if answer.request.sentiment is not None
    ][:count]
    drafts = Replier()([request for _, request in asked])
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("key", "brand", "message", "draft", "source", "before", "after"))
        for (pair, request), draft in zip(asked, drafts, strict=True):
            given = known.get((key_of(pair), pair.brand), {})
            first = draft.candidates[0]
            writer.writerow(
                (
                    key_of(pair),
                    request.brand,
                    request.text,
                    first.text,
                    first.source,
                    given.get("before", ""),
                    given.get("after", ""),
                )
            )
    return len(asked)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("drafts.csv"))
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--count", type=int, default=DRAWN)
    parser.add_argument("--tally", action="store_true", help="count the verdicts; no data needed")
    options = parser.parse_args(arguments)
    if options.tally:
        for column, counts in tally(list(verdicts().values())).items():
            print(column, *(f"{kind} {count}" for kind, count in counts.items()))
        return
    print(
        f"{options.out}: {write(options.out, options.split, options.count)} drafts", file=sys.stderr
    )


if __name__ == "__main__":
    main()

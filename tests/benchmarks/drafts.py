"""Held-out messages with their drafts, drawn by hash for a person to read, and the verdicts.

`PYTHONPATH=tests python -m benchmarks.drafts --out drafts.csv` draws messages of the replier's test
split (`../shared/data`, or EARSHOT_SHARED; the rows are no part of the project) by the hash of
conversation and message, and writes each with its draft and the verdict, where one was given:
`send` as it is, `edit` a little, `never`. The verdicts stand in `tests/data/draft_verdicts.csv`, by
the hash and the brand; `--tally` counts them, and needs no data. A message that the model abstains
from gets no draft and is not drawn. `--split validation` draws from the part that answers were
written for.

`--trades` draws a hundred messages of many trades instead (benchmarks/draft_sources.py), drafted
for as the product does, with what triage says of them; their verdicts stand in
`tests/data/draft_verdicts_trades.csv`, by hash and source. `--number 2` draws the next hundred of
either. `--tally --again` counts the verdicts of the second reading by list, of which
`tests/data/draft_verdicts_reread.csv` holds the hashes: what the list before served to mend, the
list behind was read once. The row `fresh` is the total of the lists that were read once.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.draft_sources import TRADE_OF, Asked, hundred
from models.analysis import Analysis
from models.redact import redact
from models.replier.draft import ReplyRequest
from models.replier.replier import Replier
from models.training.corpus.data import shared_data
from models.training.replies.data import Pair, grouped, part_of, read_pairs
from stream.bootstrap.loading import load_analyzer
from stream.replies.gravity import gravity_of, reason_of
from stream.settings import read_settings

VERDICTS = Path(__file__).parents[1] / "data" / "draft_verdicts.csv"
OF_TRADES = VERDICTS.with_name("draft_verdicts_trades.csv")
AGAIN = VERDICTS.with_name("draft_verdicts_reread.csv")
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
    """The verdicts by message and brand, or its source."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["key"], row.get("brand") or row.get("source", "")): row for row in rows}


def tally(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, int]]:
    """The count of each verdict, before and after."""
    return {
        column: {kind: Counter(row[column] for row in rows)[kind] for kind in KINDS}
        for column in ("before", "after")
    }


def asked_pairs(split: str, number: int, count: int) -> list[Pair]:
    """The messages of a list, from 1 on, with a quarter more for those that the model abstains
    from; two lists share none.
    """
    path = shared_data() / "replies" / "support_pairs.csv.gz"
    size = count + count // 4
    return drawn(path, split, size * number)[size * (number - 1) :]


def tally_again(path: Path = AGAIN) -> dict[str, dict[str, dict[str, int]]]:
    """The counts of the second reading by list; none before where a list was read once."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lists = sorted({row["list"] for row in rows})
    counts = {name: tally([row for row in rows if row["list"] == name]) for name in lists}
    return {
        name: {column: kinds for column, kinds in columns.items() if any(kinds.values())}
        for name, columns in counts.items()
    }


def fresh(counts: dict[str, dict[str, dict[str, int]]]) -> dict[str, int]:
    """The counts of `tally_again` together, of the lists that were read once."""
    once = [columns["after"] for columns in counts.values() if "before" not in columns]
    return {kind: sum(kinds[kind] for kinds in once) for kind in KINDS}


def write(out: Path, split: str, number: int, count: int) -> int:
    known = verdicts()
    pairs = asked_pairs(split, number, count)
    messages = [
        Asked("pairs", pair.customer, pair.brand or None, TRADE_OF.get(pair.brand))
        for pair in pairs
    ]
    asked = [
        (pair, request)
        for pair, request in zip(pairs, requests_of(messages), strict=True)
        if request is not None
    ][:count]
    drafts = Replier()([request for _, request in asked])
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("key", "brand", "message", "draft", "source", "before", "after"))
        for (pair, request), draft in zip(asked, drafts, strict=True):
            given = known.get((key_of(pair), pair.brand), {})
            told = given.get("before", ""), given.get("after", "")
            first = draft.candidates[0]
            row = key_of(pair), request.brand, request.text, first.text, first.source
            writer.writerow((*row, *told))
    return len(asked)


def requests_of(asked: Sequence[Asked]) -> list[ReplyRequest | None]:
    """What the product would ask the replier; None for what the model abstains from."""
    texts = [redact(message.text) for message in asked]
    analyses = load_analyzer(read_settings())(texts, None, [message.trade for message in asked])
    return [
        None if analysis.abstained else _request(text, analysis, message.brand, message.trade)
        for text, message, analysis in zip(texts, asked, analyses, strict=True)
    ]


def _request(text: str, analysis: Analysis, brand: str | None, trade: str | None) -> ReplyRequest:
    reasons = analysis.urgency.reasons if analysis.urgency else {}
    levels = analysis.urgency.levels if analysis.urgency else None
    return ReplyRequest(
        text=text,
        brand=brand,
        topic=analysis.topic.label if analysis.topic else None,
        problem=analysis.problem.label if analysis.problem else None,
        sentiment=analysis.sentiment.label if analysis.sentiment else None,
        severity=analysis.severity,
        trade=trade,
        gravity=gravity_of(text, reasons, levels),
        reason=reason_of(reasons),
    )


def write_trades(out: Path, number: int) -> int:
    known = verdicts(OF_TRADES)
    asked = hundred(number)
    pairs = [
        (message, request)
        for message, request in zip(asked, requests_of(asked), strict=True)
        if request is not None
    ]
    drafts = Replier()([request for _, request in pairs])
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("key", "source", "message", "gravity", "draft", "from", "before", "after"))
        for (message, request), draft in zip(pairs, drafts, strict=True):
            given = known.get((message.key, message.source), {})
            told = given.get("before", ""), given.get("after", "")
            first = draft.candidates[0]
            row = message.key, message.source, request.text, request.gravity, first.text
            writer.writerow((*row, first.source, *told))
    return len(pairs)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("drafts.csv"))
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--count", type=int, default=DRAWN)
    parser.add_argument("--tally", action="store_true", help="count the verdicts; no data needed")
    parser.add_argument("--trades", action="store_true", help="messages of many trades")
    parser.add_argument("--again", action="store_true", help="with --tally: the second reading")
    parser.add_argument("--number", type=int, default=1, help="which hundred, from 1 on")
    options = parser.parse_args(arguments)
    if options.trades and not options.tally:
        drafted = write_trades(options.out, options.number)
        print(f"{options.out}: {drafted} drafts", file=sys.stderr)
        return
    if options.tally:
        given = verdicts(OF_TRADES if options.trades else VERDICTS)
        lists = tally_again() if options.again else {"": tally(list(given.values()))}
        if options.again:
            lists["fresh"] = {"": fresh(lists)}
        for name, columns in lists.items():
            for column, counts in columns.items():
                words = [f"{kind} {count}" for kind, count in counts.items()]
                print(" ".join(word for word in [name, column, *words] if word))
        return
    drafted = write(options.out, options.split, options.number, options.count)
    print(f"{options.out}: {drafted} drafts", file=sys.stderr)


if __name__ == "__main__":
    main()

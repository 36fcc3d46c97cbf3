"""Words of problems benchmark: those that are shown of real messages, against underlined ones.

`make bench-words`, or `PYTHONPATH=tests python -m benchmarks.words --half heldout`. One reader
underlined, before anything was shown, the least of each message that says its problem. The
stretches stand in `tests/data/problem_words.csv` by a hash of the text, as places in the normalised
text; the two halves are dealt by the hash. The texts are looked for in the public sets
(`../shared/data`, or EARSHOT_SHARED). Beside them the public cause spans of Jin & Aletras (2021),
which hold whole clauses.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tables import print_table
from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.stop_words import is_stop_word
from models.taxonomy.classifier import read_taxonomy
from models.taxonomy.words import telling_words
from models.text import normalize
from models.training.corpus.complaints import Meanings
from models.training.corpus.data import shared_data, split
from models.training.corpus.keyed import OWN, texts_with_labels
from models.training.corpus.public import SEVERITY
from models.training.corpus.tweets import read_severity

UNDERLINED = OWN / "problem_words.csv"
HALVES = ("dev", "heldout")
CAUSES = "public cause spans"
RESAMPLES = 2_000

Span = tuple[int, int]

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+")
# Little words that turn what is said round: "no answer", "isn't working", "is down". A person
# underlines them, so they count among the words that should be shown.
_TURNING = frozenset(
    "no not never cannot nothing nobody none without down out off".split()  # noqa: SIM905
)
_NOT = re.compile(r"n['’]t$|^(?:are|ca|could|did|do|does|had|has|have|is|was|were|wo|would)nt$")


@dataclass(frozen=True)
class Underlined:
    """A message and what a reader underlined of it. spans: places in `normalize(text)`."""

    text: str
    source: str
    problem: str  # that the model named when it was read
    spans: tuple[Span, ...]  # none where the reader found the problem wrong


@dataclass(frozen=True)
class Counts:
    """Of one message. right: shown words that are underlined. caught: underlined words shown.

    content: words with a meaning. content_underlined: those of them that are underlined.
    """

    shown: int
    right: int
    underlined: int
    caught: int
    content: int
    content_underlined: int


def half_of(key: str) -> str:
    """The half that the row of this key belongs to."""
    return HALVES[int(key, 16) % 2]


def read_underlined(data: Path, half: str, table: Path = UNDERLINED) -> Iterator[Underlined]:
    """The messages of one half whose texts are in the public sets below `data`."""
    for text, row in texts_with_labels(table, ("key", "source", "problem", "spans"), data):
        if half_of(row["key"]) == half:
            yield Underlined(text, row["source"], row["problem"], spans_of(row["spans"]))


def spans_of(cell: str) -> tuple[Span, ...]:
    """`3:9;14:20` as pairs of numbers."""
    pairs = [pair.split(":") for pair in cell.split(";") if pair]
    return tuple((int(start), int(end)) for start, end in pairs)


def read_causes(data: Path, part: str) -> Iterator[Underlined]:
    """The complaints of the public set with a cause span. part: "validation" or "test"."""
    rows = read_severity(data / SEVERITY, Meanings(read_taxonomy()), "X-CI")
    for example in split(rows)[part]:
        start = example.text.lower().find(example.cause.lower())
        if example.cause:
            yield Underlined(example.text, CAUSES, "", ((start, start + len(example.cause)),))


def counts(text: str, spans: Sequence[Span], shown: Sequence[str]) -> Counts:
    """How far the words shown of a message are the underlined ones; each word counts once.

    shown: words, or several in a row ("not working"), as they stand in the text.
    """
    matches = list(_WORD.finditer(normalize(text)))
    words = [match[0].lower() for match in matches]
    marked = [
        any(start < match.end() and match.start() < end for start, end in spans)
        for match in matches
    ]
    underlined = {word for word, is_marked in zip(words, marked, strict=True) if is_marked}
    visible: set[str] = set()
    right: set[str] = set()
    for part in shown:
        parts = [match[0].lower() for match in _WORD.finditer(part)]
        places = _places(words, parts)
        for offset, word in enumerate(parts):
            if _counts(word):
                visible.add(word)
                right |= {word} if any(marked[place + offset] for place in places) else set()
    content = {word for word in words if _counts(word)}
    return Counts(
        shown=len(visible),
        right=len(right),
        underlined=len(underlined & content),
        caught=len(right & underlined),
        content=len(content),
        content_underlined=len(underlined & content),
    )


def _places(words: Sequence[str], parts: Sequence[str]) -> list[int]:
    """Where the parts stand in a row."""
    length = len(parts)
    return [
        place
        for place in range(len(words) - length + 1)
        if list(words[place : place + length]) == list(parts)
    ]


def _counts(word: str) -> bool:
    return word in _TURNING or bool(_NOT.search(word)) or (len(word) > 2 and not is_stop_word(word))


def share(pairs: Sequence[tuple[int, int]]) -> str:
    """The first numbers over the second, in all, with the 95 % interval over the messages."""
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    if not table[:, 1].sum():
        return "-"
    generator = np.random.default_rng(0)
    rows = generator.integers(len(table), size=(RESAMPLES, len(table)))
    totals = table[rows].sum(1)  # (resamples, 2)
    low, high = np.percentile(totals[:, 0] / np.maximum(totals[:, 1], 1), [2.5, 97.5])
    whole = table[:, 0].sum() / table[:, 1].sum()
    return f"{whole:.0%} ({low:.0%} to {high:.0%})"


def row_of(source: str, messages: Sequence[Counts]) -> tuple[object, ...]:
    """A row of the printed table."""
    half_right = [(int(each.shown > 0 and 2 * each.right >= each.shown), 1) for each in messages]
    return (
        source,
        len(messages),
        share([(each.right, each.shown) for each in messages]),
        share([(each.caught, each.underlined) for each in messages]),
        share(half_right),
        f"{sum(each.shown for each in messages) / max(1, len(messages)):.1f}",
        share([(each.content_underlined, each.content) for each in messages]),
    )


def measured(
    messages: Iterable[Underlined], shown: Mapping[str, Sequence[str]]
) -> dict[str, list[Counts]]:
    """The counts by source. shown: the words of each text of which a problem is named."""
    by_source: dict[str, list[Counts]] = {}
    for message in messages:
        if message.text in shown:
            of_message = counts(message.text, message.spans, shown[message.text])
            by_source.setdefault(message.source, []).append(of_message)
    return by_source


def shown_of(messages: Sequence[Underlined]) -> dict[str, tuple[str, ...]]:
    """The words that the shipped model shows, of the texts for which it names the same problem."""
    analyses = Analyzer(default_artifact(), threads=1)([message.text for message in messages])
    return {
        message.text: analysis.problem.words
        for message, analysis in zip(messages, analyses, strict=True)
        if analysis.problem and message.problem in ("", analysis.problem.label)
    }


def microseconds(messages: Sequence[Underlined]) -> float:
    """Processor time of choosing the words of a message, the best of five rounds."""
    phrases = {problem.name: problem.phrases for problem in read_taxonomy().problems}
    cases = []
    for message in messages:
        text = normalize(message.text)
        tokens = [(*match.span(), 0.0) for match in _WORD.finditer(text)]
        cases.append((text, phrases[message.problem], tokens))
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for case in cases:
            telling_words(*case)
        rounds.append(time.process_time() - start)
    return min(rounds) / len(cases) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Words shown for problems, against underlined.")
    parser.add_argument("--half", choices=HALVES, default="heldout", help="what is measured")
    parser.add_argument("--sample", type=int, default=0, help="messages that are printed, to read")
    options = parser.parse_args()
    data = shared_data()
    read = list(read_underlined(data, options.half))
    if not read:
        sys.exit(f"no public set below {data}: EARSHOT_SHARED says where they are")
    rightly_named = [message for message in read if message.spans]
    shown = shown_of(rightly_named)
    by_source = measured(rightly_named, shown)
    rows = [row_of(source, by_source[source]) for source in sorted(by_source)]
    rows.append(row_of("all", [each for source in by_source.values() for each in source]))
    if (data / SEVERITY).exists():
        causes = list(read_causes(data, "validation" if options.half == "dev" else "test"))
        rows.append(row_of(CAUSES, measured(causes, shown_of(causes)).get(CAUSES, [])))
    else:
        print(f"not measured: {CAUSES} (there is no {data / SEVERITY})", file=sys.stderr)
    title = (
        f"Words shown for a problem, half `{options.half}`: {len(read)} messages found, of which "
        f"{len(read) - len(rightly_named)} have a wrong problem by the reader, and "
        f"{len(rightly_named) - len(shown)} are named otherwise now"
    )
    header = (
        "source",
        "n",
        "shown are underlined",
        "underlined are shown",
        "half or more of the shown underlined",
        "shown each",
        "a word at random",
    )
    print_table(title, header, rows)
    print(f"\n{microseconds(rightly_named):.0f} microseconds of processor time a message")
    for message in rightly_named[: options.sample]:
        text = normalize(message.text)
        print(f"\n[{message.problem}] {text}")
        print("  underlined:", " | ".join(text[start:end] for start, end in message.spans))
        print("  shown:", " ".join(shown.get(message.text, ("(named otherwise)",))))


if __name__ == "__main__":
    main()

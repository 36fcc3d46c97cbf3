"""Precision of each group of cues in the thesaurus, on real messages that readers labelled.

`make bench-lexicon`, or `PYTHONPATH=tests python -m benchmarks.lexicon`; `--write` puts the figures
beside the groups. Labels: those that the model learned from (`../shared/data/triage`, the part for
training, and `tests/data/triage_real_labels.csv`, whose texts are found by hash in the public
sets), never the parts for choosing and testing. `real` are first messages to brands, of all strata;
`random` are those of them that were drawn at random, and tell what a match is worth in life;
`written` are urgent messages and near misses, without which the signs of danger, which real people
hardly ever give, could not be counted. `--phrases` lists what never matched in the public sets;
`--hits GROUP` prints each phrase of a group with how often it was right, and messages where it was
wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import stream.triage
from models.redact import redact
from models.training.corpus.data import shared_data
from models.training.corpus.keyed import OWN, SETS, texts_of
from models.training.triage.labelled import UNIFORM, Labelled, read_keyed, read_messages
from stream.triage.by_model import SIGNS, stand_in
from stream.triage.cues import thesaurus

THESAURUS = Path(stream.triage.__file__).with_name("thesaurus.toml")
LEARNED = OWN / "triage_real_labels.csv"
WRITTEN = ("triage_urgent.csv", "triage_written.csv", "triage_contrasts.csv")  # learned, too
NONE = "none"
URGENT, CALM, NOBODY = ("P1", "P2"), ("P3", "P4", NONE), (NONE,)
TICKET = ("P1", "P2", "P3", "P4")
# What a reader said where a match of the group is right: one of these reasons, or levels that its
# points stand for.
RIGHT: Mapping[str, tuple[str, ...]] = {
    "self_harm": ("self_harm",),
    "danger": ("danger",),
    "injury": ("injury", "medical", "violence"),
    "medical": ("medical", "injury"),
    "violence": ("violence", "danger"),
    "emergency_calls": ("emergency_service",),
    "alone": ("alone",),
    "fraud": ("fraud_now", "fraud_past"),
    "stranded": ("stranded", "journey"),
    "vulnerable": ("vulnerable", "alone", "medical"),
    "critical_site": ("emergency_service", "medical"),
    "medicine": ("medical",),
    "personal_alarm": ("emergency_service",),
    "legal": ("legal", "escalated", *URGENT),
    "press": ("press", "escalated", *URGENT),
    "money_large": ("money_large", *URGENT),
    "no_access": ("no_access", "outage", *URGENT),
    "outage": ("outage", *URGENT),
    "journey": ("journey", *URGENT),
    "growing_damage": ("growing_damage", "danger", *URGENT),
    "leaving": ("leaving", *URGENT),
    "contact": ("repeated_contact", "escalated", "no_answer", *URGENT),
    "unanswered": ("no_answer", "repeated_contact", "delay"),
    "money": ("billing", "refund", "money_large", "fraud_now", "fraud_past"),
    "missing": ("lost", "damaged", "delay"),
    "hazard": ("danger",),
    "lifeline": ("medical", "vulnerable"),
    "enquiry": CALM,
    "figurative": CALM,
    "addressed": TICKET,
    "request": TICKET,
    "irony": TICKET,
    "patient": CALM,
    "question": TICKET,
    "grievance": TICKET,
    "praise": (NONE, "praise", "thanks_solved"),
    "spam": NOBODY,
    "news": NOBODY,
}
# Danger to people or their money: no phrase of these goes for want of matches.
DANGER = (
    *("self_harm", "emergency_calls", "danger", "injury", "medical", "violence", "alone"),
    *("fraud", "stranded"),
)
PAIRS = [groups for groups in SIGNS if "+" in groups]
_MARK = re.compile(r"^(# measured: .*\n)?\[([a-z_]+)\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    truths: frozenset[str]  # its reasons and its level
    stratum: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """Messages with a match, and those of them where it is right."""

    matched: int
    right: int

    @property
    def precision(self) -> float | None:
        return self.right / self.matched if self.matched else None

    def __str__(self) -> str:
        return f"{self.right / self.matched:.2f} of {self.matched}" if self.matched else "none"


NOTHING = Count(0, 0)


def rows_of(messages: Iterable[Labelled]) -> list[Row]:
    return [
        Row(message.text, frozenset([message.level, *(message.reasons or ())]), message.stratum)
        for message in messages
    ]


def precisions(rows: Iterable[Row]) -> dict[str, Count]:
    """Group, or pair of groups that is a sign of P1 -> how often it matched, and was right."""
    matched: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for row in rows:
        cues = thesaurus().find(row.text)
        for group in (*cues, *(pair for pair in PAIRS if stand_in(cues, pair))):
            matched[group] += 1
            right[group] += _is_right(group, row)
    return {group: Count(matched[group], right[group]) for group in matched}


def hits(group: str, rows: Iterable[Row]) -> tuple[dict[str, Count], list[tuple[Row, str]]]:
    """Phrase of the group -> how often it matched, and was right; and each message where the group
    was wrong, with the words that matched.
    """
    matched: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong: list[tuple[Row, str]] = []
    for row in rows:
        cues = thesaurus().find(row.text).get(group, ())
        for phrase in {cue.phrase for cue in cues}:
            matched[phrase] += 1
            right[phrase] += _is_right(group, row)
        if cues and not _is_right(group, row):
            wrong.append((row, " + ".join(cue.quote for cue in cues)))
    counts = {phrase: Count(count, right[phrase]) for phrase, count in matched.most_common()}
    return counts, wrong


def _is_right(group: str, row: Row) -> bool:
    right = (SIGNS[group],) if "+" in group else RIGHT.get(group, ())
    return not row.truths.isdisjoint(right)


def silent_phrases(texts: Iterator[str]) -> dict[str, list[str]]:
    """Group -> its phrases that never matched, outside the groups of danger."""
    heard: set[tuple[str, str]] = set()
    for text in texts:
        for group, cues in thesaurus().find(text).items():
            heard.update((group, cue.phrase) for cue in cues)
    return {
        group: silent
        for group, written in _phrases().items()
        if group not in DANGER
        and (silent := [phrase for phrase in written if (group, phrase) not in heard])
    }


def _phrases() -> dict[str, list[str]]:
    groups = tomllib.loads(THESAURUS.read_text(encoding="utf-8"))
    return {
        group: [
            line.partition("//")[0].strip()
            for line in parts["says"].splitlines()
            if line.partition("//")[0].strip()
        ]
        for group, parts in groups.items()
        if "says" in parts
    }


def public_texts(data: Path) -> Iterator[str]:
    for name, column in SETS.items():
        if (data / name).exists():
            yield from map(redact, set(texts_of(data / name, column)))


def beside(thesaurus_text: str, figures: Mapping[str, Mapping[str, Count]]) -> str:
    """The thesaurus with the figures above each group.

    figures: name of a set -> group -> its count.
    """

    def mark(match: re.Match[str]) -> str:
        group = match[2]
        return (
            f"[{group}]"
            if group not in RIGHT
            else f"# measured: {_line(group, figures)}\n[{group}]"
        )

    return _MARK.sub(mark, thesaurus_text)


def _line(group: str, figures: Mapping[str, Mapping[str, Count]]) -> str:
    return ", ".join(f"{name} {counts.get(group, NOTHING)}" for name, counts in figures.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into the thesaurus")
    parser.add_argument("--phrases", action="store_true", help="list phrases that never matched")
    parser.add_argument("--hits", metavar="GROUP", help="print its phrases, and where it was wrong")
    options = parser.parse_args()
    data = shared_data()
    folder = data / "triage"
    if not (folder / "messages_train.csv").exists():
        sys.exit(f"no labelled messages in {folder}: EARSHOT_SHARED says where ../shared is")
    real = rows_of([*read_messages(folder / "messages_train.csv"), *read_keyed(LEARNED, data)])
    tables = [folder / "urgent_train.csv", *(OWN / name for name in WRITTEN)]
    written = rows_of(message for table in tables for message in read_messages(table))
    if options.hits:
        _print_hits(options.hits, real)
        return
    figures = {
        "real": precisions(real),
        "random": precisions(row for row in real if row.stratum.startswith(UNIFORM)),
        "written": precisions(written),
    }
    for group in sorted((*RIGHT, *PAIRS)):
        print(f"{group:22} {_line(group, figures)}{', a sign of P1' if group in SIGNS else ''}")
    if options.write:
        text = THESAURUS.read_text(encoding="utf-8")
        THESAURUS.write_text(beside(text, figures), encoding="utf-8")
    if options.phrases:
        for group, phrases in silent_phrases(public_texts(data)).items():
            print(f"\n[{group}]", *phrases, sep="\n")


def _print_hits(group: str, rows: Sequence[Row]) -> None:
    counts, wrong = hits(group, rows)
    for phrase, count in counts.items():
        print(f"{count!s:14} {phrase}")
    for row, quote in wrong:
        print(f"\n[{', '.join(sorted(row.truths))}] {quote}\n{row.text}")


if __name__ == "__main__":
    main()

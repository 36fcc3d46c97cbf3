"""Precision of each group of cues in the thesaurus, on real messages that readers labelled.

`make bench-lexicon`, or `PYTHONPATH=tests python -m benchmarks.lexicon`; `--write` puts the figures
beside the groups. Labels: those that the model learned from (`../shared/data/triage`, the part for
training), never the parts for choosing and testing. `real` are first messages to brands, of all
strata; `written` are urgent messages and near misses, without which the signs of danger, which real
people hardly ever give, could not be counted. `--phrases` lists what never matched in the public
sets.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import stream.triage
from models.redact import redact
from models.training.corpus.data import shared_data
from models.training.corpus.keyed import SETS, texts_of
from stream.triage.by_model import SIGNS
from stream.triage.cues import thesaurus

THESAURUS = Path(stream.triage.__file__).with_name("thesaurus.toml")
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
    "violence": ("violence",),
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
_MARK = re.compile(r"^(# measured: .*\n)?\[([a-z_]+)\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    truths: frozenset[str]  # its reasons and its level


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


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            Row(
                redact(row["text"]),
                frozenset([row["priority"] or NONE, *row["reasons"].split(";")]),
            )
            for row in csv.DictReader(lines)
        ]


def precisions(rows: Sequence[Row]) -> dict[str, Count]:
    """Group -> how often it matched, and was right."""
    matched: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for row in rows:
        for group in thesaurus().find(row.text):
            matched[group] += 1
            right[group] += not row.truths.isdisjoint(RIGHT.get(group, ()))
    return {group: Count(matched[group], right[group]) for group in matched}


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


def beside(thesaurus_text: str, real: Mapping[str, Count], written: Mapping[str, Count]) -> str:
    """The thesaurus with the figures above each group."""

    def mark(match: re.Match[str]) -> str:
        group = match[2]
        if group not in RIGHT:
            return f"[{group}]"
        none = Count(0, 0)
        figures = f"real {real.get(group, none)}, written {written.get(group, none)}"
        return f"# measured: {figures}\n[{group}]"

    return _MARK.sub(mark, thesaurus_text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into the thesaurus")
    parser.add_argument("--phrases", action="store_true", help="list phrases that never matched")
    options = parser.parse_args()
    data = shared_data()
    folder = data / "triage"
    if not (folder / "messages_train.csv").exists():
        sys.exit(f"no labelled messages in {folder}: EARSHOT_SHARED says where ../shared is")
    real = precisions(rows_of(folder / "messages_train.csv"))
    written = precisions(rows_of(folder / "urgent_train.csv"))
    for group in sorted(RIGHT):
        none = Count(0, 0)
        sign = "  a sign of P1" if any(group in pair.split("+") for pair in SIGNS) else ""
        figures = f"real {real.get(group, none)!s:14} written {written.get(group, none)!s:14}"
        print(f"{group:16} {figures}{sign}")
    if options.write:
        text = THESAURUS.read_text(encoding="utf-8")
        THESAURUS.write_text(beside(text, real, written), encoding="utf-8")
    if options.phrases:
        for group, phrases in silent_phrases(public_texts(data)).items():
            print(f"\n[{group}]", *phrases, sep="\n")


if __name__ == "__main__":
    main()

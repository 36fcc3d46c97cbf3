"""Messages and conversations with the urgency that a reader gave them, as training takes them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.evaluation.labelled_file import Row, Table, read_labelled
from models.redact import redact
from models.training.corpus.data import DataError
from models.urgency import LEVELS, REASONS, STATES, State

NONE = "none"
GRADES = (NONE, *LEVELS)  # rising
UNSURE = 0.6  # weight of a label that a colleague could well decide otherwise
IMPLIED = 0.3  # weight of a state that follows from the level of a first message
UNIFORM = ("uniform", "random")  # strata whose shares are those of life begin with one of these
# A set below the public data, and the column of its texts; a number counts columns without a head.
SETS: Mapping[str, str | int] = {
    "replies/support_pairs.csv.gz": "customer_text",
    "tweets/airline/Tweets.csv": "text",
    "tweets/twcs/twcs_first5000.csv": "text",
    "tweets/sentiment140/random_27k_dated.csv": 5,
    "complaints/comcast_fcc/comcast_fcc.csv": "complaint_text",
    "complaints/cfpb/cfpb_narratives.csv.gz": "text",
}
_KEY_LENGTH = 800  # letters of a text that its key is made of
_NO_WORD = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One message as the network reads it: redacted.

    grade: place in GRADES; None where only the state is known. reasons: None where nobody named
    any. stratum: how it was drawn; "uniform..." as life deals them.
    """

    text: str
    grade: int | None
    weight: float = 1.0
    reasons: tuple[str, ...] | None = None
    state: State | None = None
    state_weight: float = 0.0
    stratum: str = ""

    @property
    def level(self) -> str:
        return NONE if self.grade is None else GRADES[self.grade]


def read_messages(path: Path) -> list[Labelled]:
    """A CSV `text,should_ticket,priority` and, where it has them, `sure`, `reasons`, `stratum`.

    Raises DataError on a missing column or an unknown label, with its line.
    """
    table = read_labelled(path, ("text", "should_ticket", "priority"), error=DataError)
    return [_message(table, row) for row in table.rows]


def _message(table: Table, row: Row) -> Labelled:
    ticket, level = row["should_ticket"], row["priority"]
    if ticket not in ("0", "1"):
        raise table.unknown(row, "should_ticket", ("0", "1"))
    if ticket == "1" and level not in LEVELS:
        raise table.unknown(row, "priority", LEVELS)
    if ticket == "0" and level:
        raise table.refused(row, f"priority is {level!r}, but no ticket has none")
    codes = tuple(code for code in row.cells.get("reasons", "").split(";") if code)
    if unknown := [code for code in codes if code not in REASONS]:
        raise table.refused(row, f"unknown reason {unknown[0]!r}; there are {', '.join(REASONS)}")
    return labelled(
        row.cells["text"],
        level or NONE,
        codes,
        sure=row.cells.get("sure", "1") != "0",
        stratum=row.cells.get("stratum", ""),
    )


def labelled(
    text: str, level: str, codes: Iterable[str], *, sure: bool = True, stratum: str = ""
) -> Labelled:
    """A first message. Who needs an answer is not content; who thanks or praises is."""
    reasons = tuple(codes)
    is_content = level == NONE and bool({"thanks_solved", "praise"} & set(reasons))
    known_state = is_content or level != NONE
    return Labelled(
        text=redact(text),
        grade=GRADES.index(level),
        weight=1.0 if sure else UNSURE,
        reasons=reasons or None,
        state=("settled" if is_content else "open") if known_state else None,
        state_weight=IMPLIED if known_state else 0.0,
        stratum=stratum,
    )


def read_conversations(path: Path) -> list[Labelled]:
    """The last messages of labelled conversations, JSON lines `turns, state, sure`.

    Raises DataError for a file that cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [_last_message(json.loads(line)) for line in lines if line.strip()]
    except OSError as error:
        raise DataError(f"{path}: it cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path}: no labelled conversations ({error!r})") from None


def _last_message(conversation: Mapping[str, Any]) -> Labelled:
    if conversation["state"] not in STATES:
        raise ValueError(f"unknown state {conversation['state']!r}")
    return Labelled(
        text=redact(conversation["turns"][-1]["text"]),
        grade=None,
        weight=0.0,
        state=conversation["state"],
        state_weight=1.0 if str(conversation["sure"]) == "1" else UNSURE,
        stratum="conversation",
    )


def read_keyed(path: Path, data: Path) -> list[Labelled]:
    """Labels that stand by a hash of the text, CSV `key,stratum,level,sure,reasons`, with the texts
    found in the public sets below `data`. Labels without a text are left out.
    """
    columns = ("key", "stratum", "level", "sure", "reasons")
    remaining = {row["key"]: row for row in read_labelled(path, columns, error=DataError).rows}
    messages: list[Labelled] = []
    for text in public_texts(data):
        row = remaining.pop(key_of(text), None)
        if row is not None:
            codes = [code for code in row["reasons"].split(";") if code in REASONS]
            messages.append(
                labelled(text, row["level"], codes, sure=row["sure"] == "1", stratum=row["stratum"])
            )
    return messages


def key_of(text: str) -> str:
    """The name of a text in a table of labels: it says nothing of what the text says."""
    letters = _NO_WORD.sub("", text).lower()[:_KEY_LENGTH]
    return hashlib.sha256(letters.encode()).hexdigest()[:16]


def public_texts(data: Path) -> Iterator[str]:
    """The texts of the public sets that are there."""
    for name, column in SETS.items():
        if (data / name).exists():
            yield from texts_of(data / name, column)


def texts_of(path: Path, column: str | int) -> Iterator[str]:
    """The texts of a public set, plain or gzip."""
    unpacked = gzip.open if path.suffix == ".gz" else open
    with unpacked(path, "rt", encoding="utf-8", errors="replace", newline="") as file:
        if isinstance(column, str):
            yield from (row[column] or "" for row in csv.DictReader(file))
        else:
            yield from (row[column] for row in csv.reader(file) if len(row) > column)

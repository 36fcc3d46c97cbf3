"""Messages and conversations with the urgency that a reader gave them, as training takes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.evaluation.labelled_file import Row, Table, read_labelled
from models.redact import redact
from models.training.corpus.data import DataError
from models.training.corpus.keyed import texts_with_labels
from models.urgency import LEVELS, REASONS, STATES, State

NONE = "none"
GRADES = (NONE, *LEVELS)  # rising
UNSURE = 0.6  # weight of a label that a colleague could well decide otherwise
IMPLIED = 0.3  # weight of a state that follows from the level of a first message
UNIFORM = ("uniform", "random")  # strata whose shares are those of life begin with one of these


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
    messages: list[Labelled] = []
    for text, row in texts_with_labels(path, columns, data):
        codes = [code for code in row["reasons"].split(";") if code in REASONS]
        messages.append(
            labelled(text, row["level"], codes, sure=row["sure"] == "1", stratum=row["stratum"])
        )
    return messages

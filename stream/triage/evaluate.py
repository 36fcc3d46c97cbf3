"""Evaluation of triage on a file of labelled messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.events import Complaint, Event, Tweet
from models.evaluation.labelled_file import Row, Table, read_labelled
from models.evaluation.metrics import OnJudged
from stream.triage.figures import NONE, measured
from stream.triage.fold import fold
from stream.triage.ticket import Message, Ticket

COLUMNS = ("text", "should_ticket", "priority")
UNIFORM = ("uniform", "random")  # strata drawn at random begin with one of these
_BATCH = 64
_WEIGHT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_PLACE: dict[str, Any] = {
    "id": "gold:1",
    "conversation": "gold:1",
    "occurred_at": datetime(2024, 1, 1, tzinfo=UTC),
}
LONGEST_NAME = 300  # characters of a title, a brand and an author, as events have them


class UnusableLabels(ValueError):
    """The file of labels cannot be used: the message says where and why."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message and the level that a person gave it: P1 to P4, or none when it needs nobody.

    title, brand, author: as an event has them; '' where the file does not say.
    """

    text: str
    level: str
    sure: bool = True  # False where the reader said that a colleague could well decide otherwise
    stratum: str = ""  # how it was found; "uniform..." at random
    weight: float = 1.0  # how many messages in life it stands for
    title: str = ""
    brand: str = ""
    author: str = ""


def evaluate_triage(
    data: Path,
    messages: Callable[[Sequence[Event]], Sequence[Message]],
    on_judged: OnJudged | None = None,
) -> dict[str, Any]:
    """How well triage finds the labelled tickets, and puts the urgent ones first.

    data: CSV `text,should_ticket,priority`; should_ticket 0 or 1, priority P1 to P4 for a ticket,
    empty otherwise. It may have the columns `sure` (0 or 1), `stratum` and `weight`: the figures of
    the sure rows and of the uniform ones are then given as well, and rows count as much as they
    weigh. `title`, `brand` and `author` are those of the event. Each text counts as a conversation
    of one message: a post or, with a title, a complaint. messages: what is stored of events once
    they are judged. on_judged: gets every text with its two levels. Raises UnusableLabels on a
    missing column or an unknown label.
    """
    rows = read_labels(data)
    tickets = _tickets_of([_event(row) for row in rows], messages)
    pairs = list(zip(rows, tickets, strict=True))
    if on_judged is not None:
        for row, ticket in pairs:
            on_judged(row.text, "level", row.level, NONE if ticket is None else ticket.level)
    figures = _measured(pairs)
    parts = {
        "uniform": [pair for pair in pairs if pair[0].stratum.startswith(UNIFORM)],
        "sure": [pair for pair in pairs if pair[0].sure],
    }
    return figures | {
        name: _measured(part) for name, part in parts.items() if 0 < len(part) < len(pairs)
    }


def _measured(pairs: Sequence[tuple[Labelled, Ticket | None]]) -> dict[str, Any]:
    return measured(
        [row.level for row, _ in pairs],
        [ticket for _, ticket in pairs],
        [row.weight for row, _ in pairs],
    )


def tickets_of(
    texts: Sequence[str], messages: Callable[[Sequence[Event]], Sequence[Message]]
) -> list[Ticket | None]:
    """The ticket of each text as a conversation of one post; None where nobody is needed."""
    return _tickets_of([Tweet(text=text, **_PLACE) for text in texts], messages)


def _tickets_of(
    events: Sequence[Event], messages: Callable[[Sequence[Event]], Sequence[Message]]
) -> list[Ticket | None]:
    tickets: list[Ticket | None] = []
    for start in range(0, len(events), _BATCH):
        tickets += [fold([message]) for message in messages(events[start : start + _BATCH])]
    return tickets


def read_labels(data: Path) -> list[Labelled]:
    """The labelled messages in the file. Raises UnusableLabels."""
    table = read_labelled(data, COLUMNS, error=UnusableLabels)
    return [_labelled(table, row) for row in table.rows]


def _labelled(table: Table, row: Row) -> Labelled:
    ticket, level = row["should_ticket"], row["priority"]
    if ticket not in ("0", "1"):
        raise table.unknown(row, "should_ticket", ("0", "1"))
    if ticket == "1" and level not in ("P1", "P2", "P3", "P4"):
        raise table.unknown(row, "priority", ("P1", "P2", "P3", "P4"))
    if ticket == "0" and level:
        raise table.refused(row, f"priority is {level!r}, but no ticket has none")
    sure, weight = row["sure"] or "1", row["weight"] or "1"
    if sure not in ("0", "1"):
        raise table.unknown(row, "sure", ("0", "1"))
    if not _WEIGHT.fullmatch(weight) or not float(weight):
        raise table.refused(row, f"weight is {weight[:20]!r}; it is a number above 0")
    return Labelled(
        row.cells["text"],
        level or NONE,
        sure == "1",
        row["stratum"],
        float(weight),
        title=row["title"],
        brand=row["brand"],
        author=row["author"],
    )


def _event(row: Labelled) -> Event:
    names: dict[str, Any] = {
        "brand": row.brand[:LONGEST_NAME] or None,
        "author": row.author[:LONGEST_NAME] or None,
    }
    if row.title:
        return Complaint(title=row.title[:LONGEST_NAME], text=row.text, **names, **_PLACE)
    return Tweet(text=row.text, **names, **_PLACE)

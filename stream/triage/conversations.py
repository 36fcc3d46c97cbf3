"""Figures of triage on labelled conversations: what the customer's last word does to a ticket."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.events import Complaint, Event, Short, Tweet, wrong_field
from models.evaluation.metrics import OnJudged
from stream.triage.evaluate import UnusableLabels
from stream.triage.fold import fold
from stream.triage.ticket import Message, Ticket

State = Literal["settled", "waiting", "open"]
STATES: tuple[State, ...] = ("settled", "waiting", "open")
# What became of the ticket with the customer's last words. gone: the fold makes none any more.
ENDS = ("closed", "gone", "lowered_by_two", "lowered", "kept", "raised")
_LEVELS = ("none", "P4", "P3", "P2", "P1")
_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
_BATCH = 32  # conversations whose messages are judged together
_Z = 1.96  # of a 95 % interval

Judge = Callable[[Sequence[Event]], Sequence[Message]]


class _Turn(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    speaker: Literal["customer", "agent"]
    text: str


class Conversation(BaseModel):
    """One line of the file: a conversation up to a customer's message, and how it stands then."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    turns: Annotated[tuple[_Turn, ...], Field(min_length=1)]
    state: State
    title: Short | None = None  # of its first message
    brand: Short | None = None


@dataclass(frozen=True, slots=True)
class End:
    """What the last words did. before, after: the level; none where there is no ticket. end: one of
    ENDS; None where there was no ticket to end.
    """

    state: State
    before: str
    after: str
    end: str | None


def evaluate_conversations(
    data: Path, messages: Judge, on_judged: OnJudged | None = None
) -> dict[str, Any]:
    """How often the last word of a settled conversation closes its ticket, and how often that of an
    open one does.

    data: JSON lines `turns` [{speaker: customer or agent, text}], `state`, and perhaps `brand` and
    the `title` of the first message. messages: what is stored of events once they are judged.
    on_judged: gets every conversation, a turn a line, with its state and what became of the ticket.
    Raises UnusableLabels on a line that is none.
    """
    rows = read_conversations(data)
    outcomes = ends(rows, messages)
    if on_judged is not None:
        for row, end in zip(rows, outcomes, strict=True):
            words = "\n".join(f"{turn.speaker}: {turn.text}" for turn in row.turns)
            on_judged(words, "end", row.state, end.end or "no_ticket", right=_is_right(end))
    return measured(outcomes)


def read_conversations(data: Path) -> list[Conversation]:
    """The labelled conversations of the file. Raises UnusableLabels."""
    rows: list[Conversation] = []
    for number, line in enumerate(data.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = Conversation.model_validate(json.loads(line))
        except ValidationError as error:
            raise UnusableLabels(f"{data}: line {number}: {wrong_field(error)}") from None
        except ValueError:
            raise UnusableLabels(f"{data}: line {number} is no JSON") from None
        if row.turns[-1].speaker != "customer":
            raise UnusableLabels(f"{data}: line {number}: the last turn is not the customer's")
        rows.append(row)
    if not rows:
        raise UnusableLabels(f"{data}: holds no conversation")
    return rows


def ends(rows: Sequence[Conversation], messages: Judge) -> list[End]:
    """What the customer's last words do to the ticket of each conversation."""
    outcomes: list[End] = []
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        events = [list(_events(number, row)) for number, row in enumerate(part)]
        judged = iter(messages([event for of_one in events for event in of_one]))
        for row, of_one in zip(part, events, strict=True):
            outcomes.append(_end(row, [next(judged) for _ in of_one]))
    return outcomes


def measured(outcomes: Sequence[End]) -> dict[str, Any]:
    """The figures of the ends. Shares stand with their 95 % interval (Wilson 1927)."""
    of = {state: [end for end in outcomes if end.state == state] for state in STATES}
    ticketed = {state: [end for end in of[state] if end.end is not None] for state in STATES}
    settled = [end.end in ("closed", "gone", "lowered_by_two") for end in ticketed["settled"]]
    quiet = len(of["settled"]) - len(ticketed["settled"])
    closed = [end.end in ("closed", "gone") for end in of["open"]]
    lowered = [end.end in ("lowered", "lowered_by_two") for end in of["open"]]
    return {
        "n": len(outcomes),
        "settled_closed_or_lowered_by_two": _share(settled),
        "settled_without_a_ticket_or_closed_or_lowered_by_two": _share(settled + [True] * quiet),
        "open_wrongly_closed": _share(closed),
        "open_wrongly_lowered": _share(lowered),
        "waiting_closed": _share([end.end in ("closed", "gone") for end in of["waiting"]]),
        "ends": {state: _counts(of[state]) for state in STATES},
    }


def _is_right(end: End) -> bool:
    """As the figures count it; a settled conversation without a ticket needs nothing."""
    if end.state == "settled":
        return end.end in (None, "closed", "gone", "lowered_by_two")
    if end.state == "open":
        return end.end not in ("closed", "gone", "lowered", "lowered_by_two")
    return end.end not in ("closed", "gone")


def _events(number: int, row: Conversation) -> Iterator[Event]:
    conversation = f"labelled:{number}"
    for at, turn in enumerate(row.turns):
        is_customer = turn.speaker == "customer"
        fields: dict[str, Any] = {
            "id": f"{conversation}.{at}",
            "conversation": conversation,
            "occurred_at": _MOMENT + timedelta(minutes=at),
            "direction": "inbound" if is_customer else "outbound",
            "author": "customer" if is_customer else "brand",
            "brand": row.brand,
            "text": turn.text,
        }
        is_titled = row.title and at == 0
        yield Complaint(title=row.title, **fields) if is_titled else Tweet(**fields)


def _end(row: Conversation, history: Sequence[Message]) -> End:
    last = len(history)
    while last and history[last - 1].direction == "inbound":
        last -= 1
    before, after = fold(history[:last]), fold(history)
    levels = _level(before), _level(after)
    return End(row.state, *levels, _end_name(before, after) if before or after else None)


def _end_name(before: Ticket | None, after: Ticket | None) -> str:
    if after is None:
        return "gone"
    if after.settled_at is not None:
        return "closed"
    fell = _LEVELS.index(_level(before)) - _LEVELS.index(after.level)
    if fell > 0:
        return "lowered_by_two" if fell > 1 else "lowered"
    return "raised" if fell else "kept"


def _level(ticket: Ticket | None) -> str:
    return "none" if ticket is None else ticket.level


def _counts(outcomes: Sequence[End]) -> dict[str, int]:
    counts = Counter(end.end or "no_ticket" for end in outcomes)
    return {name: counts[name] for name in (*ENDS, "no_ticket")}


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    n, count = len(hits), sum(hits)
    if not n:
        return {"share": None, "n": 0}
    share = count / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    interval = [round(max(centre - reach, 0.0), 4), round(min(centre + reach, 1.0), 4)]
    return {"share": round(share, 4), "interval_95": interval, "count": count, "n": n}

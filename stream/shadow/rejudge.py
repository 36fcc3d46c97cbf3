"""Stored messages judged again by another model, from the redacted words that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.events import Complaint, TextEvent, Transcript, Turn, Tweet
from models.calls.sides import Utterance
from models.language import UNDECIDED
from stream.brands import Brands
from stream.postgres.tables import Row
from stream.store.rows import event_row
from stream.triage.judgement import Judge, Reading

_COMMON = (
    "id",
    "revision",
    "conversation",
    "occurred_at",
    "brand",
    "direction",
    "author",
    "followers",
)


class Rejudge:
    """Rows of `events` in; the row that the judge's model would have stored for each out."""

    def __init__(self, judge: Judge, brands: Brands) -> None:
        self._judge = judge
        self._brands = brands

    def __call__(self, rows: Sequence[Row]) -> list[Row | None]:
        """In order; None for a message that this model cannot judge."""
        readings = [self._reading(row) for row in rows]
        judgements = self._judge.understand(readings)
        return [
            None if judgement.analysis is None else event_row(judgement) for judgement in judgements
        ]

    def _reading(self, row: Row) -> Reading:
        event = stored_event(row)
        call = None
        if isinstance(event, Transcript):
            call = tuple(Utterance(turn.speaker, turn.text, None, turn.at) for turn in event.turns)
        return Reading(
            event, row["text"], row["brand"], call, trade=self._brands.trade_of(row["brand"])
        )


def stored_event(row: Row) -> TextEvent:
    """The event of a row of `events`, with the redacted words and the language that was found.

    It was checked when it came: redaction may have made it longer than it might have been then.
    """
    known = {name: row[name] for name in _COMMON}
    known["language"] = None if row["language"] == UNDECIDED else row["language"]
    if row["kind"] == "transcript":
        scores = row["scores"] or {}
        turns = tuple(Turn.model_construct(**turn) for turn in _turns(row))
        complete = scores.get("call", {}).get("complete", True)
        return Transcript.model_construct(**known, turns=turns, complete=complete)
    if row["kind"] == "complaint":
        return Complaint.model_construct(**known, text=row["text"])
    return Tweet.model_construct(**known, text=row["text"])


def _turns(row: Row) -> list[dict[str, Any]]:
    """Both sides of a call; of one that an older release stored, the customer's words."""
    if row["turns"] is not None:
        return list(row["turns"])
    return [{"speaker": "customer", "text": line} for line in row["text"].splitlines()]

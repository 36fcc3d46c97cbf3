"""Preview of a ticket: the priority that a message would get if it came in alone, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.events import Transcript, Tweet
from models.analysis import Analysis
from stream.store.rows import as_stored
from stream.triage.fold import fold_surely
from stream.triage.judgement import Judgement


def preview(judgement: Judgement) -> dict[str, Any] | None:
    """Level, priority and reasons of the ticket that it would be; None where it needs nobody."""
    ticket, _ = fold_surely([as_stored(judgement)])
    if ticket is None:
        return None
    return {
        "level": ticket.level,
        "priority": ticket.priority,
        "needs_look": ticket.needs_look,
        "why": [
            {"name": factor.name, "points": factor.points, "words": factor.words}
            for factor in ticket.factors
        ],
    }


def preview_of(analysis: Analysis) -> dict[str, Any] | None:
    """As `preview`, of a text as a post of its own, or of a call that is over."""
    place = {"id": "text:1", "conversation": "text:1", "occurred_at": datetime.now(UTC)}
    event = (
        Tweet(text=analysis.text, **place)
        if analysis.call is None
        else Transcript(turns=(), **place)
    )
    return preview(Judgement(event, analysis.text, None, analysis))

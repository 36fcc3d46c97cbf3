"""Preview of a ticket: the priority that a message would get if it came in alone, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.events import Tweet
from models.analysis import Analysis
from models.language import UNDECIDED
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


def analysis_of(judgement: Judgement, version: str) -> Analysis:
    """The judgement's analysis; an abstained one where there is none, because a step failed or a
    brand's own account wrote it. version: of the model.
    """
    return judgement.analysis or Analysis(judgement.text, UNDECIDED, version, abstained=True)


def post_of(text: str, number: int, author: str | None = None) -> Tweet:
    """A text as a post of its own, and of now. number: among those that are judged together."""
    name = f"text:{number}"
    return Tweet(
        id=name, conversation=name, author=author, text=text, occurred_at=datetime.now(UTC)
    )

"""Classes of a stored message by field: what two models are held against each other in."""

from __future__ import annotations

from stream.postgres.tables import Row
from stream.store.rows import COMPLAINT, message
from stream.triage.fold import fold_surely

NONE = "none"  # of a field that a model leaves open, and of a message that needs nobody
FIELDS = (
    "sentiment",
    "complaint",
    "severity",
    "topic",
    "problem",
    "level",
    "outcome",
    "abstained",
)


def classes(row: Row) -> dict[str, str]:
    """The class of each field. row: of `events`. outcome: of calls alone.

    level: the priority that the message alone would have.
    """
    scores = row["scores"] or {}
    ticket, _ = fold_surely([message(row)])
    labels = {name: _label(row[name]) for name in ("sentiment", "severity", "topic", "problem")}
    labels |= {
        "complaint": _yes_or_no(scores.get("complaint")),
        "level": NONE if ticket is None else ticket.level,
        "abstained": "yes" if row["abstained"] else "no",
    }
    if "call" in scores:
        labels["outcome"] = _label(scores["call"].get("outcome"))
    return labels


def _label(value: object) -> str:
    return NONE if value is None else str(value)


def _yes_or_no(probability: float | None) -> str:
    if probability is None:
        return NONE
    return "yes" if probability >= COMPLAINT else "no"

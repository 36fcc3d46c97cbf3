"""Corrections of the model's labels by people, read back as pairs to train with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.tables import corrections, events
from stream.triage.points import LEVELS

Field = Literal["sentiment", "complaint", "severity", "topic", "problem", "outcome", "level"]
FIELDS: tuple[Field, ...] = get_args(Field)

NO_LEVEL = "none"  # of a message that needs nobody
_ALLOWED = {
    "sentiment": ("negative", "neutral", "positive"),
    "complaint": ("no", "yes"),
    "severity": ("0", "1", "2", "3", "4"),
    "outcome": ("resolved", "follow_up"),
    "level": (*(level for level, _ in LEVELS), NO_LEVEL),
}
_LONGEST = 120  # characters of a topic or a problem
_LATEST = text("""
    select distinct on (corrections.event_id, corrections.field)
           corrections.event_id, events.text, corrections.field, corrections.said,
           corrections.should_be, corrections.who
    from corrections join events on events.id = corrections.event_id and events.text is not null
    where cast(:field as text) is null or corrections.field = :field
    order by corrections.event_id, corrections.field, corrections.id desc
""")


_LATEST_OF_CALLS = text("""
    select distinct on (corrections.event_id)
           corrections.event_id, events.turns, corrections.should_be
    from corrections join events on events.id = corrections.event_id and events.turns is not null
    where corrections.field = 'outcome'
    order by corrections.event_id, corrections.id desc
""")


@dataclass(frozen=True, slots=True)
class CorrectedCall:
    """A call with the outcome that a person gave it. turns: as stored, both sides, redacted."""

    id: str
    turns: list[dict[str, Any]]
    outcome: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A text (redacted, as stored) with a person's label, better, and the model's, worse."""

    text: str
    field: str
    better: str
    worse: str | None
    actor: str


class Corrections:
    """The table `corrections`. The stored analysis, and so the priority, stays the model's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def correct(
        self, event_id: str, field: Field, should_be: str, actor: str
    ) -> dict[str, Any]:
        """Store a person's label; the latest counts. Raises UserError for an unknown label."""
        async with reachable(), self._engine.begin() as connection:
            return await correct(connection, event_id, field, should_be, actor)

    async def of(self, event_ids: Collection[str]) -> list[dict[str, Any]]:
        """All corrections of these messages, oldest first."""
        query = (
            select(corrections)
            .where(corrections.c.event_id.in_(list(event_ids)))
            .order_by(corrections.c.id)
        )
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def pairs(self, field: Field | None = None) -> list[Pair]:
        """The latest correction of each message, where it differs from what the model said."""
        return [pair for pair in await self.labels(field) if pair.better != pair.worse]

    async def labels(self, field: Field | None = None) -> list[Pair]:
        """The latest label of each message, where it says what the model said, too."""
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_LATEST, {"field": field})).all()
        return [Pair(row.text, row.field, row.should_be, row.said, row.who) for row in rows]

    async def by_message(self, fields: Collection[str]) -> list[tuple[str, dict[str, str]]]:
        """Each message (its redacted text) with the latest label of each field, by its name."""
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_LATEST, {"field": None})).all()
        messages: dict[str, tuple[str, dict[str, str]]] = {}
        for row in rows:
            if row.field in fields:
                messages.setdefault(row.event_id, (row.text, {}))[1][row.field] = row.should_be
        return list(messages.values())

    async def calls(self) -> list[CorrectedCall]:
        """The calls whose outcome a person gave."""
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_LATEST_OF_CALLS)).all()
        return [CorrectedCall(row.event_id, row.turns, row.should_be) for row in rows]


async def correct(
    connection: AsyncConnection, event_id: str, field: Field, should_be: str, actor: str
) -> dict[str, Any]:
    """As `Corrections.correct`, in the caller's transaction."""
    label = storable(should_be.strip())
    allowed = _ALLOWED.get(field)
    if allowed is not None and label not in allowed:
        raise UserError(f"{field} is {' or '.join(allowed)}")
    if not 0 < len(label) <= _LONGEST or not label.isprintable():
        raise UserError(f"{field} is 1 to {_LONGEST} printable characters")
    query = select(events).where(events.c.id == storable(event_id))
    row = (await connection.execute(query)).mappings().first()
    if row is None or row["kind"] == "deleted":
        raise UserError(f"there is no message {event_id}")
    put = insert(corrections).values(
        event_id=row["id"],
        field=field,
        said=_model_label(row, field),
        should_be=label,
        who=actor,
    )
    return dict((await connection.execute(put.returning(*corrections.c))).mappings().one())


async def take_back(connection: AsyncConnection, event_id: str, field: Field) -> None:
    """Nobody says any more what it should be."""
    await connection.execute(
        delete(corrections).where(corrections.c.event_id == event_id, corrections.c.field == field)
    )


def _model_label(row: Any, field: Field) -> str | None:
    scores = row["scores"] or {}
    if field == "complaint":
        likely = scores.get("complaint")
        if likely is None:
            return None
        return "yes" if likely >= 0.5 else "no"
    if field == "outcome":
        outcome = scores.get("call", {}).get("outcome")
        return None if outcome is None else str(outcome)
    if field == "level":
        return _model_level(row)
    return None if row[field] is None else str(row[field])


def _model_level(row: Any) -> str:
    """The level of the message alone, as triage weighs it."""
    # Triage and its words are loaded where a level is weighed: most commands only read.
    from stream.store.rows import message
    from stream.triage.fold import fold_surely

    ticket, _ = fold_surely([message(row)])
    return NO_LEVEL if ticket is None else ticket.level

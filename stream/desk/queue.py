"""Queue and list of tickets: filtered, sorted, paged, and marked where they will be late."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable, storable
from stream.store.queries import OUT_OF_QUEUE

Sort = Literal["priority", "received", "updated"]
Row = dict[str, Any]
MAX_ROWS = 200  # rows of one page
LONGEST = 5_000  # lines of the queue at once: what nobody scrolls through is found by a filter


class BadCursor(ValueError):
    """The cursor is not one that an answer gave, or not for this sort."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tickets to show. Empty: all. owner "": nobody's. late: past the promised time.
    unread: in a language that no model reads.

    text: in any message of the conversation. brands: those that the person is bound to, on top of
    the chosen brand; None: all.
    """

    brand: str | None = None
    network: str | None = None
    topic: str | None = None
    level: str | None = None
    state: str | None = None
    owner: str | None = None
    tag: str | None = None
    text: str | None = None
    late: bool = False
    unread: bool = False
    brands: frozenset[str] | None = None


# Conditions by what they are about; each holds where its filter is empty.
_ABOUT = {
    "brand": "(cast(:brand as text) is null or t.brand = :brand)",
    "network": "(cast(:network as text) is null or t.network = :network)",
    "topic": "(cast(:topic as text) is null or t.topic = :topic)",
    "level": "(cast(:level as text) is null or t.level = :level)",
    "state": "(cast(:state as text) is null or t.state = :state)",
    "owner": "(cast(:owner as text) is null or coalesce(t.owner, '') = :owner)",
    "clock": "(not cast(:late as boolean) or (t.answered_at is null and t.sla_due_at < now()))",
    "lane": "(not cast(:unread as boolean) or t.unread_language is not null)",
}
_ALWAYS = """
    (cast(:brands as text[]) is null or t.brand = any(cast(:brands as text[])))
    and (cast(:tag as text) is null or :tag = any(t.tags))
    and (cast(:text as text) is null or exists (
        select from events e
        where e.conversation = split_part(t.id, ' ', 1) and coalesce(e.brand = t.brand, true)
          and e.text ilike :text
    ))
"""
_MATCHES = " and ".join([*_ABOUT.values(), _ALWAYS])
_OPEN = """(
    t.state not in ('resolved', 'settled')
    and not (t.state = 'snoozed' and t.snoozed_until > now())
)"""
_SETTLED_LATELY = "(t.state = 'settled' and t.updated_at > now() - interval '7 days')"
# Columns of a line. why: the strongest reasons in words; the others are read with the ticket.
REASONS = 3
_LINE = f"""
    t.id, t.brand, t.network, t.author, t.level, t.state, t.owner, t.topic, t.problem, t.sentiment,
    t.dissatisfaction, t.tags, t.excerpt, t.messages, t.needs_look, t.version, t.edits,
    t.received_at, t.answered_at, t.sla_due_at, t.unread_language,
    jsonb_path_query_array(t.factors, '$[0 to {REASONS - 1}].words') as why
"""
# Tickets ahead are answered first, as fast as the desk answered during the last hour; a desk that
# answered none is taken to answer one in that time. The view is read once, and its order kept by
# number: it is the dear part.
_QUEUE = text(f"""
    with pace as (
        select brand, greatest(1, count(*)) / 60.0 as answered_a_minute from tickets
        where answered_at is not null and updated_at > now() - interval '1 hour' group by brand
    ),
    queued as materialized (select row_number() over () as rank, * from open_tickets),
    waiting as (
        select id,
               row_number() over (partition by brand order by queue_priority desc, received_at, id)
                   as place
        from queued where answered_at is null
    ),
    present as (
        select ticket_id, array_agg(who order by who) as open_by from presence
        where seen_at > now() - interval '30 seconds' group by ticket_id
    )
    select {_LINE}, t.queue_priority, waiting.place, present.open_by,
           t.answered_at is null and t.sla_due_at < now() as late,
           t.answered_at is null and t.sla_due_at >= now()
               and now() + interval '1 minute'
                       * ceil(waiting.place / coalesce(answered_a_minute, 1 / 60.0))
                   > t.sla_due_at as will_be_late
    from queued t
    left join waiting on waiting.id = t.id
    left join pace on pace.brand is not distinct from t.brand
    left join present on present.ticket_id = t.id
    where {_MATCHES}
    order by t.rank
    limit :limit
""").columns(why=JSONB)  # noqa: S608  our own words

# Urgent tickets alone, without what the view computes from all others: cheap for any queue.
_URGENT = text(f"""
    select {_LINE}, t.priority as queue_priority, t.sla_due_at < now() as late,
        false as will_be_late, null as open_by
    from tickets t
    where t.level = 'P1' and t.state in ('new', 'open') and t.answered_at is null
      and t.updated_at > now() - interval '10 seconds' and {_MATCHES}
    order by t.priority desc, t.updated_at desc, t.id
    limit 50
""").columns(why=JSONB)  # noqa: S608  our own words

# What customers closed themselves, the latest first: for who looks after them.
_SETTLED = text(f"""
    select {_LINE}, t.priority as queue_priority, false as late, false as will_be_late,
        null as open_by
    from tickets t
    where {_SETTLED_LATELY} and {_MATCHES}
    order by t.updated_at desc, t.id
    limit :limit
""").columns(why=JSONB)  # noqa: S608  our own words

# Tickets that are not in the queue, when their state is chosen: no promise runs for them.
_OUT_OF_QUEUE = text(f"""
    with present as (
        select ticket_id, array_agg(who order by who) as open_by from presence
        where seen_at > now() - interval '30 seconds' group by ticket_id
    )
    select {_LINE}, t.priority as queue_priority, present.open_by, false as late,
        false as will_be_late
    from tickets t
    left join present on present.ticket_id = t.id
    where {_MATCHES}
    order by t.updated_at desc, t.id
    limit :limit
""").columns(why=JSONB)  # noqa: S608  our own words

_KEYS: dict[Sort, tuple[str, str, str]] = {
    # the column, its type, and how it compares when the next page begins
    "priority": ("priority", "integer", "(t.priority, t.id) < (cast(:at as integer), :after)"),
    "received": (
        "received_at",
        "timestamptz",
        "(t.received_at, t.id) > (cast(:at as timestamptz), :after)",
    ),
    "updated": (
        "updated_at",
        "timestamptz",
        "(t.updated_at, t.id) < (cast(:at as timestamptz), :after)",
    ),
}
_VALUES = {name: f"t.{name}" for name in ("brand", "network", "topic", "level", "state")} | {
    "owner": "coalesce(t.owner, '')",
    "clock": "case when t.answered_at is null and t.sla_due_at < now() then 'late' end",
    "lane": "case when t.unread_language is not null then 'unread' end",
}
# Of the same tickets as the view shows, without its computed columns. A choice counts the tickets
# that it would show beside all the other filters: those that fail no condition, or only its own.
_MISSES = " + ".join(f"(not coalesce({condition}, false))::int" for condition in _ABOUT.values())
_CHOICES = ", ".join(
    f"('{name}', {value}, coalesce({_ABOUT[name]}, false))" for name, value in _VALUES.items()
)
_FACETS = text(f"""
    select facet, value, count(*)::int as n
    from tickets t
    cross join lateral (values
        {_CHOICES},
        ('all', 'found', true)
    ) as choices (facet, value, fits)
    cross join lateral (select {_MISSES}) as failed (misses)
    where (
            {_OPEN}
            or (facet = 'state' or cast(:state as text) = 'settled') and {_SETTLED_LATELY}
            or t.state = :state and t.state in ('snoozed', 'resolved')
        )
        and {_ALWAYS}
      and value is not null and misses = (not fits)::int
    group by facet, value
    order by facet, n desc, value
""")  # noqa: S608  our own words


class QueueReader:
    """Reads the queue, its facets, and pages of all tickets."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def queue(self, filter: Filter, limit: int = 100) -> list[Row]:
        """The open tickets as lines, most urgent first; at most LONGEST. Where the filter has the
        state snoozed or resolved: those tickets, the latest changed first.

        late: the promise is broken; will_be_late: it will be, at the pace of the last hour;
        open_by: who looks at it. Of the state `settled`: those of the last days, the latest first.
        """
        query = _QUEUE
        if filter.state == "settled":
            query = _SETTLED
        elif filter.state in OUT_OF_QUEUE:
            query = _OUT_OF_QUEUE
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(query, _values(filter) | {"limit": min(limit, LONGEST)})
            return [dict(row) for row in rows.mappings()]

    async def urgent(self, filter: Filter) -> list[Row]:
        """P1 tickets of the last seconds, as rows of the queue, until it is read again."""
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_URGENT, _values(filter))
            return [dict(row) for row in rows.mappings()]

    async def facets(self, filter: Filter) -> dict[str, dict[str, int]]:
        """The choices of each filter, with how many open tickets each would show beside the others.

        `all` counts the tickets that the filter as it is shows.
        """
        counts: dict[str, dict[str, int]] = {}
        async with reachable(), self._engine.connect() as connection:
            for row in await connection.execute(_FACETS, _values(filter)):
                counts.setdefault(row.facet, {})[row.value] = row.n
        return counts

    async def page(
        self, filter: Filter, *, sort: Sort = "priority", cursor: str | None = None, limit: int = 50
    ) -> tuple[list[Row], str | None]:
        """Tickets in any state, with the cursor of the next page, None at the end.

        Raises BadCursor.
        """
        column, _, beyond = _KEYS[sort]
        at, after = (None, "") if cursor is None else _read_cursor(cursor, sort)
        direction = "asc" if sort == "received" else "desc"
        query = text(f"""
            select t.* from tickets t where {_MATCHES} {"" if cursor is None else f"and {beyond}"}
            order by t.{column} {direction}, t.id {direction} limit :limit
        """).columns(factors=JSONB, notes=JSONB)  # noqa: S608  our own words
        values = _values(filter) | {"limit": min(limit, MAX_ROWS) + 1}
        values |= {} if cursor is None else {"at": at, "after": after}
        async with reachable(), self._engine.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(query, values)).mappings()]
        if len(rows) < values["limit"]:
            return rows, None
        rows = rows[:-1]
        return rows, _cursor(sort, rows[-1][column], rows[-1]["id"])


_TEXTS = ("brand", "network", "topic", "level", "state", "owner", "tag")


def _values(filter: Filter) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in _TEXTS:
        value = getattr(filter, name)
        values[name] = None if value is None else storable(value)
    values["brands"] = None if filter.brands is None else sorted(filter.brands)
    values["late"], values["unread"] = filter.late, filter.unread
    values["text"] = filter.text and f"%{_literal(storable(filter.text))}%"
    return values


def _literal(phrase: str) -> str:
    """The phrase as `like` matches it literally."""
    return phrase.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _cursor(sort: Sort, at: Any, after: str) -> str:
    parts = [sort, at.isoformat() if isinstance(at, datetime) else at, after]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: Sort) -> tuple[Any, str]:
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        of, at, after = parts
        at = int(at) if sort == "priority" else datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise BadCursor("this cursor is not one that an answer gave") from None
    is_priority = not isinstance(at, int) or 0 <= at <= 100
    if of != sort or not isinstance(after, str) or not is_priority:
        raise BadCursor(f"this cursor is not one of a list sorted by {sort}")
    return at, storable(after)

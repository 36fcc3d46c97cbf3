"""Queue and list of tickets: filtered, sorted, paged, and marked where they will be late."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from sqlalchemy import Pool, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.desk.facets import Alike, Facets, alike, count, groups_of
from stream.desk.filters import LATE, OPEN, SETTLED_LATELY, Conditions, Filter, conditions
from stream.errors import DatabaseAway
from stream.postgres.database import reachable, storable
from stream.store.listing import OUT_OF_QUEUE

Sort = Literal["priority", "newest", "received", "updated"]
SORTS: tuple[Sort, ...] = get_args(Sort)
Row = dict[str, Any]
MAX_ROWS = 200  # rows of one page
LEAST_NEAR = 2_000  # tickets whose authors' other tickets are looked up for the first lines
MOST_SEARCHES = 3  # at once over one pool of connections: a word of all messages takes long
PATIENCE = 30.0  # seconds that a search waits for others, as for a connection
LONGEST = 5_000  # lines of the queue at once: what nobody scrolls through is found by a filter


class BadCursor(ValueError):
    """The cursor is not one that an answer gave, or not for this sort."""


# Columns of a line. why: the strongest reasons in words; the others are read with the ticket.
REASONS = 3
_LINE = f"""
    t.id, t.brand, t.network, t.author, t.level, t.state, t.owner, t.topic, t.problem, t.sentiment,
    t.dissatisfaction, t.tags, t.excerpt, t.messages, t.needs_look, t.version, t.edits,
    t.received_at, t.answered_at, t.sla_due_at, t.unread_language,
    jsonb_path_query_array(t.factors, '$[0 to {REASONS - 1}].words') as why
"""
_OPEN_BY = """(
    select array_agg(who order by who) from presence
    where ticket_id = t.id and seen_at > now() - interval '30 seconds'
) as open_by"""

# Points for the promised time that is used up, and for the author's other open tickets, as in the
# view open_tickets. Two others are as many as count.
_PROMISES = "(select jsonb_object_agg(level || brand, minutes) from desk_promises)"  # read once
_PROMISED = f"""coalesce(
    {_PROMISES} ->> (t.level || coalesce(t.brand, '')), {_PROMISES} ->> t.level
)::integer"""
_CLOCK = f"sla_points(t.level, t.sla_due_at, {_PROMISED})"
_MOST_CLOCK, _MOST_CONTACTS = 20, 10
_CONTACTS = f"""(
    select least({_MOST_CONTACTS}, 5 * count(*))::int from (
        select from tickets o
        where o.network = t.network and o.author = t.author and o.id <> t.id
            and o.received_at > now() - interval '7 days'
            and {OPEN.replace("t.", "o.")} and o.author is not null
        limit 2
    ) as others
)"""  # noqa: S608  our own words

# The first lines without a look at the others: no ticket gains more than 30 points, so whoever
# stands 30 below the last of as many lines is none of them. What an author's other tickets add is
# looked up for the foremost without it; of thousands within ten points of each other the rest keeps
# its place behind them. Many meet at 100; there, the sum before the cut tells the gravest of them
# apart.
_RANKED = """
    with first as (
        select least(100, t.priority + {clock}) as at_least from tickets t
        where {open} and {half} and {where}
        order by t.priority desc limit :limit
    ),
    bound as materialized (
        select case when count(*) < :limit then -1 else min(at_least) end as at_least from first
    ),
    near as (
        select t.id, t.network, t.author, t.received_at, t.priority + {clock} as score
        from tickets t
        where {open} and {half} and {where}
            and t.priority >= (select at_least - {most} from bound)
            and t.priority + {clock} >= (select at_least - {most_contacts} from bound)
        order by score desc, t.received_at, t.id limit :near
    ),
    weighed as (
        select t.id, t.received_at, least(100, t.score + {contacts})::int as queue_priority
        from near t
    ),
    foremost as (
        select * from weighed order by queue_priority desc fetch first :limit rows with ties
    )
    select id, queue_priority from foremost
    order by queue_priority desc,
        (select sum((factor ->> 'points')::numeric)
            from tickets t, jsonb_array_elements(t.factors) as factor where t.id = foremost.id)
            desc,
        received_at, id
    limit :limit
"""
_WAITING, _ANSWERED = "t.answered_at is null", "t.answered_at is not null"

_LINES = text(f"""
    select {_LINE}, wanted.queue_priority, {_OPEN_BY}, {LATE} as late, false as will_be_late
    from unnest(cast(:ids as text[]), cast(:priorities as int[])) with ordinality
        as wanted (id, queue_priority, rank)
    join tickets t on t.id = wanted.id
    order by wanted.rank
""").columns(why=JSONB)  # noqa: S608  our own words

# Tickets ahead are answered first, as fast as the desk answered during the last hour; a desk that
# answered none is taken to answer one in that time. What other open tickets of an author add moves
# nobody far, and is left out here.
_PLACES = text(f"""
    with pace as (
        select brand, greatest(1, count(*)) / 60.0 as answered_a_minute from tickets
        where answered_at is not null and updated_at > now() - interval '1 hour' group by brand
    ),
    lines as materialized (
        select t.id, t.brand, t.sla_due_at, t.priority + {_CLOCK} as score
        from tickets t where t.id = any(cast(:ids as text[]))
    ),
    waiting as materialized (
        select t.id, t.brand, t.received_at, t.priority + {_CLOCK} as score
        from tickets t
        where {OPEN} and t.answered_at is null
            and t.priority >= (select min(score) - {_MOST_CLOCK} from lines)
            and (cast(:brands as text[]) is null or t.brand = any(cast(:brands as text[])))
    ),
    scores as (
        select brand, score, count(*) as tickets,
            sum(count(*)) over (partition by brand order by score desc) as so_far
        from waiting group by brand, score
    ),
    equals as (
        select w.id, row_number() over (partition by brand, score order by received_at) as place
        from waiting w
        where exists (
            select from lines
            where lines.score = w.score and lines.brand is not distinct from w.brand
        )
    )
    select lines.id from lines
    join scores on scores.score = lines.score and scores.brand is not distinct from lines.brand
    join equals on equals.id = lines.id
    left join pace on pace.brand is not distinct from lines.brand
    where now() + interval '1 minute'
        * ceil((so_far - tickets + place) / coalesce(answered_a_minute, 1 / 60.0)) > sla_due_at
""")  # noqa: S608  our own words

# Urgent tickets alone, without what the view computes from all others: cheap for any queue.
_URGENT = """
    select {line}, t.priority as queue_priority, t.sla_due_at < now() as late,
        false as will_be_late, null as open_by
    from tickets t
    where t.level = 'P1' and t.state in ('new', 'open') and t.answered_at is null
      and t.updated_at > now() - interval '10 seconds' and {where}
    order by t.priority desc, t.updated_at desc, t.id
    limit 50
"""

# Tickets by one of their own columns: those that are found, in any state, and those out of the
# queue, for which no promise runs.
_LISTED = """
    select {line}, t.priority as queue_priority, {open_by}, {late} and {open} as late,
        false as will_be_late
    from tickets t
    where {domain} and {where}
    order by {order}
    limit :limit
"""
_ORDERS: dict[Sort, str] = {
    "newest": "t.received_at desc, t.id desc",
    "received": "t.received_at, t.id",
    "updated": "t.updated_at desc, t.id desc",
}
_FOUND_ORDER = f"{OPEN} desc, t.priority desc, t.received_at desc, t.id"

_KEYS: dict[Sort, tuple[str, str]] = {  # the column, and how it compares when a page begins
    "priority": ("priority", "(t.priority, t.id) < (cast(:at as integer), :after)"),
    "newest": ("received_at", "(t.received_at, t.id) < (cast(:at as timestamptz), :after)"),
    "received": ("received_at", "(t.received_at, t.id) > (cast(:at as timestamptz), :after)"),
    "updated": ("updated_at", "(t.updated_at, t.id) < (cast(:at as timestamptz), :after)"),
}
# For this transaction: groups and sorts of a long queue stay in memory, and nothing is compiled.
_ROOM = text("select set_config('work_mem', '32MB', true), set_config('jit', 'off', true)")


# Of people who are bound to brands, too: they share the pool.
_searches: WeakKeyDictionary[Pool, asyncio.Semaphore] = WeakKeyDictionary()


class QueueReader:
    """Reads the queue, its facets, and pages of all tickets.

    Searches wait for each other, so that they leave connections to everybody else.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._places = _searches.setdefault(
            engine.sync_engine.pool, asyncio.Semaphore(MOST_SEARCHES)
        )

    @asynccontextmanager
    async def _place(self, filter: Filter) -> AsyncIterator[None]:
        """Raises BadSearch at once, and DatabaseAway where too many searches are before it."""
        if not filter.searches:
            yield
            return
        filter.search()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            raise DatabaseAway("too many searches run just now; ask again later") from None
        try:
            yield
        finally:
            self._places.release()

    async def queue(self, filter: Filter, limit: int = 100, sort: Sort = "priority") -> list[Row]:
        """The open tickets as lines, most urgent first; at most LONGEST. Where the filter has the
        state snoozed or resolved: those tickets, the latest changed first. Where it searches: what
        is found in all states, open ones first.

        late: the promise is broken; will_be_late: it will be, at the pace of the last hour;
        open_by: who looks at it. Of the state `settled`: those of the last days, the latest first.
        Raises BadSearch.
        """
        limit = min(limit, LONGEST)
        async with self._place(filter), reachable(), self._engine.connect() as connection:
            await connection.execute(_ROOM)
            sql = await conditions(connection, filter)
            if sort == "priority" and not filter.searches and not _is_out(filter):
                return await _ranked(connection, filter, sql, limit)
            return await _listed(connection, filter, sql, limit, sort)

    async def ids(self, filter: Filter, limit: int) -> list[Row]:
        """The tickets of `queue` by id, with their edits and version; the gravest, at most `limit`.

        Raises BadSearch.
        """
        async with self._place(filter), reachable(), self._engine.connect() as connection:
            await connection.execute(_ROOM)
            sql = await conditions(connection, filter)
            query = text(f"""
                select t.id, t.edits, t.version from tickets t
                where {_domain(filter)} and {sql.where}
                order by t.priority desc, t.received_at, t.id limit :limit
            """)  # noqa: S608  our own words
            rows = await connection.execute(query, sql.values | {"limit": limit})
            return [dict(row) for row in rows.mappings()]

    async def urgent(self, filter: Filter) -> list[Row]:
        """P1 tickets of the last seconds, as rows of the queue, until it is read again."""
        async with self._place(filter), reachable(), self._engine.connect() as connection:
            sql = await conditions(connection, filter)
            query = text(_URGENT.format(line=_LINE, where=sql.where)).columns(why=JSONB)
            rows = await connection.execute(query, sql.values)
            return [dict(row) for row in rows.mappings()]

    async def facets(self, filter: Filter) -> Facets:
        """The choices of each filter, with how many open tickets each would show beside the others;
        of a search: how many in all states.

        `all` counts the tickets that the filter as it is shows. Raises BadSearch.
        """
        return count(await self.alike(filter), filter)

    async def alike(self, filter: Filter) -> list[Alike]:
        """What `facets` counts: the same for all filters whose `stream.desk.filters.domain` is.

        Raises BadSearch.
        """
        async with self._place(filter), reachable(), self._engine.connect() as connection:
            await connection.execute(_ROOM)
            sql = await conditions(connection, filter)
            rows = await connection.execute(text(groups_of(filter, sql)), sql.values)
            return alike(rows.all())

    async def page(
        self, filter: Filter, *, sort: Sort = "priority", cursor: str | None = None, limit: int = 50
    ) -> tuple[list[Row], str | None]:
        """Tickets in any state, with the cursor of the next page, None at the end.

        Raises BadCursor and BadSearch.
        """
        column, beyond = _KEYS[sort]
        at, after = (None, "") if cursor is None else _read_cursor(cursor, sort)
        direction = "asc" if sort == "received" else "desc"
        async with self._place(filter), reachable(), self._engine.connect() as connection:
            sql = await conditions(connection, filter)
            query = text(f"""
                select t.* from tickets t
                where {sql.where} {"" if cursor is None else f"and {beyond}"}
                order by t.{column} {direction}, t.id {direction} limit :limit
            """).columns(factors=JSONB, notes=JSONB)  # noqa: S608  our own words
            values = sql.values | {"limit": min(limit, MAX_ROWS) + 1}
            values |= {} if cursor is None else {"at": at, "after": after}
            rows = [dict(row) for row in (await connection.execute(query, values)).mappings()]
        if len(rows) < values["limit"]:
            return rows, None
        rows = rows[:-1]
        return rows, _cursor(sort, rows[-1][column], rows[-1]["id"])


def _is_out(filter: Filter) -> bool:
    return filter.state in (*OUT_OF_QUEUE, "settled")


async def _ranked(
    connection: AsyncConnection, filter: Filter, sql: Conditions, limit: int
) -> list[Row]:
    """The first lines of the queue; those that have an answer come last."""
    ranks = await _ranks(connection, sql, _WAITING, limit)
    if len(ranks) < limit:
        ranks += await _ranks(connection, sql, _ANSWERED, limit - len(ranks))
    values = {"ids": [id for id, _ in ranks], "priorities": [priority for _, priority in ranks]}
    lines = [dict(row) for row in (await connection.execute(_LINES, values)).mappings()]
    in_time = [line["id"] for line in lines if line["answered_at"] is None and not line["late"]]
    if in_time:
        brands = None if filter.brands is None else sorted(filter.brands)
        span = {"ids": in_time, "brands": brands}
        too_far = set(await connection.scalars(_PLACES, span))
        for line in lines:
            line["will_be_late"] = line["id"] in too_far
    return lines


async def _ranks(
    connection: AsyncConnection, sql: Conditions, half: str, limit: int
) -> list[tuple[str, int]]:
    """Ids and priorities in the order of the queue."""
    clock = _CLOCK if half == _WAITING else "0"
    query = text(
        _RANKED.format(
            clock=clock,
            contacts=_CONTACTS,
            open=OPEN,
            half=half,
            where=sql.where,
            most=_MOST_CONTACTS + (_MOST_CLOCK if half == _WAITING else 0),
            most_contacts=_MOST_CONTACTS,
        )
    )
    values = sql.values | {"limit": limit, "near": max(LEAST_NEAR, 2 * limit)}
    rows = await connection.execute(query, values)
    return [(row.id, row.queue_priority) for row in rows]


def _domain(filter: Filter) -> str:
    """The tickets that a queue with this filter is about, in SQL."""
    if filter.searches or filter.state in OUT_OF_QUEUE:
        return "true"
    return SETTLED_LATELY if filter.state == "settled" else OPEN


async def _listed(
    connection: AsyncConnection, filter: Filter, sql: Conditions, limit: int, sort: Sort
) -> list[Row]:
    domain = _domain(filter)
    order = _ORDERS.get(sort)
    if order is None:
        order = _FOUND_ORDER if filter.searches else _ORDERS["updated"]
    query = text(
        _LISTED.format(
            line=_LINE,
            open_by=_OPEN_BY,
            late=LATE,
            open=OPEN,
            domain=domain,
            where=sql.where,
            order=order,
        )
    ).columns(why=JSONB)
    rows = await connection.execute(query, sql.values | {"limit": limit})
    return [dict(row) for row in rows.mappings()]


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

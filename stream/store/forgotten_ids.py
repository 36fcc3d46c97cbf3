"""Forgotten ids: an id that tells who wrote is exchanged for its digest, and known by that again.

On some networks an id holds the account (Bluesky) or an address (mail). Once a person is forgotten
their ids are exchanged wherever they stand; a message that comes again with the old one, or answers
it, is stored under the new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from sqlalchemy import ARRAY, Text, TextClause, bindparam, func, select, text
from sqlalchemy import update as update_of
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres import tables
from stream.postgres.tables import Row, arrays, unnested

BATCH = 200  # ids that are exchanged in one transaction
_MARK = "forgotten-"
# The server's own count, also beside the server's name: it tells of a message, not of a person.
_NUMBER = re.compile(r"[a-z0-9_-]+:(?:[^/@]+/)?[0-9]+")

# Columns that hold the id of a message or of a conversation.
IDS = (
    *(("event_ids", "id"), ("event_ids", "conversation")),
    *(("events", "id"), ("events", "conversation"), ("events", "in_reply_to")),
    *(("corrections", "event_id"), ("replies", "event_id"), ("replies", "sent_id")),
    *(("conversation_merges", "conversation"), ("conversation_merges", "into_conversation")),
    *(("event_places", "event_id"), ("event_places", "said_in"), ("event_places", "conversation")),
)
LISTS = (
    ("event_ids", "left_conversations"),
    ("alert_tickets", "events"),
    ("shadow_counts", "examples"),
)
# The id of a ticket: its conversation's, and behind a space another brand.
TICKETS = (
    *(("tickets", "id"), ("ticket_changes", "ticket_id"), ("alerts", "ticket_id")),
    *(("alert_tickets", "ticket_id"), ("incident_tickets", "ticket_id"), ("replies", "ticket_id")),
    *(("notices", "ticket_id"), ("ratings", "ticket_id"), ("presence", "ticket_id")),
    ("audit", "subject"),
)
# The id of an alert, which holds its ticket's.
ALERTS = (
    *(("alerts", "id"), ("alert_tickets", "alert_id"), ("alert_deliveries", "alert_id")),
    *(("alert_deliveries", "message"), ("audit", "subject")),
)
# Of what stands behind an alert: the messages of P1 tickets, and the examples of a burst.
EVIDENCE = ("events", "examples")
TABLES = tuple(
    dict.fromkeys(table for table, _ in (*IDS, *LISTS, *TICKETS, *ALERTS, ("forgotten_ids", "")))
)

_PAIRS = "unnest(cast(:before as text[]), cast(:after as text[])) as pair (before, after)"
_WAIT = upsert(tables.forgotten_ids).from_select(
    ("id", "was"), select(*unnested(tables.forgotten_ids, "id", "was").c)
)
_PUT = _WAIT.on_conflict_do_update(index_elements=["id"], set_={"was": _WAIT.excluded.was})
_WAITING = (
    select(tables.forgotten_ids)
    .where(tables.forgotten_ids.c.was.is_not(None))
    .order_by(tables.forgotten_ids.c.id)
    .limit(BATCH)
)
_DONE = (
    update_of(tables.forgotten_ids)
    .where(tables.forgotten_ids.c.id == func.any(bindparam("after", type_=ARRAY(Text))))
    .values(was=None)
)
# Every save reads this table first: this waits for those that run, and the next ones wait for it.
_ALONE = text("lock table forgotten_ids in access exclusive mode")
_NAMING = text("""
    select id from (
        select unnest(array[id, conversation] || coalesce(left_conversations, '{}')) as id
        from event_ids
        union select in_reply_to from events where in_reply_to is not null
    ) every_id
    where id ilike any(cast(:patterns as text[]))
      and (cast(:network as text) is null or starts_with(id, :network || ':'))
""")
_OF_TICKETS = text(f"""
    select ticket_id from ticket_changes join {_PAIRS} on ticket_id = before
    union select ticket_id from ticket_changes join {_PAIRS}
        on position(' ' in ticket_id) > 0 and split_part(ticket_id, ' ', 1) = before
""")  # noqa: S608  our own words
# First: whoever acts on one of them, or merges it, is waited for, and finds no ticket afterwards.
_LOCK_TICKETS = text("""
    select id from tickets
    where id = any(cast(:before as text[])) or position(' ' in id) > 0
        and split_part(id, ' ', 1) = any(cast(:before as text[]))
    order by id for update
""")
_EXCHANGED = (
    select(tables.tickets)
    .where(
        text("""(tickets.id = any(cast(:after as text[])) or position(' ' in tickets.id) > 0
            and split_part(tickets.id, ' ', 1) = any(cast(:after as text[])))""")
    )
    .order_by(tables.tickets.c.id)
)
# What tells of a merge or a split names the other ticket, in words and in its changes.
_OTHER_TICKET = text(f"""
    update ticket_changes set
        reason = replace(reason, ' ' || pair.before, ' ' || pair.after),
        changes = cast(replace(replace(cast(changes as text),
            pair.quoted || '"', pair.new || '"'), pair.quoted || ' ', pair.new || ' ') as jsonb)
    from (
        select before, after, left(cast(to_jsonb(before) as text), -1) as quoted,
            left(cast(to_jsonb(after) as text), -1) as new
        from {_PAIRS}
    ) pair
    where reason ~ '^(undid: )?(no longer )?(merged into|merged with|split off) '
      and split_part(
        regexp_replace(reason, '^(undid: )?(no longer )?(merged into|merged with|split off) ', ''),
        ' ', 1) = pair.before
""")  # noqa: S608  our own words
# Where a rebuild stood: it begins again.
_REBUILD = text("""
    delete from cursors where source = 'rebuild' and cursor #>> '{}' = any(cast(:before as text[]))
""")


def digest_of(id: str) -> str:
    """What stands in the id's place. One that stands there already stays."""
    network, _, native = id.partition(":")
    if native.startswith(_MARK):
        return id
    return f"{network}:{_MARK}{hashlib.sha256(id.encode('utf-8', 'replace')).hexdigest()[:32]}"


def tells_of_somebody(id: str) -> bool:
    """Whether an id is more than a number."""
    return digest_of(id) != id and _NUMBER.fullmatch(id) is None


def digests_of(rows: Mapping[str, Row]) -> dict[str, str]:
    """By each id that a batch names, what would stand in its place."""
    return {name: digest_of(name) for row in rows.values() for name in _names(row)}


def as_stored(rows: Mapping[str, Row], now: Mapping[str, str]) -> dict[str, Row]:
    """The rows of a batch, by id, with the ids in place of those that are forgotten. now: those, by
    the ids that they take the place of.
    """
    exchanged: dict[str, Row] = {}
    for row in (_with_ids(row, now) for row in rows.values()):
        before = exchanged.get(row["id"])
        if before is None or row["revision"] > before["revision"]:
            exchanged[row["id"]] = row
    return dict(sorted(exchanged.items()))


async def to_be_exchanged(connection: AsyncConnection, ids: Collection[str]) -> None:
    """Remember that these are to go, until `exchange` has done it."""
    if ids:
        rows = [{"id": digest_of(id), "was": id} for id in sorted(set(ids))]
        await connection.execute(_PUT, arrays(rows, ("id", "was")))


async def ids_that_name(
    connection: AsyncConnection,
    patterns: Sequence[str],
    names_somebody: Callable[[str], bool],
    network: str | None,
) -> list[str]:
    """Ids that hold the person's name. patterns: of `ilike`, a first look. network: only of it."""
    values = {"patterns": list(patterns), "network": network}
    ids = (await connection.execute(_NAMING, values)).scalars()
    return [id for id in ids if names_somebody(id) and digest_of(id) != id]


async def waiting(connection: AsyncConnection) -> list[str]:
    """Some of the ids that are still to be exchanged."""
    return [row.was for row in await connection.execute(_WAITING)]


async def tickets_of(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """The tickets that there are or were of these conversations."""
    return sorted((await connection.execute(_OF_TICKETS, _pairs(ids))).scalars())


async def exchange(connection: AsyncConnection, ids: Sequence[str]) -> list[Row]:
    """Exchange these ids wherever they stand; the rows of the tickets that have another id now."""
    await connection.execute(_ALONE)
    pairs = _pairs(ids)
    await connection.execute(_LOCK_TICKETS, {"before": pairs["before"]})
    for statement in (*_statements(), _OTHER_TICKET):
        await connection.execute(statement, pairs)
    await connection.execute(_REBUILD, {"before": pairs["before"]})
    await connection.execute(_DONE, {"after": pairs["after"]})
    rows = await connection.execute(_EXCHANGED, {"after": pairs["after"]})
    return [*rows.mappings()]


def _names(row: Row) -> Iterator[str]:
    yield row["id"]
    yield row["conversation"]
    if row.get("in_reply_to"):
        yield row["in_reply_to"]


def _with_ids(row: Row, now: Mapping[str, str]) -> Row:
    ids = {
        name: now.get(row[name], row[name])
        for name in ("id", "conversation", "in_reply_to")
        if row.get(name)
    }
    return {**row, **ids}


def _pairs(ids: Sequence[str]) -> dict[str, list[str]]:
    return {"before": list(ids), "after": [digest_of(id) for id in ids]}


def _statements() -> Iterator[TextClause]:
    for table, column in IDS:
        yield text(
            f"update {table} set {column} = pair.after from {_PAIRS} where {column} = pair.before"  # noqa: S608  our own words
        )
    for table, column in LISTS:
        yield text(f"""
            update {table} set {column} = array(
                select coalesce(pair.after, name)
                from unnest({column}) with ordinality as listed (name, place)
                left join {_PAIRS} on pair.before = name order by place
            ) where {column} && cast(:before as text[])
        """)  # noqa: S608  our own words
    for table, column in TICKETS:
        yield text(
            f"update {table} set {column} = pair.after from {_PAIRS} where {column} = pair.before"  # noqa: S608  our own words
        )
        yield text(f"""
            update {table} set {column} = pair.after || substr({column}, length(pair.before) + 1)
            from {_PAIRS}
            where position(' ' in {column}) > 0 and split_part({column}, ' ', 1) = pair.before
        """)  # noqa: S608  our own words
    for table, column in ALERTS:
        yield text(f"""
            update {table}
            set {column} = 'p1:' || pair.after || substr({column}, length(pair.before) + 4)
            from {_PAIRS}
            where starts_with({column}, 'p1:' || pair.before)
              and substr({column}, length(pair.before) + 4) ~ '^( .*)?:[0-9]+(/[a-z_]+)?$'
        """)  # noqa: S608  our own words
    for key in EVIDENCE:
        yield text(f"""
            update alerts set evidence = jsonb_set(evidence, '{{{key}}}', (
                select jsonb_agg(coalesce(pair.after, name) order by place)
                from jsonb_array_elements_text(evidence -> '{key}')
                    with ordinality as listed (name, place)
                left join {_PAIRS} on pair.before = name
            ))
            where jsonb_typeof(evidence -> '{key}') = 'array'
              and jsonb_exists_any(evidence -> '{key}', cast(:before as text[]))
        """)  # noqa: S608  our own words

"""Tickets of a save: versions and their changes are read and written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CursorResult,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.postgres.tables import (
    Row,
    arrays,
    ticket_changes,
    tickets,
    unnested,
)
from stream.records import AlertRecord, AnalysisRecord
from stream.store.changes import FOLDED, Change, restored
from stream.store.rows import unquoted

_of_tickets = func.any(bindparam("ids", type_=ARRAY(Text)))
# Tickets of a conversation's further brands have its id and more; few are, and have an index.
OF_CONVERSATIONS = """
    ({id} = any(cast(:{ids} as text[])) or position(' ' in {id}) > 0
        and split_part({id}, ' ', 1) = any(cast(:conversations as text[])))
"""
_TICKETS = (
    select(tickets)
    .where(text(OF_CONVERSATIONS.format(id="id", ids="ids")))
    .order_by(tickets.c.id)
    .with_for_update()
)
_LAST_CHANGES = text(f"""
    select distinct on (ticket_id) {", ".join(column.name for column in ticket_changes.c)}
    from ticket_changes where {OF_CONVERSATIONS.format(id="ticket_id", ids="ids")}
    order by ticket_id, version desc
""").columns(*ticket_changes.c)  # noqa: S608  our own words
_CHANGES = (
    select(ticket_changes.c.ticket_id, ticket_changes.c.kind, ticket_changes.c.changes)
    .where(ticket_changes.c.ticket_id == _of_tickets)
    .order_by(ticket_changes.c.ticket_id, ticket_changes.c.version)
)
_WRITTEN = ("id", "version", *FOLDED, "received_at", "waiting_since")
_written = unnested(tickets, *_WRITTEN)
_put_tickets = upsert(tickets).from_select(_WRITTEN, select(*_written.c))
_PUT = _put_tickets.on_conflict_do_update(
    index_elements=["id"],
    set_={name: _put_tickets.excluded[name] for name in _WRITTEN[1:]} | {"updated_at": func.now()},
).returning(*tickets.c)
_TOUCH = (
    update(tickets)
    .where(tickets.c.id == _of_tickets)
    .values(updated_at=func.now())
    .returning(*tickets.c)
)
_WITHDRAW = delete(tickets).where(tickets.c.id == _of_tickets)
_CHANGE = ("ticket_id", "version", "kind", "who", "reason", "changes", "brand")
_RECORD = insert(ticket_changes).from_select(
    _CHANGE, select(*unnested(ticket_changes, *_CHANGE, of="change").c)
)
_PUT = _PUT.add_cte(_RECORD.cte("recorded"))
# What goes with a brand's ticket when it gets another id. Where the target has the same already,
# it is left behind; it says whose it is.
_MOVE = tuple(
    text(f"""
        update {table} moved set ticket_id = :ticket
        where ticket_id = :before and {is_theirs} and not exists (
            select from {table} other where other.ticket_id = :ticket and {is_same}
        )
    """)  # noqa: S608  our own words
    for table, is_theirs, is_same in (
        ("replies", "coalesce(brand, :brand) = :brand", "other.event_id = moved.event_id"),
        ("alerts", "brand = :brand", "other.id = moved.id"),
        ("alert_tickets", "brand = :brand", "other.alert_id = moved.alert_id"),
        (
            "incident_tickets",
            "incident_id in (select id from incidents where brand = :brand)",
            "other.incident_id = moved.incident_id",
        ),
    )
)


async def stored_tickets(
    connection: AsyncConnection, conversations: Collection[str]
) -> dict[str, Row]:
    """All tickets of these conversations."""
    values = {"ids": list(conversations), "conversations": list(conversations)}
    return _by_id(await connection.execute(_TICKETS, values))


async def touch(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Row]:
    """Note that a message of these tickets was edited, also where the tickets stay as they are:
    incidents read the messages of tickets that were written since they looked.
    """
    return _by_id(await connection.execute(_TOUCH, {"ids": list(ids)})) if ids else {}


async def last_changes(
    connection: AsyncConnection, conversations: Collection[str], present: Collection[str]
) -> dict[str, Row]:
    """The latest change of each ticket of these conversations that is not there: they were
    withdrawn.

    present: the tickets that are.
    """
    values = {"ids": list(set(conversations) - set(present)), "conversations": list(conversations)}
    result = await connection.execute(_LAST_CHANGES, values)
    return {row["ticket_id"]: row for row in result.mappings() if row["ticket_id"] not in present}


async def set_by_people(
    connection: AsyncConnection, ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """What people had set last on tickets whose rows are gone, as their changes tell it."""
    if not ids:
        return {}
    people: dict[str, dict[str, Any]] = {id: {} for id in ids}
    for id, kind, changes in await connection.execute(_CHANGES, {"ids": list(ids)}):
        people[id] |= restored(kind, changes)
        if kind == "edited":
            people[id]["edits"] = people[id].get("edits", 0) + 1
    return people


async def write(connection: AsyncConnection, changes: Sequence[Change]) -> dict[str, Row]:
    """Write the new versions and their history; returns the rows as they are now, withdrawn ones
    not.
    """
    if not changes:
        return {}
    withdrawn = [change.ticket_id for change in changes if change.values is None]
    if withdrawn:
        await connection.execute(_WITHDRAW, {"ids": withdrawn})
    written = await _put(connection, changes)
    for change in changes:
        if change.people:
            written |= await _set_people(connection, change)
        if change.moved_from is not None:
            values = {"ticket": change.ticket_id, "before": change.moved_from}
            for move in _MOVE:
                await connection.execute(move, values | {"brand": change.brand})
    return written


async def _put(connection: AsyncConnection, changes: Sequence[Change]) -> dict[str, Row]:
    """Write the rows, and the changes to the history; returns the rows as they are now."""
    recorded = arrays([_recorded(change) for change in changes], _CHANGE, "change")
    rows = [
        {"id": change.ticket_id, "version": change.version, **change.values}
        for change in changes
        if change.values is not None
    ]
    return _by_id(await connection.execute(_PUT, arrays(rows, _WRITTEN) | recorded))


async def _set_people(connection: AsyncConnection, change: Change) -> dict[str, Row]:
    values = dict(change.people)
    if "state" in values:
        values["state_changed_at"] = func.now()
    put = update(tickets).where(tickets.c.id == change.ticket_id).values(values)
    return _by_id(await connection.execute(put.returning(*tickets.c)))


def _recorded(change: Change) -> Row:
    return {
        "ticket_id": change.ticket_id,
        "version": change.version,
        "kind": change.kind,
        "who": "earshot",
        "reason": change.reason,
        "changes": change.changes,
        "brand": change.brand,
    }


def analysis_record(row: Row) -> AnalysisRecord:
    dissatisfaction = row["dissatisfaction"]
    return AnalysisRecord(
        **{
            **row,
            "dissatisfaction": None if dissatisfaction is None else float(dissatisfaction),
            "scores": unquoted(row["scores"]),
        },
    )


def alert_record(row: Row, ticket: Row | None = None) -> AlertRecord:
    now = {} if ticket is None else {"excerpt": ticket["excerpt"], "factors": ticket["factors"]}
    return AlertRecord(**row, **now)


def _by_id(result: CursorResult[Any]) -> dict[str, Row]:
    return {row["id"]: row for row in result.mappings()}

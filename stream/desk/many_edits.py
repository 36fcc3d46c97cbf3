"""Edits of many tickets: a few statements for a hundred of them, each decided by itself.

A person may act on hundreds of tickets at once, and several people may at the same time. With a
transaction for each ticket they would keep the pool of connections from everybody else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ARRAY, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.desk.actions import Edit, NotAllowed
from stream.desk.tickets import Lost, NoTicket, Row, merged_into, storable_values
from stream.postgres.database import reachable, storable
from stream.postgres.tables import ticket_changes, tickets

TOGETHER = 100  # tickets of one transaction: nobody waits long for one of them

# What edits of many tickets may change; the ticket's weight is not among it.
COLUMNS = ("state", "owner", "tags", "snoozed_until")

_OF_IDS = func.any(bindparam("ids", type_=ARRAY(Text)))
# In this order, as a save locks them: no two wait in a circle.
_LOCK = select(tickets).where(tickets.c.id == _OF_IDS).order_by(tickets.c.id).with_for_update()
_WRITE = text("""
    update tickets set
        state = edited.state, owner = edited.owner, tags = edited.tags,
        snoozed_until = edited.snoozed_until, state_changed_at = edited.state_changed_at,
        edits = edited.edits, version = edited.version, updated_at = edited.updated_at
    from jsonb_to_recordset(cast(:rows as jsonb)) as edited (
        id text, state text, owner text, tags text[], snoozed_until timestamptz,
        state_changed_at timestamptz, edits int, version int, updated_at timestamptz
    )
    where tickets.id = edited.id
""")
_WRITTEN = (
    *("id", *COLUMNS),
    *("state_changed_at", "edits", "version", "updated_at"),
)
_RECORD = text("""
    insert into ticket_changes (ticket_id, version, changed_at, kind, who, reason, changes, brand)
    select ticket_id, version, :now, 'edited', :who, reason, changes, brand
    from jsonb_to_recordset(cast(:rows as jsonb)) as change (
        ticket_id text, version int, reason text, changes jsonb, brand text
    )
""")
_COLUMNS = ", ".join(column.name for column in ticket_changes.c)
_LAST = text(f"""
    select distinct on (ticket_id) {_COLUMNS} from ticket_changes
    where ticket_id = any(cast(:ids as text[])) and (kind = 'edited' or not :only_edits)
    order by ticket_id, version desc
""").columns(*ticket_changes.c)  # noqa: S608  our own words
_UNKNOWN = {"who": "somebody", "reason": "see its history"}

LastOf = Literal["edited", "any"]  # of the changes


class Changed(Exception):
    """The ticket is not as the person saw it. last: which of its changes tells why."""

    def __init__(self, last: LastOf) -> None:
        super().__init__()
        self.last = last


@dataclass(frozen=True, slots=True)
class Edited:
    """The ticket before and after; the same where it was so already."""

    before: Row
    after: Row


Outcome = Edited | NoTicket | Lost | NotAllowed
# From the place in the list, the row, its latest edit where that was asked for, and the time.
# Raises NotAllowed and Changed.
Decide = Callable[[int, Row, Row, datetime], Edit | None]


async def edit_many(
    engine: AsyncEngine,
    ids: Sequence[str],
    decide: Decide,
    actor: str,
    *,
    brands: Collection[str] | None = None,
    with_last: bool = False,
) -> list[Outcome]:
    """What came of each ticket, in order: edited, or why not. The same one may be named twice.

    with_last: `decide` needs the latest edit of each. Raises DatabaseAway: some may be done then.
    """
    outcomes: list[Outcome] = []
    for start in range(0, len(ids), TOGETHER):
        async with reachable(), engine.begin() as connection:
            transaction = _Transaction(connection, actor, brands)
            part = list(enumerate(ids))[start : start + TOGETHER]
            outcomes += await transaction.edit(part, decide, with_last=with_last)
    return outcomes


class _Transaction:
    """The tickets of one transaction. rows: as they are by now."""

    def __init__(
        self, connection: AsyncConnection, actor: str, brands: Collection[str] | None
    ) -> None:
        self._connection, self._actor, self._brands = connection, actor, brands
        self._changes: list[dict[str, Any]] = []

    async def edit(
        self, ids: Sequence[tuple[int, str]], decide: Decide, *, with_last: bool
    ) -> list[Outcome]:
        names = sorted({storable(id) for _, id in ids})
        locked = (await self._connection.execute(_LOCK, {"ids": names})).mappings()
        rows: dict[str, Row] = {row["id"]: dict(row) for row in locked}
        last = await self._last(rows, "edited") if with_last else {}
        now = (await self._connection.execute(select(func.now()))).scalar_one().astimezone(UTC)
        outcomes: list[Outcome | Changed] = []
        for place, id in ids:
            outcome = self._edit_one(rows.get(storable(id)), last, decide, place, id, now)
            if isinstance(outcome, Edited):
                rows[outcome.after["id"]] = outcome.after
            outcomes.append(outcome)
        await self._write(rows, now)
        return await self._with_reasons(ids, rows, outcomes)

    def _edit_one(
        self,
        row: Row | None,
        last: Mapping[str, Row],
        decide: Decide,
        place: int,
        id: str,
        now: datetime,
    ) -> Outcome | Changed:
        if row is None or (self._brands is not None and row["brand"] not in self._brands):
            return NoTicket(f"there is no ticket {id}")
        try:
            edit = decide(place, row, last.get(row["id"], _UNKNOWN), now)
        except (NotAllowed, Changed) as refused:
            return refused
        if edit is None:
            return Edited(row, row)
        if not edit.values.keys() <= set(COLUMNS):
            raise ValueError(f"many tickets are not edited in {sorted(edit.values)}")
        after = {**row, **storable_values(edit.values), "updated_at": now}
        after |= {"edits": row["edits"] + 1, "version": row["version"] + 1}
        if "state" in edit.values:
            after["state_changed_at"] = now
        change = {"ticket_id": row["id"], "version": after["version"], "reason": edit.reason}
        self._changes.append(change | {"changes": edit.changes, "brand": row["brand"]})
        return Edited(row, after)

    async def _write(self, rows: Mapping[str, Row], now: datetime) -> None:
        if not self._changes:
            return
        changed = [rows[id] for id in sorted({change["ticket_id"] for change in self._changes})]
        written = [{name: row[name] for name in _WRITTEN} for row in changed]
        await self._connection.execute(_WRITE, {"rows": json.dumps(written, default=_moment)})
        values = {"now": now, "who": self._actor}
        await self._connection.execute(_RECORD, values | {"rows": json.dumps(self._changes)})

    async def _with_reasons(
        self,
        ids: Sequence[tuple[int, str]],
        rows: Mapping[str, Row],
        outcomes: Sequence[Outcome | Changed],
    ) -> list[Outcome]:
        """With who changed what is lost, and where merged tickets went."""
        missing = [
            id for (_, id), outcome in zip(ids, outcomes, strict=True) if _is(outcome, NoTicket)
        ]
        into: Mapping[str, str] = {}
        if missing and self._brands is None:
            into = await merged_into(self._connection, missing)
        kinds = {outcome.last for outcome in outcomes if isinstance(outcome, Changed)}
        last = {kind: await self._last(rows, kind) for kind in sorted(kinds)}
        words: list[Outcome] = []
        for (_, id), outcome in zip(ids, outcomes, strict=True):
            if isinstance(outcome, Changed):
                row = rows[storable(id)]
                words.append(Lost(row, last[outcome.last].get(row["id"], _UNKNOWN)))
            elif isinstance(outcome, NoTicket) and id in into:
                words.append(NoTicket(f"{id} was merged into {into[id]}", into[id]))
            else:
                words.append(outcome)
        return words

    async def _last(self, rows: Mapping[str, Row], kind: LastOf) -> dict[str, Row]:
        """The latest change of each of them, of edits or of any kind."""
        values = {"ids": list(rows), "only_edits": kind == "edited"}
        changes = await self._connection.execute(_LAST, values)
        return {row["ticket_id"]: dict(row) for row in changes.mappings()}


def _is(outcome: object, kind: type) -> bool:
    return isinstance(outcome, kind)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is no JSON")

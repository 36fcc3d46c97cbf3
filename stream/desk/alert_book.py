"""Alerts as people work through them: their status, their examples, and who acknowledged them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.alerts.store import Alerts
from stream.desk.alert_filter import (
    MATCHES,
    ORDER,
    STATUSES,
    AlertFilter,
    AlertSort,
    AlertStatus,
)
from stream.postgres.database import reachable, storable
from stream.postgres.tables import Row
from stream.records import AlertRecord

LIMIT = 200_000  # alerts that are looked through, the newest
EXAMPLES = 3

_WITH_STATUS = f"""
    with lately as (
        select * from alerts
        where (cast(:brands as text[]) is null or brand = any(cast(:brands as text[])))
          and (cast(:brand as text) is null or brand = :brand)
        order by created_at desc limit {LIMIT}
    ),
    judged as (
        select lately.*, t.level as ticket_level, t.state as ticket_state, t.owner as ticket_owner,
               t.excerpt as ticket_excerpt, t.priority as ticket_priority,
               case when recovered_at is not null then 'over'
                    when kind in ('p1', 'surge', 'backlog')
                         and (t.id is null or t.state in ('resolved', 'settled'))
                         and not exists (
                             select from alert_tickets j join tickets o on o.id = j.ticket_id
                             where j.alert_id = lately.id
                               and o.state not in ('resolved', 'settled')
                         ) then 'over'
                    when lately.snoozed_until > now() then 'snoozed'
                    when acknowledged_at is not null then 'acknowledged'
                    else 'open' end as status
        from lately left join tickets t on t.id = lately.ticket_id
    )
"""  # noqa: S608  our own words
_LISTS = {
    sort: text(f"""{_WITH_STATUS}
        select * from judged where {MATCHES} order by {order} limit :limit offset :offset
    """).columns(evidence=JSONB)  # noqa: S608  our own words
    for sort, order in ORDER.items()
}
_COUNT = text(f"""
    {_WITH_STATUS}
    select status, count(*)::integer as n from judged where {MATCHES} group by status
""")  # noqa: S608  our own words
_MATCHING = text(f"""
    {_WITH_STATUS}
    select id from judged where {MATCHES} order by id
""")  # noqa: S608  our own words
_EXAMPLES = text("""
    select id, author, text, coalesce(
            (select t.id from tickets t where t.id = e.conversation || ' ' || e.brand),
            conversation
        ) as ticket_id
    from events e where id = any(cast(:ids as text[])) and text is not null
""")
_ACKNOWLEDGE = text("""
    update alerts
    set acknowledged_by = :actor, acknowledged_at = now(), version = version + 1,
        updated_at = now()
    where id = any(cast(:ids as text[])) and acknowledged_at is null
""")
_BRAND = text("select brand from alerts where id = :id")


class NoAlert(Exception):
    """There is no such alert; or none that this person may see."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message that shows what an alert is about, as it stands now."""

    id: str
    ticket_id: str
    author: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An alert with its status, its ticket, and its examples as they read now.

    over: it has ended, or its ticket is resolved; snoozed: no message about it for a while.
    """

    alert: AlertRecord
    status: AlertStatus
    snoozed_by: str | None
    ticket_level: str | None
    ticket_state: str | None
    ticket_owner: str | None
    excerpt: str | None
    examples: tuple[Example, ...]


class AlertBook:
    """Reads and changes alerts for people. brands: those that the person is bound to; None: all."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._alerts = Alerts(engine)

    async def find(
        self,
        criteria: AlertFilter,
        brands: frozenset[str] | None = None,
        *,
        sort: AlertSort = "urgent",
        limit: int = 50,
        offset: int = 0,
    ) -> list[Listed]:
        """A page of those that match. urgent: as `list` has them."""
        values = criteria.values(brands) | {"limit": limit, "offset": offset}
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_LISTS[sort], values)).mappings().all()
            ids = [id for row in rows for id in _examples(row)]
            messages = await connection.execute(_EXAMPLES, {"ids": ids}) if ids else ()
            examples = {
                row.id: Example(row.id, row.ticket_id, row.author, row.text) for row in messages
            }
        return [_listed(row, examples) for row in rows]

    async def list(
        self,
        brands: frozenset[str] | None = None,
        *,
        brand: str | None = None,
        statuses: Sequence[AlertStatus] | None = None,
        limit: int = 50,
    ) -> list[Listed]:
        """Open alerts first, of them bursts before single tickets; then the newest."""
        criteria = AlertFilter(brand=brand, statuses=None if statuses is None else tuple(statuses))
        return await self.find(criteria, brands, limit=limit)

    async def counts(
        self,
        brands: frozenset[str] | None = None,
        *,
        brand: str | None = None,
        criteria: AlertFilter | None = None,
    ) -> dict[AlertStatus, int]:
        """By status. criteria: of those that match, whatever their status."""
        of = replace(criteria or AlertFilter(brand=brand), statuses=None)
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_COUNT, of.values(brands))
            counts = {row.status: row.n for row in rows}
        return {status: counts.get(status, 0) for status in STATUSES}

    async def acknowledge_matching(
        self, criteria: AlertFilter, actor: str, brands: frozenset[str] | None = None
    ) -> int:
        """They have seen all that match and are open; returns how many that were."""
        of = replace(criteria, statuses=("open",))
        async with reachable(), self._engine.begin() as connection:
            ids = list((await connection.execute(_MATCHING, of.values(brands))).scalars())
            done = await connection.execute(_ACKNOWLEDGE, {"ids": ids, "actor": actor})
            return done.rowcount

    async def acknowledge(
        self, alert_id: str, actor: str, brands: frozenset[str] | None = None
    ) -> AlertRecord:
        """They have seen it; the first to say so stays the one who did. Raises NoAlert."""
        await self._visible(alert_id, brands)
        return _existing(await self._alerts.acknowledge(alert_id, actor))

    async def snooze(
        self,
        alert_id: str,
        actor: str,
        until: datetime | None,
        brands: frozenset[str] | None = None,
    ) -> AlertRecord:
        """Nobody is told about it until then; None wakes it. Raises NoAlert."""
        await self._visible(alert_id, brands)
        return _existing(await self._alerts.snooze(alert_id, actor, until))

    async def _visible(self, alert_id: str, brands: frozenset[str] | None) -> None:
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(_BRAND, {"id": storable(alert_id)})).first()
        if row is None or (brands is not None and row.brand not in brands):
            raise NoAlert(f"there is no alert {alert_id}")


def _examples(row: Row) -> Sequence[str]:
    ids: Sequence[str] = row["evidence"].get("examples", ())
    return ids[:EXAMPLES]


def _listed(row: Row, examples: Mapping[str, Example]) -> Listed:
    record = AlertRecord(**{name: row[name] for name in AlertRecord.model_fields if name in row})
    return Listed(
        record,
        row["status"],
        row["snoozed_by"],
        row["ticket_level"],
        row["ticket_state"],
        row["ticket_owner"],
        row["ticket_excerpt"],
        tuple(examples[id] for id in _examples(row) if id in examples),
    )


def _existing(record: AlertRecord | None) -> AlertRecord:
    if record is None:
        raise NoAlert("this alert is gone")
    return record

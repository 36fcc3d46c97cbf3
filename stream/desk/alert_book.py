"""Alerts as people work through them: which still need somebody, what set them apart, and who has
seen them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.alerts.store import Alerts
from stream.postgres.database import reachable, storable
from stream.postgres.tables import Row
from stream.records import AlertRecord

Standing = Literal["open", "acknowledged", "snoozed", "over"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)

LATELY = 2_000  # alerts that are looked through
EXAMPLES = 3

_WITH_STANDING = f"""
    with lately as (
        select * from alerts
        where (cast(:brands as text[]) is null or brand = any(cast(:brands as text[])))
          and (cast(:brand as text) is null or brand = :brand)
        order by created_at desc limit {LATELY}
    ),
    judged as (
        select lately.*, t.level as ticket_level, t.state as ticket_state, t.owner as ticket_owner,
               t.excerpt as ticket_excerpt, t.priority as ticket_priority,
               case when recovered_at is not null then 'over'
                    when kind = 'p1' and (t.id is null or t.state = 'resolved') then 'over'
                    when lately.snoozed_until > now() then 'snoozed'
                    when acknowledged_at is not null then 'acknowledged'
                    else 'open' end as standing
        from lately left join tickets t on t.id = lately.ticket_id
    )
"""  # noqa: S608  our own words
_LIST = text(f"""{_WITH_STANDING}
    select * from judged
    where cast(:standings as text[]) is null or standing = any(cast(:standings as text[]))
    order by standing <> 'open', kind = 'p1', created_at desc, id
    limit :limit
""").columns(evidence=JSONB)  # noqa: S608
_COUNT = text(f"""
    {_WITH_STANDING}
    select standing, count(*)::integer as n from judged group by standing
""")  # noqa: S608  our own words
_EXAMPLES = text("""
    select id, conversation, author, text from events where id = any(cast(:ids as text[])) and text is not null
""")
_BRAND = text("select brand from alerts where id = :id")


class NoAlert(Exception):
    """There is no such alert; or none that this person may see."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message that shows what an alert is about, as it stands now."""

    id: str
    conversation: str
    author: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An alert with how it stands, the ticket it is about, and what its examples say now.

    over: it has ended, or its ticket is answered for; snoozed: nobody is told for a while.
    """

    alert: AlertRecord
    standing: Standing
    snoozed_by: str | None
    ticket_level: str | None
    ticket_state: str | None
    ticket_owner: str | None
    excerpt: str | None
    examples: tuple[Example, ...]


class AlertBook:
    """What the pages and the API show of alerts, and let people do. brands: what the person is
    bound to; None: all.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._alerts = Alerts(engine)

    async def list(
        self,
        brands: frozenset[str] | None = None,
        *,
        brand: str | None = None,
        standings: Sequence[Standing] | None = None,
        limit: int = 50,
    ) -> list[Listed]:
        """Those that need somebody first, of them what concerns many before the single tickets;
        then the newest.
        """
        asked = _asked(brands, brand) | {
            "standings": None if standings is None else list(standings),
            "limit": limit,
        }
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_LIST, asked)).mappings().all()
            ids = [id for row in rows for id in _examples(row)]
            found = await connection.execute(_EXAMPLES, {"ids": ids}) if ids else ()
            said = {
                row.id: Example(row.id, row.conversation, row.author, row.text) for row in found
            }
        return [_listed(row, said) for row in rows]

    async def counts(
        self, brands: frozenset[str] | None = None, *, brand: str | None = None
    ) -> dict[Standing, int]:
        async with reachable(), self._engine.connect() as connection:
            found = {
                row.standing: row.n
                for row in await connection.execute(_COUNT, _asked(brands, brand))
            }
        return {standing: found.get(standing, 0) for standing in STANDINGS}

    async def acknowledge(
        self, alert_id: str, who: str, brands: frozenset[str] | None = None
    ) -> AlertRecord:
        """They have seen it; the first to say so stays the one who did. Raises NoAlert."""
        await self._visible(alert_id, brands)
        return _there(await self._alerts.acknowledge(alert_id, who))

    async def snooze(
        self, alert_id: str, who: str, until: datetime | None, brands: frozenset[str] | None = None
    ) -> AlertRecord:
        """Nobody is told about it until then; None wakes it. Raises NoAlert."""
        await self._visible(alert_id, brands)
        return _there(await self._alerts.snooze(alert_id, who, until))

    async def _visible(self, alert_id: str, brands: frozenset[str] | None) -> None:
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(_BRAND, {"id": storable(alert_id)})).first()
        if row is None or (brands is not None and row.brand not in brands):
            raise NoAlert(f"there is no alert {alert_id}")


def _asked(brands: frozenset[str] | None, brand: str | None) -> dict[str, Any]:
    return {
        "brands": None if brands is None else sorted(brands),
        "brand": None if brand is None else storable(brand),
    }


def _examples(row: Row) -> Sequence[str]:
    told: Sequence[str] = row["evidence"].get("examples", ())
    return told[:EXAMPLES]


def _listed(row: Row, said: Mapping[str, Example]) -> Listed:
    record = AlertRecord(**{name: row[name] for name in AlertRecord.model_fields if name in row})
    return Listed(
        record,
        row["standing"],
        row["snoozed_by"],
        row["ticket_level"],
        row["ticket_state"],
        row["ticket_owner"],
        row["ticket_excerpt"],
        tuple(said[id] for id in _examples(row) if id in said),
    )


def _there(record: AlertRecord | None) -> AlertRecord:
    if record is None:
        raise NoAlert("this alert is gone")
    return record

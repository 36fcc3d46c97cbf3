"""Reports over tickets: first answer, resolution, promises in_time, reopened, ratings.

Times to an answer go by the messages' own time, so that a replay of last year reports last year's
desk. What people do here, resolving and re-opening, goes by this system's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable, storable

By = Literal["brand", "agent", "topic", "level", "network", "week", "day"]
BYS: tuple[By, ...] = get_args(By)
LONGEST = timedelta(days=366 * 2)
MOST_GROUPS = 1_000
UNASSIGNED = "nobody"

_SECONDS = 60  # that a report may take
# What each group is called. Agents: who approved the first answer, resolved it last, or has it.
_GROUPS: Mapping[By, str] = {
    "brand": "coalesce(t.brand, 'no brand')",
    "agent": f"coalesce(sent.approved_by, resolved.who, t.owner, '{UNASSIGNED}')",
    "topic": "coalesce(t.topic, 'no topic')",
    "level": "t.level",
    "network": "t.network",
    "week": "to_char(date_trunc('week', t.first_at at time zone 'UTC'), 'YYYY-MM-DD')",
    "day": "to_char(t.first_at at time zone 'UTC', 'YYYY-MM-DD')",
}


@dataclass(frozen=True, slots=True)
class ReportRow:
    """Figures of one group. Minutes are None where nothing of the kind happened.

    promised: tickets whose promise is decided; in_time: of those, answered or resolved in time.
    rated: answers that customers judged; good: of those.
    """

    group: str
    tickets: int
    answered: int
    first_answer_median: float | None
    first_answer_p90: float | None
    resolved: int
    resolution_median: float | None
    reopened: int
    promised: int
    in_time: int
    rated: int
    good: int


@dataclass(frozen=True, slots=True)
class Report:
    """Tickets whose first message was written at `since` or later, and before `until`."""

    by: By
    since: datetime
    until: datetime
    total: ReportRow
    rows: list[ReportRow]
    latest: datetime | None  # the first message of the newest ticket of all


class Reports:
    """Reads reports. brands: those that the caller is bound to; None: all."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def report(
        self,
        by: By,
        since: datetime,
        until: datetime,
        *,
        brand: str | None = None,
        brands: frozenset[str] | None = None,
    ) -> Report:
        values = {
            "since": since,
            "until": until,
            "brand": brand if brand is None else storable(brand),
            "brands": None if brands is None else sorted(brands),
            "most": MOST_GROUPS,
        }
        bounds = {name: values[name] for name in ("brand", "brands")}
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(text(f"set local statement_timeout = '{_SECONDS}s'"))
            rows = (await connection.execute(_QUERIES[by], values)).mappings().all()
            latest = (await connection.execute(_LATEST, bounds)).scalar()
        total = next((_row(row) for row in rows if row["is_total"]), _nothing())
        groups = [_row(row) for row in rows if not row["is_total"]]
        if by in ("week", "day"):
            groups.sort(key=lambda row: row.group)
        return Report(by, since, until, total, groups, latest)


def _row(row: Mapping[Any, Any]) -> ReportRow:
    fields = {name: row[name] for name in ReportRow.__slots__ if name != "group"}
    return ReportRow(group="all" if row["is_total"] else row["name"], **fields)


def _nothing() -> ReportRow:
    return ReportRow("all", 0, 0, None, None, 0, None, 0, 0, 0, 0, 0)


def _query(group: str) -> TextClause:
    return text(f"""
        with t as (
            select id, split_part(id, ' ', 1) as conversation, brand, topic, level, network, owner,
                   state, first_at, created_at
            from tickets
            where first_at >= :since and first_at < :until and {_VISIBLE}
        ),
        answers as (
            select t.id, min(e.occurred_at) as at
            from t join events e
              on e.conversation = t.conversation and e.direction = 'outbound'
             and e.occurred_at >= t.first_at and (e.brand is null or e.brand = t.brand)
            where e.occurred_at >= :since and e.kind <> 'deleted'
            group by t.id
        ),
        resolved as (
            select ticket_id as id, min(changed_at) as first, max(changed_at) as last,
                   (array_agg(who order by changed_at desc))[1] as who
            from ticket_changes
            where ticket_id in (select id from t) and changes -> 'state' ->> 1 = 'resolved'
            group by ticket_id
        ),
        reopened as (
            select distinct ticket_id as id from ticket_changes
            where ticket_id in (select id from t) and changes -> 'state' ->> 0 = 'resolved'
        ),
        sent as (
            select distinct on (ticket_id) ticket_id as id, approved_by from replies
            where state = 'sent' and ticket_id in (select id from t)
            order by ticket_id, sent_at
        ),
        rated as (
            select ticket_id as id, count(*) as many, sum(rating) as good from ratings
            where ticket_id in (select id from t) group by ticket_id
        ),
        lines as (
            select {group} as name,
                   extract(epoch from answers.at - t.first_at) / 60 as first_answer,
                   extract(epoch from resolved.last - t.created_at) / 60 as resolution,
                   reopened.id is not null as again,
                   rated.many, rated.good,
                   case
                     when answers.at is not null then
                       answers.at <= working_time_after(
                           t.brand, t.first_at, promised(t.level, t.brand))
                     when resolved.first is not null then
                       resolved.first <= working_time_after(
                           t.brand, t.created_at, promised(t.level, t.brand))
                     when t.state = 'settled' then null
                     when working_time_after(
                           t.brand, t.created_at, promised(t.level, t.brand)) < now() then false
                   end as in_time
            from t left join answers using (id) left join resolved using (id)
            left join reopened using (id) left join sent using (id) left join rated using (id)
        )
        select name, grouping(name) = 1 as is_total,
               count(*)::int as tickets,
               count(first_answer)::int as answered,
               percentile_cont(0.5) within group (order by first_answer) as first_answer_median,
               percentile_cont(0.9) within group (order by first_answer) as first_answer_p90,
               count(resolution)::int as resolved,
               percentile_cont(0.5) within group (order by resolution) as resolution_median,
               (count(*) filter (where again))::int as reopened,
               count(in_time)::int as promised,
               (count(*) filter (where in_time))::int as in_time,
               coalesce(sum(many), 0)::int as rated,
               coalesce(sum(good), 0)::int as good
        from lines
        group by grouping sets ((name), ())
        order by is_total desc, tickets desc, name limit :most
    """)  # noqa: S608  our own words


_VISIBLE = """
    (cast(:brands as text[]) is null or brand = any(cast(:brands as text[])))
    and (cast(:brand as text) is null or brand = :brand)
"""
_LATEST = text(f"select max(first_at) from tickets where {_VISIBLE}")  # noqa: S608
_QUERIES: Mapping[By, TextClause] = {by: _query(group) for by, group in _GROUPS.items()}

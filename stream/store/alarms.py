"""P1 alerts of a save: raised, joined by further tickets, and taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.alerts.grouping import LOOKBACK, OLD, TOGETHER, Alarm, OpenAlert, Past, Placed, place
from stream.postgres.tables import Row, alert_tickets, alerts, arrays, unnested
from stream.store.changes import Change, severity

Causes = Mapping[str, Collection[str]]

# One process after the other: what stands is read after the one before has committed. Whoever waits
# here holds locks of conversations, and who has this lock asks for none of those.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('earshot: P1 alerts', 0)), now()")
_OPEN = text("""
    select a.id, a.kind, a.brand,
           coalesce(array_agg(j.ticket_id) filter (where j.ticket_id is not null), '{}') as tickets,
           coalesce(jsonb_agg(jsonb_build_array(t.network, t.author))
               filter (where t.author is not null), '[]') as authors
    from alerts a
    left join alert_tickets j on j.alert_id = a.id and a.kind = 'p1'
    left join tickets t on t.id = j.ticket_id
    where a.kind in ('p1', 'surge', 'backlog') and a.recovered_at is null
      and case when a.kind = 'p1' then a.created_at else a.updated_at end
          > now() - cast(:together as interval)
      and (a.brand = any(cast(:brands as text[])) or a.brand is null
           or j.ticket_id = any(cast(:tickets as text[]))
           or exists (
               select from unnest(cast(:networks as text[]), cast(:authors as text[]))
                   as w (network, author)
               where (w.network, w.author) = (t.network, t.author)))
    group by a.id, a.kind, a.brand, a.created_at
    order by a.created_at, a.id
""").columns(authors=JSONB)
_PAST = text("""
    select brand,
           count(distinct ticket_id)
               filter (where joined_at > now() - cast(:together as interval)) as latest,
           count(distinct ticket_id) filter (
               where kind = 'p1' and joined_at <= now() - cast(:together as interval)) as before,
           coalesce(extract(epoch from now() - cast(:together as interval) - min(joined_at)), 0)
               / 3600 as hours
    from alert_tickets
    where brand is not distinct from cast(:brand as text) and kind <> 'backlog'
      and joined_at > now() - cast(:lookback as interval)
    group by brand
""")
_ALERT = (
    "id",
    "kind",
    "brand",
    "topic",
    "ticket_id",
    "severity",
    "started_at",
    "peak_at",
    "evidence",
)
_RAISE = (
    upsert(alerts)
    .from_select(_ALERT, select(*unnested(alerts, *_ALERT).c))
    .on_conflict_do_nothing()
)
_join = upsert(alert_tickets)
_JOINED = _join.on_conflict_do_update(
    index_elements=["alert_id", "ticket_id"],
    set_={"events": alert_tickets.c.events.op("||")(_join.excluded.events)},
)
# Of a surge or a backlog: how many of its tickets are none of the brand's P1 by now. A person who
# looks for as many as the alert says would not find them.
_FALLEN = """
    (select count(*) from alert_tickets j left join tickets t on t.id = j.ticket_id
     where j.alert_id = a.id
       and not coalesce(t.level = 'P1' and coalesce(t.brand = j.brand, true), false))
"""
# What a further ticket changes of an alert; a surge and a backlog are as grave as their gravest.
_GREW = text(f"""
    update alerts a
    set severity = greatest(a.severity, n.severity),
        peak_at = case when a.kind = 'p1' then greatest(a.peak_at, n.said_at) else now() end,
        evidence = a.evidence || jsonb_build_object('tickets', (
            select count(*) from alert_tickets j where j.alert_id = a.id
        )) || case when a.evidence ? 'fallen' then jsonb_build_object('fallen', {_FALLEN})
            else '{{}}' end || case when a.kind = 'backlog' then jsonb_build_object(
            'first', least(a.evidence ->> 'first', to_json(n.first_at) #>> '{{}}'),
            'last', greatest(a.evidence ->> 'last', to_json(n.said_at) #>> '{{}}')
        ) else '{{}}' end,
        version = a.version + 1, updated_at = now()
    from (
        select id, max(severity) as severity, max(said_at) as said_at, min(said_at) as first_at
        from unnest(cast(:ids as text[]), cast(:severities as smallint[]),
                    cast(:said as timestamptz[])) as given (id, severity, said_at)
        group by id
    ) n
    where a.id = n.id
""")  # noqa: S608  our own words
# An alert of several tickets stands while one of them is P1 for a person still.
_TAKE_BACK = text("""
    with gone as (
        select * from unnest(cast(:tickets as text[]), cast(:reasons as text[]))
            as given (ticket_id, reason)
    ),
    over as (
        select a.id, min(gone.reason) as reason
        from alerts a
        join alert_tickets j on j.alert_id = a.id
        join gone on gone.ticket_id = j.ticket_id
        where a.kind = 'p1' and a.recovered_at is null and not exists (
            select from alert_tickets o join tickets t on t.id = o.ticket_id
            where o.alert_id = a.id and t.level = 'P1' and t.state not in ('settled', 'resolved')
              and coalesce(t.brand = o.brand, true)
        )
        group by a.id
    )
    update alerts a
    set recovered_at = now(), evidence = a.evidence || jsonb_build_object('over', over.reason),
        version = a.version + 1, updated_at = now()
    from over where a.id = over.id
    returning a.id
""")
_FELL = text(f"""
    update alerts a
    set evidence = a.evidence || jsonb_build_object('fallen', {_FALLEN}), version = a.version + 1
    where a.kind in ('surge', 'backlog') and a.recovered_at is null
      and a.id in (
          select alert_id from alert_tickets where ticket_id = any(cast(:tickets as text[]))
      )
    returning a.id
""")  # noqa: S608  our own words
_TOOK = text("""
    update alert_tickets j set events = j.events || x.events
    from (
        select ticket_id, array_agg(event) as events
        from unnest(cast(:tickets as text[]), cast(:events as text[])) as given (ticket_id, event)
        group by ticket_id
    ) x
    where j.ticket_id = x.ticket_id and j.alert_id = any(cast(:alerts as text[]))
""")
_OF_EVENTS = (
    select(alerts)
    .where(
        alerts.c.id.in_(
            select(alert_tickets.c.alert_id).where(
                alert_tickets.c.ticket_id == func.any(bindparam("ids", type_=ARRAY(Text))),
                alert_tickets.c.events.op("&&")(bindparam("events", type_=ARRAY(Text))),
            )
        )
    )
    .order_by(alerts.c.id)
)


async def p1_alerts(
    connection: AsyncConnection, ids: Collection[str], caused_by: Collection[str]
) -> list[Row]:
    """The alerts of these tickets that one of the events `caused_by` raised, joined or took back,
    now or in an earlier delivery.
    """
    values = {"ids": list(ids), "events": list(caused_by)}
    return list((await connection.execute(_OF_EVENTS, values)).mappings())


async def alarm(
    connection: AsyncConnection, changes: Sequence[Change], causes: Causes, old: timedelta = OLD
) -> None:
    """Raise and take back the alerts that the written changes ask for. causes: the changed events
    of each ticket. old: how old a message is history.
    """
    over = {change.ticket_id: change.over for change in changes if change.over is not None}
    raising = [change for change in changes if change.values and change.becomes_p1]
    if not over and not raising:
        return
    now = (await connection.execute(_LOCK)).one().now
    if over:
        await _take_back(connection, over, causes)
    if raising:
        await _raise(connection, raising, causes, now, old)


async def _raise(
    connection: AsyncConnection,
    raising: Sequence[Change],
    causes: Causes,
    now: datetime,
    old: timedelta,
) -> None:
    values = {change.ticket_id: change.values or {} for change in raising}
    alarms = [_alarm(change, values[change.ticket_id]) for change in raising]
    brands = sorted({alarm.brand for alarm in alarms}, key=str)
    pasts = {brand: await _past(connection, brand) for brand in brands}
    placed = place(alarms, await _open_alerts(connection, alarms), pasts, now, old)
    new = [_row(place, values, pasts, causes, now) for place in placed if place.is_new]
    if new:
        await connection.execute(_RAISE, arrays(new, _ALERT))
    await connection.execute(_JOINED, [_join_row(place, causes) for place in placed])
    await _grow(connection, [place for place in placed if not place.is_new])


async def _grow(connection: AsyncConnection, placed: Sequence[Placed]) -> None:
    if placed:
        values = {
            "ids": [place.alert_id for place in placed],
            "severities": [place.alarm.severity for place in placed],
            "said": [place.alarm.said_at for place in placed],
        }
        await connection.execute(_GREW, values)


async def _take_back(
    connection: AsyncConnection, over: Mapping[str, str | None], causes: Causes
) -> None:
    values = {"tickets": list(over), "reasons": list(over.values())}
    recovered = list((await connection.execute(_TAKE_BACK, values)).scalars())
    recovered += (await connection.execute(_FELL, {"tickets": list(over)})).scalars()
    if recovered:
        pairs = [(ticket, event) for ticket in over for event in sorted(causes.get(ticket, ()))]
        tickets, events = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        await connection.execute(_TOOK, {"tickets": tickets, "events": events, "alerts": recovered})


async def _open_alerts(connection: AsyncConnection, alarms: Sequence[Alarm]) -> list[OpenAlert]:
    known = [alarm for alarm in alarms if alarm.author is not None]
    values = {
        "together": TOGETHER,
        "brands": sorted({alarm.brand for alarm in alarms if alarm.brand is not None}),
        "tickets": [alarm.ticket_id for alarm in alarms],
        "networks": [alarm.network for alarm in known],
        "authors": [alarm.author for alarm in known],
    }
    rows = (await connection.execute(_OPEN, values)).mappings()
    return [
        OpenAlert(
            row["id"],
            row["kind"],
            row["brand"],
            set(row["tickets"]),
            {(network, author) for network, author in row["authors"]},
        )
        for row in rows
    ]


async def _past(connection: AsyncConnection, brand: str | None) -> Past:
    values = {"brand": brand, "together": TOGETHER, "lookback": LOOKBACK}
    row = (await connection.execute(_PAST, values)).first()
    if row is None:
        return Past()
    return Past(row.latest, row.before, max(float(row.hours), 0.0))


def _alarm(change: Change, ticket: Mapping[str, Any]) -> Alarm:
    return Alarm(
        change.ticket_id,
        change.version,
        ticket["network"],
        ticket["author"],
        ticket["brand"],
        severity(ticket["priority"]),
        ticket["last_inbound_at"],
    )


def _join_row(placed: Placed, causes: Causes) -> Row:
    return {
        "alert_id": placed.alert_id,
        "ticket_id": placed.alarm.ticket_id,
        "kind": placed.kind,
        "brand": placed.alarm.brand,
        "events": sorted(causes.get(placed.alarm.ticket_id, ())),
    }


def _row(
    placed: Placed,
    values: Mapping[str, Mapping[str, Any]],
    pasts: Mapping[str | None, Past],
    causes: Causes,
    now: datetime,
) -> Row:
    if placed.kind == "p1":
        return _own(placed, values[placed.alarm.ticket_id], causes)
    return _shared(placed, pasts[placed.alarm.brand], now)


def _own(placed: Placed, ticket: Mapping[str, Any], causes: Causes) -> Row:
    """The alert of one ticket."""
    return {
        "id": placed.alert_id,
        "kind": "p1",
        "brand": ticket["brand"],
        "topic": ticket["topic"],
        "ticket_id": placed.alarm.ticket_id,
        "severity": placed.alarm.severity,
        "started_at": ticket["first_at"],
        "peak_at": ticket["last_inbound_at"],
        "evidence": {
            "priority": ticket["priority"],
            "factors": {
                factor["name"]: factor["points"] for factor in ticket["factors"]
            },  # their words may quote
            "events": sorted(causes.get(placed.alarm.ticket_id, ())),
        },
    }


def _shared(placed: Placed, past: Past, now: datetime) -> Row:
    """The alert of many tickets; it starts now, whenever their messages were written."""
    said_at = placed.alarm.said_at
    evidence: dict[str, Any]
    if placed.kind == "surge":
        evidence = {"tickets": 1, "usual": round(past.usual, 2), "before": placed.before}
    else:
        evidence = {"tickets": 1, "first": said_at.isoformat(), "last": said_at.isoformat()}
    return {
        "id": placed.alert_id,
        "kind": placed.kind,
        "brand": placed.alarm.brand,
        "topic": None,
        "ticket_id": None,
        "severity": placed.alarm.severity,
        "started_at": now,
        "peak_at": now,
        "evidence": evidence,
    }

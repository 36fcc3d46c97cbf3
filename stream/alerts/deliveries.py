"""Deliveries of alerts: one row for each alert that is to go to a sink."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.alerts.routing import Route
from stream.postgres.advisory_lock import sole
from stream.postgres.database import reachable
from stream.records import AlertRecord


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that is due at a sink. message: the name that an earlier attempt sent it under."""

    alert: AlertRecord
    kind: str
    message: str | None
    attempts: int

    @property
    def name(self) -> str:
        return f"{self.alert.id}/{self.kind}"


class Deliveries:
    """The table `alert_deliveries`, keyed (sink, alert, raised or recovered), so each goes once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process alone does `name` until the block ends. Never waits."""
        return sole(self._engine, name)

    async def enqueue(self, route: Route) -> int:
        """Note the alerts that this sink has yet to get; returns how many are new.

        Left out are alerts that somebody has acknowledged, and snoozed ones: itself or another one
        of its brand and topic (of its ticket). The end of a burst goes to those sinks alone that
        got its beginning, and so does what takes a P1 alert back.
        """
        values = {
            "sink": route.name,
            "kinds": list(route.kinds),
            "brands": list(route.brands),
            "min_severity": route.min_severity,
            "age": route.max_age,
            "lasting": route.max_age + timedelta(days=2),
        }
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(_UNTOLD, values)
            queued = (await connection.execute(_RAISED, values)).rowcount
            if route.recovered:
                queued += (await connection.execute(_RECOVERED, values)).rowcount
        return queued

    async def due(self, sink: str) -> list[Due]:
        """The alerts that are due now, the gravest first; also those of an unanswered attempt."""
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_DUE, {"sink": sink})).mappings().all()
        return [
            Due(AlertRecord(**row["alert"]), row["kind"], row["message"], row["attempts"])
            for row in rows
        ]

    async def sent_lately(self, sink: str, within: timedelta) -> int:
        """How many messages this sink was sent, or may have been."""
        values = {"sink": sink, "within": within}
        async with reachable(), self._engine.connect() as connection:
            return int((await connection.execute(_LATELY, values)).scalar_one())

    async def claim(self, sink: str, due: Sequence[Due], message: str, lease: timedelta) -> None:
        """These are about to be sent as one message.

        Where the sender dies now, they are due again after the lease.
        """
        await self._write(_CLAIM, sink, due, message=message, lease=lease)

    async def settle(
        self,
        sink: str,
        due: Sequence[Due],
        state: str,
        answer: str,
        again_in: timedelta | None = None,
    ) -> None:
        """The end of an attempt. state: sent, failed, or queued to be sent again."""
        await self._write(
            _SETTLE, sink, due, state=state, answer=answer[:500], again_in=again_in or timedelta()
        )

    async def deliveries_of(self, alert_id: str) -> list[dict[str, Any]]:
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_OF, {"alert": alert_id})).mappings()
            return [dict(row) for row in rows]

    async def ticket_now(self, ticket_id: str) -> tuple[str, list[dict[str, Any]]] | None:
        """The excerpt and the factors of a ticket as it is now; None where it is gone."""
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(_TICKET, {"ticket": ticket_id})).first()
        return None if row is None else (row.excerpt, list(row.factors))

    async def _write(self, statement: Any, sink: str, due: Sequence[Due], **values: Any) -> None:
        keys = {
            "sink": sink,
            "alerts": [delivery.alert.id for delivery in due],
            "kinds": [delivery.kind for delivery in due],
        }
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(statement, keys | values)


_RAISED = text("""
    insert into alert_deliveries (sink, alert_id, kind, severity)
    select :sink, a.id, 'raised', a.severity
    from alerts a
    where a.created_at >= now() - cast(:lasting as interval)
      and coalesce(a.ended_at, a.peak_at, a.started_at) >= now() - cast(:age as interval)
      and a.kind = any(cast(:kinds as text[]))
      and (cardinality(cast(:brands as text[])) = 0 or a.brand = any(cast(:brands as text[])))
      and a.severity >= :min_severity
      and a.acknowledged_at is null
      and (a.kind <> 'p1' or a.recovered_at is null)
      -- Old messages come in heaps: the heap is told once it has come to rest, or lasts for long.
      and (a.kind <> 'backlog' or a.updated_at < now() - interval '5 minutes'
           or a.created_at < now() - interval '1 hour')
      and not exists (
          select from alert_deliveries d
          where (d.sink, d.alert_id, d.kind) = (:sink, a.id, 'raised')
      )
      and not exists (
          select from alerts s
          where s.snoozed_until > now() and s.kind = a.kind
            and (s.id = a.id or s.ticket_id = a.ticket_id
                 or (s.ticket_id is null
                     and (s.brand, s.topic) is not distinct from (a.brand, a.topic)))
      )
    on conflict do nothing
""")
# A P1 alert that was taken back before anybody was told of it is told to nobody.
_UNTOLD = text("""
    delete from alert_deliveries d using alerts a
    where d.sink = :sink and d.kind = 'raised' and d.state = 'queued' and d.attempts = 0
      and a.id = d.alert_id and a.kind = 'p1' and a.recovered_at is not null
""")
_RECOVERED = text("""
    insert into alert_deliveries (sink, alert_id, kind, severity)
    select d.sink, a.id, 'recovered', a.severity
    from alerts a
    join alert_deliveries d
      on d.alert_id = a.id and d.sink = :sink and d.kind = 'raised' and d.state = 'sent'
    where a.recovered_at is not null
      and (a.created_at >= now() - cast(:lasting as interval)
           or a.recovered_at >= now() - cast(:lasting as interval))
      and not exists (
          select from alert_deliveries r
          where (r.sink, r.alert_id, r.kind) = (:sink, a.id, 'recovered')
      )
    on conflict do nothing
""")
_DUE = text("""
    select to_jsonb(a) as alert, d.kind, d.message, d.attempts
    from alert_deliveries d
    join alerts a on a.id = d.alert_id
    where d.sink = :sink and d.state in ('queued', 'sending') and d.due_at <= now()
    order by a.severity desc, a.kind <> 'burst', d.created_at, d.alert_id, d.kind
    limit 1000
""")
_LATELY = text("""
    select count(distinct message) from alert_deliveries
    where sink = :sink and state = 'sent' and sent_at > now() - cast(:within as interval)
""")
_CLAIM = text("""
    update alert_deliveries d
    set state = 'sending', message = :message, attempts = attempts + 1, updated_at = now(),
        due_at = now() + cast(:lease as interval)
    from unnest(cast(:alerts as text[]), cast(:kinds as text[])) as x (alert_id, kind)
    where d.sink = :sink and d.alert_id = x.alert_id and d.kind = x.kind
""")
_SETTLE = text("""
    update alert_deliveries d
    set state = cast(:state as text), answer = :answer, updated_at = now(),
        due_at = now() + cast(:again_in as interval),
        sent_at = case when cast(:state as text) = 'sent' then now() end
    from unnest(cast(:alerts as text[]), cast(:kinds as text[])) as x (alert_id, kind)
    where d.sink = :sink and d.alert_id = x.alert_id and d.kind = x.kind
""")
_OF = text("""
    select sink, kind, state, attempts, answer, created_at, sent_at from alert_deliveries
    where alert_id = :alert order by created_at, sink, kind
""")
_TICKET = text("select excerpt, factors from tickets where id = :ticket")

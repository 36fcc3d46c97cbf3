"""What was told to whom: one row for each thing that a sink hears about an alert, whatever happens
in between.
"""

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
    """Something that is to be told. message: that of an earlier attempt, which told it alone or in
    a digest.
    """

    alert: AlertRecord
    kind: str
    message: str | None
    attempts: int

    @property
    def name(self) -> str:
        return f"{self.alert.id}/{self.kind}"


class Deliveries:
    """The table `alert_deliveries`, keyed (sink, alert, raised or recovered): nothing is told
    twice.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def sole(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process is the only one that does `name` until the block ends. Never waits."""
        return sole(self._engine, name)

    async def enqueue(self, route: Route) -> int:
        """Note what this sink has to be told and was not; returns how much that is.

        Not told is what somebody has acknowledged, and what is snoozed, itself or another one of
        its brand and topic (of its ticket). That something is over is told to those alone who were
        told that it began.
        """
        given = {
            "sink": route.name,
            "kinds": list(route.kinds),
            "brands": list(route.brands),
            "least": route.min_severity,
            "age": route.max_age,
            "lasting": route.max_age + timedelta(days=2),
        }
        async with reachable(), self._engine.begin() as connection:
            queued = (await connection.execute(_RAISED, given)).rowcount
            if route.recovered:
                queued += (await connection.execute(_RECOVERED, given)).rowcount
        return queued

    async def due(self, sink: str) -> list[Due]:
        """What is to be told now, the gravest first; also what an earlier attempt left without an
        answer.
        """
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_DUE, {"sink": sink})).mappings().all()
        return [
            Due(AlertRecord(**row["alert"]), row["kind"], row["message"], row["attempts"])
            for row in rows
        ]

    async def told_lately(self, sink: str, within: timedelta) -> int:
        """How many messages this sink was sent, or may have been."""
        async with reachable(), self._engine.connect() as connection:
            told = await connection.execute(_LATELY, {"sink": sink, "within": within})
            return int(told.scalar_one())

    async def claim(self, sink: str, told: Sequence[Due], message: str, lease: timedelta) -> None:
        """These are about to be sent as one message. Who dies now leaves them due again after the
        lease.
        """
        await self._write(_CLAIM, sink, told, message=message, lease=lease)

    async def settle(
        self,
        sink: str,
        told: Sequence[Due],
        state: str,
        answer: str,
        again_in: timedelta | None = None,
    ) -> None:
        """What became of a message. state: sent, failed, or queued to be sent again."""
        await self._write(
            _SETTLE, sink, told, state=state, answer=answer[:500], again_in=again_in or timedelta()
        )

    async def deliveries_of(self, alert_id: str) -> list[dict[str, Any]]:
        async with reachable(), self._engine.connect() as connection:
            return [
                dict(row) for row in (await connection.execute(_OF, {"alert": alert_id})).mappings()
            ]

    async def standing_of(self, ticket_id: str) -> tuple[str, list[dict[str, Any]]] | None:
        """The excerpt and the factors of a ticket as it stands now; None when it does not any more."""
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(_TICKET, {"ticket": ticket_id})).first()
        return None if row is None else (row.excerpt, list(row.factors))

    async def _write(self, statement: Any, sink: str, told: Sequence[Due], **values: Any) -> None:
        keys = {
            "sink": sink,
            "alerts": [each.alert.id for each in told],
            "kinds": [each.kind for each in told],
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
      and a.severity >= :least
      and a.acknowledged_at is null
      and not exists (select from alert_deliveries d where (d.sink, d.alert_id, d.kind) = (:sink, a.id, 'raised'))
      and not exists (
          select from alerts s
          where s.snoozed_until > now() and s.kind = a.kind
            and (s.id = a.id or s.ticket_id = a.ticket_id
                 or (s.ticket_id is null and (s.brand, s.topic) is not distinct from (a.brand, a.topic)))
      )
    on conflict do nothing
""")
_RECOVERED = text("""
    insert into alert_deliveries (sink, alert_id, kind, severity)
    select d.sink, a.id, 'recovered', a.severity
    from alerts a
    join alert_deliveries d on d.alert_id = a.id and d.sink = :sink and d.kind = 'raised' and d.state = 'sent'
    where a.created_at >= now() - cast(:lasting as interval) and a.recovered_at is not null
      and not exists (select from alert_deliveries r where (r.sink, r.alert_id, r.kind) = (:sink, a.id, 'recovered'))
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
    from unnest(cast(:alerts as text[]), cast(:kinds as text[])) as told (alert_id, kind)
    where d.sink = :sink and d.alert_id = told.alert_id and d.kind = told.kind
""")
_SETTLE = text("""
    update alert_deliveries d
    set state = cast(:state as text), answer = :answer, updated_at = now(),
        due_at = now() + cast(:again_in as interval),
        sent_at = case when cast(:state as text) = 'sent' then now() end
    from unnest(cast(:alerts as text[]), cast(:kinds as text[])) as told (alert_id, kind)
    where d.sink = :sink and d.alert_id = told.alert_id and d.kind = told.kind
""")
_OF = text("""
    select sink, kind, state, attempts, answer, created_at, sent_at from alert_deliveries
    where alert_id = :alert order by created_at, sink, kind
""")
_TICKET = text("select excerpt, factors from tickets where id = :ticket")

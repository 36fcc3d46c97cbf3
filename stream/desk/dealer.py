"""Dealer of new tickets: gives them to who is present, as the rules of assignment say."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.accounts.users import USER, User
from stream.desk.actions import Assign, NotAllowed
from stream.desk.attendance import PRESENT_SECONDS
from stream.desk.dealing import Present, Rules, Waiting, deal
from stream.desk.tickets import Desk, Lost, NoTicket, Seen
from stream.postgres.advisory_lock import sole
from stream.postgres.database import reachable

ACTOR = "assignment"  # who it was, in the history of a ticket
_BATCH = 1_000  # tickets of one round

# Whom a person has ever count or taken it from, it stays as people left it.
_WAITING = text("""
    select t.id, t.brand, t.topic, t.level, t.edits, t.version,
           (select e.language from events e
            where e.conversation = split_part(t.id, ' ', 1) and e.direction = 'inbound'
            order by e.occurred_at desc, e.id desc limit 1) as language
    from tickets t
    where t.owner is null and t.state in ('new', 'open') and t.answered_at is null
      and not exists (
          select from ticket_changes c where c.ticket_id = t.id and c.changes ? 'owner')
    order by t.priority desc, t.received_at, t.id limit :limit
""")
_PRESENT = text("""
    select u.*, a.last_dealt_at,
           (select count(*) from tickets t
            where t.owner = u.name and t.state in ('new', 'open'))::int as open
    from attendance a join users u on u.name = a.name
    where a.seen_at > now() - make_interval(secs => :here) and not a.away
      and u.disabled_at is null
""")
_DEALT = text("update attendance set last_dealt_at = clock_timestamp() where name = :name")


class Dealer:
    """Any number may run: an advisory lock lets one at a time deal."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._desk = Desk(engine)
        self._rules: Rules | None = None

    def become(self, rules: Rules | None) -> None:
        """Deal by these from the next round on; None: not at all."""
        self._rules = rules

    async def round(self) -> int:
        """Deal what waits; returns how many tickets found somebody."""
        rules = self._rules
        if rules is None:
            return 0
        async with sole(self._engine, "assignment") as alone:
            return await self._deal(rules) if alone else 0

    async def _deal(self, rules: Rules) -> int:
        people = await self._present()
        if not people:
            return 0
        tickets, seen = await self._waiting()
        count = 0
        for ticket, name in deal(tickets, people, rules):
            try:
                await self._desk.act(ticket.id, Assign(owner=name), ACTOR, seen=seen[ticket.id])
            except (NoTicket, Lost, NotAllowed):
                continue  # somebody was quicker
            async with reachable(), self._engine.begin() as connection:
                await connection.execute(_DEALT, {"name": name})
            count += 1
        return count

    async def _present(self) -> list[Present]:
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_PRESENT, {"here": PRESENT_SECONDS})).mappings().all()
        people = []
        for row in rows:
            values = {name: row[name] for name in USER}
            values["brands"] = None if row["brands"] is None else frozenset(row["brands"])
            people.append(Present(User(**values), row["open"], row["last_dealt_at"]))
        return people

    async def _waiting(self) -> tuple[list[Waiting], dict[str, Seen]]:
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_WAITING, {"limit": _BATCH})).mappings().all()
        tickets = [
            Waiting(row["id"], row["brand"], row["language"], row["topic"], row["level"])
            for row in rows
        ]
        return tickets, {row["id"]: Seen(row["edits"], row["version"]) for row in rows}

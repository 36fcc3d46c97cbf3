"""Drafted replies: what is to be drafted, what was, what a person decided. Sending them is
stream/replies/outbox.py's work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    bindparam,
    exists,
    func,
    insert,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.replier.draft import Draft, Refusal, ReplyRequest
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.tables import audit, events, opted_out, replies, tickets

Row = dict[str, Any]
LATELY = timedelta(days=7)  # a text that the brand sent within this time is not sent again

# The message that an answer would answer: the customer's last one, of a ticket that still waits for
# one. Where it has a draft, or a later one has, the ticket has what it needs: an older message is
# not gone back to, for who reads an answer to it reads that nobody saw the last one.
_UNANSWERED = text("""
    select * from (
      select distinct on (t.id) t.id as ticket_id, t.level, e.id as event_id, e.revision, e.text, e.network, e.brand,
             e.topic, e.problem, e.sentiment, e.severity, e.author, e.occurred_at
      from tickets t join events e on e.conversation = t.id
      where t.id = any(:tickets) and t.answered_at is null and t.state <> 'resolved'
        and e.direction = 'inbound' and e.kind in ('tweet', 'complaint') and (:unread or not e.abstained)
      order by t.id, e.occurred_at desc, e.id desc
    ) last
    where not exists (
      select from replies r join events a on a.id = r.event_id
      where r.ticket_id = last.ticket_id and (a.occurred_at, a.id) >= (last.occurred_at, last.event_id)
    )
    order by ticket_id
""").bindparams(bindparam("tickets", type_=ARRAY(Text)))
# Tickets whose last message has no draft. The advisory locks end with the transaction: processes
# that draft side by side take different tickets, and those of a process that died come back.
_CLAIM = text("""
    with waiting as materialized (
      select t.id, t.version from tickets t
      where t.answered_at is null and t.state <> 'resolved' and t.priority >= :minimum
        and (not :recent or t.updated_at > now() - interval '1 minute')
        and not exists (
          select from unnest(cast(:tickets as text[]), cast(:versions as bigint[])) as x (id, version)
          where x.id = t.id and x.version = t.version
        )
        and not exists (
          select from replies r join events e on e.id = r.event_id
          where r.ticket_id = t.id and e.occurred_at >= t.last_inbound_at
        )
      order by t.priority desc, t.received_at limit 20 * :limit
    )
    select id, version from waiting
    where pg_try_advisory_xact_lock(hashtextextended('earshot draft ' || id, 0))
    limit :limit
""")
_SUPERSEDED = text("""
    update replies set state = 'discarded', reason = 'the customer wrote again', updated_at = now(),
                       version = version + 1, changed_by = 'earshot'
    where state = 'draft' and ticket_id = any(:tickets) and not (id = any(:new))
""").bindparams(bindparam("tickets", type_=ARRAY(Text)))
_EDITS = text("""
    select e.text as customer_text, r.drafted as draft, r.text as final, r.brand
    from replies r join events e on e.id = r.event_id and e.text is not null
    where r.state in ('approved', 'sending', 'sent') and r.drafted <> '' and r.drafted <> r.text
    order by r.id
""")


@dataclass(frozen=True, slots=True)
class ToDraft:
    """A message that has no draft yet, and the ticket that it stands for."""

    ticket_id: str
    level: str
    event_id: str
    revision: int
    request: ReplyRequest


class NoReply(UserError):
    """There is no such reply; or none that this person may see."""


class LostReply(UserError):
    """The reply changed since it was looked at. reply: as it is now; who, what: of the latest
    change.
    """

    def __init__(self, reply: Row) -> None:
        self.reply = reply
        self.who = str(reply["changed_by"] or "somebody")
        self.what = str(reply["reason"] or _WHAT.get(reply["state"], reply["state"]))
        super().__init__(
            f"{self.who} changed this reply meanwhile ({self.what}); look at it and try again"
        )


_WHAT = {"draft": "other words", "sending": "it is being sent", "failed": "it was not sent"}


class Replies:
    """The table `replies`, one row a message that is answered.

    seen: the column `version` of the reply that a person looked at; whoever decides on another one
    raises LostReply.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def to_draft(self, tickets: Collection[str], *, unread: bool = False) -> list[ToDraft]:
        """Of these tickets that wait for an answer, the last message of each, unless there is a
        draft for it already.

        unread: also messages that the model could not judge, in another language say; people can
        answer them.
        """
        async with reachable(), self._engine.connect() as connection:
            rows = (
                (
                    await connection.execute(
                        _UNANSWERED, {"tickets": list(tickets), "unread": unread}
                    )
                )
                .mappings()
                .all()
            )
        return [
            ToDraft(
                row["ticket_id"],
                row["level"],
                row["event_id"],
                row["revision"],
                _request(row),
            )
            for row in rows
        ]

    @asynccontextmanager
    async def claim(
        self,
        limit: int,
        *,
        minimum: int = 0,
        exclude: Mapping[str, int] | None = None,
        recent: bool = False,
    ) -> AsyncIterator[dict[str, int]]:
        """Open tickets that wait for a draft, with their versions, the most urgent first.

        They are this caller's until the block ends: others that claim meanwhile get other tickets.
        minimum: of the priority. exclude: tickets that need no look while they have this version.
        recent: only tickets that changed within a minute, which is cheap however many are open.
        """
        known = exclude or {}
        values = {
            "limit": limit,
            "minimum": minimum,
            "recent": recent,
            "tickets": list(known),
            "versions": list(known.values()),
        }
        async with reachable(), self._engine.connect() as connection:
            rows = (await connection.execute(_CLAIM, values)).all()
            yield {row.id: row.version for row in rows}

    async def lately(self, brand: str | None, exclude: int = 0) -> list[str]:
        """Texts that the brand sent in the last days, or is about to. exclude: a reply's number."""
        async with reachable(), self._engine.connect() as connection:
            return list(await connection.scalars(texts_lately(brand, exclude)))

    async def store(self, drafts: Sequence[tuple[ToDraft, Draft, str | None]]) -> list[int]:
        """Keep the drafts; the third says who approves it unseen, None: a person decides. Returns
        the new rows' ids.

        A message that has a draft by now keeps that one. Older drafts of the same tickets,
        undecided, are discarded.
        """
        if not drafts:
            return []
        rows = [
            _row(of, draft, approver)
            for of, draft, approver in sorted(drafts, key=lambda one: one[0].ticket_id)
        ]
        async with reachable(), self._engine.begin() as connection:
            put = (
                upsert(replies)
                .values(rows)
                .on_conflict_do_nothing()
                .returning(replies.c.id, replies.c.approved_by)
            )
            new = (await connection.execute(put)).all()
            tickets = [of.ticket_id for of, _, _ in drafts]
            await connection.execute(
                _SUPERSEDED, {"tickets": tickets, "new": [row.id for row in new]}
            )
            for row in new:
                if row.approved_by is not None:
                    await note(connection, row.approved_by, "approve", row.id, {"automatic": True})
        return [row.id for row in new]

    async def request_of(self, row: Row) -> ReplyRequest | None:
        """What the reply answers, as it is stored now; None when it was deleted."""
        async with reachable(), self._engine.connect() as connection:
            asked = select(events).where(events.c.id == row["event_id"], events.c.text.is_not(None))
            found = (await connection.execute(asked)).mappings().first()
        return None if found is None else _request(found)

    async def newest(
        self,
        states: Collection[str] | None = None,
        ticket: str | None = None,
        limit: int = 50,
        *,
        before: int | None = None,
        brands: frozenset[str] | None = None,
    ) -> list[Row]:
        """The newest first. before: only those with a lower number. brands: only of these brands'
        tickets.
        """
        asked = select(replies).where(_of(brands)).order_by(replies.c.id.desc()).limit(limit)
        if before is not None:
            asked = asked.where(replies.c.id < before)
        if states is not None:
            asked = asked.where(replies.c.state.in_(list(states)))
        if ticket is not None:
            asked = asked.where(replies.c.ticket_id == storable(ticket))
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(asked)).mappings()]

    async def find(self, number: int, brands: frozenset[str] | None = None) -> Row:
        """Raises NoReply when there is none, or none of a ticket of these brands."""
        async with reachable(), self._engine.connect() as connection:
            return await _found(connection, number, brands=brands)

    async def edit(self, number: int, who: str, said: str, *, seen: int | None = None) -> Row:
        """Other words for a draft, which still waits for approval. Raises UserError where it is
        decided already.
        """
        async with reachable(), self._engine.begin() as connection:
            row = await _to_change(connection, number, seen)
            if row["state"] != "draft":
                raise UserError(f"reply {number} is {row['state']} already")
            await note(connection, who, "edit", number, {})
            return await set_(connection, number, who, text=storable(said.strip()))

    async def approve(
        self,
        number: int,
        who: str,
        *,
        said: str | None = None,
        despite: Sequence[Refusal] = (),
        seen: int | None = None,
    ) -> Row:
        """Let it be sent, perhaps in other words. despite: what the policy gate says against them,
        kept in the audit.

        Also for one that failed, to try again. Raises UserError where it is decided already.
        """
        async with reachable(), self._engine.begin() as connection:
            row = await _to_change(connection, number, seen)
            if row["state"] not in ("draft", "failed", "discarded"):
                raise UserError(f"reply {number} is {row['state']} already")
            values: Row = {
                "state": "approved",
                "approved_by": who,
                "approved_at": func.now(),
                "due_at": func.now(),
            }
            values |= {"reason": None, "tries": 0, "sending_since": None}
            values |= {} if said is None else {"text": storable(said.strip())}
            details = {"edited": said is not None and said.strip() != row["drafted"]}
            await note(
                connection,
                who,
                "approve",
                number,
                details | {"despite": [one.rule for one in despite]},
            )
            return await set_(connection, number, who, **values)

    async def discard(
        self, number: int, who: str, why: str = "a person decided so", *, seen: int | None = None
    ) -> Row:
        """Never to be sent. Raises UserError for one that is on its way or sent."""
        async with reachable(), self._engine.begin() as connection:
            row = await _to_change(connection, number, seen)
            if row["state"] not in ("draft", "approved", "failed"):
                raise UserError(f"reply {number} is {row['state']}: too late to discard it")
            await note(connection, who, "discard", number, {})
            return await set_(connection, number, who, state="discarded", reason=storable(why))

    async def settle(self, number: int, who: str, *, sent: bool, seen: int | None = None) -> Row:
        """A person looked an uncertain reply up on the network: it stands there, or it does not."""
        async with reachable(), self._engine.begin() as connection:
            row = await _to_change(connection, number, seen)
            if row["state"] != "uncertain":
                raise UserError(f"reply {number} is {row['state']}, not uncertain")
            await note(connection, who, "settle", number, {"sent": sent})
            if sent:
                return await set_(
                    connection, number, who, state="sent", sent_at=row["sending_since"], reason=None
                )
            return await set_(
                connection, number, who, state="failed", reason=f"not on the network, says {who}"
            )

    async def opt_out(self, network: str, author: str, who: str) -> None:
        """This person gets no more answers."""
        put = (
            upsert(opted_out)
            .values(network=network, author=storable(author), who=who)
            .on_conflict_do_nothing()
        )
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(put)
            await note(connection, who, "opt out", None, {"network": network})

    async def edits(self) -> list[Row]:
        """What people made of drafts: customer_text, draft, final, brand; to learn from."""
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(_EDITS)).mappings()]


def texts_lately(brand: str | None, exclude: int) -> Select[str]:
    """Texts of the brand that were sent within LATELY, or are about to be."""
    return select(replies.c.text).where(
        replies.c.brand.is_not_distinct_from(brand),
        replies.c.state.in_(("approved", "sending", "sent", "uncertain")),
        replies.c.updated_at > func.now() - LATELY,
        replies.c.id != exclude,
    )


def _request(row: Mapping[Any, Any]) -> ReplyRequest:
    told = {
        name: row[name]
        for name in ("brand", "topic", "problem", "sentiment", "severity", "network")
    }
    return ReplyRequest(row["text"], **told)


def _row(of: ToDraft, draft: Draft, approver: str | None) -> Row:
    decided: Row = {"state": "draft", "approved_by": None, "approved_at": None, "due_at": None}
    if approver is not None:
        decided = {
            "state": "approved",
            "approved_by": approver,
            "approved_at": func.now(),
            "due_at": func.now(),
        }
    return decided | {
        "ticket_id": of.ticket_id,
        "event_id": of.event_id,
        "revision": of.revision,
        "network": of.request.network,
        "brand": of.request.brand,
        "text": storable(draft.text),
        "drafted": storable(draft.text),
        "model_version": draft.model,
        "candidates": [
            {
                "text": storable(each.text),
                "score": round(each.score, 4),
                "source": each.source,
                "refusals": [asdict(refusal) for refusal in each.refusals],
            }
            for each in draft.candidates
        ],
    }


def _of(brands: frozenset[str] | None) -> ColumnElement[bool]:
    if brands is None:
        return true()
    return exists().where(tickets.c.id == replies.c.ticket_id, tickets.c.brand.in_(sorted(brands)))


async def _found(
    connection: AsyncConnection,
    number: int,
    *,
    lock: bool = False,
    brands: frozenset[str] | None = None,
) -> Row:
    asked = select(replies).where(replies.c.id == number, _of(brands))
    row = (
        (await connection.execute(asked.with_for_update() if lock else asked))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NoReply(f"there is no reply {number}; see `earshot reply list`")
    return dict(row)


async def _to_change(connection: AsyncConnection, number: int, seen: int | None) -> Row:
    """The reply, which is this transaction's until it ends. Raises NoReply, and LostReply for
    another than was seen.
    """
    row = await _found(connection, number, lock=True)
    if seen is not None and seen != row["version"]:
        raise LostReply(row)
    return row


async def set_(connection: AsyncConnection, number: int, who: str, **values: Any) -> Row:
    """Write columns of one reply, as somebody's change; returns the row as it is then."""
    counted = {"version": replies.c.version + 1, "changed_by": who, "updated_at": func.now()}
    put = (
        update(replies)
        .where(replies.c.id == number)
        .values(**values, **counted)
        .returning(*replies.c)
    )
    return dict((await connection.execute(put)).mappings().one())


async def note(
    connection: AsyncConnection, who: str, action: str, number: int | None, details: Row
) -> None:
    """An audit row. No words of customers or answers: who did what to which reply."""
    subject = None if number is None else f"reply:{number}"
    await connection.execute(
        insert(audit).values(who=who, action=action, subject=subject, details=details)
    )

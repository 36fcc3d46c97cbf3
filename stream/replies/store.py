"""Reply store: the table of drafted replies, from the draft to a person's decision.

Sending them is stream/replies/outbox.py's work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    exists,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.replier.draft import Draft, Refusal, ReplyRequest
from stream.accounts.audit import note_within
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.tables import events, opted_out, replies, tickets
from stream.replies.gravity import gravity_of, reason_of
from stream.replies.known import known_of
from stream.replies.statements import (
    BY_PERSON,
    CLAIM,
    EDITS,
    FARTHEST,
    LATEST_SENT,
    MOST_ALIKE,
    PAST,
    SUPERSEDED,
    UNANSWERED,
    UNTOUCHED,
    in_place,
    texts_lately,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToDraft:
    """A message to draft for, and its ticket.

    replaces: the words of the draft that it has already, which the new one may take the place of.
    """

    ticket_id: str
    level: str
    event_id: str
    revision: int
    request: ReplyRequest
    replaces: str | None = None


class NoReply(UserError):
    """There is no such reply, or none that this person may see."""


class LostReply(UserError):
    """The reply changed since the person looked at it.

    reply: as it is now. actor, change: of the latest change.
    """

    def __init__(self, reply: Row) -> None:
        self.reply = reply
        self.actor = str(reply["changed_by"] or "somebody")
        self.change = str(reply["reason"] or _CHANGES.get(reply["state"], reply["state"]))
        super().__init__(
            f"{self.actor} changed this reply meanwhile ({self.change}); look at it and try again"
        )


_CHANGES = {"draft": "other words", "sending": "it is being sent", "failed": "it was not sent"}


class Replies:
    """The table `replies`, one row for each answer to a message.

    seen: the column `version` of the reply that the person looked at; a decision on another version
    raises LostReply. delay: how long a reply that a person approved waits before it leaves.
    """

    def __init__(self, engine: AsyncEngine, delay: timedelta = timedelta()) -> None:
        self._engine = engine
        self._delay = delay

    async def to_draft(
        self, tickets: Collection[str], *, unread: bool = False, replacing: bool = False
    ) -> list[ToDraft]:
        """The last message of each of these tickets that waits for an answer and has no draft.

        unread: also messages that the model could not judge, in another language say; people can
        answer them. replacing: also messages with a draft that no person wrote, changed or
        approved; a draft that a person wrote or changed stays, even if the customer wrote again.
        """
        values = {"tickets": list(tickets), "unread": unread, "replaceable": []}
        async with reachable(), self._engine.connect() as connection:
            if replacing:
                values |= await _replaceable(connection, tickets)
            rows = (await connection.execute(UNANSWERED, values)).mappings().all()
            past = await _past(connection, [row["event_id"] for row in rows])
        return [
            ToDraft(
                ticket_id=row["ticket_id"],
                level=row["level"],
                event_id=row["event_id"],
                revision=row["revision"],
                request=replace(_request(row), past=past.get(row["event_id"], ())),
                replaces=row["replaces"],
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
            rows = (await connection.execute(CLAIM, values)).all()
            yield {row.id: row.version for row in rows}

    async def lately(self, brand: str | None, exclude: int = 0) -> list[str]:
        """Texts that the brand sent in the last days, or is about to. exclude: a reply's number."""
        async with reachable(), self._engine.connect() as connection:
            return list(await connection.scalars(texts_lately(brand, exclude)))

    async def store(self, drafts: Sequence[tuple[ToDraft, Draft, str | None]]) -> list[int]:
        """Store the drafts, each with its approver (None: a person decides); the new rows' ids.

        A message that has a draft by now keeps that one. Older drafts of the same tickets,
        undecided, are discarded.
        """
        if not drafts:
            return []
        async with reachable(), self._engine.begin() as connection:
            new = await _put(connection, _upsert(drafts).on_conflict_do_nothing())
            for row in new:
                if row["approved_by"] is not None:
                    await note(
                        connection, row["approved_by"], "approve", row["id"], {"automatic": True}
                    )
        return [row["id"] for row in new]

    async def store_in_place(
        self, drafts: Sequence[tuple[ToDraft, Draft]], actor: str
    ) -> list[Row]:
        """Store the drafts, also in place of those that no person wrote, changed or approved.

        The replaced words stay as a candidate, and the version goes up, so that nobody approves
        words that they have not seen. Returns the rows that were written: a reply that a person
        took up meanwhile is not among them.
        """
        if not drafts:
            return []
        put = in_place(_upsert([(message, draft, None) for message, draft in drafts]), actor)
        async with reachable(), self._engine.begin() as connection:
            rows = await _put(connection, put)
            for row in rows:
                if row["changed_by"] is not None:
                    await note(connection, actor, "replace", row["id"], {})
        return rows

    async def touched(self, tickets: Collection[str]) -> set[str]:
        """Those of the tickets with a reply that a person wrote, changed or approved."""
        query = select(replies.c.ticket_id).where(
            replies.c.ticket_id.in_(list(tickets)), replies.c.state != "discarded", BY_PERSON
        )
        async with reachable(), self._engine.connect() as connection:
            return set(await connection.scalars(query))

    async def request_of(self, row: Row) -> ReplyRequest | None:
        """The request that the reply answers, as it is stored now; None when it was deleted."""
        query = select(events).where(events.c.id == row["event_id"], events.c.text.is_not(None))
        async with reachable(), self._engine.connect() as connection:
            event = (await connection.execute(query)).mappings().first()
        return None if event is None else _request(event)

    async def newest(
        self,
        states: Collection[str] | None = None,
        ticket: str | None = None,
        limit: int = 50,
        *,
        before: int | None = None,
        brands: frozenset[str] | None = None,
    ) -> list[Row]:
        """The newest first.

        before: only those with a lower number. brands: only of these brands' tickets.
        """
        query = select(replies).where(_of(brands)).order_by(replies.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(replies.c.id < before)
        if states is not None:
            query = query.where(replies.c.state.in_(list(states)))
        if ticket is not None:
            query = query.where(replies.c.ticket_id == storable(ticket))
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def find(self, number: int, brands: frozenset[str] | None = None) -> Row:
        """Raises NoReply when there is none, or none of a ticket of these brands."""
        async with reachable(), self._engine.connect() as connection:
            return await _find(connection, number, brands=brands)

    async def edit(self, number: int, actor: str, words: str, *, seen: int | None = None) -> Row:
        """Other words for a draft, which still waits for approval.

        Raises UserError where it is decided already.
        """
        async with reachable(), self._engine.begin() as connection:
            row = await to_change(connection, number, seen)
            if row["state"] != "draft":
                raise UserError(f"reply {number} is {row['state']} already")
            await note(connection, actor, "edit", number, {})
            return await set_(connection, number, actor, text=storable(words.strip()))

    async def approve(
        self,
        number: int,
        actor: str,
        *,
        words: str | None = None,
        despite: Sequence[Refusal] = (),
        seen: int | None = None,
    ) -> Row:
        """Let it be sent, perhaps in other words; also one that failed, to try again.

        despite: the refusals of the policy gate, kept in the audit. Raises UserError where it is
        decided already.
        """
        async with reachable(), self._engine.begin() as connection:
            row = await to_change(connection, number, seen)
            if row["state"] not in ("draft", "failed", "discarded"):
                raise UserError(f"reply {number} is {row['state']} already")
            values = _approved_by(actor, self._delay)
            values |= {"reason": None, "tries": 0, "sending_since": None}
            if words is not None:
                values["text"] = storable(words.strip())
            details = {
                "edited": words is not None and words.strip() != row["drafted"],
                "despite": [refusal.rule for refusal in despite],
            }
            await note(connection, actor, "approve", number, details)
            return await set_(connection, number, actor, **values)

    async def take_back(self, number: int, actor: str, *, seen: int | None = None) -> Row:
        """A draft again, in the words that were approved, before it leaves.

        Raises UserError for one that is on its way already, or was never approved.
        """
        async with reachable(), self._engine.begin() as connection:
            row = await to_change(connection, number, seen)
            if row["state"] != "approved":
                raise UserError(f"reply {number} is {row['state']}: it cannot be taken back")
            await note(connection, actor, "take back", number, {})
            return await set_(connection, number, actor, reason=None, tries=0, **_UNDECIDED)

    async def discard(
        self,
        number: int,
        actor: str,
        reason: str = "a person decided so",
        *,
        seen: int | None = None,
    ) -> Row:
        """Never to be sent. Raises UserError for one that is on its way or sent."""
        async with reachable(), self._engine.begin() as connection:
            row = await to_change(connection, number, seen)
            if row["state"] not in ("draft", "approved", "failed"):
                raise UserError(f"reply {number} is {row['state']}: too late to discard it")
            await note(connection, actor, "discard", number, {})
            return await set_(connection, number, actor, state="discarded", reason=storable(reason))

    async def settle(self, number: int, actor: str, *, sent: bool, seen: int | None = None) -> Row:
        """A person looked an uncertain reply up on the network. sent: it is there."""
        async with reachable(), self._engine.begin() as connection:
            row = await to_change(connection, number, seen)
            if row["state"] != "uncertain":
                raise UserError(f"reply {number} is {row['state']}, not uncertain")
            await note(connection, actor, "settle", number, {"sent": sent})
            values: Row = {"state": "failed", "reason": f"not on the network, says {actor}"}
            if sent:
                values = {"state": "sent", "sent_at": row["sending_since"], "reason": None}
            return await set_(connection, number, actor, **values)

    async def opt_out(self, network: str, author: str, actor: str) -> None:
        """This person gets no more answers."""
        put = upsert(opted_out).values(network=network, author=storable(author), who=actor)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(put.on_conflict_do_nothing())
            await note(connection, actor, "opt out", None, {"network": network})

    async def edits(self) -> list[Row]:
        """Edits of drafts by people: customer_text, draft, final, brand; to learn from."""
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(EDITS)).mappings()]


def _request(row: Mapping[Any, Any]) -> ReplyRequest:
    scores = row["scores"] or {}
    reasons, levels = scores.get("reasons") or {}, scores.get("levels")
    return ReplyRequest(
        text=row["text"],
        brand=row["brand"],
        topic=row["topic"],
        problem=row["problem"],
        sentiment=row["sentiment"],
        severity=row["severity"],
        network=row["network"],
        known=known_of(row),
        gravity=gravity_of(row["text"], reasons, levels),
        reason=reason_of(reasons),
    )


async def _past(
    connection: AsyncConnection, event_ids: Sequence[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """By message: messages like it, each with the reply that people sent, the nearest first."""
    if not event_ids:
        return {}
    values = {
        "events": list(event_ids),
        "latest": LATEST_SENT,
        "most": MOST_ALIKE,
        "farthest": FARTHEST,
    }
    past: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in (await connection.execute(PAST, values)).all():
        past[row.id] = (*past.get(row.id, ()), (row.message, row.reply))
    return past


async def _replaceable(connection: AsyncConnection, tickets: Collection[str]) -> Row:
    """Drafts that may be replaced, and the tickets without a draft that may not."""
    query = select(replies.c.id, replies.c.ticket_id, UNTOUCHED.label("untouched")).where(
        replies.c.ticket_id.in_(list(tickets)), replies.c.state == "draft"
    )
    drafts = (await connection.execute(query)).all()
    stays = {row.ticket_id for row in drafts if not row.untouched}
    return {
        "tickets": [ticket for ticket in tickets if ticket not in stays],
        "replaceable": [row.id for row in drafts if row.untouched],
    }


def _upsert(drafts: Sequence[tuple[ToDraft, Draft, str | None]]) -> Insert:
    ordered = sorted(drafts, key=lambda draft: draft[0].ticket_id)  # one order, so no deadlock
    return upsert(replies).values([_row(*draft) for draft in ordered])


async def _put(connection: AsyncConnection, put: Insert) -> list[Row]:
    """The rows that were written. Older drafts of their tickets, undecided, are discarded."""
    rows = [dict(row) for row in (await connection.execute(put.returning(*replies.c))).mappings()]
    # Only of tickets that got a row: where a draft came meanwhile, that one stays.
    superseded = {
        "tickets": [row["ticket_id"] for row in rows],
        "new": [row["id"] for row in rows],
    }
    await connection.execute(SUPERSEDED, superseded)
    return rows


def _row(message: ToDraft, draft: Draft, approver: str | None) -> Row:
    decision = _UNDECIDED
    if approver is not None:
        decision = _approved_by(approver)
    candidates = [
        {
            "text": storable(candidate.text),
            "score": round(candidate.score, 4),
            "source": candidate.source,
            "refusals": [asdict(refusal) for refusal in candidate.refusals],
        }
        for candidate in draft.candidates
    ]
    return decision | {
        "ticket_id": message.ticket_id,
        "event_id": message.event_id,
        "revision": message.revision,
        "network": message.request.network,
        "brand": message.request.brand,
        "text": storable(draft.text),
        "drafted": storable(draft.text),
        "model_version": draft.model,
        "candidates": candidates,
    }


_UNDECIDED: Row = {"state": "draft", "approved_by": None, "approved_at": None, "due_at": None}


def _approved_by(actor: str, delay: timedelta = timedelta()) -> Row:
    """delay: in which a person can take it back."""
    return {
        "state": "approved",
        "approved_by": actor,
        "approved_at": func.now(),
        "due_at": func.now() + delay,
    }


def _of(brands: frozenset[str] | None) -> ColumnElement[bool]:
    if brands is None:
        return true()
    return exists().where(tickets.c.id == replies.c.ticket_id, tickets.c.brand.in_(sorted(brands)))


async def _find(
    connection: AsyncConnection,
    number: int,
    *,
    lock: bool = False,
    brands: frozenset[str] | None = None,
) -> Row:
    query = select(replies).where(replies.c.id == number, _of(brands))
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NoReply(f"there is no reply {number}; see `earshot reply list`")
    return dict(row)


async def to_change(connection: AsyncConnection, number: int, seen: int | None) -> Row:
    """The reply, which is this transaction's until it ends.

    Raises NoReply, and LostReply for another version than `seen`.
    """
    row = await _find(connection, number, lock=True)
    if seen is not None and seen != row["version"]:
        raise LostReply(row)
    return row


async def set_(connection: AsyncConnection, number: int, actor: str, **values: Any) -> Row:
    """Write columns of one reply, as the actor's change; returns the row as it is then."""
    change = {"version": replies.c.version + 1, "changed_by": actor, "updated_at": func.now()}
    put = update(replies).where(replies.c.id == number).values(**values, **change)
    return dict((await connection.execute(put.returning(*replies.c))).mappings().one())


async def note(
    connection: AsyncConnection, actor: str, action: str, number: int | None, details: Row
) -> None:
    """An audit row, without words of customers or answers: actor, action and reply."""
    subject = None if number is None else f"reply:{number}"
    await note_within(connection, actor, action, subject, details)

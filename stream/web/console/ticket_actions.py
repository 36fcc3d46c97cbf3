"""Acts of a person on the ticket that they have open, by the same functions as the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from connectors.events import wrong_field
from stream.accounts.users import Role
from stream.desk import reply_approval
from stream.desk.actions import Action, NotAllowed
from stream.desk.assignment import refuse_owner
from stream.desk.bulk import UNDONE
from stream.desk.canned import NoCanned
from stream.desk.canned_use import of_ticket, set_with
from stream.desk.corrections import FIELDS
from stream.desk.erasure import counted, forget
from stream.desk.tickets import Lost, NoTicket, Seen
from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.pipeline import outgoing
from stream.replies.store import LostReply, Row
from stream.web.auth.callers import Caller
from stream.web.console.detail import change_in_words, lost_reply
from stream.web.console.join_acts import join
from stream.web.console.person_pane import link_person
from stream.web.console.shell import Visit
from stream.web.console.undo_bar import Undo
from stream.web.joined_acts import TakeBack

Payload = dict[str, Any]
Act = Callable[[str, frozenset[str], Payload], Awaitable["Outcome"]]

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)
_DONE = {
    "claim": "It is yours.",
    "acknowledge": "Acknowledged.",
    "assign": "It is given over.",
    "wait": "It waits for the customer.",
    "snooze": "It sleeps.",
    "resolve": "Resolved.",
    "reopen": "It is open again.",
    "priority": "The priority is set.",
    "note": "The note is kept.",
    "tag": "The tags are changed.",
}
LONGEST_REPLY = 4000  # characters that are looked at; no network takes as many


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an act. lost: the change that came first. undo: the way back from it. go: the
    ticket that is to be shown next.
    """

    ok: bool
    words: str
    lost: Mapping[str, Any] | None = None
    undo: Undo | None = None
    go: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "words": self.words, "lost": self.lost}


class Acts:
    """The acts of one visitor. Each checks anew their role, and whether they may see the ticket."""

    def __init__(self, visit: Visit) -> None:
        self._visit, self._services = visit, visit.services

    def by_name(self) -> dict[str, Act]:
        return {
            "act": self._guarded("agent", self._act),
            "approve": self._guarded("agent", self._approve),
            "begin": self._guarded("agent", self._begin),
            "macro": self._guarded("agent", self._macro),
            "discard": self._guarded("agent", self._discard),
            "settle": self._guarded("agent", self._settle),
            "draft": self._guarded("agent", self._draft),
            "correct": self._guarded("agent", self._correct),
            "link": self._guarded("agent", self._link),
            "join": self._guarded("agent", self._join),
            "forget": self._guarded("lead", self._forget),
        }

    async def check(self, ticket_id: str, payload: Payload) -> dict[str, Any]:
        """The policy's verdict on words that are being typed. Raises UserError and NoTicket."""
        caller = await self._visit.still("agent")
        if caller is None:
            return {}
        text = str(payload.get("text") or "")[:LONGEST_REPLY]
        row = await self._row(ticket_id, payload, caller)
        verdict = await reply_approval.verdict_on(self._services.replies, row, text)
        return {
            "n": payload.get("n"),
            "length": verdict.length,
            "limit": verdict.limit,
            "price": verdict.price,
            "refusals": [
                {"rule": refusal.rule, "why": refusal.why} for refusal in verdict.refusals
            ],
        }

    def _guarded(
        self, role: Role, act: Callable[[Caller, str, frozenset[str], Payload], Awaitable[Outcome]]
    ) -> Act:
        async def guarded(ticket_id: str, events: frozenset[str], payload: Payload) -> Outcome:
            try:
                caller = await self._visit.still(role)
                if caller is None:
                    return Outcome(False, "you may not do this now")
                await self._services.desk.ticket(ticket_id, caller.brands)
                return await act(caller, ticket_id, events, payload)
            except Lost as lost:
                return Outcome(False, str(lost), change_in_words(lost.last))
            except LostReply as lost:
                return Outcome(False, str(lost), lost_reply(lost))
            except (NotAllowed, NoTicket, UserError) as error:
                return Outcome(False, str(error))
            except ValidationError as error:
                return Outcome(False, wrong_field(error, slice(1, None)))
            except DatabaseAway:
                return Outcome(
                    False, "the database cannot be reached just now; nothing was changed"
                )
            except BrokerAway:
                return Outcome(False, "the broker cannot be reached just now; try again")

        return guarded

    async def _act(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        action = _ACTION.validate_python(payload.get("action"))
        seen = payload.get("seen") or {}
        ticket = await self._services.desk.ticket(ticket_id, caller.brands)
        await refuse_owner(
            self._services.people, ticket, action, caller.name, leads=caller.may("lead")
        )
        before = Seen(int(seen.get("edits", -1)), int(seen.get("version", -1)))
        row = await self._services.desk.act(
            ticket_id, action, caller.name, seen=before, brands=caller.brands
        )
        after = Seen(row["edits"], row["version"])
        is_undone = isinstance(action, UNDONE) and after.edits != before.edits
        undo = Undo(lambda: self._undo(ticket_id, after)) if is_undone else None
        return Outcome(True, _DONE[action.action], undo=undo)

    async def _undo(self, ticket_id: str, seen: Seen) -> tuple[bool, str]:
        async def work(
            caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
        ) -> Outcome:
            take_back = TakeBack(self._services)
            await take_back(ticket_id, caller.name, seen=seen, brands=caller.brands)
            return Outcome(True, "Undone.")

        outcome = await self._guarded("agent", work)(ticket_id, frozenset(), {})
        return outcome.ok, outcome.words

    async def _take_back(self, ticket_id: str, number: int, version: int) -> tuple[bool, str]:
        async def work(
            caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
        ) -> Outcome:
            await self._services.replies.take_back(number, caller.name, seen=version)
            return Outcome(True, "Taken back: it is a draft again.")

        outcome = await self._guarded("agent", work)(ticket_id, frozenset(), {})
        return outcome.ok, outcome.words

    async def _approve(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        text = payload.get("text")
        text = None if text is None else str(text)[:LONGEST_REPLY]
        number, seen = payload.get("reply"), _version(payload)
        if number is None:
            if not text or not text.strip():
                return Outcome(False, "a reply has words")
            number, seen = await reply_approval.begin(self._services.replies, ticket_id, text), 0
        else:
            number = (await self._row(ticket_id, payload, caller))["id"]
        anyway = payload.get("anyway") is True  # kept in the audit
        row = await reply_approval.approve(
            self._services.replies, number, caller.name, text=text, anyway=anyway, seen=seen
        )
        left = await self._set_with(caller, ticket_id, payload)
        seconds = self._services.send_delay.total_seconds()
        if not seconds:
            return Outcome(True, f"Approved. A worker sends it.{left}")
        undo = Undo(lambda: self._take_back(ticket_id, row["id"], row["version"]), seconds)
        return Outcome(True, f"Approved. It leaves in {seconds:g} seconds.{left}", undo=undo)

    async def _begin(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        """What somebody types becomes a draft: a picture hangs on one."""
        text = str(payload.get("text") or "").strip()[:LONGEST_REPLY]
        if not text:
            return Outcome(False, "a reply has words")
        await self._services.desk.ticket(ticket_id, caller.brands)
        await reply_approval.begin(self._services.replies, ticket_id, text)
        return Outcome(True, "Your words are a draft.")

    async def _macro(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        """A canned answer without words: its state and its tags."""
        left = await self._set_with(caller, ticket_id, payload)
        return Outcome(not left, left.strip() or "Done.")

    async def _set_with(self, caller: Caller, ticket_id: str, payload: Payload) -> str:
        """Set what the payload's canned answer, if any, sets; why not, where it does not fit."""
        number = payload.get("canned")
        if not isinstance(number, int):
            return ""
        services = self._services
        try:
            ticket = await services.desk.ticket(ticket_id, caller.brands)
            row = await of_ticket(services.canned, number, ticket, caller.brands)
        except NoCanned as gone:
            return f" Its state and tags were not set: {gone}."
        _, left = await set_with(services.desk, row, ticket_id, caller.name, caller.brands)
        return f" /{row['name']}: {left}." if left else ""

    async def _discard(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        row = await self._row(ticket_id, payload, caller)
        await self._services.replies.discard(row["id"], caller.name, seen=_version(payload))
        return Outcome(True, "Discarded.")

    async def _settle(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        row = await self._row(ticket_id, payload, caller)
        sent = payload.get("sent") is True
        await self._services.replies.settle(
            row["id"], caller.name, sent=sent, seen=_version(payload)
        )
        return Outcome(True, "Settled.")

    async def _draft(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        write = self._services.write
        requests = await self._services.replies.to_draft([ticket_id])
        if write is None or not requests:
            return Outcome(False, "nothing here waits for a draft")
        lately = await self._services.replies.lately(requests[0].request.brand)
        drafts = await asyncio.to_thread(write, [requests[0].request], lately)
        await self._services.replies.store([(requests[0], drafts[0], None)])
        return Outcome(True, "Drafted.")

    async def _correct(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        event, field = str(payload.get("event")), payload.get("field")
        if event not in events or field not in FIELDS:
            return Outcome(False, "there is no such message in this ticket")
        await self._services.corrections.correct(
            event, field, str(payload.get("value")), caller.name
        )
        return Outcome(True, f"Corrected: {field} is {payload.get('value')}.")

    async def _link(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        return Outcome(True, await link_person(self._services, ticket_id, caller, payload))

    async def _join(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        done = await join(self._services, caller, ticket_id, payload)
        id, after = done.ticket["id"], Seen(done.ticket["edits"], done.ticket["version"])
        return Outcome(True, done.words, undo=Undo(lambda: self._undo(id, after)), go=done.go)

    async def _forget(
        self, caller: Caller, ticket_id: str, events: frozenset[str], payload: Payload
    ) -> Outcome:
        ticket = await self._services.desk.ticket(ticket_id, caller.brands)
        if caller.brands is not None:
            return Outcome(
                False, "erasing reaches into every brand; it takes somebody who sees them all"
            )
        if not ticket["author"] or payload.get("author") != ticket["author"]:
            return Outcome(False, "this is not the author of the ticket")
        forgotten = await forget(
            self._services.engine,
            ticket["author"],
            actor=caller.name,
            network=ticket["network"],
            publish=lambda saved: self._services.publish(outgoing(saved)),
        )
        return Outcome(
            True,
            f"Erased: {counted(forgotten.messages, 'message')},"
            f" {counted(forgotten.drafts, 'draft')},"
            f" {counted(forgotten.dead_letters, 'dead letter')}.",
        )

    async def _row(self, ticket_id: str, payload: Payload, caller: Caller) -> Row:
        """The reply of the payload, of this ticket and no other; before there is one, a blank."""
        number = payload.get("reply")
        if number is None:
            ticket = await self._services.desk.ticket(ticket_id, caller.brands)
            messages = await self._services.desk.conversation(ticket_id)
            inbound = [message for message in messages if message["direction"] == "inbound"]
            last = inbound[-1]["id"] if inbound else ticket_id
            return {
                "id": 0,
                "brand": ticket["brand"],
                "network": ticket["network"],
                "event_id": last,
                "text": "",
            }
        row = await self._services.replies.find(int(number), caller.brands)
        if row["ticket_id"] != ticket_id:
            raise UserError(f"there is no reply {number} to this ticket")
        return row


def _version(payload: Payload) -> int:
    """The version of the reply that the page showed; -1 where it showed none."""
    version = payload.get("version")
    return version if isinstance(version, int) else -1

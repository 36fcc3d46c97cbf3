"""What a person may do to the ticket they have open, by the same functions as the API, and what
came of it in words.
"""

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
from stream.desk.corrections import FIELDS
from stream.desk.erasure import forget
from stream.desk.tickets import Lost, NoTicket, Seen
from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.pipeline import outgoing
from stream.replies.store import LostReply, Row
from stream.web.auth.callers import Caller
from stream.web.console.detail import lost_reply, told
from stream.web.console.shell import Visit

Asked = dict[str, Any]
Act = Callable[[str, frozenset[str], Asked], Awaitable["Outcome"]]

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)
_DONE = {
    "claim": "It is yours.",
    "assign": "It is given over.",
    "wait": "It waits for the customer.",
    "snooze": "It sleeps.",
    "resolve": "Resolved.",
    "reopen": "It is open again.",
    "note": "The note is kept.",
    "tag": "The tags are changed.",
}
LONGEST_REPLY = 4000  # characters that are looked at; no network takes as many


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an act. lost: who was first, and what they did."""

    ok: bool
    words: str
    lost: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "words": self.words, "lost": self.lost}


class Acts:
    """The acts of one visitor. Each looks up anew who they are, and whether the ticket is theirs to
    see.
    """

    def __init__(self, visit: Visit) -> None:
        self._visit, self._parts = visit, visit.parts

    def by_name(self) -> dict[str, Act]:
        return {
            "act": self._guarded("agent", self._act),
            "approve": self._guarded("agent", self._approve),
            "discard": self._guarded("agent", self._discard),
            "settle": self._guarded("agent", self._settle),
            "draft": self._guarded("agent", self._draft),
            "correct": self._guarded("agent", self._correct),
            "forget": self._guarded("lead", self._forget),
        }

    async def check(self, ticket_id: str, asked: Asked) -> dict[str, Any]:
        """What the policy says of words that are being typed. Raises UserError and NoTicket."""
        caller = await self._visit.still("agent")
        if caller is None:
            return {}
        text = str(asked.get("text") or "")[:LONGEST_REPLY]
        row = await self._row(ticket_id, asked, caller)
        verdict = await reply_approval.judged(self._parts.replies, row, text)
        return {
            "n": asked.get("n"),
            "length": verdict.length,
            "limit": verdict.limit,
            "price": verdict.price,
            "refusals": [{"rule": each.rule, "why": each.why} for each in verdict.refusals],
        }

    def _guarded(
        self, role: Role, act: Callable[[Caller, str, frozenset[str], Asked], Awaitable[Outcome]]
    ) -> Act:
        async def guarded(ticket_id: str, events: frozenset[str], asked: Asked) -> Outcome:
            try:
                caller = await self._visit.still(role)
                if caller is None:
                    return Outcome(False, "you may not do this now")
                await self._parts.desk.ticket(ticket_id, caller.brands)
                return await act(caller, ticket_id, events, asked)
            except Lost as lost:
                return Outcome(False, str(lost), told(lost.last))
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
        self, caller: Caller, ticket_id: str, events: frozenset[str], asked: Asked
    ) -> Outcome:
        action = _ACTION.validate_python(asked.get("action"))
        seen = asked.get("seen") or {}
        ticket = await self._parts.desk.ticket(ticket_id, caller.brands)
        await refuse_owner(
            self._parts.people, ticket, action, caller.name, leads=caller.may("lead")
        )
        await self._parts.desk.act(
            ticket_id,
            action,
            caller.name,
            seen=Seen(int(seen.get("edits", -1)), int(seen.get("version", -1))),
            brands=caller.brands,
        )
        return Outcome(True, _DONE[action.action])

    async def _approve(
        self, caller: Caller, ticket_id: str, events: frozenset[str], asked: Asked
    ) -> Outcome:
        said = asked.get("text")
        said = None if said is None else str(said)[:LONGEST_REPLY]
        number, seen = asked.get("reply"), _version(asked)
        if number is None:
            if not said or not said.strip():
                return Outcome(False, "a reply has words")
            number, seen = await reply_approval.begin(self._parts.replies, ticket_id, said), 0
        else:
            number = (await self._row(ticket_id, asked, caller))["id"]
        anyway = asked.get("anyway") is True  # kept in the audit
        await reply_approval.approve(
            self._parts.replies, number, caller.name, said=said, anyway=anyway, seen=seen
        )
        return Outcome(True, "Approved. A worker sends it.")

    async def _discard(
        self, caller: Caller, ticket_id: str, events: frozenset[str], asked: Asked
    ) -> Outcome:
        row = await self._row(ticket_id, asked, caller)
        await self._parts.replies.discard(row["id"], caller.name, seen=_version(asked))
        return Outcome(True, "Discarded.")

    async def _settle(
        self, caller: Caller, ticket_id: str, events: frozenset[str], asked: Asked
    ) -> Outcome:
        row = await self._row(ticket_id, asked, caller)
        sent = asked.get("sent") is True
        await self._parts.replies.settle(row["id"], caller.name, sent=sent, seen=_version(asked))
        return Outcome(True, "Settled.")

    async def _draft(
        self, caller: Caller, ticket_id: str, events: frozenset[str], asked: Asked
    ) -> Outcome:
        write = self._parts.write
        wanted = await self._parts.replies.to_draft([ticket_id])
        if write is None or not wanted:
            return Outcome(False, "nothing here waits for a draft")
        lately = await self._parts.replies.lately(wanted[0].request.brand)
        drafts = await asyncio.to_thread(write, [wanted[0].request], lately)
        await self._parts.replies.store([(wanted[0], drafts[0], None)])
        return Outcome(True, "Drafted.")

    async def _correct(
        self, caller: Caller, ticket_id: str, events: frozenset[str], asked: Asked
    ) -> Outcome:
        event, field = str(asked.get("event")), asked.get("field")
        if event not in events or field not in FIELDS:
            return Outcome(False, "there is no such message in this ticket")
        await self._parts.corrections.correct(event, field, str(asked.get("value")), caller.name)
        return Outcome(True, f"Corrected: {field} is {asked.get('value')}.")

    async def _forget(
        self, caller: Caller, ticket_id: str, events: frozenset[str], asked: Asked
    ) -> Outcome:
        ticket = await self._parts.desk.ticket(ticket_id, caller.brands)
        if caller.brands is not None:
            return Outcome(
                False, "erasing reaches into every brand; it takes somebody who sees them all"
            )
        if not ticket["author"] or asked.get("author") != ticket["author"]:
            return Outcome(False, "this is not the author of the ticket")
        gone = await forget(
            self._parts.engine,
            ticket["author"],
            who=caller.name,
            network=ticket["network"],
            publish=lambda saved: self._parts.publish(outgoing(saved)),
        )
        return Outcome(
            True,
            f"Erased: {gone.messages} messages, {gone.drafts} drafts, {gone.dead_letters} dead letters.",
        )

    async def _row(self, ticket_id: str, asked: Asked, caller: Caller) -> Row:
        """The reply that is meant, of this ticket and no other; before there is one, what it would
        be.
        """
        number = asked.get("reply")
        if number is None:
            ticket = await self._parts.desk.ticket(ticket_id, caller.brands)
            said = [
                each
                for each in await self._parts.desk.conversation(ticket_id)
                if each["direction"] == "inbound"
            ]
            last = said[-1]["id"] if said else ticket_id
            return {
                "id": 0,
                "brand": ticket["brand"],
                "network": ticket["network"],
                "event_id": last,
                "text": "",
            }
        row = await self._parts.replies.find(int(number), caller.brands)
        if row["ticket_id"] != ticket_id:
            raise UserError(f"there is no reply {number} to this ticket")
        return row


def _version(asked: Asked) -> int:
    """Of the reply as the page showed it; one that says nothing has seen none."""
    version = asked.get("version")
    return version if isinstance(version, int) else -1

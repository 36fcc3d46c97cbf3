"""Use of a canned answer: its words become the reply, its state and tags go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stream.desk.actions import NotAllowed
from stream.desk.canned import Canned, NoCanned, actions_with, fill
from stream.desk.reply_approval import Verdict, approve, begin, verdict_on
from stream.desk.tickets import Desk, Lost
from stream.errors import UserError
from stream.replies.store import Replies

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Used:
    """What came of it. reply: None where the canned answer has no words. left: why its state or
    tags were not set, where the ticket does not fit them.
    """

    ticket: Row
    reply: Row | None
    verdict: Verdict | None
    left: str | None


async def use(
    number: int,
    ticket: Row,
    actor: str,
    *,
    canned: Canned,
    desk: Desk,
    replies: Replies,
    send: bool = False,
    anyway: bool = False,
    brands: frozenset[str] | None = None,
) -> Used:
    """Write the answer for this ticket, in place of a draft that waits; it still waits itself.

    send: approve it, and set the state and the tags, which otherwise only an answer without words
    sets. anyway: although the policy refuses the words. Raises NoCanned, UserError, and
    stream.desk.reply_approval.Refused; the words wait as a draft then.
    """
    row = await of_ticket(canned, number, ticket, brands)
    if not row["text"]:
        changed, left = await set_with(desk, row, ticket["id"], actor, brands)
        return Used(changed or ticket, None, None, left)
    reply = await _written(replies, ticket["id"], fill(row["text"], ticket), actor)
    verdict = await verdict_on(replies, reply, reply["text"])
    if not send:
        return Used(ticket, reply, verdict, None)
    reply = await approve(replies, reply["id"], actor, anyway=anyway, seen=reply["version"])
    changed, left = await set_with(desk, row, ticket["id"], actor, brands)
    return Used(changed or ticket, reply, verdict, left)


async def of_ticket(canned: Canned, number: int, ticket: Row, brands: frozenset[str] | None) -> Row:
    """The canned answer, which must be one of the ticket's brand. Raises NoCanned."""
    row = await canned.find(number, brands)
    if row["brand"] not in (None, ticket["brand"]):
        raise NoCanned(f"/{row['name']} is of {row['brand']}, this ticket is not")
    return row


async def set_with(
    desk: Desk, row: Row, ticket_id: str, actor: str, brands: frozenset[str] | None
) -> tuple[Row | None, str | None]:
    """Set the state and the tags of a canned answer; the ticket then, or why nothing was set."""
    actions = actions_with(row)
    if not actions:
        return None, None
    try:
        return await desk.act_all(ticket_id, actions, actor, brands=brands), None
    except (NotAllowed, Lost) as error:
        return None, str(error)


async def _written(replies: Replies, ticket_id: str, text: str, actor: str) -> Row:
    if not text:
        raise UserError("nothing is left of the words once the slots are filled")
    drafts = await replies.newest(["draft"], ticket_id, 1)
    if drafts:
        return await replies.edit(drafts[0]["id"], actor, text, seen=drafts[0]["version"])
    return await replies.find(await begin(replies, ticket_id, text))

"""Answers to customers in people's hands: what the policy says against their words, and approving
them all the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from models.replier.draft import Candidate, Draft, Refusal, ReplyRequest
from models.replier.policy import check, length, limit, price
from stream.errors import UserError
from stream.replies.store import LostReply, Replies, Row

_UNDECIDED = ("draft", "approved", "sending", "uncertain", "failed")
BY_HAND = "a person"  # in place of a model's version


class Refused(UserError):
    """The policy refuses these words. refusals: why, rule by rule."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        told = "; ".join(f"{one.rule}: {one.why}" for one in refusals)
        super().__init__(f"the policy refuses these words ({told})")
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say of an answer before it goes. length, limit: as its network counts;
    price: US dollars.
    """

    length: int
    limit: int
    price: float | None
    refusals: tuple[Refusal, ...]


async def judged(replies: Replies, row: Row, text: str) -> Verdict:
    """What the policy says of `text` in place of the reply's own words."""
    lately = await replies.lately(row["brand"], exclude=row["id"])
    asked = await replies.request_of(row)
    request = asked or ReplyRequest("", brand=row["brand"], network=row["network"])
    refusals = await asyncio.to_thread(check, text, request, lately)
    network = row["network"]
    return Verdict(length(text, network), limit(network), price(text, network), refusals)


async def approve(
    replies: Replies,
    number: int,
    who: str,
    *,
    said: str | None = None,
    anyway: bool = False,
    seen: int | None = None,
) -> Row:
    """Let it be sent, perhaps in other words. Raises Refused, unless it is to go anyway, and
    UserError.

    seen: the version that the person looked at. What the policy looked at is what goes, so
    LostReply is raised also where it changes within.
    """
    row = await replies.find(number)
    if seen is not None and seen != row["version"]:
        raise LostReply(row)
    verdict = await judged(replies, row, row["text"] if said is None else said.strip())
    if verdict.refusals and not anyway:
        raise Refused(verdict.refusals)
    return await replies.approve(
        number, who, words=said, despite=verdict.refusals, seen=row["version"]
    )


async def begin(replies: Replies, ticket_id: str, said: str) -> int:
    """A reply in a person's own words where none was drafted; it still waits for approval. Returns
    its number.

    Raises UserError where nothing waits for an answer.
    """
    if await replies.newest(_UNDECIDED, ticket_id, 1):
        raise UserError("there is an answer already that is not sent yet; change that one")
    wanted = await replies.to_draft([ticket_id], unread=True)
    if not wanted:
        raise UserError("no message of this ticket waits for an answer in writing")
    written = Draft((Candidate(said.strip(), 0.0, "person"),), BY_HAND)
    made = await replies.store([(wanted[0], written, None)])
    if not made:
        raise UserError("somebody drafted an answer meanwhile")
    return made[0]

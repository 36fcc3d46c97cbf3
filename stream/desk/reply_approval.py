"""Approval of replies by people, with the policy's verdict on their words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from models.replier.draft import Candidate, Draft, Refusal, ReplyRequest
from models.replier.policy import check, length, limit, of_the_matter, price
from stream.errors import UserError
from stream.replies.statements import BY_HAND
from stream.replies.store import LostReply, Replies, Row

_UNDECIDED = ("draft", "approved", "sending", "uncertain", "failed")


class Refused(UserError):
    """The policy refuses these words. refusals: why, rule by rule."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        reasons = "; ".join(f"{refusal.rule}: {refusal.why}" for refusal in refusals)
        super().__init__(f"the policy refuses these words ({reasons})")
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy's view of words. length, limit: as the network counts; price: US dollars.

    waived: what it has against the matter of an incident's answer, which its writer knows.
    """

    length: int
    limit: int
    price: float | None
    refusals: tuple[Refusal, ...]
    waived: tuple[Refusal, ...] = ()


async def verdict_on(replies: Replies, row: Row, text: str) -> Verdict:
    """What the policy says of `text` in place of the reply's own words.

    Of an incident's answer in a person's sentence: whether it can go to this customer. What it says
    of the event stands in no customer's message, and was weighed by who wrote it.
    """
    lately = await replies.lately(row["brand"], exclude=row["id"])
    original = await replies.request_of(row)
    request = original or ReplyRequest("", brand=row["brand"], network=row["network"])
    refusals = await asyncio.to_thread(check, text, request, lately)
    waived = of_the_matter(refusals) if _is_of_incident(row, text) else ()
    refusals = tuple(refusal for refusal in refusals if refusal not in waived)
    network = row["network"]
    return Verdict(length(text, network), limit(network), price(text, network), refusals, waived)


def _is_of_incident(row: Row, text: str) -> bool:
    return any(
        candidate["text"] == text and candidate["source"] == "incident"
        for candidate in row.get("candidates", ())
    )


async def approve(
    replies: Replies,
    number: int,
    actor: str,
    *,
    text: str | None = None,
    anyway: bool = False,
    seen: int | None = None,
) -> Row:
    """Let it be sent, perhaps in other words. Raises Refused, unless `anyway`, and UserError.

    seen: the version that the person looked at. The words that the policy checked are the words
    that go, so LostReply is raised also where they change in between.
    """
    row = await replies.find(number)
    if seen is not None and seen != row["version"]:
        raise LostReply(row)
    verdict = await verdict_on(replies, row, row["text"] if text is None else text.strip())
    if verdict.refusals and not anyway:
        raise Refused(verdict.refusals)
    despite = (*verdict.refusals, *verdict.waived)
    return await replies.approve(number, actor, words=text, despite=despite, seen=row["version"])


async def begin(replies: Replies, ticket_id: str, text: str) -> int:
    """A reply in a person's own words where none was drafted. It still waits for approval.

    Returns its number. Raises UserError where nothing waits for an answer.
    """
    if await replies.newest(_UNDECIDED, ticket_id, 1):
        raise UserError("there is an answer already that is not sent yet; change that one")
    requests = await replies.to_draft([ticket_id], unread=True)
    if not requests:
        raise UserError("no message of this ticket waits for an answer in writing")
    written = Draft((Candidate(text.strip(), 0.0, "person"),), BY_HAND)
    numbers = await replies.store([(requests[0], written, None)])
    if not numbers:
        raise UserError("somebody drafted an answer meanwhile")
    return numbers[0]

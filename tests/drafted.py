"""Drafts for the tests of who reads, changes and approves them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from models.replier.draft import Candidate, Draft, Refusal
from stream.replies.store import Replies

GOOD = Candidate(
    "So sorry about your line. Please send us a direct message so that we can look into it.", -0.41
)
PROMISE = Candidate(
    "Sorry! It will be fixed by tomorrow, we promise.",
    -0.9,
    refusals=(Refusal("promise", "it promises"),),
)


async def drafted(engine: AsyncEngine, *candidates: Candidate, ticket: str = "x:1") -> int:
    """A draft of these candidates for the ticket's last message; its number."""
    replies = Replies(engine)
    [wanted] = await replies.to_draft([ticket])
    return (await replies.store([(wanted, Draft(candidates, "replies-1"), None)]))[0]

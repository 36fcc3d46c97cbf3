"""Deletions on a network that hides them: posts are looked up, and missing ones are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from connectors.base import Replier
from connectors.events import Deleted

_BATCH = 100  # posts of one lookup


class StoredPost(NamedTuple):
    """A post that is stored."""

    id: str
    conversation: str
    occurred_at: datetime


async def deleted(replier: Replier, posts: Sequence[StoredPost]) -> AsyncIterator[Deleted]:
    """The deletions of the posts that are gone. Raises NotSent when the network cannot say now."""
    for start in range(0, len(posts), _BATCH):
        batch = posts[start : start + _BATCH]
        statuses = await replier.lookup([post.id for post in batch])
        for post in batch:
            status = statuses.get(post.id)
            if status is not None and status.state == "gone":
                yield Deleted(
                    id=post.id, conversation=post.conversation, occurred_at=post.occurred_at
                )

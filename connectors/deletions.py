"""Where a network does not tell of deletions: posts are looked up, and what is gone becomes a
deletion.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from connectors.base import Replier
from connectors.events import Deleted


class Known(NamedTuple):
    """A post that is stored."""

    id: str
    conversation: str
    occurred_at: datetime


async def deleted(
    replier: Replier, posts: Sequence[Known], *, at_once: int = 100
) -> AsyncIterator[Deleted]:
    """The deletions of those posts that are gone. Raises NotSent when the network cannot tell just
    now.
    """
    for start in range(0, len(posts), at_once):
        part = posts[start : start + at_once]
        standings = await replier.lookup([post.id for post in part])
        for post in part:
            standing = standings.get(post.id)
            if standing is not None and standing.state == "gone":
                yield Deleted(
                    id=post.id, conversation=post.conversation, occurred_at=post.occurred_at
                )

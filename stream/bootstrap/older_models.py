"""Messages of open tickets that another model judged than the one in use; their levels stay."""

from __future__ import annotations

import asyncio
from typing import Protocol

from stream.bootstrap.loading import artifact_in_use
from stream.errors import DatabaseAway
from stream.settings import Settings
from stream.store.older_judgements import Older

SOON = 20.0  # seconds
_ANEW = "start anew in an empty home (EARSHOT_HOME) or database, and replay them"


class Judgements(Protocol):
    """Where messages that other models judged are counted."""

    async def judged_by_others(self, version: str) -> Older: ...


async def judged_by_older_models(settings: Settings, judgements: Judgements) -> Older:
    """How many such messages there are. Raises DatabaseAway, and ArtifactError for a broken model.

    Those of tickets that `earshot rebuild` has folded since are left out, but for messages without
    levels where the model in use gives them.
    """
    artifact = await asyncio.to_thread(artifact_in_use, settings)
    older = await judgements.judged_by_others(artifact.version)
    return older if artifact.urgency is not None else older.without_unread()


async def remark_in_time(settings: Settings, judgements: Judgements) -> str:
    """The remark; empty where a large or absent store does not say it within SOON."""
    try:
        async with asyncio.timeout(SOON):
            return remark(await judged_by_older_models(settings, judgements))
    except (DatabaseAway, TimeoutError):
        return ""


def remark(older: Older) -> str:
    """What that means, and what to do, in one line; empty where there are none."""
    words = []
    if older.messages:
        words.append(
            f"open tickets hold messages that another model judged ({older.messages:,}, in"
            f" {older.tickets:,}), and keep their levels: `earshot rebuild` weighs them by today's"
            " rules"
        )
    if older.unread:
        words.append(
            "messages that no model gave levels are weighed by words alone"
            f" ({older.unread:,}): for today's, {_ANEW}"
        )
    return "; ".join(words)

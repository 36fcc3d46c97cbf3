"""Tickets of messages that an older model judged, which had no heads of triage."""

from __future__ import annotations

import asyncio

from stream.bootstrap.loading import artifact_in_use
from stream.settings import Settings
from stream.store.queries import Queries


async def tickets_of_older_models(settings: Settings, queries: Queries) -> int:
    """How many open tickets rest on such messages; 0 where the model in use has no such heads."""
    artifact = await asyncio.to_thread(artifact_in_use, settings)
    return 0 if artifact.urgency is None else await queries.tickets_without_levels()


def remark(tickets: int) -> str:
    """What that means, and what to do, in one line."""
    return (
        f"{tickets:,} open tickets rest on messages that an older model judged: their levels are by"
        " words alone, and nothing judges them again. For today's levels start anew in an empty"
        " home (EARSHOT_HOME) or database, and replay them"
    )

"""Last looks of a replay, for bursts and incidents, so that its summary tells all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from stream.bursts.evaluator import BurstJudge
from stream.kafka import Publisher
from stream.pipeline import alert_messages

if TYPE_CHECKING:
    from stream.incidents.store import Incidents

T = TypeVar("T")

_TRIES, _PAUSE = 100, 0.3  # while another process looks; seconds between
_CLOCKS = timedelta(minutes=1)  # by which the database's clock may be behind ours


async def judge_last(judge: BurstJudge, publisher: Publisher) -> None:
    """One look at all counts. A worker's own look that is under way is waited for."""
    alerts = await _when_alone(judge.look_alone)
    if alerts is not None:
        await publisher.publish(alert_messages(alerts))


async def cluster_last(incidents: Incidents, began: datetime) -> None:
    """One look at the tickets that changed since the replay began: the worker's own looks are
    seconds apart, and the last of them came before the last messages.
    """
    from stream.incidents.clustering import IncidentClusterer

    await _when_alone(IncidentClusterer(incidents, began - _CLOCKS).look_alone)


async def _when_alone(look: Callable[[], Awaitable[T | None]]) -> T | None:
    for _ in range(_TRIES):
        result = await look()
        if result is not None:
            return result
        await asyncio.sleep(_PAUSE)
    return None

"""Alerts: raised from the counts, published, and told to your sinks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stream.alerts.notifier import Notifier
from stream.alerts.routing import read_routes
from stream.bootstrap.parts import Parts
from stream.bursts.evaluator import BurstJudge
from stream.kafka import Publisher
from stream.pipeline import alert_messages

TELL_EVERY = 2.0  # seconds


@asynccontextmanager
async def notifier(found: Parts) -> AsyncIterator[Notifier]:
    """What tells your sinks about alerts, with connections of its own: a slow receiver must not
    keep a save waiting.

    Raises UserError and SinkError when EARSHOT_ALERTS names a file that will not do.
    """
    settings = found.settings
    routes = read_routes(settings.alerts, os.environ) if settings.alerts else []
    sinks = [
        (route, route.open(allow_private=settings.allow_private_addresses)) for route in routes
    ]
    async with found.store() as store:
        telling = Notifier(store.deliveries, store.alerts, sinks, base_url=settings.base_url)
        try:
            yield telling
        finally:
            await telling.close()


async def judge_bursts(judge: BurstJudge, publisher: Publisher) -> None:
    """Raise the alerts that the counts call for, and publish them as they are stored."""
    if alerts := await judge.look():
        await publisher.publish(alert_messages(alerts))

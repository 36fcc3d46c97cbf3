"""Alerts: raised from the counts, published, and sent to the sinks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.notices import Sink
from stream.alerts.daily import DailySummaries
from stream.alerts.notifier import Notifier
from stream.alerts.routing import Route, read_routes
from stream.bootstrap.parts import Parts
from stream.bursts.evaluator import BurstJudge
from stream.kafka import Publisher
from stream.pipeline import alert_messages

SEND_EVERY = 2.0  # seconds
SUMMARIES_EVERY = 60.0


@asynccontextmanager
async def notifier(running: Parts) -> AsyncIterator[Notifier]:
    """The notifier of the sinks. Its connections are its own: a slow sink must not delay a save.

    Raises UserError and SinkError when EARSHOT_ALERTS names a file that will not do.
    """
    async with running.store() as store:
        opened = Notifier(
            store.deliveries, store.alerts, _sinks(running), base_url=running.settings.base_url
        )
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def daily_summaries(running: Parts, notifier: Notifier) -> AsyncIterator[DailySummaries]:
    """The summaries of those of the notifier's sinks that ask for one, with connections of their
    own.
    """
    async with running.engine() as engine:
        yield DailySummaries(engine, lambda: notifier.sinks, base_url=running.settings.base_url)


def _sinks(running: Parts) -> list[tuple[Route, Sink]]:
    settings = running.settings
    routes = read_routes(settings.alerts, os.environ) if settings.alerts else []
    allow_private = settings.allow_private_addresses
    return [(route, route.open(allow_private=allow_private)) for route in routes]


async def judge_bursts(judge: BurstJudge, publisher: Publisher) -> None:
    """Raise the alerts that the counts call for, and publish them as they are stored."""
    if alerts := await judge.look():
        await publisher.publish(alert_messages(alerts))

"""A real Prometheus, where it is at hand, scrapes a worker's metrics and evaluates the alert rules
on them.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest
from servers.prometheus import Prometheus

from stream.bootstrap.duties import answering
from stream.observe.health import Health
from stream.observe.metrics import Metrics

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="no prometheus (Debian's package of the name)"
)


async def until(true: Any) -> None:
    async with asyncio.timeout(60):
        while not await true():
            await asyncio.sleep(0.2)


async def test_prometheus_scrapes_a_worker_and_its_alerts_fire_and_resolve(tmp_path):
    metrics = Metrics()
    metrics.ready.set(0)
    async with answering(Health(), metrics, "127.0.0.1", 0) as port:
        prometheus = Prometheus(tmp_path, {"worker": [port]})
        try:

            async def is_told(name: str, state: str) -> bool:
                rules = await prometheus.rules() if await prometheus.value("up") is not None else {}
                return bool(rules) and rules[name] == ("ok", state)

            await until(lambda: is_told("EarshotNotReady", "firing"))
            assert await prometheus.value('up{job="earshot-worker"}') == 1
            metrics.ready.set(1)
            await until(lambda: is_told("EarshotNotReady", "inactive"))
            assert {health for health, _ in (await prometheus.rules()).values()} == {"ok"}
        finally:
            prometheus.stop()

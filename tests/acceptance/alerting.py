"""Alert rules of deploy/ as a real Prometheus sees them, waited for."""

from __future__ import annotations

from acceptance.stage import until
from servers.prometheus import Prometheus

LONGEST = 400.0  # seconds that a rule may take on a busy machine, its window included


class Alarms:
    """What became of the rules. prometheus: scrapes the processes of the test."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus

    async def state_of(self, *names: str) -> set[tuple[str, str]]:
        """(health, state) of these rules."""
        rules = await self._prometheus.rules()
        return {rules[name] for name in names}

    async def become(self, state: str, *names: str) -> None:
        """Until each of them is `firing` or `inactive`."""

        async def has_become() -> bool:
            return await self._prometheus.value("vector(1)") == 1 and await self.state_of(
                *names
            ) == {("ok", state)}

        await until(has_become, f"{', '.join(names)} {state}", seconds=LONGEST, pause=0.5)

    async def value(self, query: str) -> float | None:
        return await self._prometheus.value(query)

"""Faults of the soak, one function each: something dies, stands still, fills up or jumps."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

from acceptance.stage import until

from soak.field import CLOCKED, Field, commits_wait
from soak.plan import Fault

SESSION = 12.0  # seconds after which a worker that stands still has lost its partitions
SLOW_COMMIT = 100_000  # microseconds that a commit waits, as on a disk of ten syncs a second
JUMPS = ("+2h", "-3h", "+26h", "-30m", "+45m", "+0")


class Faults:
    """longest: seconds that something is away, at most."""

    def __init__(self, field: Field, seed: int, longest: float) -> None:
        self._field, self._seed, self._longest = field, seed, longest
        self._skipped: dict[str, str] = {}
        self._by_kind: dict[str, Callable[[Fault, random.Random], Awaitable[None]]] = {
            "kill": self._kill,
            "term": self._term,
            "broker killed": self._broker_killed,
            "broker hangs": self._broker_hangs,
            "join": self._join,
            "freeze": self._freeze,
            "postgres away": self._postgres_away,
            "disk full": self._disk_full,
            "disk slow": self._disk_slow,
            "clock jumps": self._clock_jumps,
        }

    def impossible(self, kind: str) -> str | None:
        """Why a fault cannot be had on this machine."""
        if kind == "disk full":
            return self._field.disk.reason
        if kind == "clock jumps" and self._field.faketime is None:
            return "libfaketime is not installed"
        return None

    async def do(self, fault: Fault) -> int:
        """Messages that were not acknowledged when it happened."""
        lag = await self._field.stage.lag()
        chance = random.Random(f"{self._seed} fault {fault}")
        await self._by_kind[fault.kind](fault, chance)
        return lag

    async def _kill(self, fault: Fault, chance: random.Random) -> None:
        await self._field.kill(self._field.victim(chance), signal.SIGKILL)

    async def _term(self, fault: Fault, chance: random.Random) -> None:
        await self._field.kill(self._field.victim(chance), signal.SIGTERM)

    async def _broker_killed(self, fault: Fault, chance: random.Random) -> None:
        cluster = self._field.cluster
        node = chance.randrange(cluster.brokers)
        await asyncio.to_thread(cluster.kill, node)
        await asyncio.sleep(self._seconds(fault))
        await asyncio.to_thread(cluster.revive, node)

    async def _broker_hangs(self, fault: Fault, chance: random.Random) -> None:
        cluster = self._field.cluster
        node = str(chance.randrange(cluster.brokers))
        await asyncio.to_thread(cluster.do, "pause-node", node)
        await asyncio.sleep(self._seconds(fault))
        await asyncio.to_thread(cluster.do, "resume-node", node)

    async def _join(self, fault: Fault, chance: random.Random) -> None:
        stage = self._field.stage
        fifth = stage.start_worker()
        await until(lambda: fifth.is_ready or fifth.process.poll() is not None, "a fifth is ready")
        await stage.kill(fifth, signal.SIGTERM)
        stage.ever.remove(fifth)

    async def _freeze(self, fault: Fault, chance: random.Random) -> None:
        """It comes back to partitions that are another's."""
        field = self._field
        slot = field.victim(chance)
        worker = field.slots[slot]
        assert worker is not None
        field.frozen.add(slot)
        try:
            worker.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(SESSION + self._seconds(fault))
            worker.process.send_signal(signal.SIGCONT)
        finally:
            field.frozen.discard(slot)

    async def _postgres_away(self, fault: Fault, chance: random.Random) -> None:
        stage = self._field.stage
        await asyncio.to_thread(stage.stop_postgres)
        await asyncio.sleep(self._seconds(fault) / 2)
        if chance.random() < 0.5:
            number = chance.choice((signal.SIGKILL, signal.SIGTERM))
            await self._field.kill(self._field.victim(chance), number)
        await asyncio.sleep(self._seconds(fault) / 2)
        await asyncio.to_thread(stage.start_postgres)

    async def _disk_full(self, fault: Fault, chance: random.Random) -> None:
        """PostgreSQL may end of it: whoever makes room starts it again."""
        await asyncio.to_thread(self._field.disk.fill)
        await asyncio.sleep(10 + self._seconds(fault))
        self._field.disk.free()
        await asyncio.to_thread(self._field.stage.start_postgres)

    async def _disk_slow(self, fault: Fault, chance: random.Random) -> None:
        """As slow for PostgreSQL as a disk that syncs slowly: each commit waits."""
        await commits_wait(self._field.stage, SLOW_COMMIT)
        await asyncio.sleep(10 + self._seconds(fault))
        await commits_wait(self._field.stage, 0)

    async def _clock_jumps(self, fault: Fault, chance: random.Random) -> None:
        self._field.clock.write_text(chance.choice(JUMPS))
        assert self._field.slots[CLOCKED] is not None

    def _seconds(self, fault: Fault) -> float:
        return 2 + fault.length * max(0.0, self._longest - 2)

"""Soak run: portions are sent while faults happen, then the same undisturbed, then the checks."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from acceptance.apache import missing
from acceptance.earshot import Home
from acceptance.stage import CHEAP, Stage, leave

from soak import checks, report
from soak.faults import Faults
from soak.field import WORKERS, Field, field_of
from soak.plan import KINDS, Fault, Size, at_portion, plan
from soak.state import Order, State
from soak.story import Story, plain_messages
from stream.embedded import Embedded
from stream.errors import BrokerAway
from stream.kafka import Outgoing

DISK = 40 << 30  # bytes of the disk that can be filled; it takes room as it is written
EVERY = 5  # portions of the undisturbed run between two drains
CHUNK = 500  # messages that are under way to the broker at once
ROOM_AHEAD = 1.0  # portions that may wait on the topics


class Paused(Exception):
    """The time of this sitting is over."""


class Soak:
    """One run in `folder`, in as many sittings as it takes."""

    def __init__(self, folder: Path, order: Order, hours: float | None, model: Path | None) -> None:
        self.folder = folder
        self.file = folder / "state.json"
        self.state = State.read(self.file, order)
        self.order = self.state.order
        portion = max(100, min(5000, self.order.events // 40))
        self.story = Story(
            self.order.seed, self.order.events, portion, datetime.fromisoformat(self.order.ends)
        )
        size = Size(self.order.kills, self.order.others, self.order.brokers)
        self.faults = plan(self.order.seed, self.story.portions, size)
        self.answered = sorted(
            {id for at in range(self.story.portions) for id in self.story.answered(at)}
        )
        self._model = model
        self._began = time.monotonic()
        self._before = self.state.seconds
        self._ends = None if hours is None else self._began + hours * 3600

    async def run(self) -> bool:
        """Whether every promise was kept. Raises Paused when the sitting is over."""
        self.state.sittings += 1
        try:
            if not self.state.checks:
                async with self._field() as field:
                    await self._disturbed(field)
            await self._undisturbed()
        finally:
            self._note()
        return report.write(self.state, self._skipped, self.folder)

    def _note(self) -> None:
        """How far it is, for another sitting: this one may be killed at any moment."""
        self.state.seconds = self._before + time.monotonic() - self._began
        self.state.write(self.file)

    @asynccontextmanager
    async def _field(self) -> AsyncIterator[Field]:
        async with field_of(
            self.folder,
            brokers=self.order.brokers,
            port=self.state.port,
            disk_size=DISK,
            model=self._model,
        ) as field:
            self.state.port = field.cluster.port
            self._note()  # brokers that run on are found by it
            field.seen.ended, field.seen.restarted = self.state.ended, self.state.restarted
            for slot in range(WORKERS):
                field.start(slot)
                await field.stage.becomes_ready(field.stage.workers[-1])
            tending = asyncio.create_task(field.tend())
            try:
                yield field
            finally:
                tending.cancel()
                with suppress(asyncio.CancelledError):
                    await tending
                self._remember(field)

    def _remember(self, field: Field) -> None:
        longest = max(field.seen.memory.values(), key=len, default=[])
        self.state.memory = max(self.state.memory, longest, key=len)

    async def _disturbed(self, field: Field) -> None:
        faults = Faults(field, self.order.seed, self.order.longest)
        self._skipped = {kind: why for kind in KINDS if (why := faults.impossible(kind))}
        for portion in range(self.state.portion, self.story.portions):
            self._check_time()
            await _send(field.stage, self.story.sent(portion))
            for fault in at_portion(self.faults[self.state.faults :], portion):
                await self._one(fault, faults)
            await self._answer(field.stage, portion - 1)
            self.state.portion = portion + 1
            self._remember(field)
            self._note()
            _say(f"portion {portion + 1} of {self.story.portions}, lag {await field.stage.lag():,}")
            await _lag_below(field.stage, int(ROOM_AHEAD * self.story.portion))
        await self._answer(field.stage, self.story.portions - 1)
        await self._settle(field)
        await self._look(field)

    async def _one(self, fault: Fault, faults: Faults) -> None:
        """One that this sitting does not see the end of is done again by the next."""
        if fault.kind not in self._skipped:
            began = time.monotonic()
            lag = await faults.do(fault)
            seconds = round(time.monotonic() - began, 1)
            self.state.log.append(vars(fault) | {"lag": lag, "seconds": seconds})
            _say(f"  {fault.kind}, {seconds} s, lag {lag:,}")
        self.state.faults += 1
        self._note()

    async def _settle(self, field: Field) -> None:
        """Until everything is acknowledged, every alert delivered and every reply sent."""
        stage = field.stage
        field.clock.write_text("+0")
        await _lag_below(stage, 0)
        began, best = time.monotonic(), None
        while time.monotonic() - began < 600:
            left = await stage.ask(
                "select (select count(*) from replies where state in ('approved', 'sending'))"
                " + (select count(*) from alert_deliveries where state not in"
                " ('sent', 'failed', 'cancelled'))"
            )
            if left == 0:
                break
            if best is None or left < best:
                began, best = time.monotonic(), left
            await asyncio.sleep(2)
        await asyncio.sleep(5)
        await _lag_below(stage, 0)  # replies come back as events

    async def _look(self, field: Field) -> None:
        """The checks that need the cluster."""
        stage, state = field.stage, self.state
        field.seen.memory["earlier"] = state.memory
        wanted = await stage.ask("select count(*) from replies")
        found = [
            await checks.drained(stage),
            await checks.stored(stage, self.story),
            await checks.buried(stage),
            await checks.analyses(stage, state.figures),
            await checks.tickets_told(stage),
            await checks.alerts_told(stage, self.folder / "alerts.jsonl"),
            await checks.replies_sent(stage, self.folder / "outbox.jsonl", wanted),
            checks.memory_flat(field.seen, state.figures),
            checks.nobody_fell(field.seen),
        ]
        state.figures |= {
            "unique events": len(self.story.ids),
            "conversations": await stage.ask("select count(distinct conversation) from events"),
            "tickets": await stage.ask("select count(*) from tickets"),
            "dead letters": await stage.ask("select count(*) from dead_letters"),
            "alerts": await stage.ask("select count(*) from alerts"),
            "replies": wanted,
        }
        state.checks = [asdict(check) for check in found]
        self._note()

    async def _answer(self, stage: Stage, portion: int) -> None:
        """A person approves a reply to each conversation of the portion that is to be answered."""
        if portion < 0:
            return
        await _patiently(
            stage,
            """
            insert into replies (ticket_id, event_id, text, state, created_at, updated_at,
                approved_by, network, brand, revision, candidates, drafted, approved_at, tries,
                due_at, version)
            select t.id, e.id, 'We look into it, and call you about number ' || e.id || '.',
                'approved', now(), now(), 'ada', 'x', t.brand, e.revision, '[]', '', now(), 0,
                now(), 1
            from tickets t join lateral (
                select id, revision from events where conversation = t.id and direction = 'inbound'
                and kind = 'tweet' order by occurred_at desc limit 1) e on true
            where t.id = any($1)
            on conflict do nothing""",
            self.story.answered(portion),
        )

    async def _undisturbed(self) -> None:
        """The same events in order, nothing twice, with one worker that nobody disturbs; then row
        for row.
        """
        home = Home(folder=self.folder / "undisturbed")
        home.folder.mkdir(exist_ok=True)
        home.kill_everything()
        embedded = Embedded(home.folder)
        addresses = await asyncio.to_thread(embedded.acquire, "soak")
        home.settings |= CHEAP | {
            "model": str(self._model or self.folder / "model"),
            "database_url": addresses.database_url or "",
        }
        stage = Stage(home, addresses.broker or "", addresses.database_url or "")
        try:
            await stage.ready_worker()
            for portion in range(self.state.plain, self.story.portions):
                await _send(stage, list(plain_messages(self.story.plain(portion))))
                if (portion + 1) % EVERY == 0 or portion + 1 == self.story.portions:
                    await stage.drained()
                    self.state.plain = portion + 1
                    self._note()
                    _say(f"undisturbed: portion {portion + 1} of {self.story.portions}")
                    self._check_time()
            await self._compare(stage)
        finally:
            leave(stage, quiet=True)
            await asyncio.to_thread(embedded.release, lambda at: True)

    async def _compare(self, undisturbed: Stage) -> None:
        from soak.disk import Disk

        disk = Disk(self.folder / "disk.img", self.folder / "disk", DISK)
        embedded = Embedded(self.folder / "disk" / "home")
        addresses = await asyncio.to_thread(embedded.acquire, "soak", broker=False)
        try:
            rows = await checks.same_rows(
                addresses.database_url or "", undisturbed.database_url, self.answered
            )
        finally:
            await asyncio.to_thread(embedded.release, lambda at: True)
            disk.unmount()
        promises = {check.promise for check in rows}
        kept = [check for check in self.state.checks if check["promise"] not in promises]
        self.state.checks = kept + [asdict(check) for check in rows]

    @property
    def _skipped(self) -> dict[str, str]:
        return self.state.figures.get("left out", {})

    @_skipped.setter
    def _skipped(self, kinds: dict[str, str]) -> None:
        if kinds:
            self.state.figures["left out"] = kinds

    def _check_time(self) -> None:
        if self._ends is not None and time.monotonic() > self._ends:
            raise Paused


async def _send(stage: Stage, messages: list[Outgoing]) -> None:
    """Confirmed by the brokers when this returns; from the beginning again where they were away."""
    while True:
        try:
            async with stage.kafka.publisher() as publisher:
                for at in range(0, len(messages), CHUNK):
                    await publisher.publish(messages[at : at + CHUNK])
            return
        except BrokerAway as error:
            _say(f"  sent again: {error}")
            await asyncio.sleep(2)


async def _lag_below(stage: Stage, most: int) -> None:
    """Raises AssertionError where nothing is done for ten minutes."""
    best, moved = await stage.lag(), time.monotonic()
    while best > most:
        await asyncio.sleep(1)
        lag = await stage.lag()
        if lag < best:
            best, moved = lag, time.monotonic()
        assert time.monotonic() - moved < 600, f"{best} messages are left, and nothing is done"


async def _patiently(stage: Stage, query: str, *arguments: object) -> None:
    while True:
        try:
            await stage.rows(query, *arguments)
            return
        except OSError:
            await asyncio.sleep(1)


def _say(words: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {words}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--hours", type=float, help="of this sitting; the same line goes on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--brokers", type=int, default=3)
    parser.add_argument("--kills", type=int, help="of workers; unset: one for 10,000 events, 10")
    parser.add_argument("--away", type=float, help="seconds that something is away, at most")
    parser.add_argument("--folder", type=Path, default=Path("soak"), help="of the run")
    parser.add_argument("--model", type=Path, help="unset: a model that hardly computes")
    options = parser.parse_args()
    if why := missing():
        print(f"soak: {why}", file=sys.stderr)
        return 2
    kills = options.kills or max(10, options.events // 10_000)
    longest = options.away or (300.0 if options.events >= 1_000_000 else 15.0)
    order = Order(
        options.seed, options.events, options.brokers, kills, max(2, kills // 10), longest
    )
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    soak = Soak(folder, order, options.hours, options.model)
    try:
        kept = asyncio.run(_until_told(soak))
    except Paused:
        _say("this sitting is over; the same command goes on")
        return 3
    print((folder / "soak.md").read_text())
    return 0 if kept else 1


async def _until_told(soak: Soak) -> bool:
    """A SIGTERM ends the sitting in order."""
    task = asyncio.ensure_future(soak.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise Paused from None


if __name__ == "__main__":
    sys.exit(main())

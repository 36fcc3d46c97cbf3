"""Field of the soak: a cluster, a database on a disk of limited size, four workers, a receiver."""

from __future__ import annotations

import asyncio
import ctypes.util
import json
import random
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from acceptance.apache import Apache
from acceptance.earshot import Worker
from acceptance.stage import CHEAP, Stage
from toy_model import write_toy_model

from soak.disk import Disk
from stream.embedded import Embedded

WORKERS = 4
MEASURED = 0  # the worker that nobody kills: its memory is looked at
CLOCKED = 1  # the worker whose clock jumps
LOOK_EVERY = 5.0  # seconds
SICK = 6  # looks in a row at a `/healthz` that fails, after which an orchestrator restarts
FAKETIME = "faketime/libfaketimeMT.so.1"
SECRET = "a secret of sixteen bytes or more"


@dataclass
class Seen:
    """What the soak saw besides the outcome. memory: by process, (seconds of its life, bytes)."""

    ended: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    memory: dict[str, list[tuple[float, int]]] = field(default_factory=dict)


class Field:
    """Slots of workers and what they work on. A slot is None while its worker is being changed."""

    def __init__(self, stage: Stage, cluster: Apache, disk: Disk, folder: Path) -> None:
        self.stage, self.cluster, self.disk, self.folder = stage, cluster, disk, folder
        self.slots: list[Worker | None] = [None] * WORKERS
        self.frozen: set[int] = set()
        self.seen = Seen()
        self.faketime = _faketime()
        self.clock = folder / "clock"
        self._sick: dict[int, int] = {}

    def start(self, slot: int) -> None:
        home = self.stage.home
        home.surroundings = {}
        if slot == CLOCKED and self.faketime is not None:
            home.surroundings = {
                "LD_PRELOAD": self.faketime,
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        self.slots[slot] = self.stage.start_worker()
        self._sick.pop(slot, None)

    def victim(self, chance: random.Random) -> int:
        """A slot whose worker may be killed, one that is ready where there is one."""
        slots = [at for at in range(1, WORKERS) if self.slots[at] and at not in self.frozen]
        ready = [at for at in slots if (worker := self.slots[at]) and worker.is_ready]
        return chance.choice(ready or slots)

    async def kill(self, slot: int, number: signal.Signals) -> int:
        """The lag at that moment; another worker takes the slot."""
        worker = self.slots[slot]
        assert worker is not None
        self.slots[slot] = None
        try:
            return await self.stage.kill(worker, number)
        except AssertionError as error:
            self.seen.ended.append(f"{number.name}: {error}")
            return 0
        finally:
            self.stage.ever.remove(worker)
            self.start(slot)

    async def tend(self) -> None:
        """Look after the workers as an orchestrator does, for ever."""
        while True:
            for slot in range(WORKERS):
                await self._look(slot)
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self, slot: int) -> None:
        worker = self.slots[slot]
        if worker is None or slot in self.frozen:
            return
        code = worker.process.poll()
        if code is not None:
            self.seen.ended.append(f"ended with {code}: {worker.said()[-1500:]}")
            self.stage.workers.remove(worker)
            self.start(slot)
            return
        if slot == MEASURED:
            self._measure(worker)
        status, words = await asyncio.to_thread(worker.ask, "/healthz")
        if slot in self.frozen or self.slots[slot] is not worker:
            return
        if status == 200:
            self._sick[slot] = 0
        elif slot in self._sick:  # until it has answered once, it starts
            self._sick[slot] += 1
        if self._sick.get(slot, 0) >= SICK:
            self.seen.restarted.append(f"{status} {words}: {worker.said()[-1500:]}")
            await self.kill(slot, signal.SIGTERM)

    def _measure(self, worker: Worker) -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(worker.process.pid)
            name = f"{process.pid} {process.create_time():.0f}"
            sample = (time.time() - process.create_time(), process.memory_info().rss)
            self.seen.memory.setdefault(name, []).append(sample)


@asynccontextmanager
async def field_of(
    folder: Path, *, brokers: int, port: int | None, disk_size: int, model: Path | None
) -> AsyncIterator[Field]:
    """Everything runs; what an earlier sitting left running is ended first, its data goes on."""
    disk = Disk(folder / "disk.img", folder / "disk", disk_size)
    disk.free()
    home = _home(folder)
    home.kill_everything()
    cluster = await asyncio.to_thread(_cluster, folder / "kafka", brokers, port)
    embedded = Embedded(home.folder)
    addresses = await asyncio.to_thread(embedded.acquire, "soak", broker=False)
    receiver = _receiver(folder / "alerts.jsonl")
    alerts = folder / "alerts.toml"
    alerts.write_text(
        f'[sinks.soak]\ntype = "webhook"\nurl = "http://127.0.0.1:{receiver.server_port}/"\n'
        f'secret = "{SECRET}"\nper_minute = 600\nmax_age_hours = 700\n'
    )
    if model is None and not (model := folder / "model").exists():
        model.mkdir()
        write_toy_model(model)
    home.settings |= CHEAP | {
        "model": str(model),
        "broker": cluster.bootstrap,
        "database_url": addresses.database_url or "",
        "kafka_replication": str(brokers),
        "alerts": str(alerts),
        "allow_private_addresses": "true",
        "outbox": str(folder / "outbox.jsonl"),
    }
    stage = Stage(home, cluster.bootstrap, home.settings["database_url"])
    await commits_wait(stage, 0)
    made = Field(stage, cluster, disk, folder)
    made.clock.write_text("+0")
    await stage.kafka.declare_topics()
    try:
        yield made
    finally:
        disk.free()
        for worker in [worker for worker in made.slots if worker is not None]:
            worker.process.send_signal(signal.SIGCONT)
            worker.process.terminate()
        for worker in stage.ever:
            with suppress(AssertionError):
                await asyncio.to_thread(worker.left, signal.SIGTERM)
        receiver.shutdown()
        receiver.server_close()
        await asyncio.to_thread(embedded.release, lambda at: True)
        await asyncio.to_thread(cluster.stop)


def _cluster(folder: Path, brokers: int, port: int | None) -> Apache:
    """A broker that an earlier sitting left hanging goes on."""
    cluster = Apache(brokers, folder=folder, port=port)
    for node in range(brokers):
        cluster.do("resume-node", str(node))
    return cluster


async def commits_wait(stage: Stage, microseconds: int) -> None:
    """Before each commit, as on a disk that is slow to sync; it lasts until it is set anew."""
    siblings = 0 if microseconds else 5
    for line in (
        f"alter system set commit_delay = {microseconds}",
        f"alter system set commit_siblings = {siblings}",
        "select pg_reload_conf()",
    ):
        await stage.rows(line)


def _home(folder: Path) -> Any:
    from acceptance.earshot import Home

    at = folder / "disk" / "home"
    at.mkdir(exist_ok=True)
    return Home(folder=at)


def _faketime() -> str | None:
    """The library that fakes the clock; None where there is none."""
    for folder in (Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu")):
        if (folder / FAKETIME).exists():
            return str(folder / FAKETIME)
    return ctypes.util.find_library("faketimeMT")


def _receiver(file: Path) -> ThreadingHTTPServer:
    """Takes every alert, and notes it before it says so."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            note = json.dumps({"id": self.headers["webhook-id"], "event": body})
            with lock, file.open("a") as notes:
                notes.write(note + "\n")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: the file is the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

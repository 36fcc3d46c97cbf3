"""A desk that Prometheus watches: workers, webs and a live source, each a process of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from acceptance.alerting import Alarms
from acceptance.stage import PATIENCE, Stage, embedded_stage, until
from aiohttp import web
from ports import free_port
from servers.prometheus import Prometheus
from servers.web import serving
from servers.x_api import KEYS, XApi
from toy_model import write_toy_model

from connectors.events import Tweet

UNREAD = "zzyzx"  # what the second worker's model cannot read
OTHER_VERSION = "toy-2"
URGENT = "my father's alarm pendant has been dead for 9 hours and he is alone, please help"
WORD = "delta"  # what is listened for on X


class Cut:
    """Cuts a connection of X with the next post, once it is told to."""

    bytes = 40  # of the post that still come

    def __init__(self) -> None:
        self.told = False

    def __call__(self, sent: int) -> bool:
        return self.told


@dataclass
class Ports:
    """Of what Prometheus scrapes, known before anything listens."""

    worker: int = field(default_factory=free_port)
    other_worker: int = field(default_factory=free_port)
    web: int = field(default_factory=free_port)
    web_without_kafka: int = field(default_factory=free_port)
    ingest: int = field(default_factory=free_port)

    def jobs(self) -> dict[str, list[int]]:
        return {
            "worker": [self.worker, self.other_worker],
            "web": [self.web, self.web_without_kafka],
            "ingest": [self.ingest],
        }


@dataclass
class Desk:
    """What a test does its harm to. key: of the REST interface."""

    stage: Stage
    alarms: Alarms
    ports: Ports
    x: XApi
    cut: Cut
    key: str

    async def asks(self, method: str, port: int, path: str, **more: object) -> int:
        """The status of the answer."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(timeout=PATIENCE, headers=headers) as client:
            answer = await client.request(method, f"http://127.0.0.1:{port}{path}", **more)  # type: ignore[arg-type]
        return answer.status_code

    async def approves(self, to: str, text: str, approved: str) -> None:
        """A person has approved a reply at this moment of SQL."""
        await self.stage.rows(
            f"""
            insert into replies (ticket_id, event_id, text, state, created_at, updated_at,
                approved_by, network, brand, revision, candidates, drafted, approved_at, tries,
                due_at, version)
            select e.conversation, e.id, $2, 'approved', now(), now(), 'ada', 'x', e.brand,
                e.revision, '[]', '', {approved}, 0, now(), 1
            from events e where e.id = $1""",
            to,
            text,
        )


@asynccontextmanager
async def watched_desk(folder: Path) -> AsyncIterator[Desk]:
    """Everything runs and is well, but for one web whose Kafka is away."""
    ports = Ports()
    (folder / "prometheus").mkdir()
    prometheus = Prometheus(folder / "prometheus", ports.jobs())
    try:
        async with XApi().open() as x, refusing() as receiver:
            cut = Cut()
            x.script = [cut]
            with embedded_stage(**_settings(folder, x.address, receiver)) as stage:
                key = await _key(stage)
                async with _processes(stage, ports):
                    await stage.ready_worker(ports.worker)
                    yield Desk(stage, Alarms(prometheus), ports, x, cut, key)
    finally:
        prometheus.stop()


async def hear(stage: Stage, texts: Iterable[str], prefix: str) -> None:
    """Customers say so now, each in a conversation of their own."""
    await stage.feed(
        Tweet(
            id=f"x:{prefix}{number}",
            conversation=f"x:{prefix}{number}",
            occurred_at=datetime.now(UTC),
            author=f"{prefix}{number}",
            text=text,
        )
        for number, text in enumerate(texts)
    )


def other_model(folder: Path) -> Path:
    """A model of another version, which fails on every text with the word UNREAD."""
    at = folder / OTHER_VERSION
    at.mkdir()
    write_toy_model(at, version=OTHER_VERSION, unheard=[UNREAD])
    return at


def alerts_file(folder: Path, receiver: str) -> Path:
    """Everything is told to this receiver."""
    alerts = folder / "alerts.toml"
    alerts.write_text(
        f'[sinks.desk]\ntype = "webhook"\nurl = "{receiver}/"\n'
        'secret = "a secret of sixteen bytes or more"\n'
    )
    return alerts


def _settings(folder: Path, x: str, receiver: str) -> dict[str, str]:
    return {
        "alerts": str(alerts_file(folder, receiver)),
        "allow_private_addresses": "true",
        "x_api": x,
        "x_bearer_token": KEYS.bearer_token or "",
        "x_consumer_key": KEYS.consumer_key or "",
        "x_consumer_secret": KEYS.consumer_secret or "",
        "x_access_token": KEYS.access_token or "",
        "x_access_token_secret": KEYS.access_token_secret or "",
    }


async def _key(stage: Stage) -> str:
    scopes = [word for scope in ("events", "read") for word in ("--scope", scope)]
    migrated = await asyncio.to_thread(stage.home.run, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    made = await asyncio.to_thread(stage.home.run, "key", "create", "test", *scopes)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@asynccontextmanager
async def _processes(stage: Stage, ports: Ports) -> AsyncIterator[None]:
    """Both webs and the source; they are asked to leave at the end, and do."""
    nowhere = f"127.0.0.1:{free_port()}"
    lines: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("web", "--port", str(ports.web)), {}),
        (("web", "--port", str(ports.web_without_kafka)), {"broker": nowhere}),
        (("ingest", "x", "--keyword", WORD, "--port", str(ports.ingest)), {"broker": stage.broker}),
    ]
    running: list[subprocess.Popen[bytes]] = []
    logs = [stage.home.folder / f"{line[0]}-{at}.log" for at, (line, _) in enumerate(lines)]
    try:
        for (line, more), log in zip(lines, logs, strict=True):
            running.append(stage.home.start(*line, log=log, **more))
        for port in (ports.web, ports.web_without_kafka, ports.ingest):
            await until(lambda port=port: _answers(port), f"port {port} answers")
        yield
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process, log in zip(running, logs, strict=True):
            await asyncio.to_thread(process.wait, PATIENCE)
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")


async def _answers(port: int) -> bool:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
        except httpx.TransportError:
            return False


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """A receiver of alerts that takes none."""

    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=400, text="no such channel")

    async with serving([web.post("/", refuse)]) as address:
        yield address

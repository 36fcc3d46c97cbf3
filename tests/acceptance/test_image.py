"""Image of earshot as each role, on a read-only root: it starts, and loses nothing where it is
stopped in the middle of its work. `make image image-test` runs it; the times are printed.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from acceptance.stage import PATIENCE, Stage, embedded_stage, until
from ports import free_port

from connectors.events import Event
from stream.postgres.database import dsn

# Such as `docker run --rm --network host --read-only --tmpfs /tmp --tmpfs /var/lib/earshot`.
RUN = shlex.split(os.environ.get("EARSHOT_IMAGE_RUN", ""))
IMAGE = os.environ.get("EARSHOT_IMAGE", "earshot:latest")
EVENTS = 2000
BEGUN = 200  # of them are stored when the worker is asked to stop
HEALTH = "/usr/local/lib/earshot/healthcheck.py"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not RUN, reason="no image: make image image-test"),
]


class Image:
    """Starts its containers with the settings of a stage. places: the stage's, as they see them."""

    def __init__(self, stage: Stage, database_url: str) -> None:
        self.settings = {
            "EARSHOT_BROKER": stage.broker,
            "EARSHOT_DATABASE_URL": database_url,
            "EARSHOT_DRAFTS": "false",
        }

    def line(self, *words: str, entrypoint: str | None = None, **settings: str) -> list[str]:
        given = [f"{name}={value}" for name, value in (self.settings | settings).items()]
        more = [word for pair in given for word in ("-e", pair)]
        return [*RUN, *more, *(("--entrypoint", entrypoint) if entrypoint else ()), IMAGE, *words]

    async def runs(self, *words: str, entrypoint: str | None = None, **settings: str) -> str:
        """What a role says that ends by itself. Fails where it does."""
        began = time.monotonic()
        done = await asyncio.to_thread(
            subprocess.run,
            self.line(*words, entrypoint=entrypoint, **settings),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        print(f"{' '.join(words)[:60]}: {time.monotonic() - began:.1f} s")
        return done.stdout

    @contextmanager
    def starts(self, *words: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(self.line(*words, **settings), stdin=subprocess.DEVNULL)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    async def stops(self, process: subprocess.Popen[bytes], role: str) -> None:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
        print(f"{role}: stopped after {time.monotonic() - began:.1f} s")


@asynccontextmanager
async def tcp_of(url: str) -> AsyncIterator[str]:
    """The database of the URL at a port of this machine: a container sees no socket of ours."""
    parts = urlsplit(dsn(url))
    place = parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432"

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_unix_connection(place)
        await asyncio.gather(
            carry(reader, other_writer), carry(other_reader, writer), return_exceptions=True
        )

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    finally:
        server.close()


@pytest.fixture
async def stage_and_image() -> AsyncIterator[tuple[Stage, Image]]:
    with embedded_stage() as stage:
        async with tcp_of(stage.database_url) as url:
            yield stage, Image(stage, url)


async def ready(process: subprocess.Popen[bytes], port: int, role: str) -> None:
    began = time.monotonic()

    async def answers() -> bool:
        assert process.poll() is None, f"{role} ended by itself with {process.returncode}"
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            try:
                return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

    await until(answers, f"{role} is ready")
    print(f"{role}: ready after {time.monotonic() - began:.1f} s")


async def test_each_role_runs_as_a_user_without_rights_on_a_root_that_it_cannot_write(
    stage_and_image: tuple[Stage, Image], few_tweets: Sequence[Event]
):
    stage, image = stage_and_image
    tried = (
        "import os, pathlib; print(os.getuid())\n"
        "for at in ('/', '/opt/earshot', '/etc'):\n"
        "    try: pathlib.Path(at, 'x').write_text(''); print('wrote to', at)\n"
        "    except OSError: pass\n"
        "for at in ('/tmp', '/var/lib/earshot'): pathlib.Path(at, 'x').write_text('')"
    )
    assert (await image.runs("-c", tried, entrypoint="python")).split() == ["10001"]
    assert (await image.runs("--version")).startswith("earshot")
    await image.runs("migrate")

    web, worker = free_port(), free_port()
    with (
        image.starts("web", EARSHOT_PORT=str(web)) as serving,
        image.starts("worker", EARSHOT_WORKER_PORT=str(worker)) as working,
    ):
        await ready(serving, web, "web")
        await ready(working, worker, "worker")
        for variable, port in (("EARSHOT_PORT", web), ("EARSHOT_WORKER_PORT", worker)):
            places = {"EARSHOT_PORT": str(free_port()), "EARSHOT_WORKER_PORT": str(free_port())}
            await image.runs(HEALTH, entrypoint="python", **places | {variable: str(port)})
        await image.runs("ingest", "demo")
        await stage.drained()
        assert await stage.stored() > 0
        assert "demo" in await image.runs("sql", "select distinct network from events")
        await image.runs("dead", "list")
        assert (await image.runs("key", "create", "shop", "--scope", "events")).strip()
        await image.runs("rebuild")
        await image.stops(working, "worker")
        await image.stops(serving, "web")


async def test_a_worker_that_is_stopped_in_the_middle_of_its_work_loses_nothing(
    stage_and_image: tuple[Stage, Image], few_tweets: Sequence[Event]
):
    stage, image = stage_and_image
    events = few_tweets[:EVENTS]
    await image.runs("migrate")
    port = free_port()
    with image.starts("worker", EARSHOT_WORKER_PORT=str(port)) as first:
        await ready(first, port, "worker")
        await stage.feed(events)

        async def begun() -> bool:
            return await stage.stored() >= BEGUN

        await until(begun, "it works")
        await image.stops(first, "worker at work")
    left = await stage.lag()
    assert left > 0, "it was stopped when everything was done"
    port = free_port()
    with image.starts("worker", EARSHOT_WORKER_PORT=str(port)) as second:
        await ready(second, port, "another worker")
        await stage.drained()
        await image.stops(second, "another worker")
    found = await stage.outcome()
    assert found.event_rows == len(found.events) == len({event.id for event in events})
    assert found.counts == found.counted

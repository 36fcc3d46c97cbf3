"""The page of the queue, over a real Postgres and real HTTP."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
import uvicorn
from history import tweet

from stream.database import open_engine
from stream.schema import migrate
from stream.store import Store
from stream.web import create_web


@asynccontextmanager
async def serving(store):
    """A function that asks the running web server: path -> (status, headers, text)."""
    server = uvicorn.Server(uvicorn.Config(create_web(store), port=0, log_level="error", lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    async def ask(path: str) -> tuple[int, str, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return int(head.split()[1]), head.lower(), body

    yield ask
    server.should_exit = True
    await running


@pytest.fixture
async def site(store):
    async with serving(store) as ask:
        yield ask


async def test_what_a_customer_wrote_is_text_and_never_markup(store, site):
    await store.save([tweet(1, 95, text="<script>alert(1)</script> my line is down & I am leaving NOW, answer me!")])

    status, head, body = await site("/")

    assert status == 200
    assert "<script>" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "default-src 'none'" in head


async def test_an_empty_queue_says_so(site):
    assert "Nobody needs an answer" in (await site("/"))[2]


async def test_health_readiness_metrics_and_stats(store, site):
    await store.save([tweet(1, 95)])

    assert [(await site(path))[0] for path in ("/healthz", "/readyz", "/metrics", "/v1/stats")] == [200] * 4
    assert re.search(r"^earshot_stored_events 1\.0$", (await site("/metrics"))[2], re.MULTILINE)
    assert (await site("/docs"))[0] == 404


async def test_a_database_that_is_away_fails_readiness_and_not_liveness(own_postgres):
    await migrate(own_postgres.url)
    engine = open_engine(own_postgres.url)
    async with serving(Store(engine)) as ask:
        assert (await ask("/readyz"))[0] == 200
        own_postgres.stop()

        assert (await ask("/readyz"))[0] == 503
        assert (await ask("/healthz"))[0] == 200
    await engine.dispose()

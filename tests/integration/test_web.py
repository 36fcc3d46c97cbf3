"""Pages, health and metrics, over a real Postgres and real HTTP: who is not known sees nothing."""

from __future__ import annotations

import asyncio
import json
import re
import socket

import aiohttp
import nicegui
import pytest
from benchmarks.console_clients import OpenConsole
from history import tweet
from nicegui import Client
from people import quick_people
from serving import TOKEN, EmptyStore, web

from stream.accounts.sessions import Sessions
from stream.postgres.database import open_engine
from stream.postgres.schema import migrate
from stream.store.queries import Queries
from stream.web.server import listen


async def ask(
    address: str, path: str, *, token: str | None = TOKEN, **headers: str
) -> tuple[int, str, str]:
    """(status, headers, text) of a GET. Headers in the form `X_Forwarded_For`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named |= {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(address + path, headers=named, allow_redirects=False) as answer,
    ):
        return answer.status, str(answer.headers), await answer.text()


@pytest.fixture
async def site(store, postgres_url):
    async with web(store, url=postgres_url) as address:
        yield address


async def test_the_page_of_a_ticket_holds_what_a_customer_wrote_as_text_and_loads_from_here_alone(
    store, site
):
    await store.save(
        [
            tweet(
                1,
                95,
                text="</script><script>alert(1)</script> my line is down!",
                author='"><script>',
            )
        ]
    )

    status, head, body = await ask(site, "/tickets/x%3A1")

    assert status == 200
    assert "alert(1)" in body
    assert "<script>alert" not in body
    assert "default-src 'none'; script-src 'self'" in head
    assert not re.search(r"(src|href)=.https?:", body)
    assert (await ask(site, "/tickets/x%3A2"))[0] == 404


async def test_health_readiness_metrics_and_stats(store, site):
    await store.save([tweet(1, 95)])

    assert [
        (await ask(site, path))[0] for path in ("/healthz", "/readyz", "/metrics", "/v1/stats")
    ] == [200] * 4
    assert re.search(
        r"^earshot_stored_events 1\.0$", (await ask(site, "/metrics"))[2], re.MULTILINE
    )


async def test_every_answer_is_timed_by_the_route_that_is_declared(store, site):
    for path in ("/healthz", "/no/such/page", "/v1/tickets/x%3A404", "/v1/tickets/x%3A405"):
        await ask(site, path)

    told = (await ask(site, "/metrics"))[2]

    counts = dict(re.findall(r"^earshot_request_seconds_count\{(.*?)\} (\S+)$", told, re.MULTILINE))

    assert counts['method="GET",route="/healthz",status="2xx"'] == "1.0"
    assert counts['method="GET",route="/v1/tickets/{ticket_id:path}",status="4xx"'] == "2.0"
    assert "no/such" not in told
    assert "x%3A404" not in told
    assert "x:404" not in told


async def test_a_database_that_is_away_fails_readiness_and_not_liveness(own_postgres):
    await migrate(own_postgres.url)
    engine = open_engine(own_postgres.url)
    async with web(Queries(engine)) as address:
        assert (await ask(address, "/readyz"))[0] == 200
        own_postgres.stop()

        assert (await ask(address, "/readyz"))[0] == 503
        assert (await ask(address, "/healthz"))[0] == 200
    await engine.dispose()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/alerts",
        "/tickets/x%3A1",
        "/docs",
        "/openapi.json",
        "/v1/stats",
        "/v1/taxonomy",
        "/no",
    ],
)
async def test_who_is_not_known_sees_nothing_but_whether_the_process_lives(path):
    async with web(EmptyStore()) as address:
        assert (await ask(address, path, token=None))[0] == 401
        assert (await ask(address, path, token="earshot_" + "z" * 43))[0] == 401
        assert [(await ask(address, page, token=None))[0] for page in ("/healthz", "/readyz")] == [
            200
        ] * 2


NICEGUI = f"/_nicegui/{nicegui.__version__}"


@pytest.mark.parametrize(
    "path",
    [
        "/_nicegui/anything",
        "/_nicegui/",
        "/_nicegui/../x",
        "/_nicegui/0.0.0/static/nicegui.js",
        f"{NICEGUI}/static/nicegui.js",
        f"{NICEGUI}/static/none",
        f"{NICEGUI}/libraries/none",
        f"{NICEGUI}/components/none.js",
        f"{NICEGUI}/resources/none/none",
        f"{NICEGUI}/dynamic_resources/none",
        f"{NICEGUI}/esm/none/none",
        "/_nicegui_ws/socket.io/?EIO=4&transport=polling",
    ],
)
async def test_the_console_s_files_cost_nothing_without_a_login_nor_where_there_are_none(
    site, path, caplog
):
    before = set(Client.instances)
    for token in (None, "earshot_" + "z" * 43, TOKEN):
        for wanted in ("*/*", "text/html"):
            status, _, body = await ask(site, path, token=token, Accept=wanted)
            if token != TOKEN:
                assert status in (303, 401), (token, wanted)
                assert len(body) < 400
            elif "_ws" not in path:
                is_a_file = path.endswith(f"{NICEGUI}/static/nicegui.js")
                assert status == (200 if is_a_file else 404), wanted
                assert is_a_file or len(body) < 400
    assert set(Client.instances) == before
    assert caplog.records == []


async def test_prometheus_needs_no_key_unless_it_comes_through_a_proxy():
    async with web(EmptyStore()) as address:
        assert (await ask(address, "/metrics", token=None, Host="web:8080"))[0] == 200
        assert (await ask(address, "/metrics", token=None, X_Forwarded_For="203.0.113.7"))[0] == 401


async def test_an_answer_leaves_at_once_and_does_not_wait_for_the_acknowledgement_of_its_head():
    accepted = asyncio.get_running_loop().create_future()

    async def answer(_reader, writer):
        accepted.set_result(
            writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        )
        writer.close()

    listening = listen("127.0.0.1", 0)
    async with await asyncio.start_server(answer, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await accepted == 1
        writer.close()


async def test_the_reference_needs_nothing_from_anywhere(site):
    status, head, body = await ask(site, "/docs")

    assert status == 200
    assert "POST /v1/analyze" in body
    assert "default-src 'none'" in head
    assert not re.search(r"<(script|link|img)|(src|href)=.https?:", body)


async def test_a_socket_speaks_for_its_own_page_alone(store, postgres_url, monkeypatch):
    handled, arrived = [], asyncio.Event()

    def handle(client, message):
        handled.append((client.id, message["args"]))
        if message["args"] == "the last":
            arrived.set()

    monkeypatch.setattr(Client, "handle_event", handle)
    engine = open_engine(postgres_url)
    people = quick_people(engine)
    async with web(store, url=postgres_url) as address, aiohttp.ClientSession() as session:
        pages = []
        for number, (name, role) in enumerate((("ada", "admin"), ("vic", "viewer"))):
            await people.add(name, "violet ladder seventeen", role)
            token = await Sessions(engine).log_in(name, "violet ladder seventeen", "test")
            page = OpenConsole(address, "none", number)
            pages.append((page, await page.open(session, {"earshot_session": token})))
        (ada, _), (vic, socket) = pages
        for client, words in ((ada, "forged"), (vic, "own"), (ada, "again"), (vic, "the last")):
            message = {"client_id": client._client, "listener_id": "1", "args": words, "id": 1}
            await socket.send_str(f'42["event",{json.dumps(message)}]')
        async with asyncio.timeout(60):
            await arrived.wait()
        for _, opened in pages:
            await opened.close()
    await engine.dispose()

    assert handled == [(vic._client, "own"), (vic._client, "the last")]

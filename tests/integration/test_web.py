"""Pages, health and metrics, over a real Postgres and real HTTP: who is not known sees nothing."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from types import SimpleNamespace
from urllib.parse import urlencode

import aiohttp
import nicegui
import pytest
from benchmarks.console_clients import OpenConsole
from history import tweet
from nicegui import Client, core
from people import quick_people
from serving import TOKEN, EmptyStore, web

from stream.accounts.sessions import Sessions
from stream.postgres.database import open_engine
from stream.postgres.schema import migrate
from stream.store.queries import Queries
from stream.web.console.acts import guarded
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

    counts = _requests(told)

    assert counts['method="GET",route="/healthz",status="2xx"'] == "1.0"
    assert counts['method="GET",route="/v1/tickets/{ticket_id:path}",status="4xx"'] == "2.0"
    assert "no/such" not in told
    assert "x%3A404" not in told
    assert "x:404" not in told


async def test_the_first_fault_of_every_route_can_be_seen_as_a_rise(store, postgres_url):
    """A series that begins with its first fault has no rate: the alert would not know of it."""
    async with web(store, url=postgres_url) as address:
        before = _requests((await ask(address, "/metrics"))[2])
        documented = json.loads((await ask(address, "/openapi.json"))[2])["paths"]

    faults = {labels: count for labels, count in before.items() if 'status="5xx"' in labels}
    assert set(faults.values()) == {"0.0"}
    for method, route in (
        ("GET", "console"),
        ("POST", "none"),
        ("POST", "/login"),
        ("GET", "/alerts"),
    ):
        assert f'method="{method}",route="{route}",status="5xx"' in faults
    routes = {re.sub(r":\w+}", "}", labels) for labels in faults}
    for route, methods in documented.items():
        for method in methods:
            assert f'method="{method.upper()}",route="{route}",status="5xx"' in routes


async def test_a_fault_is_counted_where_it_stood_at_0():
    async with web(store := EmptyStore()) as address:
        store.away = True
        wanted = 'method="GET",route="/readyz",status="5xx"'
        assert (await ask(address, "/readyz"))[0] == 503
        store.away = False

        assert _requests((await ask(address, "/metrics"))[2])[wanted] == "1.0"


def _requests(exposition: str) -> dict[str, str]:
    """How often each route was asked, by its labels."""
    pattern = r"^earshot_request_seconds_count\{(.*?)\} (\S+)$"
    return dict(re.findall(pattern, exposition, re.MULTILINE))


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
        for header in (
            "X_Forwarded_For",
            "X_Forwarded_Proto",
            "X_Forwarded_Host",
            "X_Real_IP",
            "CF_Connecting_IP",
            "True_Client_IP",
            "Via",
            "Forwarded",
        ):
            told = await ask(address, "/metrics", token=None, **{header: "203.0.113.7"})
            assert told[0] == 401, header


async def test_metrics_asked_by_the_public_name_came_through_a_proxy_that_says_nothing(
    store, postgres_url
):
    async with web(store, url=postgres_url, base_url="https://Desk.acme.example") as address:
        for host, status in (("desk.acme.example", 401), ("web:8080", 200)):
            assert (await ask(address, "/metrics", token=None, Host=host))[0] == status


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


async def two_sessions(engine):
    """The tokens of an admin and of a viewer."""
    tokens = []
    for name, role in (("ada", "admin"), ("vic", "viewer")):
        await quick_people(engine).add(name, "violet ladder seventeen", role)
        tokens.append(await Sessions(engine).log_in(name, "violet ladder seventeen", "test"))
    return tokens


async def test_a_socket_speaks_for_its_own_page_alone(store, postgres_url, monkeypatch):
    handled, arrived = [], asyncio.Event()

    def handle(client, message):
        handled.append((client.id, message["args"]))
        if message["args"] == "the last":
            arrived.set()

    monkeypatch.setattr(Client, "handle_event", handle)
    engine = open_engine(postgres_url)
    async with web(store, url=postgres_url) as address, aiohttp.ClientSession() as session:
        pages = []
        for number, token in enumerate(await two_sessions(engine)):
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


async def test_a_page_takes_no_socket_of_another_session_whatever_numbers_it_knows(
    store, postgres_url
):
    """Those of the page and of its tab stand in the address of its socket, as a log may hold it."""
    engine = open_engine(postgres_url)
    async with web(store, url=postgres_url) as address, aiohttp.ClientSession() as session:
        tokens = await two_sessions(engine)
        ada = OpenConsole(address, "none", 0)
        own = await ada.open(session, {"earshot_session": tokens[0]})
        named = {"client_id": ada._client, "tab_id": ada.tab, "document_id": "x"}
        named |= {"EIO": "4", "transport": "websocket"}
        implicit = {"implicit_handshake": "true", "next_message_id": "0"}

        async def answers(query, *frames):
            head = {"Origin": address, "Cookie": f"earshot_session={tokens[1]}"}
            url = f"{address}/_nicegui_ws/socket.io/"
            async with session.ws_connect(url, params=query, headers=head) as socket:
                for frame in ("40", *frames):
                    await socket.send_str(frame)
                words = ""
                while not re.search(r"^4[34]", words, re.MULTILINE):
                    words += await socket.receive_str(timeout=60) + "\n"
                return words

        assert "somebody else" in await answers(named | implicit)
        # A socket says what it is in its own words: none of them is a connection that it has.
        forged = named | {
            "asgi.scope": {"caller": None},
            "QUERY_STRING": urlencode(named | implicit),
        }
        for shaken in (named, named | {"asgi.scope": {}}, forged, [named], "x", None):
            shake = f'420["handshake",{json.dumps(shaken)}]'
            words = await answers({"EIO": "4", "transport": "websocket"}, shake)
            assert "430[false]" in words, shaken
        connect = f'42["connect",{json.dumps(forged)}]'
        words = await answers({"EIO": "4", "transport": "websocket"}, connect, '421["handshake"]')
        assert "431[false]" in words
        assert len(list(core.sio.manager.get_participants("/", ada._client))) == 1
        await own.close()
    await engine.dispose()


async def test_a_socket_that_is_asked_by_requests_answers_the_session_that_opened_it_alone(
    store, postgres_url
):
    """Where a network lets no websocket through, the socket's number stands in each address."""
    engine = open_engine(postgres_url)
    async with web(store, url=postgres_url) as address, aiohttp.ClientSession() as session:
        own, strange = (
            {"Origin": address, "Cookie": f"earshot_session={token}"}
            for token in await two_sessions(engine)
        )
        url, query = f"{address}/_nicegui_ws/socket.io/", {"EIO": "4", "transport": "polling"}

        async def asked(head, frame=None):
            verb = "GET" if frame is None else "POST"
            async with session.request(verb, url, params=query, data=frame, headers=head) as answer:
                return answer.status, await answer.text()

        status, opened = await asked(own)
        assert status == 200
        query["sid"] = json.loads(opened[1:])["sid"]
        for frame in (None, "40"):
            assert (await asked(strange, frame))[0] == 403, frame
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(
                url, params=query | {"transport": "websocket"}, headers=strange
            )
        assert (await asked(own, "40")) == (200, "OK")
        assert (await asked(own))[0] == 200
    await engine.dispose()


async def test_a_browser_writes_nothing_into_the_log(store, postgres_url, caplog):
    """What a page sends is a person's to choose: its words, and what makes no sense."""
    engine = open_engine(postgres_url)
    await quick_people(engine).add("vic", "violet ladder seventeen", "viewer")
    token = await Sessions(engine).log_in("vic", "violet ladder seventeen", "test")
    async with web(store, url=postgres_url) as address, aiohttp.ClientSession() as session:
        page = OpenConsole(address, "none", 0)
        socket = await page.open(session, {"earshot_session": token})
        own = {"client_id": page._client}
        caplog.clear()
        for name, message in (
            ("log", own | {"level": "error", "message": "the database is lost"}),
            ("log", own),
            ("event", own),
            ("event", own | {"id": 1, "listener_id": "none", "args": ["["]}),
            ("event", {"client_id": ["x"]}),
            ("ack", own | {"next_message_id": "x"}),
            ("javascript_response", own | {"request_id": {}}),
            ("handshake", own),
            ("connect", own | {"QUERY_STRING": "implicit_handshake=true"}),
            ("event", None),
        ):
            await socket.send_str(f"42{json.dumps([name, message])}")
        for frame in ('42["event"]', '42["handshake"]', '42["connect"]', '42["event",1,2,3]'):
            await socket.send_str(frame)
        await socket.send_str('427["handshake","the last"]')
        while "437[" not in await socket.receive_str(timeout=60):
            pass
        await asyncio.sleep(0)
        assert [record.getMessage() for record in caplog.records] == []
        await socket.close()
    await engine.dispose()


@pytest.mark.parametrize(
    ("path", "component"), [("/people", "desk_people"), ("/settings", "desk_settings")]
)
async def test_what_is_of_all_brands_is_for_no_admin_of_some(store, postgres_url, path, component):
    """Whoever may make users and keys of all brands, or unbind themselves, is bound to none."""
    engine = open_engine(postgres_url)
    people = quick_people(engine)
    shown = {}
    async with web(store, url=postgres_url) as address:
        for name, brands in (("ada", None), ("boss", ["Other"])):
            await people.add(name, "violet ladder seventeen", "admin", brands)
            token = await Sessions(engine).log_in(name, "violet ladder seventeen", "test")
            cookie = f"earshot_session={token}"
            status, _, shown[name] = await ask(
                address, path, token=None, Cookie=cookie, Accept="text/html"
            )
            assert status == 200
    await engine.dispose()

    assert component in shown["ada"]
    assert component not in shown["boss"]
    assert "are of all brands" in shown["boss"]


async def test_an_act_of_all_brands_is_refused_to_who_is_bound_by_now():
    done, told = [], []

    async def act(caller, _payload):
        done.append(caller.name)

    for brands in (None, frozenset({"Other"})):
        caller = SimpleNamespace(name=f"{brands}", brands=brands)

        async def still(_role, caller=caller):
            return caller

        view = SimpleNamespace(tell=lambda **props: told.append(props["refused"]))
        visit = SimpleNamespace(still=still)
        handler = guarded(visit, view, asyncio.Event(), act, "admin", of_all_brands=True)
        await handler(SimpleNamespace(args={}))

    assert done == ["None"]
    assert told[:-1] == ["", ""]
    assert "of all brands" in told[-1]


async def test_the_connection_of_a_page_is_closed_with_its_session(store, postgres_url):
    engine = open_engine(postgres_url)
    await quick_people(engine).add("vic", "violet ladder seventeen", "viewer")
    sessions = Sessions(engine)
    token = await sessions.log_in("vic", "violet ladder seventeen", "test")
    async with web(store, url=postgres_url) as address, aiohttp.ClientSession() as session:
        socket = await OpenConsole(address, "none", 0).open(session, {"earshot_session": token})
        await sessions.log_out(token)
        frames = []
        async with asyncio.timeout(60):
            async for message in socket:
                frames.append(message.data)
                if message.data == "2":
                    await socket.send_str("3")
        assert any("reload" in frame for frame in frames), "the browser goes to the login"
        assert socket.closed
    await engine.dispose()


async def test_a_browser_that_reads_no_more_keeps_no_other_connection_open(store, postgres_url):
    """One that polls is told of nothing until it asks, which it may never do."""
    engine = open_engine(postgres_url)
    await quick_people(engine).add("vic", "violet ladder seventeen", "viewer")
    sessions = Sessions(engine)
    token = await sessions.log_in("vic", "violet ladder seventeen", "test")
    async with web(store, url=postgres_url) as address, aiohttp.ClientSession() as session:
        page = OpenConsole(address, "none", 0)
        first = await page.open(session, {"earshot_session": token})
        url = f"{address}/_nicegui_ws/socket.io/"
        head = {"Origin": address, "Cookie": f"earshot_session={token}"}
        query = {"EIO": "4", "client_id": page._client, "tab_id": page.tab, "document_id": "x"}
        query |= {"implicit_handshake": "true", "next_message_id": "0"}
        polled = query | {"transport": "polling"}
        async with session.get(url, params=polled, headers=head) as answer:
            polled["sid"] = json.loads((await answer.text())[1:])["sid"]
        async with session.post(url, params=polled, data="40", headers=head) as answer:
            assert answer.status == 200
        last = await session.ws_connect(
            url, params=query | {"transport": "websocket"}, headers=head
        )
        await last.send_str("40")
        async with asyncio.timeout(60):
            while len(list(core.sio.manager.get_participants("/", page._client))) < 3:
                await asyncio.sleep(0.01)
        await sessions.log_out(token)
        async with asyncio.timeout(60):
            async for message in last:
                if message.data == "2":
                    await last.send_str("3")
        await first.close()
    await engine.dispose()

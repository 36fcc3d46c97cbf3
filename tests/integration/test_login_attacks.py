"""Logins under attack, over real HTTP: the owner gets in, and a guesser does not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import aiohttp
import pytest
from people import quick_people
from serving import web
from sqlalchemy import text

from stream.accounts import guesses, users
from stream.accounts.guesses import (
    FREE_GUESSES,
    FREE_GUESSES_OF_ADDRESS,
    FREE_GUESSES_OF_NAME,
    MOST_DEVICES,
)
from stream.accounts.sessions import csrf_of
from stream.postgres.database import open_engine
from stream.web.auth.turns import TooBusy, Turns

PASSWORD, OTHER = "violet ladder seventeen", "four quiet otters sing"
WRONG = "a wrong password"
PAGE = {"Accept": "text/html"}
PROXY = ip_network("127.0.0.1/32")


class Browser:
    """One browser with its cookies. address: as our proxy sees it."""

    def __init__(self, session: aiohttp.ClientSession, address: str | None = None) -> None:
        self.session, self.address = session, address

    async def log_in(self, name="ada", password=PASSWORD, **headers):
        return await self.post("/login", {"name": name, "password": password}, **headers)

    async def post(self, path, fields, **headers):
        """(status, text) of a form of the page itself."""
        origin = {"Origin": str(self.session._base_url.origin())}
        async with self.session.post(
            path, data=fields, allow_redirects=False, headers=self._headers(origin | headers)
        ) as answer:
            return answer.status, await answer.text()

    async def get(self, path, **headers):
        """(status, where to)."""
        async with self.session.get(
            path, allow_redirects=False, headers=self._headers(headers)
        ) as answer:
            return answer.status, answer.headers.get("Location")

    def cookie(self, beginning: str) -> str:
        [found] = [each.value for each in self.session.cookie_jar if each.key.startswith(beginning)]
        return found

    def end_session(self) -> None:
        """As when it is over: the device's cookie stays."""
        self.session.cookie_jar.clear(lambda cookie: "session" in cookie.key)

    def _headers(self, more):
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return PAGE | ({"X-Forwarded-For": self.address} if self.address else {}) | named


@pytest.fixture(autouse=True)
def time_stands_still(monkeypatch):
    """Between two guesses: a slow machine must not wait for one by accident."""
    left = guesses._seconds_left
    monkeypatch.setattr(guesses, "_seconds_left", lambda beyond, at, now: left(beyond, at, at))


@pytest.fixture
async def engine(postgres_url):
    engine = open_engine(postgres_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def people(engine):
    return quick_people(engine)


@pytest.fixture
async def site(store, postgres_url) -> AsyncIterator[str]:
    async with web(store, url=postgres_url, proxies=(PROXY,)) as address:
        yield address


@asynccontextmanager
async def browsing(site: str, address: str | None = None) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(site, cookie_jar=jar) as session:
        yield Browser(session, address)


async def guessed(engine, name: str, addresses: int, each: int = 1) -> None:
    """Wrong passwords of a moment ago, from so many addresses."""
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "insert into failed_logins (name, address, at) "
                "select :name, '100.64.0.' || n, now() "
                "from generate_series(1, :addresses) n, generate_series(1, :each)"
            ),
            {"name": name, "addresses": addresses, "each": each},
        )


async def test_the_owner_gets_in_from_anywhere_while_one_address_guesses(people, site):
    await people.add("ada", PASSWORD, "agent")
    async with browsing(site, "198.51.100.1") as attacker, browsing(site, "203.0.113.7") as owner:
        told = [(await attacker.log_in(password=f"{WRONG} {n}"))[0] for n in range(12)]

        assert told == [403] * FREE_GUESSES + [429] * (12 - FREE_GUESSES)
        assert (await owner.log_in())[0] == 303
        # what the owner did gives the attacker no new guesses
        assert (await attacker.log_in(password=WRONG))[0] == 429


async def test_the_owner_gets_in_from_a_known_device_while_many_addresses_guess(
    people, site, engine
):
    await people.add("ada", PASSWORD, "agent")
    async with browsing(site, "203.0.113.7") as owner, browsing(site, "203.0.113.8") as stranger:
        assert (await owner.log_in())[0] == 303
        owner.end_session()
        await guessed(engine, "ada", 60)

        assert (await stranger.log_in())[0] == 429  # even with the right one: nobody knows them
        owner.address = "192.0.2.99"  # the device counts, not where it is
        assert (await owner.log_in())[0] == 303
        owner.end_session()
        assert (await owner.log_in())[0] == 303  # the cookie is a new one each time
        assert (await stranger.log_in())[0] == 429


async def test_a_device_s_own_guesses_are_slowed_and_it_is_known_for_its_person_alone(
    people, site, engine
):
    await people.add("ada", PASSWORD, "agent")
    await people.add("ben", OTHER, "agent")
    async with browsing(site, "203.0.113.7") as shared, browsing(site, "203.0.113.8") as other:
        await shared.log_in()
        stolen = shared.cookie("earshot_device")
        await guessed(engine, "ben", 60)
        assert (await shared.log_in("ben", OTHER))[0] == 429  # it knows ada, not ben

        told = [(await shared.log_in(password=WRONG))[0] for _ in range(FREE_GUESSES + 2)]
        assert told == [403] * FREE_GUESSES + [429] * 2
        assert (await other.log_in())[0] == 303  # who has another device is not slowed by that

        for made_up in (
            "x",
            "x" * 43,
            stolen[:-1] + "_",
            "",
            "\N{SNOWMAN}".encode().decode("latin-1"),
        ):
            async with browsing(site, "203.0.113.9") as liar:
                name = next(each.key for each in shared.session.cookie_jar if "device" in each.key)
                await guessed(engine, "ada", 60)
                assert (await liar.log_in(Cookie=f"{name}={made_up}"))[0] == 429, made_up


async def test_of_several_people_at_one_computer_each_has_a_device_of_their_own(
    people, site, engine
):
    names = [f"agent {n}" for n in range(3)]
    for name in names:
        await people.add(name, PASSWORD, "agent")
    async with browsing(site, "203.0.113.7") as shared:
        for name in names:
            assert (await shared.log_in(name))[0] == 303
            shared.end_session()
        for name in names:
            await guessed(engine, name, 60)
            assert (await shared.log_in(name))[0] == 303


async def test_a_person_has_so_many_devices_and_the_oldest_is_forgotten(people, site, engine):
    await people.add("ada", PASSWORD, "agent")
    async with browsing(site, "203.0.113.7") as owner:
        for _ in range(MOST_DEVICES + 3):
            assert (await owner.log_in())[0] == 303
            owner.session.cookie_jar.clear()
    async with engine.connect() as connection:
        count = await connection.scalar(text("select count(*) from login_devices"))
        stored = str((await connection.execute(text("select * from login_devices"))).all())

    assert count == MOST_DEVICES
    assert "earshot" not in stored


@pytest.mark.parametrize(
    ("free", "asked"),
    [
        (FREE_GUESSES, lambda n: ("ada", "198.51.100.1")),
        (FREE_GUESSES_OF_ADDRESS, lambda n: (f"name {n}", "198.51.100.1")),
        (FREE_GUESSES_OF_ADDRESS, lambda n: (f"name {n}", f"2001:db8:1:1::{n:x}")),
        (FREE_GUESSES_OF_NAME, lambda n: ("ada", f"198.51.100.{n // 4}")),
    ],
    ids=["name and address", "address", "network of IPv6", "name"],
)
async def test_guesses_are_slowed_however_they_are_spread(people, site, monkeypatch, free, asked):
    monkeypatch.setattr(users, "_matches", lambda hashed, password: False)
    await people.add("ada", PASSWORD, "agent")
    async with browsing(site) as attacker:
        told = []
        for n in range(free + 1):
            name, attacker.address = asked(n)
            told.append((await attacker.log_in(name, WRONG))[0])

    assert told == [403] * free + [429]


async def test_an_address_that_nobody_vouches_for_is_not_believed(
    people, store, postgres_url, caplog
):
    await people.add("ada", PASSWORD, "agent")
    async with web(store, url=postgres_url) as address, browsing(address) as attacker:
        told = []
        for n in range(FREE_GUESSES + 1):
            attacker.address = f"198.51.100.{n}"
            told.append((await attacker.log_in(password=WRONG))[0])

    assert told == [403] * FREE_GUESSES + [429]
    warned = [each for each in caplog.messages if "EARSHOT_TRUSTED_PROXIES" in each]
    assert len(warned) == 1


async def test_who_guesses_random_names_keeps_no_other_waiting(people, site, monkeypatch):
    """Every place is taken for as long as the test wants, by guesses that nobody looks at."""
    release, taken = threading.Event(), threading.Semaphore(0)
    matches = users._matches

    def blocked(hashed, password):
        if password == WRONG:
            taken.release()
            release.wait(60)
        return matches(hashed, password)

    await people.add("ada", PASSWORD, "agent")
    await people.add("ben", OTHER, "agent")
    async with (
        browsing(site, "203.0.113.7") as owner,
        browsing(site, "203.0.113.8") as other,
        browsing(site, "198.51.100.1") as attacker,
    ):
        await owner.log_in()
        owner.end_session()
        monkeypatch.setattr(users, "_matches", blocked)
        tried = [asyncio.create_task(attacker.log_in(f"name {n}", WRONG)) for n in range(30)]
        try:
            for _ in range(2):  # both places
                await asyncio.to_thread(taken.acquire)
            refused = asyncio.as_completed(tried)  # no queue without an end
            assert {(await next(refused))[0] for _ in range(12)} == {503}
            assert (await owner.log_in())[0] == 303  # a known device has a place of its own
            waiting = asyncio.create_task(other.log_in("ben", OTHER))
        finally:
            release.set()
        assert (await waiting)[0] == 303
        told = sorted([status for status, _ in await asyncio.gather(*tried)])

    assert told == [403] * 18 + [503] * 12


async def test_turns_go_round_among_those_who_wait():
    turns, order, go_on = Turns(1, limit=6, limit_of_caller=4), [], asyncio.Event()

    async def use(caller):
        async with turns.turn(caller):
            order.append(caller)
            await go_on.wait()

    first = asyncio.create_task(use("flood"))
    await asyncio.sleep(0)
    waiting = []
    for caller in ["flood"] * 4 + ["a", "b"]:
        waiting.append(asyncio.create_task(use(caller)))
        await asyncio.sleep(0)
    for caller in ("flood", "c"):  # four of one, six in all
        with pytest.raises(TooBusy):
            await use(caller)
    waiting[5].cancel()  # b went away
    await asyncio.gather(waiting[5], return_exceptions=True)
    go_on.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)

    assert order == ["flood", "flood", "a", "flood", "flood", "flood"]
    async with asyncio.timeout(30), turns.turn("the place is free again"):
        pass


async def test_wrong_setup_codes_keep_nobody_out(people, site):
    code = await people.setup_code()
    fields = {"name": "ada", "password": PASSWORD, "again": PASSWORD}
    async with browsing(site, "198.51.100.1") as anybody:
        wrong = [
            (await anybody.post("/setup", fields | {"code": f"AAAA-BBBB-{n:04}"}))[0]
            for n in range(15)
        ]
        assert wrong == [422] * 15
        assert (await anybody.post("/setup", fields | {"code": code}))[0] == 303


async def test_failed_logins_are_in_the_log_without_what_may_be_a_password(people, site, caplog):
    await people.add("ada", PASSWORD, "agent")
    with caplog.at_level(logging.WARNING):
        async with browsing(site, "198.51.100.1") as attacker:
            await attacker.log_in(password=WRONG)
            await attacker.log_in(name="my secret word", password=WRONG)
            await attacker.log_in(name="my\x00secret\nword", password="\x00")

    assert caplog.messages == [
        "a login was refused: wrong password for ada from 198.51.100.1",
        "a login was refused: wrong password for a name that nobody has from 198.51.100.1",
        "a login was refused: wrong password for a name that nobody has from 198.51.100.1",
    ]


async def test_a_plain_cookie_does_not_count_over_https(people, site):
    """A sister host could have set it, with somebody else's session."""
    await people.add("ada", PASSWORD, "agent")
    async with browsing(site) as browser:
        await browser.log_in()
        token = browser.cookie("earshot_session")
        browser.session.cookie_jar.clear()
        plain, secure = f"earshot_session={token}", f"__Host-earshot_session={token}"

        assert (await browser.get("/docs", Cookie=plain))[0] == 200
        assert (await browser.get("/docs", Cookie=plain, X_Forwarded_Proto="https"))[0] == 303
        assert (await browser.get("/docs", Cookie=secure, X_Forwarded_Proto="https"))[0] == 200


async def test_people_change_their_own_password_and_are_logged_out_elsewhere(people, site, engine):
    await people.add("ada", PASSWORD, "agent")
    async with browsing(site, "203.0.113.7") as here, browsing(site, "203.0.113.8") as there:
        assert (await here.get("/password"))[:2] == (303, "/login?next=%2Fpassword")
        await here.log_in()
        await there.log_in()
        old = here.cookie("earshot_session")
        form = {"csrf": csrf_of(old), "password": PASSWORD, "new": OTHER, "again": OTHER}
        for wrong, status, why in (
            ({"csrf": "guessed"}, 403, "not of your session"),
            ({"again": "other"}, 422, "differ"),
            ({"password": WRONG}, 403, "another one"),
            ({"new": PASSWORD, "again": PASSWORD}, 422, "the old one"),
            ({"new": "short", "again": "short"}, 422, "12 to 200"),
            ({"new": "password1234", "again": "password1234"}, 422, "easily guessed"),
            ({"new": "ada ada ada ada", "again": "ada ada ada ada"}, 422, "easily guessed"),
        ):
            answer = await here.post("/password", form | wrong)
            assert (answer[0], why in answer[1]) == (status, True), wrong
        assert (await here.post("/password", form, Origin="https://evil.example"))[0] == 403

        assert (await here.post("/password", form))[0] == 303
        assert (await here.get("/docs"))[0] == 200
        assert here.cookie("earshot_session") != old
        assert (await there.get("/tickets/x%3A1"))[0] in (303, 404)  # remembered for seconds
        there.session.cookie_jar.clear()
        assert (await there.log_in())[0] == 403
        assert (await there.log_in(password=OTHER))[0] == 303
    async with engine.connect() as connection:
        rows = (await connection.execute(text("select who, action from audit order by id"))).all()
    assert ("ada", "password") in [tuple(row) for row in rows]


async def test_the_current_password_is_not_guessed_through_that_page(people, site):
    await people.add("ada", PASSWORD, "agent")
    async with browsing(site, "203.0.113.7") as browser:
        await browser.log_in()
        form = {"csrf": csrf_of(browser.cookie("earshot_session")), "new": OTHER, "again": OTHER}
        told = [
            (await browser.post("/password", form | {"password": f"{WRONG} {n}"}))[0]
            for n in range(FREE_GUESSES + 1)
        ]

    assert told == [403] * FREE_GUESSES + [429]


async def test_a_password_that_somebody_else_knows_opens_the_page_that_changes_it_and_no_other(
    people, site
):
    await people.add("ada", PASSWORD, "agent", temporary=True)
    async with browsing(site) as browser:
        assert (await browser.log_in())[0] == 303
        for path in ("/", "/tickets/x%3A1", "/docs", "/monitor", "/people"):
            assert await browser.get(path) == (303, "/password"), path
        for path in ("/v1/tickets", "/v1/stats", "/v1/stream", "/openapi.json", "/_nicegui/x"):
            assert (await browser.get(path, Accept="*/*"))[0] == 403, path
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await browser.session.ws_connect(
                "/_nicegui_ws/socket.io/?EIO=4&transport=websocket",
                origin=str(browser.session._base_url.origin()),
            )
        form = {"csrf": csrf_of(browser.cookie("earshot_session")), "password": PASSWORD}
        assert (await browser.post("/password", form | {"new": OTHER, "again": OTHER}))[0] == 303
        assert (await browser.get("/docs"))[0] == 200
    assert not (await people.find("ada")).must_change_password
    await people.set_password("ada", PASSWORD, temporary=True)
    async with browsing(site) as browser:
        await browser.log_in()
        assert await browser.get("/docs") == (303, "/password")
        csrf = csrf_of(browser.cookie("earshot_session"))
        assert (await browser.post("/logout", {"csrf": csrf}))[0] == 303

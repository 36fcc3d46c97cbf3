"""Logging in over real HTTP: the first user, cookies, forged forms, guesses that are slowed,
sessions that end.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from people import quick_people
from serving import web
from sqlalchemy import text

from stream.accounts import guesses
from stream.accounts.sessions import LONGEST, csrf_of
from stream.postgres.database import open_engine

PASSWORD = "violet ladder seventeen"
PAGE = {"Accept": "text/html"}


@pytest.fixture
async def people(postgres_url):
    engine = open_engine(postgres_url)
    yield quick_people(engine)
    await engine.dispose()


@pytest.fixture
async def site(store, postgres_url) -> AsyncIterator[str]:
    async with web(store, url=postgres_url) as address:
        yield address


@pytest.fixture
async def browser(site) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    async with aiohttp.ClientSession(site, cookie_jar=jar, headers=PAGE) as session:
        yield session


async def log_in(browser, name="ada", password=PASSWORD, **more):
    """(status, where to, headers, page) of a login."""
    return await post(browser, "/login", {"name": name, "password": password} | more)


async def post(browser, path, fields, **headers):
    """As a browser sends a form of the page itself, unless `headers` say otherwise."""
    if "Sec-Fetch-Site" not in headers:
        headers = {"Origin": str(browser._base_url.origin())} | headers
    async with browser.post(
        path, data=fields, allow_redirects=False, headers=PAGE | headers
    ) as answer:
        return answer.status, answer.headers.get("Location"), answer.headers, await answer.text()


async def get(browser, path, **headers):
    async with browser.get(path, allow_redirects=False, headers=PAGE | headers) as answer:
        return answer.status, answer.headers.get("Location"), await answer.text()


async def test_the_code_of_the_first_start_makes_one_admin_once(people, browser):
    assert (await get(browser, "/"))[:2] == (303, "/setup")
    assert (await get(browser, "/login"))[:2] == (303, "/setup")
    code = await people.setup_code()
    fields = {"name": "ada", "password": PASSWORD, "again": PASSWORD}

    wrong = await post(browser, "/setup", fields | {"code": "AAAA-BBBB-CCCC"})
    differs = await post(browser, "/setup", fields | {"code": code, "again": "other"})
    right = await post(browser, "/setup", fields | {"code": code.lower().replace("-", " ")})

    assert (wrong[0], differs[0], right[:2]) == (422, 422, (303, "/"))
    assert "This code is wrong, used or older" in wrong[3]
    assert (await get(browser, "/docs"))[0] == 200
    assert (await people.find("ada")).role == "admin"
    browser.cookie_jar.clear()
    assert (await post(browser, "/setup", fields | {"name": "eve", "code": code}))[0] == 422
    assert (await get(browser, "/setup"))[:2] == (303, "/login")


async def test_a_login_leads_to_the_page_that_was_asked_for_and_never_elsewhere(people, browser):
    await people.add("ada", PASSWORD, "agent")

    assert (await get(browser, "/tickets/x%3A1?a=b"))[:2] == (
        303,
        "/login?next=%2Ftickets%2Fx%3A1%3Fa%3Db",
    )
    assert (
        'value="/tickets/x:1?a=b"'
        in (await get(browser, "/login?next=%2Ftickets%2Fx%3A1%3Fa%3Db"))[2]
    )
    for given, leads in (
        ("/alerts", "/alerts"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ):
        assert (await log_in(browser, next=given))[:2] == (303, leads)
    assert (await get(browser, "/login?next=//evil.example"))[:2] == (303, "/")


async def test_the_cookie_is_kept_from_scripts_and_other_pages_and_behind_https_from_plain_http(
    people, browser, site
):
    await people.add("ada", PASSWORD, "agent")

    plain = (await log_in(browser))[2]["Set-Cookie"]
    async with aiohttp.ClientSession(site) as other:
        answer = await post(
            other, "/login", {"name": "ada", "password": PASSWORD}, **{"X-Forwarded-Proto": "https"}
        )
    secure, always = answer[2]["Set-Cookie"], answer[2]["Strict-Transport-Security"]

    assert re.match(
        r"earshot_session=\S{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax$", plain
    )
    assert re.match(
        r"__Host-earshot_session=\S{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure$",
        secure,
    )
    assert always == "max-age=31536000"


async def test_wrong_passwords_are_slowed_and_tell_nothing(people, browser, monkeypatch):
    left = guesses._seconds_left
    monkeypatch.setattr(guesses, "_seconds_left", lambda beyond, at, now: left(beyond, at, at))
    await people.add("ada", PASSWORD, "agent")

    tried = [await log_in(browser, password=f"guess number {n} of many") for n in range(5)]
    tried.append(await log_in(browser))  # the right one has to wait as well
    nobody = await log_in(browser, name="nobody")

    assert [each[0] for each in tried] == [403] * 5 + [429]
    assert int(tried[-1][2]["Retry-After"]) >= 1
    assert (nobody[0], "The name or the password is wrong" in nobody[3]) == (403, True)
    assert "The name or the password is wrong" in tried[0][3]


async def test_a_form_of_another_page_is_refused(people, browser):
    await people.add("ada", PASSWORD, "agent")
    fields = {"name": "ada", "password": PASSWORD}
    for headers, expected in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 303),
    ):
        assert (await post(browser, "/login", fields, **headers))[0] == expected
    assert (await post(browser, "/logout", {"csrf": "guessed"}))[0] == 403
    assert (await get(browser, "/docs"))[0] == 200


async def test_browsers_are_told_to_name_our_own_pages_to_ourselves(people, browser):
    """With `no-referrer` they send forms of plain http with `Origin: null`, which is refused."""
    async with browser.get("/setup") as answer:
        assert answer.headers["Referrer-Policy"] == "same-origin"
    assert (await post(browser, "/setup", {}, Origin="null"))[0] == 403


async def test_who_logs_out_is_out_at_once(people, browser, postgres_url):
    await people.add("ada", PASSWORD, "agent")
    await log_in(browser)
    assert (await get(browser, "/docs"))[0] == 200
    token = next(iter(browser.cookie_jar)).value

    assert (await post(browser, "/logout", {"csrf": csrf_of(token)}))[:2] == (303, "/login")

    assert (await get(browser, "/docs", Cookie=f"earshot_session={token}"))[0] == 303


async def test_a_session_ends_when_it_is_old_or_its_user_disabled(people, store, postgres_url):
    """Each in a server of its own: a session is remembered for some seconds."""
    await people.add("ada", PASSWORD, "agent")
    await people.add("bob", PASSWORD, "admin")
    engine = open_engine(postgres_url)
    for ending in (
        "update sessions set expires_at = now()",
        "update users set disabled_at = now() where name = 'ada'",
    ):
        async with (
            web(store, url=postgres_url) as address,
            aiohttp.ClientSession(address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        ):
            await log_in(browser)
            async with engine.begin() as connection:
                await connection.execute(text(ending))
            assert (await get(browser, "/docs"))[:2] == (303, "/login?next=%2Fdocs"), ending
    await engine.dispose()


async def test_logins_are_in_the_audit(people, browser, postgres_url):
    await people.add("ada", PASSWORD, "agent")
    await log_in(browser)
    engine = open_engine(postgres_url)
    async with engine.connect() as connection:
        found = (
            await connection.execute(text("select who, action, details from audit order by id"))
        ).all()
    await engine.dispose()

    assert [tuple(row) for row in found] == [("ada", "log in", {"address": "127.0.0.1"})]


def test_sessions_last_twelve_hours_at_most():
    assert timedelta(hours=12) == LONGEST

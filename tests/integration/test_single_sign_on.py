"""Single sign-on against a real, small provider: who it vouches for is in, and no other token is
believed.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc.jwk import RSAKey
from people import quick_people
from servers.openid import CLIENT, SECRET, OpenId
from serving import web

from stream.postgres.database import open_engine
from stream.web.auth.oidc import Client, Provider

PASSWORD = "violet ladder seventeen"
PAGE = {"Accept": "text/html"}


@pytest.fixture
async def provider():
    async with OpenId().running() as running:
        yield running


@pytest.fixture
async def site(store, postgres_url, provider):
    """ada@example.com is an agent."""
    engine = open_engine(postgres_url)
    await quick_people(engine).add("ada@example.com", PASSWORD, "agent")
    await engine.dispose()
    async with web(
        store, url=postgres_url, provider=Provider(Client(provider.issuer, CLIENT, SECRET))
    ) as address:
        yield address


@pytest.fixture
async def browser(site):
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers=PAGE) as session:
        yield session


async def signed_on(browser, site, path="/login/oidc"):
    """(status, path, page) of where the whole way through the provider led."""
    async with browser.get(site + path) as answer:
        return answer.status, answer.url.path, await answer.text()


async def test_who_the_provider_vouches_for_is_logged_in_and_where_they_wanted_to_go(browser, site):
    async with browser.get(f"{site}/docs") as answer:
        assert '<a href="/login/oidc?next=%2Fdocs">Single sign-on</a>' in await answer.text()

    assert (await signed_on(browser, site, "/login/oidc?next=%2Fdocs"))[:2] == (200, "/docs")

    async with browser.get(f"{site}/v1/tickets") as answer:
        assert answer.status == 200
    assert (await signed_on(browser, site, "/login/oidc?next=https://evil.example"))[1] == "/"


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "eve@example.com"},
        {"email_verified": False},
        {"email": None},
        {"aud": "another"},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"nonce": "of another login"},
        {"exp": 1_700_000_000},  # long ago; the clock itself would be in the name of the test
    ],
    ids=str,
)
async def test_what_is_not_meant_for_this_login_logs_nobody_in(browser, site, provider, claims):
    provider.claims = claims

    status, path, page = await signed_on(browser, site)

    assert (status, path) == (403, "/login/oidc/callback")
    assert 'role="alert"' in page
    async with browser.get(f"{site}/v1/tickets") as answer:
        assert answer.status == 401


async def test_a_token_that_somebody_else_signed_is_not_believed_and_new_keys_of_the_provider_are(
    browser, site, provider
):
    assert (await signed_on(browser, site))[0] == 200
    browser.cookie_jar.clear()
    provider.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
    assert (await signed_on(browser, site))[0] == 403

    provider.own = provider.key
    assert (await signed_on(browser, site))[0] == 200


async def test_a_login_that_was_begun_elsewhere_is_not_finished_here(browser, site):
    async with browser.get(f"{site}/login/oidc", allow_redirects=False) as answer:
        begun = answer.headers["Location"]
    state = parse_qs(urlsplit(begun).query)["state"][0]
    async with browser.get(begun, allow_redirects=False) as answer:
        back = answer.headers["Location"]

    for wrong in ("?state=other&code=x", f"?state={state}", "", f"?state={state}&code=made%20up"):
        assert (await signed_on(browser, site, f"/login/oidc/callback{wrong}"))[0] == 403, wrong
    async with aiohttp.ClientSession() as stranger, stranger.get(back) as answer:
        assert answer.status == 403  # without the cookie of who began it


async def test_a_provider_that_is_away_is_one_clear_line(browser, site, provider):
    provider.away = True

    status, _, page = await signed_on(browser, site)

    assert status == 403
    assert "cannot be reached" in page


async def test_a_provider_that_goes_away_during_a_login_is_one_clear_line(browser, site, provider):
    async with browser.get(f"{site}/login/oidc", allow_redirects=False) as answer:
        begun = answer.headers["Location"]
    async with browser.get(begun, allow_redirects=False) as answer:
        back = answer.headers["Location"]
    provider.away = True

    async with browser.get(back) as answer:
        assert answer.status == 403
        assert "did not confirm the login" in await answer.text()

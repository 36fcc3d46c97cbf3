"""What a request tells of where it comes from, as a table."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.requests import HTTPConnection

from stream.web.http.origins import address_of, is_https, is_same_origin, local_path, within


def asked(peer: str = "203.0.113.9", scheme: str = "http", **headers: str) -> HTTPConnection:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "scheme": scheme, "client": (peer, 1), "headers": named})


PROXIES = tuple(map(ip_network, ("10.0.0.0/24", "127.0.0.1/32", "2001:db8:1::/48")))


@pytest.mark.parametrize(
    ("peer", "told", "counted"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("10.0.0.7", None, "10.0.0.7"),
        ("10.0.0.7", "198.51.100.4", "198.51.100.4"),
        ("::ffff:10.0.0.7", "198.51.100.4", "198.51.100.4"),
        ("127.0.0.1", "made up, 198.51.100.4", "198.51.100.4"),  # the last is what our proxy saw
        ("127.0.0.1", "1.2.3.4, 198.51.100.4, 10.0.0.7", "198.51.100.4"),  # two of ours in a row
        ("127.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ("8.8.8.9", "198.51.100.4", "8.8.8.9"),  # no proxy of ours: it may lie
        ("10.0.1.7", "198.51.100.4", "10.0.1.7"),  # not even within our own network
        ("192.168.0.2", "198.51.100.4", "192.168.0.2"),
        ("::1", "198.51.100.4", "::1"),
        ("10.0.0.7", "not an address", "10.0.0.7"),
        ("10.0.0.7", "198.51.100.4, not an address", "10.0.0.7"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("2001:db8:1::5", "2001:db8::5", "2001:db8::5"),
        ("unix socket", "198.51.100.4", "unix socket"),
    ],
)
def test_guesses_are_counted_by_who_a_proxy_of_the_settings_saw(peer, told, counted):
    connection = asked(peer, **({} if told is None else {"x_forwarded_for": told}))

    assert address_of(connection, PROXIES) == counted
    assert address_of(connection) == peer


def test_several_headers_of_forwarding_are_one():
    named = [(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-for", b"198.51.100.4")]
    scope = {"type": "http", "scheme": "http", "client": ("10.0.0.7", 1), "headers": named}

    assert address_of(HTTPConnection(scope), PROXIES) == "198.51.100.4"


@pytest.mark.parametrize(
    ("headers", "base_url", "ours"),
    [
        ({"sec_fetch_site": "same-origin"}, None, True),
        ({"sec_fetch_site": "none"}, None, True),
        ({"sec_fetch_site": "same-site"}, None, False),
        (
            {"sec_fetch_site": "cross-site", "origin": "http://desk:8080", "host": "desk:8080"},
            None,
            False,
        ),
        ({"origin": "http://desk:8080", "host": "desk:8080"}, None, True),
        ({"origin": "http://DESK:8080", "host": "desk:8080"}, None, True),
        ({"origin": "http://desk", "host": "desk:8080"}, None, False),
        ({"origin": "null", "host": "desk:8080"}, None, False),
        (
            {"origin": "https://desk.example", "host": "web:8080"},
            "https://desk.example/earshot",
            True,
        ),
        ({"origin": "https://evil.example", "host": "web:8080"}, "https://desk.example", False),
        ({"host": "desk:8080"}, None, False),
    ],
)
def test_our_own_page_is_known_by_what_only_browsers_can_say(headers, base_url, ours):
    assert is_same_origin(asked(**headers), base_url) is ours


def test_https_is_ours_or_the_proxys_or_what_the_settings_say():
    assert not is_https(asked())
    assert is_https(asked(scheme="https"))
    assert is_https(asked(x_forwarded_proto="https, http"))
    assert is_https(asked(), "https://desk.example")
    assert not is_https(asked(x_forwarded_proto="http"), "http://desk.example")


@pytest.mark.parametrize(
    ("given", "led"),
    [
        ("/tickets/x:1?a=b", "/tickets/x:1?a=b"),
        ("", "/"),
        ("tickets", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("/ä", "/"),
    ],
)
def test_a_login_leads_to_a_path_of_ours_and_nowhere_else(given, led):
    assert local_path(given) == led


def test_a_path_is_itself_and_one_that_ends_with_a_slash_all_beneath_it():
    assert within("/login", ("/login",))
    assert not within("/login/x", ("/login",))
    assert within("/v1/tickets", ("/v1/",))
    assert within("/", ("/",))
    assert not within("/tickets", ("/",))

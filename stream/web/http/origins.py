"""What a request tells of where it comes from: https or not, our own page or another's, the address
of who asks.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

COOKIE = "earshot_session"
# a browser takes a cookie of this name over https alone, and from the host itself
SECURE_COOKIE = "__Host-earshot_session"


def is_https(connection: HTTPConnection, base_url: str | None = None) -> bool:
    """Over TLS, ours or a proxy's. Who lies about the proxy harms their own cookie alone."""
    told = connection.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    scheme = connection.scope.get("scheme")
    return scheme in ("https", "wss") or told == "https" or (base_url or "").startswith("https://")


def is_same_origin(
    connection: HTTPConnection, base_url: str | None = None, *, unknown: bool = False
) -> bool:
    """Whether our own page asks. unknown: the answer for what is no browser, which tells neither
    header.

    Browsers set both headers themselves; no page can change them. (OWASP, Cross-Site Request
    Forgery Prevention.)
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = connection.headers.get("origin")
    if origin is None:
        return unknown
    hosts = {
        connection.headers.get("host", "").lower(),
        urlsplit(base_url or "").netloc.lower(),
    } - {""}
    return urlsplit(origin).netloc.lower() in hosts


def address_of(connection: HTTPConnection) -> str:
    """Whose guesses are counted: the other end; behind a proxy of the same network, who the proxy
    says it was.
    """
    peer = connection.client.host if connection.client else ""
    told = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return str(ip_address(told)) if told and ip_address(peer).is_private else peer
    except ValueError:
        return peer


def local_path(given: str) -> str:
    """`given` where it is a path of ours; else "/": a login must lead nobody elsewhere."""
    plain = given.isascii() and given.isprintable() and "\\" not in given
    return given if plain and given.startswith("/") and not given.startswith("//") else "/"


def within(path: str, given: Collection[str]) -> bool:
    """Is the path one of these? `/x` is that path alone; `/x/` is all that begins so."""
    return any(
        path == each or (each != "/" and each.endswith("/") and path.startswith(each))
        for each in given
    )

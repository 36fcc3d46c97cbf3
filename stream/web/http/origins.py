"""Origin of a request: https or not, our own page or another site's, and the client's address."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

COOKIE = "earshot_session"
# a browser takes a cookie of this name over https alone, and from the host itself
SECURE_COOKIE = "__Host-earshot_session"


def is_https(connection: HTTPConnection, base_url: str | None = None) -> bool:
    """Over TLS, ours or a proxy's. A false header harms its own sender's cookie alone."""
    forwarded = connection.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    scheme = connection.scope.get("scheme")
    return (
        scheme in ("https", "wss")
        or forwarded == "https"
        or (base_url or "").startswith("https://")
    )


def is_same_origin(
    connection: HTTPConnection, base_url: str | None = None, *, unknown: bool = False
) -> bool:
    """Whether our own page sent the request. unknown: the answer where both headers are missing.

    No browser omits both.

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
    """The client's address: the peer's, or behind a proxy of the same network the forwarded one."""
    peer = connection.client.host if connection.client else ""
    forwarded = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return str(ip_address(forwarded)) if forwarded and ip_address(peer).is_private else peer
    except ValueError:
        return peer


def local_path(path: str) -> str:
    """`path` where it is one of ours; else "/": a login must not lead to another site."""
    is_plain = path.isascii() and path.isprintable() and "\\" not in path
    is_ours = is_plain and path.startswith("/") and not path.startswith("//")
    return path if is_ours else "/"


def within(path: str, patterns: Collection[str]) -> bool:
    """Is the path one of these? `/x` is that path alone; `/x/` is every path that begins so."""
    if path in patterns:
        return True
    prefixes = tuple(pattern for pattern in patterns if pattern != "/" and pattern.endswith("/"))
    return path.startswith(prefixes)

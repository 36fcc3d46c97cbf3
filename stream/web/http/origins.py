"""Origin of a request: https or not, our own page or another site's, and the client's address."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

Network = IPv4Network | IPv6Network

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


def peer_of(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def is_trusted(address: str, proxies: Collection[Network]) -> bool:
    """Whether it is one of the proxies that the settings name."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return any(known in network for network in proxies)


def address_of(connection: HTTPConnection, proxies: Collection[Network] = ()) -> str:
    """The client's address: the peer's, or what the last of the trusted proxies saw.

    Each of them adds whom it saw to the end of `X-Forwarded-For`; what stands before that anybody
    may have written.
    """
    address = peer_of(connection)
    seen = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    while seen and is_trusted(address, proxies):
        try:
            address = str(ip_address(seen.pop().strip()))
        except ValueError:
            break
    return address


def is_forwarded_by_stranger(connection: HTTPConnection, proxies: Collection[Network]) -> bool:
    """Whether a request from our own network was forwarded, by a proxy that nobody named."""
    peer = peer_of(connection)
    if "x-forwarded-for" not in connection.headers or is_trusted(peer, proxies):
        return False
    try:
        return ip_address(peer).is_private
    except ValueError:
        return False


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

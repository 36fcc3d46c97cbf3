"""Guard of configured addresses: connections go to public ones, unless private ones are allowed."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import aiohttp

# An IPv4 address in the last 32 bits: compatible (RFC 4291), translated (RFC 2765, RFC 6052).
_WRAPPING = (IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b::/96"))
_ISATAP = (0x00005EFE, 0x02005EFE)  # in the 32 bits before those (RFC 5214)
# Nobody's in public, and public to some versions of Python.
_OURS = (
    IPv4Network("192.0.0.0/24"),  # of protocols (RFC 6890)
    IPv6Network("fec0::/10"),  # site-local (RFC 3879)
    IPv6Network("64:ff9b:1::/48"),  # a network's own translation (RFC 8215)
    IPv6Network("3fff::/20"),  # of books (RFC 9637)
    IPv6Network("5f00::/16"),  # of segments within a network (RFC 9602)
)


class PrivateAddress(OSError):
    """The address leads into a private network."""

    def __init__(self, address: str) -> None:
        super().__init__(
            errno.EACCES,
            f"{address} is a private address; "
            "set EARSHOT_ALLOW_PRIVATE_ADDRESSES=true to allow such",
        )


def is_public(address: str) -> bool:
    """Does an IP address (no name) lie in the public internet, also one within an IPv6 address?"""
    ip = ip_address(address.partition("%")[0])
    if not ip.is_global or ip.is_multicast or any(ip in network for network in _OURS):
        return False
    return all(inner.is_global and not inner.is_multicast for inner in _wrapped(ip))


def _wrapped(ip: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(ip, IPv4Address):
        return []
    inner = [ip.ipv4_mapped, ip.sixtofour, ip.teredo[1] if ip.teredo else None]
    is_isatap = int(ip) >> 32 & 0xFFFFFFFF in _ISATAP
    if is_isatap or any(ip in network for network in _WRAPPING):
        inner.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return [address for address in inner if address is not None]


def connector(*, allow_private: bool) -> aiohttp.TCPConnector:
    """A connector for one aiohttp session. It judges the address that is connected to, whatever
    name, redirect or changed answer of the name server led there; refused, a request raises
    aiohttp.ClientConnectorError.
    """
    return aiohttp.TCPConnector(socket_factory=_any_socket if allow_private else _public_socket)


def connected(host: str, port: int, seconds: float | None) -> socket.socket:
    """A connection to a public address of the host, for a library that knows no `connector`. What
    the name server says now counts, whatever it said before. Raises PrivateAddress and OSError.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    last: OSError = OSError(errno.EADDRNOTAVAIL, f"{host} has no address")
    for info in addresses:
        connection = _public_socket(info)
        try:
            connection.settimeout(seconds)
            connection.connect(info[4])
            return connection
        except OSError as error:
            connection.close()
            last = error
    raise last


def refused(error: BaseException) -> bool:
    """Was it the guard that broke this connection? Trying again will not help then."""
    os_error = getattr(error, "os_error", error)
    return isinstance(os_error, PrivateAddress) or "is a private address" in str(os_error)


def _any_socket(info: Any) -> socket.socket:
    family, kind, protocol, *_ = info
    return socket.socket(family, kind, protocol)


def _public_socket(info: Any) -> socket.socket:
    address = str(info[4][0])
    if not is_public(address):
        raise PrivateAddress(address)
    return _any_socket(info)

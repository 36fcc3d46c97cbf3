"""Guard of configured addresses: connections go to public ones, unless private ones are allowed."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import aiohttp

_COMPATIBLE = IPv6Network("::/96")  # an IPv4 address in its last 32 bits (RFC 4291, 2.5.5.1)
_TRANSLATED = IPv6Network("64:ff9b::/96")  # the same, for NAT64 (RFC 6052)
_SITE_LOCAL = IPv6Network("fec0::/10")  # deprecated, and still nobody's in public (RFC 3879)


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
    if not ip.is_global or ip.is_multicast or ip in _SITE_LOCAL:
        return False
    return all(inner.is_global and not inner.is_multicast for inner in _wrapped(ip))


def _wrapped(ip: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(ip, IPv4Address):
        return []
    inner = [ip.ipv4_mapped, ip.sixtofour, ip.teredo[1] if ip.teredo else None]
    if ip in _COMPATIBLE or ip in _TRANSLATED:
        inner.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return [address for address in inner if address is not None]


def connector(*, allow_private: bool) -> aiohttp.TCPConnector:
    """A connector for one aiohttp session. It judges the address that is connected to, whatever
    name, redirect or changed answer of the name server led there; refused, a request raises
    aiohttp.ClientConnectorError.
    """
    return aiohttp.TCPConnector(socket_factory=_any_socket if allow_private else _public_socket)


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

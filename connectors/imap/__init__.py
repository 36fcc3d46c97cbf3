"""IMAP: the mail of a mailbox that complaints are sent to. It is only read: nothing is marked,
moved or deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from connectors.base import ConnectorError, LiveSource


def open_sources(
    host: str | None,
    username: str | None,
    password: str | None,
    *,
    port: int | None,
    encryption: str,
    mailbox: str,
    days: int,
    poll_seconds: float,
    brand: str | None,
    told: Callable[[str], None],
) -> list[LiveSource]:
    """Every message of the mailbox. days: how far back the first reading goes. Raises
    ConnectorError.
    """
    from connectors.imap.client import PORTS, Account
    from connectors.imap.source import Mails

    if not host:
        raise ConnectorError(
            "IMAP: set EARSHOT_IMAP_HOST to your mail server, such as imap.example.com"
        )
    if not username or not password:
        raise ConnectorError(
            "IMAP: set EARSHOT_IMAP_USERNAME and EARSHOT_IMAP_PASSWORD (an app password)"
        )
    if encryption == "none" and not _is_here(host):
        raise ConnectorError(
            f"IMAP: a password is not sent to {host} without encryption; "
            "EARSHOT_IMAP_ENCRYPTION=none is for a server on this machine"
        )
    account = Account(host, port or PORTS[encryption], encryption, username, password, mailbox)
    return [Mails(account, brand=brand, days=days, poll_seconds=poll_seconds, told=told)]


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

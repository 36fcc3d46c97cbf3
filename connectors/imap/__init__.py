"""IMAP: the mail of a mailbox that complaints are sent to, read and never changed."""

from __future__ import annotations

from ipaddress import ip_address
from typing import ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import ConnectorError, LiveSource
from connectors.network import Context, ListenQuery, Network, reveal


class ImapNetwork(Network):
    """A mailbox on the operator's own mail server, which may lie in a private network."""

    model_config = SettingsConfigDict(env_prefix="EARSHOT_IMAP_")
    is_filtered: ClassVar[bool] = False

    host: str | None = Field(
        None, description="the mail server of a mailbox that complaints are sent to"
    )
    port: int | None = Field(
        None, ge=1, le=65535, description="its port; unset: 993, or 143 without tls"
    )
    encryption: Literal["tls", "starttls", "none"] = Field(
        "tls",
        description="how the connection is encrypted; none: only to a server on this machine",
    )
    username: str | None = Field(
        None, description="the user who logs in; mail from this address is no complaint"
    )
    password: SecretStr | None = Field(None, description="the password, or an app password")
    mailbox: str = Field(
        "INBOX", min_length=1, description="the mailbox; it is read, never changed"
    )
    days: int = Field(
        0, ge=0, le=3650, description="days of older mail that the first reading takes in"
    )

    def open_sources(self, query: ListenQuery, context: Context) -> list[LiveSource]:
        """Every message of the mailbox: people who write there mean the brand."""
        from connectors.imap.client import PORTS, Account
        from connectors.imap.source import Mails

        if query.keywords or query.handles:
            raise ConnectorError("a mailbox is read whole: leave --keyword and --handle out")
        if not self.host:
            raise ConnectorError(
                "IMAP: set EARSHOT_IMAP_HOST to your mail server, such as imap.example.com"
            )
        password = reveal(self.password)
        if not self.username or not password:
            raise ConnectorError(
                "IMAP: set EARSHOT_IMAP_USERNAME and EARSHOT_IMAP_PASSWORD (an app password)"
            )
        if self.encryption == "none" and not _is_loopback(self.host):
            raise ConnectorError(
                f"IMAP: a password is not sent to {self.host} without encryption; "
                "EARSHOT_IMAP_ENCRYPTION=none is for a server on this machine"
            )
        port = self.port or PORTS[self.encryption]
        account = Account(self.host, port, self.encryption, self.username, password, self.mailbox)
        return [Mails(account, brand=query.brand, days=self.days, on_line=context.on_line)]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

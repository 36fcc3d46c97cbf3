"""E-mail over SMTP: text and HTML, everything from outside escaped, one Message-ID a message."""

from __future__ import annotations

import asyncio
import hashlib
import html
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Literal

from connectors import guard
from connectors.base import NotSent, SentUnknown
from connectors.notices import (
    Notice,
    Sink,
    SinkError,
    one_line,
    only_known,
    plain,
    shortened,
    text_option,
)
from connectors.posting import SECONDS, SOON

Encryption = Literal["starttls", "tls", "none"]

_PORTS: dict[str, int] = {"starttls": 587, "tls": 465, "none": 25}
_OPTIONS = {"to", "sender", "host", "port", "encryption", "username", "password"}
_PART_LIMIT = 100


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The mail server that takes the message: the operator's own, often in a private network.

    only_public: somebody else named it, and it must not lie in one.
    """

    host: str
    port: int
    encryption: Encryption
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    only_public: bool = False


class _PublicSmtp(smtplib.SMTP):
    """Judges the address that is connected to, each time."""

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        return guard.connected(host, port, timeout)


class _PublicSmtpOverTls(smtplib.SMTP_SSL, _PublicSmtp):
    """The same, within TLS."""


def open_sink(name: str, options: Mapping[str, Any], *, allow_private: bool) -> Sink:
    """options: to (a list of addresses), sender, host; port, encryption (starttls, tls or none),
    username, password.

    Raises SinkError.
    """
    only_known(options, _OPTIONS, name)
    encryption = options.get("encryption", "starttls")
    if encryption not in _PORTS:
        raise SinkError(f"the sink {name}: encryption is one of {', '.join(_PORTS)}")
    port = options.get("port", _PORTS[encryption])
    if not isinstance(port, int) or not 0 < port < 65536:
        raise SinkError(f"the sink {name}: port is a number from 1 to 65535")
    username, password = options.get("username"), options.get("password")
    if (username is None) != (password is None):
        raise SinkError(f"the sink {name}: username and password go together")
    if password is not None and encryption == "none":
        raise SinkError(f"the sink {name}: a password is not sent without encryption")
    server = SmtpServer(text_option(options, "host", name), port, encryption, username, password)
    addresses = options.get("to")
    if not isinstance(addresses, list) or not addresses:
        raise SinkError(f"the sink {name} needs `to`, a list of addresses")
    to = [_address(address, name) for address in addresses]
    return Email(name, server, _address(text_option(options, "sender", name), name), to)


class Email:
    """A server that has taken a message may still lose its answer; it is then sent again, with the
    same Message-ID.
    """

    def __init__(self, name: str, server: SmtpServer, sender: str, to: Sequence[str]) -> None:
        self.name = name
        self._server = server
        self._sender = sender
        self._to = to

    async def send(self, notice: Notice) -> str:
        message = mail(shortened(notice, _PART_LIMIT), self._sender, self._to)
        return await asyncio.to_thread(self._hand_in, message)

    async def close(self) -> None: ...

    def over_public_addresses(self) -> Email:
        """The same, of a server that must not lie in a private network."""
        server = replace(self._server, only_public=True)
        return Email(self.name, server, self._sender, self._to)

    def _hand_in(self, message: EmailMessage) -> str:
        server, handed_in = self._server, False
        refused: Mapping[str, object] | None = None
        try:
            with self._connected() as smtp:
                self._log_in(smtp)
                handed_in = True
                refused = smtp.send_message(message, self._sender, list(self._to))
        except smtplib.SMTPRecipientsRefused as error:
            raise self._not_sent(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPResponseException as error:
            if refused is None:
                raise self._not_sent(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            raise NotSent(
                f"{self.name}: {server.host} offers no STARTTLS or no login; see `encryption`"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise NotSent(f"{self.name}: {server.host}: {error.verify_message}") from None
        except (smtplib.SMTPException, OSError) as error:
            if refused is not None:
                return self._summary(refused)
            if handed_in:
                raise SentUnknown(
                    f"{self.name}: {server.host} broke off ({type(error).__name__})"
                ) from None
            if guard.refused(error):
                raise NotSent(f"{self.name}: {error.args[-1]}") from None
            reason = one_line(str(error), 200)
            raise NotSent(
                f"{self.name}: {server.host}:{server.port}: {reason}", retry_after=SOON
            ) from None
        return self._summary(refused or {})

    def _summary(self, refused: Mapping[str, object]) -> str:
        counts = f"taken for {len(self._to) - len(refused)} of {len(self._to)}"
        return f"{counts}; refused: {', '.join(refused)}" if refused else counts

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.encryption == "tls":
            context = ssl.create_default_context()
            over_tls = _PublicSmtpOverTls if server.only_public else smtplib.SMTP_SSL
            return over_tls(server.host, server.port, timeout=SECONDS, context=context)
        plain_smtp = _PublicSmtp if server.only_public else smtplib.SMTP
        return plain_smtp(server.host, server.port, timeout=SECONDS)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        if server.encryption == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if server.username is not None and server.password is not None:
            smtp.login(server.username, server.password)

    def _not_sent(self, code: int, answer: bytes | str) -> NotSent:
        words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        message = f"{self.name}: {self._server.host} answered {code}: {one_line(words, 200)}"
        return NotSent(message, retry_after=SOON if 400 <= code < 500 or code == -1 else None)


def mail(notice: Notice, sender: str, to: Sequence[str]) -> EmailMessage:
    """The message. The end of an alert answers its beginning, so that both stand together."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message = EmailMessage()
    message["Subject"] = one_line(f"[earshot] {notice.headline}", 200)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(notice.at)
    message["Message-ID"] = _message_id(notice.id, domain)
    if notice.kind == "recovered":
        first = _message_id(f"{notice.alert}/raised", domain)
        message["In-Reply-To"] = first
        message["References"] = first
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(plain(notice))
    message.add_alternative(_html(notice), subtype="html")
    return message


def _message_id(id: str, domain: str) -> str:
    return f"<{hashlib.sha256(id.encode()).hexdigest()[:40]}@{domain}>"


def _html(notice: Notice) -> str:
    facts = "".join(
        f"<tr><td>{_escaped(name)}</td><td>{_escaped(value)}</td></tr>"
        for name, value in notice.facts
    )
    quotes = "".join(f"<blockquote>{_escaped(quote)}</blockquote>" for quote in notice.quotes[:3])
    parts = "".join(f"<li>{_linked(part.headline, part.link)}</li>" for part in notice.parts)
    link = f"<p>{_linked('Open in earshot', notice.link)}</p>" if notice.link else ""
    head = f"<h3>{_escaped(notice.headline)}</h3><table>{facts}</table>"
    return f"<html><body>{head}{quotes}<ul>{parts}</ul>{link}</body></html>"


def _linked(text: str, link: str | None) -> str:
    label = _escaped(text, 300)
    return f'<a href="{html.escape(link, quote=True)}">{label}</a>' if link else label


def _escaped(text: str, longest: int = 600) -> str:
    return html.escape(one_line(text, longest))


def _address(option: object, sink: str) -> str:
    address = parseaddr(option)[1] if isinstance(option, str) else ""
    if "@" not in address or not address.isprintable() or " " in address:
        raise SinkError(f"the sink {sink}: {option!r} is no e-mail address")
    return address

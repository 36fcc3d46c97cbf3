"""E-mail over SMTP: text and HTML, everything from outside escaped, one Message-ID for one message."""

from __future__ import annotations

import asyncio
import hashlib
import html
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Literal

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
_MOST_PARTS = 100


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. It is the operator's own: a relay in the private network is the
    usual case.
    """

    host: str
    port: int
    encryption: Encryption
    username: str | None = None
    password: str | None = field(default=None, repr=False)


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
    server = Server(text_option(options, "host", name), port, encryption, username, password)
    given = options.get("to")
    to = [_address(each, name) for each in given] if isinstance(given, list) and given else None
    if to is None:
        raise SinkError(f"the sink {name} needs `to`, a list of addresses")
    return Email(name, server, _address(text_option(options, "sender", name), name), to)


class Email:
    """A server that has taken a message may still lose its answer; it is then sent again, with the
    same Message-ID.
    """

    def __init__(self, name: str, server: Server, sender: str, to: Sequence[str]) -> None:
        self.name = name
        self._server = server
        self._sender = sender
        self._to = to

    async def send(self, notice: Notice) -> str:
        message = mail(shortened(notice, _MOST_PARTS), self._sender, self._to)
        return await asyncio.to_thread(self._hand_in, message)

    async def close(self) -> None: ...

    def _hand_in(self, message: EmailMessage) -> str:
        server, handed_in = self._server, False
        refused: Mapping[str, object] | None = None
        try:
            with self._connected() as smtp:
                if server.encryption == "starttls":
                    smtp.starttls(context=ssl.create_default_context())
                if server.username is not None and server.password is not None:
                    smtp.login(server.username, server.password)
                handed_in = True
                refused = smtp.send_message(message, self._sender, list(self._to))
        except smtplib.SMTPRecipientsRefused as error:
            raise self._not_sent(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPResponseException as error:
            if refused is None:
                raise self._not_sent(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            told = f"{self.name}: {server.host} offers no STARTTLS or no login; see `encryption`"
            raise NotSent(told) from None
        except ssl.SSLCertVerificationError as error:
            raise NotSent(f"{self.name}: {server.host}: {error.verify_message}") from None
        except (smtplib.SMTPException, OSError) as error:
            if refused is not None:
                return self._taken(refused)
            if handed_in:
                raise SentUnknown(
                    f"{self.name}: {server.host} broke off ({type(error).__name__})"
                ) from None
            why = one_line(str(error), 200)
            raise NotSent(
                f"{self.name}: {server.host}:{server.port}: {why}", retry_after=SOON
            ) from None
        return self._taken(refused or {})

    def _taken(self, refused: Mapping[str, object]) -> str:
        told = f"taken for {len(self._to) - len(refused)} of {len(self._to)}"
        return f"{told}; refused: {', '.join(refused)}" if refused else told

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.encryption == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=context)
        return smtplib.SMTP(server.host, server.port, timeout=SECONDS)

    def _not_sent(self, code: int, said: bytes | str) -> NotSent:
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        told = f"{self.name}: {self._server.host} answered {code}: {one_line(words, 200)}"
        return NotSent(told, retry_after=SOON if 400 <= code < 500 or code == -1 else None)


def mail(notice: Notice, sender: str, to: Sequence[str]) -> EmailMessage:
    """The message. What tells that it is over answers what told that it began, so that both stand
    together.
    """
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
    def shown(text: str) -> str:
        return html.escape(one_line(text, 600))

    facts = "".join(
        f"<tr><td>{shown(name)}</td><td>{shown(value)}</td></tr>" for name, value in notice.facts
    )
    quotes = "".join(f"<blockquote>{shown(quote)}</blockquote>" for quote in notice.quotes[:3])
    parts = "".join(f"<li>{_linked(part.headline, part.link)}</li>" for part in notice.parts)
    link = f"<p>{_linked('Open in earshot', notice.link)}</p>" if notice.link else ""
    head = f"<h3>{shown(notice.headline)}</h3><table>{facts}</table>"
    return f"<html><body>{head}{quotes}<ul>{parts}</ul>{link}</body></html>"


def _linked(text: str, link: str | None) -> str:
    shown = html.escape(one_line(text, 300))
    return f'<a href="{html.escape(link, quote=True)}">{shown}</a>' if link else shown


def _address(given: object, sink: str) -> str:
    address = parseaddr(given)[1] if isinstance(given, str) else ""
    if "@" not in address or not address.isprintable() or " " in address:
        raise SinkError(f"the sink {sink}: {given!r} is no e-mail address")
    return address

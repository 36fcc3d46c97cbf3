"""One mailbox on an IMAP server, asked with the standard library. Every method blocks: call it in a
thread.
"""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

PORTS = {"tls": 993, "starttls": 143, "none": 143}
MOST = 2**20  # bytes of a message that are read: texts come first, what is cut off is attachments
_SECONDS = 30.0  # without an answer, until the server is taken for dead
_MORE = 2**16  # bytes that a server may send beside what was asked for
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# RFC 5530: it may work another time. Whatever else a login is refused for has to be put right by a
# person.
_PASSING = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")


@dataclass(frozen=True, slots=True)
class Account:
    """Where a mailbox is, and who reads it. The server is the operator's own; it may lie in a
    private network.
    """

    host: str
    port: int
    encryption: str  # tls, starttls or none
    username: str
    password: str = field(repr=False)
    mailbox: str = "INBOX"

    @property
    def name(self) -> str:
        return f"{self.username}@{self.host}/{self.mailbox}"


class Away(Exception):
    """The connection broke, or the server cannot now; it may work another time."""


class Refused(Exception):
    """The server says no, and will say so again; the text says to what."""


class Letter(NamedTuple):
    """A message as the server holds it. raw: its first MOST bytes; received: when the mailbox got
    it, in UTC.
    """

    uid: int
    raw: bytes
    received: datetime


class Mailbox:
    """A connection to one mailbox, opened to be read alone: the server itself then lets nothing be
    marked.

    Raises Away and Refused. uidvalidity: numbers of another one name other messages.
    """

    def __init__(self, account: Account, *, seconds: float = _SECONDS) -> None:
        self._account = account
        self.uidvalidity = 0
        with _translated("the connection"):
            self._server = _connected(account, seconds)
        try:
            if account.encryption == "starttls":
                with _translated("STARTTLS"):
                    self._server.starttls(ssl.create_default_context())
            self._log_in()
            self._open()
        except BaseException:
            self.close()
            raise

    def news(self, after: int) -> list[int]:
        """The numbers of the messages above `after`, in their order."""
        self._done("NOOP")  # also the sign of life that keeps a server from saying goodbye
        return [
            uid for uid in self._search("UID", f"{after + 1}:*") if uid > after
        ]  # `*` is the last one in any case

    def since(self, day: date) -> list[int]:
        """The numbers of the messages that the mailbox got on this day or later, by the server's
        own calendar.
        """
        return self._search("SINCE", f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}")

    def last(self) -> int:
        """The number of the last message; 0 of an empty mailbox."""
        return max(self._search("UID", "*"), default=0)

    def fetch(self, uid: int) -> Letter | None:
        """The message of this number; None where it has been deleted meanwhile."""
        told = self._done("FETCH", str(uid), f"(UID INTERNALDATE BODY.PEEK[]<0.{MOST}>)")
        for at, part in enumerate(told):
            if not isinstance(part, tuple) or len(part) < 2:
                continue
            after = told[at + 1] if at + 1 < len(told) and isinstance(told[at + 1], bytes) else b""
            said = part[0] + b" " + after
            if re.search(rb"\bUID %d\b" % uid, said):
                return Letter(uid, part[1], _received(said))
        return None

    def close(self) -> None:
        """Also from another thread: whoever waits for an answer then gets Away."""
        with suppress(OSError):
            self._server.sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError, ValueError):
            self._server.shutdown()

    def _log_in(self) -> None:
        try:
            with _translated("logging in"):
                self._server.login(_in_quotes(self._account.username), self._account.password)
        except UnicodeEncodeError:
            raise Refused(
                "logging in: user and password must be ASCII; make an app password"
            ) from None

    def _open(self) -> None:
        with _translated("EXAMINE"):
            kind, said = self._server.select(_written(self._account.mailbox), readonly=True)
            if kind != "OK":
                raise _refusal("EXAMINE", said[-1])
            _, told = self._server.response("UIDVALIDITY")
        number = told[-1] if told else None
        self.uidvalidity = int(number) if isinstance(number, bytes) and number.isdigit() else 0

    def _search(self, *words: str) -> list[int]:
        told = self._done("SEARCH", *words)
        return sorted(
            {
                int(word)
                for part in told
                if isinstance(part, bytes)
                for word in part.split()
                if word.isdigit()
            }
        )

    def _done(self, command: str, *words: str) -> list[Any]:
        with _translated(command):
            kind, told = (
                self._server.noop() if command == "NOOP" else self._server.uid(command, *words)
            )
            if kind != "OK":
                raise _refusal(command, told[-1] if told else b"")
            return list(told or [])


class _Bounded(imaplib.IMAP4):
    """A server that announces more bytes than were asked for is not believed: they would all be
    held in memory.
    """

    def read(self, size: int) -> bytes:
        if size > MOST + _MORE:
            raise self.abort(f"it announces {size:,} bytes")
        return super().read(size)


class _BoundedTls(imaplib.IMAP4_SSL):
    def read(self, size: int) -> bytes:
        if size > MOST + _MORE:
            raise self.abort(f"it announces {size:,} bytes")
        return super().read(size)


def _connected(account: Account, seconds: float) -> imaplib.IMAP4:
    if account.encryption == "tls":
        return _BoundedTls(
            account.host, account.port, ssl_context=ssl.create_default_context(), timeout=seconds
        )
    return _Bounded(account.host, account.port, timeout=seconds)


class _translated:
    """imaplib's and the socket's errors as Away and Refused, without a word of what a message said."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            raise Refused(f"{self._doing}: {error.verify_message}") from None
        if isinstance(error, imaplib.IMAP4.abort):
            raise Away(f"{self._doing}: the server broke off") from None
        if isinstance(error, imaplib.IMAP4.error):
            raise _refusal(self._doing, str(error).encode()) from None
        if isinstance(error, ValueError) and not isinstance(
            error, UnicodeError
        ):  # it was closed while it was read
            raise Away(f"{self._doing}: the connection was closed") from None
        if isinstance(error, OSError):
            why = error.strerror or type(error).__name__
            raise Away(f"{self._doing}: {why.lower() if why[:2].istitle() else why}") from None


def _refusal(doing: str, said: object) -> Exception:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    line = " ".join(words.removeprefix("b'").rstrip("'").split())[:200]
    passing = any(f"[{code}" in line.upper() for code in _PASSING)
    return (Away if passing else Refused)(f"{doing}: the server says {line!r}")


def _received(said: bytes) -> datetime:
    """INTERNALDATE of a FETCH; now where the server tells none that can be read."""
    found = re.search(rb'INTERNALDATE "([^"]{1,40})"', said)
    try:
        return (
            parsedate_to_datetime(found[1].decode("ascii").strip()).astimezone(UTC)
            if found
            else datetime.now(UTC)
        )
    except (ValueError, OverflowError, TypeError):
        return datetime.now(UTC)


def _written(mailbox: str) -> str:
    """The mailbox's name as IMAP writes it: modified UTF-7 (RFC 3501, 5.1.3), in quotes."""
    parts = re.split(r"([^\x20-\x7e]+)", mailbox)
    written = [
        f"&{base64.b64encode(part.encode('utf-16-be')).decode().rstrip('=').replace('/', ',')}-"
        if at % 2
        else part.replace("&", "&-")
        for at, part in enumerate(parts)
    ]
    return _in_quotes("".join(written))


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

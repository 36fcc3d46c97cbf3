"""Client of one IMAP mailbox, with the standard library. Every method blocks: use a thread."""

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
from itertools import zip_longest
from typing import Any, NamedTuple

PORTS = {"tls": 993, "starttls": 143, "none": 143}
READ_LIMIT = 2**20  # bytes of a message that are read: texts come first, attachments are cut off
_SECONDS = 30.0  # without an answer, until the server is taken for dead
_MARGIN = 2**16  # bytes that a server may send beside the requested ones
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# RFC 5530: it may work another time. Any other refusal of a login has to be put right by a person.
_PASSING = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox and its login. The server is the operator's own, perhaps in a private network."""

    host: str
    port: int
    encryption: str  # tls, starttls or none
    username: str
    password: str = field(repr=False)
    mailbox: str = "INBOX"

    @property
    def name(self) -> str:
        return f"{self.username}@{self.host}/{self.mailbox}"


class ServerAway(Exception):
    """The connection broke, or the server cannot now; it may work another time."""


class CommandRefused(Exception):
    """The server refuses a command, and will again; the text names the command."""


class RawMail(NamedTuple):
    """A message as the server holds it. raw: its first READ_LIMIT bytes. received: in UTC, by the
    mailbox's clock.
    """

    uid: int
    raw: bytes
    received: datetime


class Mailbox:
    """A connection to one mailbox, opened read-only: the server itself lets nothing be marked.

    uidvalidity: with another one, numbers mean other messages. seconds: without an answer, until
    the server is taken for dead. Raises ServerAway and CommandRefused.
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
        uids = self._search("UID", f"{after + 1}:*")
        return [uid for uid in uids if uid > after]  # `*` is the last message in any case

    def since(self, day: date) -> list[int]:
        """The numbers of the messages of this day or later, by the server's own calendar."""
        return self._search("SINCE", f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}")

    def last(self) -> int:
        """The number of the last message; 0 of an empty mailbox."""
        return max(self._search("UID", "*"), default=0)

    def fetch(self, uid: int) -> RawMail | None:
        """The message of this number; None where it has been deleted meanwhile."""
        parts = self._done("FETCH", str(uid), f"(UID INTERNALDATE BODY.PEEK[]<0.{READ_LIMIT}>)")
        for part, after in zip_longest(parts, parts[1:]):
            if not isinstance(part, tuple) or len(part) < 2:
                continue
            head = part[0] + b" " + (after if isinstance(after, bytes) else b"")
            if re.search(rb"\bUID %d\b" % uid, head):
                return RawMail(uid, part[1], _received(head))
        return None

    def close(self) -> None:
        """Also from another thread: a waiting call then raises ServerAway."""
        with suppress(OSError):
            self._server.sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError, ValueError):
            self._server.shutdown()

    def _log_in(self) -> None:
        try:
            with _translated("logging in"):
                self._server.login(_in_quotes(self._account.username), self._account.password)
        except UnicodeEncodeError:
            raise CommandRefused(
                "logging in: user and password must be ASCII; make an app password"
            ) from None

    def _open(self) -> None:
        with _translated("EXAMINE"):
            kind, answer = self._server.select(_encoded(self._account.mailbox), readonly=True)
            if kind != "OK":
                raise _refusal("EXAMINE", answer[-1])
            _, numbers = self._server.response("UIDVALIDITY")
        number = numbers[-1] if numbers else None
        self.uidvalidity = int(number) if isinstance(number, bytes) and number.isdigit() else 0

    def _search(self, *words: str) -> list[int]:
        uids: set[int] = set()
        for part in self._done("SEARCH", *words):
            if isinstance(part, bytes):
                uids |= {int(word) for word in part.split() if word.isdigit()}
        return sorted(uids)

    def _done(self, command: str, *words: str) -> list[Any]:
        with _translated(command):
            if command == "NOOP":
                kind, answer = self._server.noop()
            else:
                kind, answer = self._server.uid(command, *words)
            if kind != "OK":
                raise _refusal(command, answer[-1] if answer else b"")
            return list(answer or [])


class _Bounded(imaplib.IMAP4):
    """A server that announces more bytes than requested is refused: all would lie in memory."""

    def read(self, size: int) -> bytes:
        if size > READ_LIMIT + _MARGIN:
            raise self.abort(f"it announces {size:,} bytes")
        return super().read(size)


class _BoundedTls(imaplib.IMAP4_SSL):
    def read(self, size: int) -> bytes:
        if size > READ_LIMIT + _MARGIN:
            raise self.abort(f"it announces {size:,} bytes")
        return super().read(size)


def _connected(account: Account, seconds: float) -> imaplib.IMAP4:
    if account.encryption == "tls":
        return _BoundedTls(
            account.host, account.port, ssl_context=ssl.create_default_context(), timeout=seconds
        )
    return _Bounded(account.host, account.port, timeout=seconds)


class _translated:
    """Errors of imaplib and the socket as ServerAway or CommandRefused, without a mail's text."""

    def __init__(self, action: str) -> None:
        self._action = action

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            raise CommandRefused(f"{self._action}: {error.verify_message}") from None
        if isinstance(error, imaplib.IMAP4.abort):
            raise ServerAway(f"{self._action}: the server broke off") from None
        if isinstance(error, imaplib.IMAP4.error):
            raise _refusal(self._action, str(error).encode()) from None
        # imaplib raises it when the connection is closed during a read.
        if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
            raise ServerAway(f"{self._action}: the connection was closed") from None
        if isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
            if reason[:2].istitle():
                reason = reason.lower()
            raise ServerAway(f"{self._action}: {reason}") from None


def _refusal(action: str, answer: object) -> Exception:
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    line = " ".join(words.removeprefix("b'").rstrip("'").split())[:200]
    message = f"{action}: the server says {line!r}"
    if any(f"[{code}" in line.upper() for code in _PASSING):
        return ServerAway(message)
    return CommandRefused(message)


def _received(head: bytes) -> datetime:
    """INTERNALDATE of a FETCH; now where it cannot be read."""
    date = re.search(rb'INTERNALDATE "([^"]{1,40})"', head)
    if date is None:
        return datetime.now(UTC)
    try:
        return parsedate_to_datetime(date[1].decode("ascii").strip()).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return datetime.now(UTC)


def _encoded(mailbox: str) -> str:
    """The mailbox's name in IMAP's modified UTF-7 (RFC 3501, 5.1.3), in quotes."""
    ascii_name = re.sub(r"[^\x20-\x7e]+", _base64, mailbox.replace("&", "&-"))
    return _in_quotes(ascii_name)


def _base64(part: re.Match[str]) -> str:
    letters = base64.b64encode(part[0].encode("utf-16-be")).decode()
    return f"&{letters.rstrip('=').replace('/', ',')}-"


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

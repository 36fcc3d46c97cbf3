"""A mail as an event: its Message-ID names it, what it answers names its conversation, its words
are the text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime

from connectors.events import Complaint
from connectors.imap.words import from_markup, own_words

NETWORK = "email"
_LONGEST_HEADER = 4000  # characters of a header that are read
_LATE, _EARLY = (
    timedelta(days=7),
    timedelta(hours=1),
)  # by which the sender's clock may differ from the mailbox's
_ID = re.compile(r"<\s*([^<>\s]{1,900})\s*>")
_MOST_PARTS = 200


class NoComplaint(Exception):
    """Nobody wrote this to be read: an automatic answer, a bounce, or nothing at all."""


def mail_event(
    raw: bytes, received: datetime, *, own: str = "", brand: str | None = None
) -> Complaint:
    """The event of a message, however broken it is. own: the mailbox's address; what it wrote is
    outbound.

    Raises NoComplaint.
    """
    try:
        mail = message_from_bytes(raw)
        automatic = _automatic(mail)
        said = _text(mail)
    except RecursionError:  # parts in parts in parts, as no mail program makes them
        raise NoComplaint("its parts are nested too deeply") from None
    if automatic:
        raise NoComplaint(automatic)
    subject = " ".join(_header(mail, "Subject").split())[:300]
    if not said and not subject:
        raise NoComplaint("it says nothing")
    author = _author(mail)
    before = _ids(mail, "References")
    answered = (_ids(mail, "In-Reply-To") or before[-1:])[:1]
    root = (before or answered)[:1]
    names = _ids(mail, "Message-ID")
    id = _event_id(names[0] if names else _made_up(mail, said))
    return Complaint(
        id=id,
        conversation=_event_id(root[0]) if root else id,
        in_reply_to=_event_id(answered[0]) if answered else None,
        direction="outbound" if author and author == own.lower() else "inbound",
        occurred_at=_said_at(mail, received),
        author=author or None,
        title=subject or None,
        text=said,
        brand=brand,
    )


def _event_id(native: str) -> str:
    fits = re.fullmatch(r"[!-~]{1,200}", native)
    return f"{NETWORK}:{native if fits else hashlib.sha256(native.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _made_up(mail: Message, said: str) -> str:
    """A name for a mail without one: the same for every copy, whichever way each came."""
    told = "\x00".join([*(_header(mail, name) for name in ("From", "Date", "Subject")), said])
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]


def _author(mail: Message) -> str:
    try:
        return parseaddr(_header(mail, "From")[:1000])[1].lower()[:300]
    except RecursionError:  # comments in comments
        return ""


def _automatic(mail: Message) -> str:
    """Why this was written by a machine (RFC 3834, RFC 3464); '' when it was not. Our own alerts
    say it, too.
    """
    submitted = _header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted and submitted != "no":
        return "an automatic message"
    if mail.get_content_type() == "multipart/report":
        return "a report of the mail system"
    if _header(mail, "Precedence").strip().lower() in ("auto_reply", "auto-reply", "junk"):
        return "an automatic message"
    return ""


def _header(mail: Message, name: str) -> str:
    """A header decoded, as far as it can be."""
    raw = next((value for key, value in mail.raw_items() if key.lower() == name.lower()), "")
    written = str(raw)[:_LONGEST_HEADER]
    try:
        parts = decode_header(written)
    except (ValueError, HeaderParseError):
        parts = [(written, None)]
    return "".join(_as_text(_bytes(part), charset) for part, charset in parts)


def _bytes(part: str | bytes) -> bytes:
    """What stands in a header unencoded, as it came: bytes beyond ASCII are against the rules, and
    common.
    """
    return part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape")


def _ids(mail: Message, name: str) -> list[str]:
    return _ID.findall(str(mail.get(name) or "")[: 16 * _LONGEST_HEADER])


def _said_at(mail: Message, received: datetime) -> datetime:
    """The time that the sender tells, where it is one that can be: clocks of senders are wrong, or
    lie.
    """
    try:
        said = parsedate_to_datetime(_header(mail, "Date"))
        said = (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return received
    return said if received - _LATE <= said <= received + _EARLY else received


def _text(mail: Message) -> str:
    """What was written: the plain text where there is any, else the markup's; that of a forwarded
    mail at last.
    """
    for into_mails in (False, True):
        plain: list[str] = []
        marked: list[str] = []
        for part in _parts(mail, into_mails):
            kind = part.get_content_type()
            if kind == "text/plain":
                plain.append(_decoded(part))
            elif kind == "text/html":
                marked.append(from_markup(_decoded(part)))
        found = "\n\n".join(each for each in plain if each.strip()) or "\n\n".join(
            each for each in marked if each
        )
        if said := own_words(found):
            return said
    return ""


def _parts(mail: Message, into_mails: bool) -> Iterator[Message]:
    """The parts that are shown: no attachments; mails within the mail only where they are asked
    for.
    """
    waiting, seen = [mail], 0
    while waiting and seen < _MOST_PARTS:
        part = waiting.pop(0)
        seen += 1
        if part.is_multipart():
            if part is mail or into_mails or part.get_content_maintype() != "message":
                inner = part.get_payload()
                waiting = [each for each in inner if isinstance(each, Message)] + waiting
        elif part.get_content_disposition() != "attachment":
            yield part


def _decoded(part: Message) -> str:
    """The text of a part, in the character set that it names; where that is none, in the likeliest."""
    raw = part.get_payload(decode=True)
    return _as_text(raw, part.get_content_charset()) if isinstance(raw, bytes) else ""


def _as_text(raw: bytes, charset: str | None) -> str:
    named = (charset or "").strip().lower()
    if named and named not in ("us-ascii", "ascii", "unknown-8bit"):
        try:
            return raw.decode(named, "replace")
        except (LookupError, ValueError):
            pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut in the middle of a character it is UTF-8 all the same.
        return (
            raw.decode("utf-8", "replace")
            if error.start >= len(raw) - 3
            else raw.decode("cp1252", "replace")
        )

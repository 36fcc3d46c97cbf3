"""Mails as events, named by their Message-ID, in the conversation of their References."""

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
from connectors.imap.text import from_markup, own_words

NETWORK = "email"
_LONGEST_HEADER = 4000  # characters of a header that are read
# By which the sender's clock may differ from the mailbox's.
_LATE, _EARLY = timedelta(days=7), timedelta(hours=1)
_ID = re.compile(r"<\s*([^<>\s]{1,900})\s*>")
_PART_LIMIT = 200


class NoComplaint(Exception):
    """The mail is an automatic answer, a bounce, or empty."""


def mail_event(
    raw: bytes, received: datetime, *, own: str = "", brand: str | None = None
) -> Complaint:
    """The event of a message, however broken it is. own: the mailbox's address; mail from it is
    outbound.

    Raises NoComplaint.
    """
    try:
        mail = message_from_bytes(raw)
        automatic = _automatic(mail)
        text = _text(mail)
    except RecursionError:  # parts in parts in parts, as no mail program makes them
        raise NoComplaint("its parts are nested too deeply") from None
    if automatic:
        raise NoComplaint(automatic)
    subject = " ".join(_header(mail, "Subject").split())[:300]
    if not text and not subject:
        raise NoComplaint("it says nothing")
    author = _author(mail)
    is_own = author != "" and author == own.lower()
    names = _ids(mail, "Message-ID")
    id = _event_id(names[0] if names else _made_up_id(mail, text))
    parent, root = _thread(mail)
    return Complaint(
        id=id,
        conversation=root or id,
        in_reply_to=parent,
        direction="outbound" if is_own else "inbound",
        occurred_at=_sent_at(mail, received),
        author=author or None,
        title=subject or None,
        text=text,
        brand=brand,
    )


def _thread(mail: Message) -> tuple[str | None, str | None]:
    """The event ids of the mail that this one answers, and of the conversation's first mail."""
    references = _ids(mail, "References")
    parents = _ids(mail, "In-Reply-To") or references[-1:]
    if not parents:
        return None, None
    return _event_id(parents[0]), _event_id((references or parents)[0])


def _event_id(native: str) -> str:
    fits = re.fullmatch(r"[!-~]{1,200}", native)
    return f"{NETWORK}:{native if fits else _digest(native)}"


def _made_up_id(mail: Message, text: str) -> str:
    """A name for a mail without a Message-ID, the same for every copy."""
    headers = [_header(mail, name) for name in ("From", "Date", "Subject")]
    return _digest("\x00".join([*headers, text]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _author(mail: Message) -> str:
    try:
        return parseaddr(_header(mail, "From")[:1000])[1].lower()[:300]
    except RecursionError:  # comments in comments
        return ""


def _automatic(mail: Message) -> str:
    """The kind of automatic mail (RFC 3834, RFC 3464), '' of any other. Our alerts count, too."""
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
    encoded = str(raw)[:_LONGEST_HEADER]
    try:
        parts = decode_header(encoded)
    except (ValueError, HeaderParseError):
        parts = [(encoded, None)]
    return "".join(_as_text(_bytes(part), charset) for part, charset in parts)


def _bytes(part: str | bytes) -> bytes:
    """An unencoded part of a header: bytes beyond ASCII break the rules, and are common."""
    return part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape")


def _ids(mail: Message, name: str) -> list[str]:
    return _ID.findall(str(mail.get(name) or "")[: 16 * _LONGEST_HEADER])


def _sent_at(mail: Message, received: datetime) -> datetime:
    """The sender's time, where it is possible: clocks of senders are wrong, or lie."""
    try:
        sent = parsedate_to_datetime(_header(mail, "Date"))
        sent = (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return received
    return sent if received - _LATE <= sent <= received + _EARLY else received


def _text(mail: Message) -> str:
    """The plain text where there is any, else the markup's, else a forwarded mail's."""
    for into_mails in (False, True):
        plain: list[str] = []
        marked: list[str] = []
        for part in _parts(mail, into_mails):
            kind = part.get_content_type()
            if kind == "text/plain":
                plain.append(_decoded(part))
            elif kind == "text/html":
                marked.append(from_markup(_decoded(part)))
        texts = [text for text in plain if text.strip()] or [text for text in marked if text]
        text = own_words("\n\n".join(texts))
        if text:
            return text
    return ""


def _parts(mail: Message, into_mails: bool) -> Iterator[Message]:
    """The visible parts, without attachments. into_mails: those of forwarded mails too."""
    waiting, count = [mail], 0
    while waiting and count < _PART_LIMIT:
        part = waiting.pop(0)
        count += 1
        if part.is_multipart():
            if part is mail or into_mails or part.get_content_maintype() != "message":
                inner = [child for child in part.get_payload() if isinstance(child, Message)]
                waiting = inner + waiting
        elif part.get_content_disposition() != "attachment":
            yield part


def _decoded(part: Message) -> str:
    """The text of a part, in the character set that it names, else in the likeliest."""
    raw = part.get_payload(decode=True)
    return _as_text(raw, part.get_content_charset()) if isinstance(raw, bytes) else ""


def _as_text(raw: bytes, charset: str | None) -> str:
    charset = (charset or "").strip().lower()
    if charset and charset not in ("us-ascii", "ascii", "unknown-8bit"):
        try:
            return raw.decode(charset, "replace")
        except (LookupError, ValueError):
            pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut in the middle of a character it is UTF-8 all the same.
        is_cut = error.start >= len(raw) - 3
        return raw.decode("utf-8" if is_cut else "cp1252", "replace")

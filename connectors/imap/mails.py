"""Mails as events, named by their Message-ID, in the conversation of their References."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime

from connectors.events import Complaint
from connectors.imap.bodies import Body, body_of, unread_parts
from connectors.imap.headers import automatic, header, ids, is_forward, is_reply, sender_of
from connectors.imap.quotes import LONGEST, Words, own_words

NETWORK = "email"
# By which the sender's clock may differ from the mailbox's.
_LATE, _EARLY = timedelta(days=7), timedelta(hours=1)


class NoComplaint(Exception):
    """The mail is no person's: an automatic answer, a report of the mail system, or empty."""


def mail_event(
    raw: bytes, received: datetime, *, own: str = "", brand: str | None = None
) -> Complaint:
    """The event of a message, however broken it is. own: the mailbox's address; mail from it is
    outbound.

    Raises NoComplaint.
    """
    try:
        mail = message_from_bytes(raw)
        body = body_of(mail)
    except RecursionError:  # parts in parts in parts, as no mail program makes them
        raise NoComplaint("its parts are nested too deeply") from None
    if kind := automatic(mail, body.text, own):
        raise NoComplaint(kind)
    sender = sender_of(mail, own, body.text)
    words = _words(mail, body, sender.name)
    subject = " ".join(header(mail, "Subject").split())[:300]
    if not words.own and not subject:
        raise NoComplaint("it says nothing")
    names = ids(mail, "Message-ID")
    id = _event_id(names[0] if names else _made_up_id(mail, words.own))
    parent, root = _thread(mail)
    return Complaint(
        id=id,
        conversation=root or id,
        in_reply_to=parent,
        direction="outbound" if sender.is_own else "inbound",
        occurred_at=_sent_at(mail, received),
        author=sender.address or None,
        title=subject or None,
        text=words.own,
        trimmed=words.trimmed or None,
        brand=brand,
    )


def attached_files(raw: bytes) -> int:
    """How many files of a message are not read."""
    return unread_parts(message_from_bytes(raw))


def _words(mail: Message, body: Body, author: str) -> Words:
    """The author's words, with a mail that is forwarded whole; and all that stands besides."""
    forwards = is_forward(mail)
    text = f"{body.text}\n\n{body.enclosed}" if forwards else body.text
    words = own_words(text, is_reply=is_reply(mail), is_forward=forwards, author=author)
    besides = (words.trimmed, "" if forwards else body.enclosed, body.attached)
    return Words(words.own, "\n\n".join(filter(None, besides))[:LONGEST])


def _thread(mail: Message) -> tuple[str | None, str | None]:
    """The event ids of the mail that this one answers, and of the conversation's first mail."""
    references = ids(mail, "References")
    parents = ids(mail, "In-Reply-To") or references[-1:]
    if not parents:
        return None, None
    return _event_id(parents[0]), _event_id((references or parents)[0])


def _event_id(native: str) -> str:
    fits = re.fullmatch(r"[!-~]{1,200}", native)
    return f"{NETWORK}:{native if fits else _digest(native)}"


def _made_up_id(mail: Message, text: str) -> str:
    """A name for a mail without a Message-ID, the same for every copy."""
    headers = [header(mail, name) for name in ("From", "Date", "Subject")]
    return _digest("\x00".join([*headers, text]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _sent_at(mail: Message, received: datetime) -> datetime:
    """The sender's time, where it is possible: clocks of senders are wrong, or lie."""
    try:
        sent = parsedate_to_datetime(header(mail, "Date"))
        sent = (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return received
    return sent if received - _LATE <= sent <= received + _EARLY else received

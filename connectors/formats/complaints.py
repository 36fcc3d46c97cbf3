"""Complaints as CSV: any table with a column of free text, such as those of FCC and CFPB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from string import punctuation
from urllib.parse import quote

from connectors.events import Complaint
from connectors.formats.rows import Doubtful, first_of, present
from connectors.formats.times import doubt, written_time

TEXT = (
    *("complaint_text", "consumer_complaint_narrative", "complaint_narrative", "narrative", "text"),
    *("complaint", "complaint_description", "description", "customer_complaint", "message", "body"),
    *("review_text", "review_body", "review", "comment_text", "comment", "comments", "full_text"),
    *("tweet_text", "tweet", "post_text", "post", "message_body", "message_text", "body_text"),
    *("customer_message", "ticket_description", "issue_description", "content", "feedback"),
    *("feedback_text", "verbatim", "verbatim_comment", "customer_comment", "customer_feedback"),
    *("remarks", "details", "complaint_details", "caption"),
)
ID = ("complaint_id", "ticket", "ticket_id", "case_id", "case_number", "review_id", "id")
TITLE = ("title", "subject", "issue", "topic")
DATE = (
    *("date", "date_received", "received", "created_at", "created", "submitted_at"),
    *("complaint_date", "timestamp", "occurred_at", "date_submitted", "created_time"),
    *("date_created", "created_on", "created_date", "submitted", "submission_date"),
    *("submitted_on", "received_at", "received_date", "opened_at", "opened", "date_opened"),
    *("reported_at", "report_date", "posted_at", "post_date", "published_at", "review_date"),
    *("review_time", "event_time", "datetime", "date_time", "time", "sent_at", "ticket_created"),
)
BRAND = ("brand", "company", "company_name")
AUTHOR = ("author", "customer", "customer_id", "user", "name")
_TIME_WORDS = frozenset(("date", "datetime", "time", "timestamp", "created", "submitted", "posted"))
# Of what became of it, or of somebody's birth.
_OTHER = """birth closed completed due duration end first last modified resolution resolved response
sla spent type updated zone"""
_OTHER_TIMES = frozenset(_OTHER.split())


def recognises(names: Sequence[str]) -> bool:
    return first_of(names, TEXT) is not None


def date_column(names: Sequence[str]) -> int | None:
    """The column of the time: by a name that we know, or else by the words of its name."""
    known = first_of(names, DATE)
    if known is not None:
        return known
    words = [frozenset(name.split("_")) for name in names]
    return next(
        (at for at, name in enumerate(words) if name & _TIME_WORDS and not name & _OTHER_TIMES),
        None,
    )


def complaint(
    names: Sequence[str], undated: datetime, day_first: bool | None = None
) -> Callable[[list[str]], Complaint]:
    """Rows of any complaints table.

    The id is the row's own, or else a hash of text, date, title, author and brand, so that a second
    replay doubles nothing. undated: the time of a row without a date; the file's own time is the
    latest possible one.
    """
    text_, id_, title_, brand_, author_ = (
        first_of(names, candidates) for candidates in (TEXT, ID, TITLE, BRAND, AUTHOR)
    )
    date_ = date_column(names)

    def complaint_of(row: list[str]) -> Complaint:
        def value(column: int | None) -> str:
            return present(row[column]) if column is not None else ""

        text, title, date, brand, author = (
            value(column) for column in (text_, title_, date_, brand_, author_)
        )
        if not text:
            raise ValueError("has no text")
        id = f"complaints:{native_id(value(id_)) or fingerprint(text, date, title, author, brand)}"
        moment = written_time(date, day_first=day_first) if date else undated
        fault = doubt(moment, datetime.now(UTC)) if date else None
        complaint = Complaint(
            id=id,
            conversation=id,
            occurred_at=undated if fault else moment,
            title=title[:300] or None,
            brand=brand or None,
            author=author or None,
            text=text,
        )
        if fault:
            raise Doubtful(complaint, f"the date {date[:40]!r} {fault}; the file's time is taken")
        return complaint

    return complaint_of


def native_id(id: str) -> str:
    """The id as a part of an event's id: other letters than printable ASCII as %20, a long one as
    a hash.
    """
    quoted = quote(id, safe=punctuation)
    return quoted if len(quoted) <= 200 else fingerprint(id)


def fingerprint(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]

"""Complaints as CSV: any table with a column of free text, such as those of FCC and CFPB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from string import punctuation
from urllib.parse import quote

from connectors.events import Complaint
from connectors.formats.rows import first_of
from connectors.formats.times import written_time

TEXT = (
    "complaint_text",
    "consumer_complaint_narrative",
    "complaint_narrative",
    "narrative",
    "text",
    "complaint",
    "complaint_description",
    "description",
    "customer_complaint",
    "message",
    "body",
)
ID = ("complaint_id", "ticket", "ticket_id", "case_id", "case_number", "id")
TITLE = ("title", "subject", "issue", "topic")
DATE = (
    "date",
    "date_received",
    "received",
    "created_at",
    "created",
    "submitted_at",
    "complaint_date",
    "timestamp",
)
BRAND = ("brand", "company", "company_name")
AUTHOR = ("author", "customer", "customer_id", "user", "name")


def recognises(names: Sequence[str]) -> bool:
    return first_of(names, TEXT) is not None


def complaint(names: Sequence[str], undated: datetime) -> Callable[[list[str]], Complaint]:
    """Rows of any complaints table.

    The id is the row's own, or else a hash of text, date, title, author and brand, so that a second
    replay doubles nothing. undated: the time of a row without a date; the file's own time is the
    latest possible one.
    """
    text_, id_, title_, date_, brand_, author_ = (
        first_of(names, candidates) for candidates in (TEXT, ID, TITLE, DATE, BRAND, AUTHOR)
    )

    def complaint_of(row: list[str]) -> Complaint:
        def value(column: int | None) -> str:
            return row[column].strip() if column is not None else ""

        text, title, date, brand, author = (
            value(column) for column in (text_, title_, date_, brand_, author_)
        )
        if not text:
            raise ValueError("has no text")
        id = f"complaints:{native_id(value(id_)) or fingerprint(text, date, title, author, brand)}"
        return Complaint(
            id=id,
            conversation=id,
            occurred_at=written_time(date) if date else undated,
            title=title[:300] or None,
            brand=brand or None,
            author=author or None,
            text=text,
        )

    return complaint_of


def native_id(id: str) -> str:
    """The id as a part of an event's id: other letters than printable ASCII as %20, a long one as
    a hash.
    """
    quoted = quote(id, safe=punctuation)
    return quoted if len(quoted) <= 200 else fingerprint(id)


def fingerprint(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]

"""Complaints as CSV: any table with a column of free text, such as the exports of the FCC and the
CFPB.
"""

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

    The id is the given one, or else a hash of text, date, title, author and brand, so that a second
    replay doubles nothing. undated: when a row without a date was said; the file's own time is the
    latest that it can have been.
    """
    text_, id_, title_, date_, brand_, author_ = (
        first_of(names, wanted) for wanted in (TEXT, ID, TITLE, DATE, BRAND, AUTHOR)
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


def native_id(given: str) -> str:
    """An id as it can stand in an event's id: what is no printable ASCII as %20, and a hash where
    it is too long.
    """
    quoted = quote(given, safe=punctuation)
    return quoted if len(quoted) <= 200 else fingerprint(given)


def fingerprint(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]

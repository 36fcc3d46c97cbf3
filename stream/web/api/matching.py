"""Which state of a ticket somebody saw: `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import re

from stream.desk.tickets import Row, Seen
from stream.web.problems import refusal

_TAG = re.compile(r'"(\d{1,9})\.(\d{1,9})"')


def etag(row: Row) -> str:
    """Of the ticket as it is: what people changed and what anybody did, counted."""
    return f'"{row["edits"]}.{row["version"]}"'


def seen_of(if_match: str) -> Seen | None:
    """What the header says that somebody saw; None for `*`. Raises a 422 for what no answer gave."""
    if if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise refusal(422, "header.If-Match: this is not an ETag that an answer gave")
    return Seen(int(found[1]), int(found[2]))

"""Which state of a ticket or a reply somebody saw: `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from stream.desk.tickets import Row, Seen
from stream.web.problems import refusal

Match = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=100,
        description="the `ETag` of the thing as you saw it; `*`: whatever it is by now",
        examples=["*"],
    ),
]

_TAG = re.compile(r'"(\d{1,9})\.(\d{1,9})"')
_VERSION = re.compile(r'"(\d{1,9})"')


def etag(row: Row) -> str:
    """Of the ticket as it is: what people changed and what anybody did, counted."""
    return f'"{row["edits"]}.{row["version"]}"'


def seen_of(if_match: str) -> Seen | None:
    """What the header says that somebody saw; None for `*`. Raises a 422 for what no answer gave."""
    if if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise _strange()
    return Seen(int(found[1]), int(found[2]))


def version_tag(version: int) -> str:
    """Of a thing that counts its changes."""
    return f'"{version}"'


def version_of(if_match: str) -> int | None:
    """What the header says that somebody saw of such a thing; None for `*`. Raises a 422 for what no answer gave."""
    if if_match.strip() == "*":
        return None
    found = _VERSION.fullmatch(if_match.strip())
    if found is None:
        raise _strange()
    return int(found[1])


def needed(if_match: str | None) -> str:
    """The header, where nothing may be changed without it. Raises a 428."""
    if if_match is None:
        raise refusal(428, "send If-Match with the ETag of the thing as you saw it, or * for whatever it is by now")
    return if_match


def _strange() -> Exception:
    return refusal(422, "header.If-Match: this is not an ETag that an answer gave")

"""Which state of a ticket or a reply somebody saw: `ETag` and `If-Match` (RFC 9110, 8.8.3 and
13.1.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Response

from stream.desk.tickets import Row, Seen
from stream.web.auth.callers import Caller
from stream.web.http.problems import refusal

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


@dataclass(frozen=True)
class Change:
    """A request to change a thing: who asks, which state of it they saw, and the answer that names
    the new one.
    """

    caller: Caller
    if_match: str | None
    response: Response


def etag(row: Row) -> str:
    """Of the ticket as it is: what people changed and what anybody did, counted."""
    return f'"{row["edits"]}.{row["version"]}"'


def seen_of(if_match: str | None) -> Seen | None:
    """What the header says that somebody saw; None without one, and for `*`. Raises a 422 for what
    no answer gave.
    """
    found = _read(_TAG, if_match)
    return found and Seen(int(found[1]), int(found[2]))


def version_tag(version: int) -> str:
    """Of a thing that counts its changes."""
    return f'"{version}"'


def version_of(if_match: str | None) -> int | None:
    """As `seen_of`, of a thing that counts its changes."""
    found = _read(_VERSION, if_match)
    return found and int(found[1])


def needed(if_match: str | None) -> str:
    """The header, where nothing may be changed without it. Raises a 428."""
    if if_match is None:
        raise refusal(
            428,
            "send If-Match with the ETag of the thing as you saw it, or * for whatever it is by now",
        )
    return if_match


def _read(form: re.Pattern[str], if_match: str | None) -> re.Match[str] | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = form.fullmatch(if_match.strip())
    if found is None:
        raise refusal(422, "header.If-Match: this is not an ETag that an answer gave")
    return found

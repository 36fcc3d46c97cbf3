"""`ETag` and `If-Match` of tickets and replies: the state that a caller saw (RFC 9110, 8.8.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Response

from stream.desk.tickets import Row, Seen
from stream.web.auth.callers import Agent, Caller
from stream.web.desk_services import DeskServices, Services
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
    """A request to change a thing: the caller, the state that they saw, and the answer to fill.

    desk: the services as the caller may read.
    """

    desk: DeskServices
    caller: Caller
    if_match: str | None
    response: Response


async def changing(
    desk: Services, response: Response, caller: Agent, if_match: Match = None
) -> Change:
    return Change(desk.of(caller), caller, if_match, response)


Changing = Annotated[Change, Depends(changing)]


def etag(row: Row) -> str:
    """Of the ticket as it is: its counts of people's edits and of all changes."""
    return f'"{row["edits"]}.{row["version"]}"'


def seen_of(if_match: str | None) -> Seen | None:
    """The state that the caller saw; None without a header, and for `*`.

    Raises a 422 for an ETag that no answer gave.
    """
    match = _read(_TAG, if_match)
    return match and Seen(int(match[1]), int(match[2]))


def version_tag(version: int) -> str:
    """Of a reply, which counts its changes."""
    return f'"{version}"'


def version_of(if_match: str | None) -> int | None:
    """As `seen_of`, of a reply."""
    match = _read(_VERSION, if_match)
    return match and int(match[1])


def needed(if_match: str | None) -> str:
    """The header, where nothing may be changed without it. Raises a 428."""
    if if_match is None:
        detail = (
            "send If-Match with the ETag of the thing as you saw it, or * for whatever it is by now"
        )
        raise refusal(428, detail)
    return if_match


def _read(form: re.Pattern[str], if_match: str | None) -> re.Match[str] | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = form.fullmatch(if_match.strip())
    if match is None:
        raise refusal(422, "header.If-Match: this is not an ETag that an answer gave")
    return match

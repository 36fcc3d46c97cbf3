"""`/v1/replies/{number}/pictures`: pictures that go with a reply, where its network takes them."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field, field_validator

from connectors.base import FormatError
from connectors.pictures import LARGEST, LONGEST_ALT
from stream.replies.pictures import NoPicture
from stream.web.api.etags import needed, version_of
from stream.web.api.records import ReplyOut
from stream.web.api.replies import ACT, READ, ChangingReply, Number, changed, reply_of
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Viewer
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal

# Two points by one, in two colours; the smallest thing that is a picture.
_EXAMPLE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4H6CgEPAfAAoQAt8EwaIF"
    "AAAAAElFTkSuQmCC"
)
_LONGEST = 2 * LARGEST  # characters of base64: with metadata, a file may be larger than it will be
_FILES: dict[str, Any] = {"image/png": {}, "image/jpeg": {}}

Id = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]


class NewPicture(Sent):
    """A picture, and what it shows."""

    model_config = example({"content": _EXAMPLE, "alt": "A map of the streets without a line"})

    content: Annotated[bytes, Field(description="of a PNG or a JPEG, in base64")]
    alt: Annotated[str, Field(min_length=1, max_length=LONGEST_ALT, pattern=r"\S")] = Field(
        description="what it shows, for people who cannot see it"
    )

    @field_validator("content", mode="before")
    @classmethod
    def _decoded(cls, content: object) -> bytes:
        if not isinstance(content, str) or len(content) > _LONGEST:
            raise ValueError("this is no base64 of a picture")
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("this is no base64") from None


router = APIRouter(prefix="/v1/replies", tags=["desk"])


@router.post(
    "/{number}/pictures",
    summary="Add a picture to a reply",
    responses=ACT | documented(428),
)
async def add(number: Number, payload: NewPicture, change: ChangingReply) -> ReplyOut:
    """On Bluesky and Mastodon; 409 says where a network takes none. A PNG or a JPEG, known by its
    content; place, time and camera are taken out of it. Needs `If-Match`.
    """
    seen = version_of(needed(change.if_match))
    adding = change.desk.pictures.add(
        number, change.caller.name, payload.content, payload.alt, seen=seen
    )
    try:
        return await changed(adding, change.response)
    except FormatError as error:
        raise refusal(422, f"body.content: {error}") from None


@router.delete(
    "/{number}/pictures/{picture}",
    summary="Take a picture out of a reply",
    responses=ACT | documented(428),
)
async def remove(number: Number, picture: Id, change: ChangingReply) -> ReplyOut:
    """Its bytes are deleted. Needs `If-Match`."""
    seen = version_of(needed(change.if_match))
    removing = change.desk.pictures.remove(number, picture, change.caller.name, seen=seen)
    try:
        return await changed(removing, change.response)
    except NoPicture as error:
        raise refusal(404, str(error)) from None


@router.get(
    "/{number}/pictures/{picture}",
    summary="A picture of a reply",
    response_class=Response,
    responses=READ | {200: {"content": _FILES, "description": "The file."}},
)
async def read(number: Number, picture: Id, desk: Services, caller: Viewer) -> Response:
    """The file as it goes to the network."""
    services = desk.of(caller)
    row = await reply_of(services, number, caller)
    try:
        file = await services.pictures.find(row, picture)
    except NoPicture as error:
        raise refusal(404, str(error)) from None
    return Response(file.content, media_type=file.media_type)

"""`/v1/forget`: a person's right to be forgotten."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from stream.desk.erasure import forget
from stream.pipeline import outgoing
from stream.web.api.ticket_changes import Sent, example
from stream.web.auth.callers import Lead
from stream.web.desk_services import Services
from stream.web.http.problems import documented, refusal


class Forget(Sent):
    """Whose texts are to go."""

    model_config = example({"author": "ada", "network": "x"})

    author: Annotated[str, Field(min_length=1, max_length=300, pattern=r"\S")] = Field(
        description="a handle, an address or the network's id; with or without @, in any case"
    )
    network: Annotated[str, Field(min_length=1, max_length=40)] | None = Field(
        None, description="only there"
    )


class ForgottenOut(BaseModel):
    """How much was removed."""

    messages: int
    drafts: int
    dead_letters: int


router = APIRouter(tags=["desk"])


@router.post(
    "/v1/forget",
    summary="Remove what a person wrote",
    responses=documented(400, 401, 403, 413, 415, 422, 429, 503),
)
async def remove(payload: Forget, desk: Services, caller: Lead) -> ForgottenOut:
    """Texts, embeddings, drafts and dead letters of an author go, of every brand; tombstones
    keep them gone.

    An author without messages is no error: the answer counts 0. It cannot be undone, and takes a
    lead who is bound to no brand. May be sent again where it broke off.
    """
    if caller.brands is not None:
        raise refusal(
            403, "a person is forgotten for every brand; who is bound to some cannot do that"
        )
    forgotten = await forget(
        desk.engine,
        payload.author,
        actor=caller.name,
        network=payload.network,
        publish=lambda saved: desk.publish(outgoing(saved)),
    )
    return ForgottenOut(
        messages=forgotten.messages, drafts=forgotten.drafts, dead_letters=forgotten.dead_letters
    )

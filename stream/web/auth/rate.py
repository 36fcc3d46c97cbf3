"""Rating of an answer by who got it: a plain page behind a signed link, without a login."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from starlette.responses import Response

from stream.reports.ratings import PATH, Rating, Ratings
from stream.web.auth.callers import Callers
from stream.web.auth.forms import read_form
from stream.web.http.plain import plain_page

OPEN = f"{PATH}/"  # of who has no login
_NO_ANSWER = "<h1>This link leads nowhere</h1><p>It is not whole, or the answer is gone by now.</p>"
_THANKS = {
    "good": "<h1>Thank you</h1><p>We are glad that it helped.</p>",
    "bad": "<h1>Thank you</h1><p>We are sorry that it did not help, and look into it.</p>",
}


def rate_routes(ratings: Ratings, callers: Callers) -> APIRouter:
    """The page of a link, and its two buttons."""
    router = APIRouter(include_in_schema=False)

    @router.get(OPEN + "{token}")
    async def ask(token: str) -> Response:
        if await ratings.reply_of(token) is None:
            return plain_page("rating", _NO_ANSWER, 404)
        return plain_page("rating", _form(token))

    @router.post(OPEN + "{token}")
    async def rate(token: str, request: Request) -> Response:
        form = await read_form(request, callers)
        reply = await ratings.reply_of(token)
        rating: Rating | None = {"good": "good", "bad": "bad"}.get(form.get("was", ""))  # type: ignore[assignment]
        if reply is None or rating is None or not await ratings.rate(reply, rating):
            return plain_page("rating", _NO_ANSWER, 404)
        return plain_page("rating", _THANKS[rating])

    return router


def _form(token: str) -> str:
    return (
        "<h1>How was our answer?</h1><p>One press is enough; the last one counts.</p>"
        f'<form method="post" action="{OPEN}{escape(token, quote=True)}">'
        '<button name="was" value="good">It helped</button>'
        '<button name="was" value="bad">It did not help</button></form>'
    )

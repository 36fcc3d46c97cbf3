"""Errors as `application/problem+json` (RFC 9457). They never quote the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from stream.accounts.row_security import NotTheirs
from stream.errors import BrokerAway, DatabaseAway
from stream.postgres.database import is_unstorable
from stream.web.http.plain import away_page, nothing_page, wants_page

MEDIA_TYPE = "application/problem+json"

_PROBLEMS = ("/Problem", "/LostUpdate", "/LostReplyUpdate", "/RefusedWords")  # their schemas
_SCHEMAS = "#/components/schemas/"
_PROBLEM = f"{_SCHEMAS}Problem"
_MOST_FAULTS = 20  # of one request that are told
_LONGEST_FAULT = 200  # characters


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    at: str = Field(description="where: `body.messages.3.text`")
    what: str = Field(description="what is wrong there")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). Its kind is told by the status alone, so `type` is
    `about:blank`.
    """

    type: str = "about:blank"
    title: str = Field(description="the name of the status")
    status: int
    detail: str = Field(description="what was wrong, and what to do")
    request_id: str = Field(
        description="names this request in the logs; also the header X-Request-Id"
    )
    errors: list[Fault] = Field(
        default_factory=list, description="of a request that could not be read: where, and why"
    )


class Conflicting(HTTPException):
    """A refusal with the state that it conflicts with. more: members of the problem, JSON-able."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(status, detail)
        self.more = more


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these answers."""
    descriptions = {
        400: "The body is no JSON in UTF-8.",
        401: "There is no API key, or it opens nothing.",
        403: "The key lacks the scope, or its user the role.",
        404: "There is no such thing, or none that the caller may see.",
        409: "It does not fit the thing as it is; `detail` says why, and what would.",
        413: "The request, or one event of it, is too large.",
        415: "The body is not `application/json`.",
        422: "The request cannot be read; `errors` says where.",
        428: "`If-Match` is missing.",
        429: "Too many messages from this key; wait as `Retry-After` says.",
        503: "Something that is needed is away or busy; wait as `Retry-After` says.",
    }
    return {status: problem_documented(descriptions[status]) for status in statuses}


def problem_documented(description: str) -> dict[str, Any]:
    """What OpenAPI says of an answer that is a problem.

    By reference: for a `model` FastAPI builds a validator for each status of each route, of which
    there are hundreds, and a start takes three times as long.
    """
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}}}}


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document with the media type of problems, and with their schema.

    FastAPI itself can set a media type for whole routes only.
    """
    document = app.openapi()
    problem_schema = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    own = problem_schema.pop("$defs") | {"Problem": problem_schema}
    schemas = document["components"]["schemas"] | own
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    for methods in document["paths"].values():
        for route in methods.values():
            for answer in route["responses"].values():
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                if schema.get("$ref", "").endswith(_PROBLEMS):
                    answer["content"] = {MEDIA_TYPE: {"schema": schema}}
    return document


def problem(
    request_id: str,
    status: int,
    detail: str,
    *,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """The answer to a request that is refused."""
    document = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=_cut(detail),
        request_id=request_id,
        errors=list(faults),
    )
    content = document.model_dump(exclude=set() if faults else {"errors"})
    return JSONResponse(
        content | dict(more or {}), status, dict(headers or {}), media_type=MEDIA_TYPE
    )


def refusal(
    status: int, detail: str, *, retry_after: float | None = None, **headers: str
) -> HTTPException:
    """What a route raises. retry_after: seconds, rounded up to whole ones."""
    values = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after is not None:
        values["Retry-After"] = str(max(1, -int(-retry_after // 1)))
    return HTTPException(status, detail, values)


def tell_problems(app: FastAPI) -> None:
    """Answer every exception of a route as a problem. Others are bugs, which the edge answers."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  the handler is for these alone
        if _leads_nowhere(request, error):
            return nothing_page()
        detail = _worded(error)
        more = error.more if isinstance(error, Conflicting) else None
        return problem(_id(request), error.status_code, detail, headers=error.headers, more=more)

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101  the handler is for these alone
        errors = error.errors()
        of_body = any(entry["loc"][:1] == ("body",) for entry in errors)
        if of_body and not _is_json(request):
            return problem(
                _id(request), 415, "the body is to be JSON: say `Content-Type: application/json`"
            )
        faults = faults_of(errors)
        if any(entry["type"] == "json_invalid" for entry in errors):
            return problem(_id(request), 400, f"the body is no JSON: {faults[0].what}")
        return problem(_id(request), 422, f"{faults[0].at}: {faults[0].what}", faults=faults)

    @app.exception_handler(NotTheirs)
    async def not_theirs(request: Request, error: Exception) -> JSONResponse:
        return problem(_id(request), 403, str(error))

    @app.exception_handler(DatabaseAway)
    async def no_database(request: Request, _: Exception) -> Response:
        if wants_page(request):
            return away_page()
        return _away(request, "the database cannot be reached just now")

    @app.exception_handler(DBAPIError)
    async def not_stored(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, DBAPIError) and is_unstorable(error):
            return problem(_id(request), 422, _UNSTORABLE)
        raise error

    @app.exception_handler(BrokerAway)
    async def no_broker(request: Request, _: Exception) -> JSONResponse:
        return _away(request, _NO_BROKER)


_UNSTORABLE = "a text holds a character that cannot be stored: NUL, or half of a surrogate pair"
_NO_BROKER = (
    "Kafka cannot be reached just now; sending the same again doubles nothing that has an id"
)
# Tags of unions; they are no fields.
_TAGS = ("one", "several", "plain", "tweet", "complaint", "transcript", "deleted")
# Details that were not written for a person, and the words in their place.
_UNWRITTEN = {*(status.phrase for status in HTTPStatus), "There was an error parsing the body"}
_WORDS = {
    400: "the body is no JSON in UTF-8",
    404: "there is nothing at this address; see /docs",
    405: "this address does not answer to that method; the header Allow says to which it does",
}


def _cut(words: str, longest: int = 1_000) -> str:
    """Words may repeat what was sent, however long it was, and half of a surrogate pair."""
    words = words.encode("utf-8", "replace").decode()
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _leads_nowhere(request: Request, error: HTTPException) -> bool:
    """Whether somebody in a browser is at an address that no route has."""
    no_route = error.status_code == HTTPStatus.NOT_FOUND and error.detail in _UNWRITTEN
    return no_route and wants_page(request)


def _worded(error: HTTPException) -> str:
    is_written = error.detail not in _UNWRITTEN
    return error.detail if is_written else _WORDS.get(error.status_code, error.detail)


def _away(request: Request, detail: str) -> JSONResponse:
    return problem(_id(request), 503, detail, headers={"Retry-After": "2"})


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower().endswith("json")


def _id(request: Request) -> str:
    return str(request.scope.get("request_id", "unknown"))


def faults_of(errors: Sequence[Any]) -> list[Fault]:
    """Places and reasons, without the input: it may be a customer's message, or a secret."""
    faults = []
    for error in errors[:_MOST_FAULTS]:
        path = ".".join(str(part) for part in error["loc"] if part not in _TAGS)
        faults.append(Fault(at=_cut(path), what=_sentence(error)))
    return faults


def _sentence(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "json_invalid" | "value_error":
            words = str(error["ctx"]["error"])
        case "union_tag_not_found":
            words = "says no kind: expected tweet, complaint, transcript or deleted"
        case "union_tag_invalid":
            words = f"kind is one of {error['ctx']['expected_tags']}"
        case "model_type" | "model_attributes_type" | "dict_type":
            words = "is to be a JSON object"
        case _:
            words = str(error["msg"])
    words = words[:1].lower() + words[1:]
    return _cut(words, _LONGEST_FAULT)

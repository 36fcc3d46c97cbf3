"""Characters that Postgres cannot hold, and moments that no calendar holds, in every place of every
route: refused, never a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from desk_client import Office, small_desk
from serving import TOKEN

from stream.postgres.database import open_engine

EVIL = ("a\x00b", "\x00", "\ud800", "a\udfffb")
NOON = "2026-03-12T12:00:00Z"
ENDS = ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59Z")
ENDLESS = "/v1/stream"


@pytest.fixture
async def site(store, postgres_url):
    async with small_desk(postgres_url) as address:
        yield address, postgres_url


def filled(
    schema: dict[str, Any], document: dict[str, Any], text: str, moment: str = NOON, depth: int = 0
) -> Any:
    """A value of this schema whose texts and moments are all these; a table has one of that name
    besides, where it may have any.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return filled(document["components"]["schemas"][name], document, text, moment, depth + 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return filled(schema[several][0], document, text, moment, depth + 1)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object" if depth < 8:
            named = {
                name: filled(each, document, text, moment, depth + 1)
                for name, each in schema.get("properties", {}).items()
            }
            return named | ({text: "1"} if schema.get("additionalProperties") else {})
        case "array":
            return [filled(schema["items"], document, text, moment, depth + 1)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "string" if schema.get("format") == "date-time":
            return moment
    return text


def requests(
    document: dict[str, Any], text: str, moment: str = NOON
) -> Iterator[tuple[str, str, Any]]:
    """(method, path, body): the text in a place of the address at a time, in all of a body, and as
    a name in it.
    """
    known = {"ticket_id": "x:1", "reply_id": "1"}
    written = quote(text.encode("utf-8", "surrogatepass"))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path == ENDLESS:
                continue
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            body = filled(body["schema"], document, text, moment) if body else None
            names = [each["name"] for each in operation.get("parameters", [])]
            plain = path
            for name in names:
                plain = plain.replace(f"{{{name}}}", known.get(name, "1"))
                if f"{{{name}}}" in path:
                    yield method, path.replace(f"{{{name}}}", written), body
            yield method, plain, body
            if isinstance(body, dict):
                yield method, plain, body | {text: text}
            for each in operation.get("parameters", []):
                if each["in"] == "query":
                    is_moment = "date-time" in str(each["schema"])
                    value = quote(moment) if is_moment and moment != NOON else written
                    yield method, f"{plain}?{each['name']}={value}", body


@pytest.mark.parametrize(
    ("text", "moment"), [(text, NOON) for text in EVIL] + [("x:1", end) for end in ENDS], ids=ascii
)
async def test_no_place_of_a_request_makes_a_fault_of_what_cannot_be_stored(
    site, text, moment, caplog
):
    address, url = site
    engine = open_engine(url)
    async with Office(address, engine) as office:
        ada = await office.person("ada", "admin")
        async with ada.session.get("/openapi.json", headers=ada.headers) as answer:
            document = await answer.json()
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        statuses = []
        for method, path, body in requests(document, text, moment):
            for headers in (ada.headers, bearer):
                given = headers | {"If-Match": "*"}
                async with ada.session.request(method, path, json=body, headers=given) as answer:
                    statuses.append(answer.status)
                    assert answer.status < 500, (method, path, await answer.text(), caplog.text)
    await engine.dispose()

    assert len(statuses) > 100


@pytest.mark.parametrize("text", EVIL, ids=ascii)
async def test_a_login_takes_them_for_wrong(site, text):
    async with Office(site[0], open_engine(site[1])) as office:
        await office.person("ada", "admin")
        nobody = await office.nobody()
        for fields in (
            {"name": text, "password": "four quiet otters sing"},
            {"name": "ada", "password": text},
            {"name": "ada", "password": "four quiet otters sing", "next": text},
        ):
            written = "&".join(
                f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}"
                for name, value in fields.items()
            )
            async with nobody.session.post("/login", data=written, allow_redirects=False) as answer:
                assert answer.status in (303, 400, 403), fields

"""The reference of the desk's interface: whatever it shows as a command runs as it stands."""

from __future__ import annotations

import aiohttp
from desk_client import small_desk
from serving import TOKEN
from yarl import URL

from stream.web.docs import SERVER, examples

HEADERS = {"Authorization": f"Bearer {TOKEN}"}  # a key of nobody's with every scope: an agent
ELSEWHERE = {
    "/v1/analyze",
    "/v1/events",
    "/v1/hooks/{name}",
}  # tests/integration/test_rest_openapi.py, test_hooks.py

FOR_LEADS = (
    "post /v1/forget",
    "post /v1/canned",
    "put /v1/canned/{number}",
    "delete /v1/canned/{number}",
    "get /v1/keys",
    "post /v1/keys",
    "delete /v1/keys/{prefix}",
    "get /v1/settings",
    "put /v1/settings/{name}",
    "delete /v1/settings/{name}",
    "get /v1/settings/changes",
    "post /v1/settings/changes/{id}/undo",
    "post /v1/settings/sink/{name}/test",
)
OF_SOMETHING_ELSE = (
    "get /v1/canned/{number}",
    "post /v1/canned/{number}/use",
    "delete /v1/person-links/{number}",
    "post /v1/tickets/{ticket_id}/person/links",
    "post /v1/tickets/{ticket_id}/merge",
)


async def test_every_example_of_the_reference_runs(postgres_url):
    async with (
        small_desk(postgres_url) as address,
        aiohttp.ClientSession(headers=HEADERS) as session,
    ):
        async with session.get(f"{address}/openapi.json") as answer:
            document = await answer.json()
        ran: dict[str, int] = {}
        for path, methods in document["paths"].items():
            for method, told in methods.items():
                if path in ELSEWHERE:
                    continue
                for example in examples(document, path, method, told):
                    await session.post(f"{address}/v1/tickets/x%3A1/reopen")
                    where = URL(example.address.replace(SERVER, address), encoded=True)
                    async with session.request(
                        method, where, json=example.body, headers=example.headers
                    ) as answer:
                        ran[f"{method} {path}"] = answer.status

    odd = {name: status for name, status in ran.items() if status not in (200, 201, 202, 204, 207)}
    assert len(ran) >= 28
    assert odd == {
        # a key of nobody's is an agent's
        **dict.fromkeys(FOR_LEADS, 403),
        # nobody has written a canned answer, linked a handle, or heard of the other one
        **dict.fromkeys(OF_SOMETHING_ELSE, 404),
        # its only message stays, and there is no incident
        "post /v1/tickets/{ticket_id}/split": 409,
        "post /v1/tickets/{ticket_id}/incident": 409,
        "post /v1/replies/{number}/settle": 409,  # nobody doubts what became of it
        # it goes to X, which takes no pictures, or is decided by then
        "post /v1/replies/{number}/pictures": 409,
        "delete /v1/replies/{number}/pictures/{picture}": 409,
        "get /v1/replies/{number}/pictures/{picture}": 404,
    }

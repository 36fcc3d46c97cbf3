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

    odd = {name: status for name, status in ran.items() if status not in (200, 201, 207)}
    assert len(ran) >= 28
    assert odd == {
        "post /v1/forget": 403,  # a key of nobody's is an agent's
        "post /v1/replies/{number}/settle": 409,  # nobody doubts what became of it
    }

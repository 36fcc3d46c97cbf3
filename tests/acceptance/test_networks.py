"""Three live networks, as people run them: cut, killed, started again. Nothing is missing, nothing
is double.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

from acceptance.stage import PATIENCE, Stage, until
from servers.jetstream import Jetstream, cut_after
from servers.mastodon_api import MastodonApi
from servers.mastodon_api import cut_after as cut_mastodon_after
from servers.x_api import XApi
from servers.x_api import cut_after as cut_x_after

from connectors.events import decode
from connectors.x.costs import PRICES

POSTS = 120
SPEED = 0.02  # seconds between two posts of a network
CURSORS = "select count(*) from cursors where source like 'bluesky%'"


async def test_what_three_networks_say_is_stored_once_whatever_breaks(stage: Stage):
    stage.start_worker()
    async with Jetstream().open() as bluesky, XApi().open() as x, MastodonApi().open() as mastodon:
        bluesky.script = [cut_after(POSTS // 4)]
        x.script = [cut_x_after(POSTS // 4), cut_x_after(7, bytes=70)]
        mastodon.script = [cut_mastodon_after(POSTS // 4), cut_mastodon_after(5)]
        settings = {
            "broker": stage.broker,
            "database_url": stage.database_url,
            "allow_private_addresses": "true",
            "bluesky_jetstream": bluesky.address.replace("http", "ws") + "/subscribe",
            "bluesky_public": bluesky.address,
            "mastodon_server": mastodon.address,
            "x_api": x.address,
            "x_bearer_token": "secret-of-the-app",
        }

        def listen(network: str):
            return stage.home.start("ingest", network, "--keyword", "delta", **settings)

        listening = {network: listen(network) for network in ("bluesky", "x", "mastodon")}
        try:
            await until(
                lambda: bluesky.cursors and x.connected and mastodon.connected, "all are connected"
            )
            speaking = asyncio.create_task(_speak(bluesky, x, mastodon))
            await until(lambda: len(bluesky.log) > POSTS // 2, "half of it is said")
            await until(lambda: stage.ask(CURSORS), "it is kept how far Bluesky was heard")
            listening["bluesky"].send_signal(signal.SIGKILL)
            await asyncio.to_thread(listening["bluesky"].wait)
            listening["bluesky"] = listen("bluesky")
            await speaking
            await until(
                lambda: _stored(stage, 3 * POSTS), "everything is stored", PATIENCE, pause=0.5
            )
        finally:
            for process in listening.values():
                process.send_signal(signal.SIGINT)
            codes = {
                name: await asyncio.to_thread(process.wait, PATIENCE)
                for name, process in listening.items()
            }
    said = (stage.home.folder / "ingest.out").read_text(errors="replace")
    assert codes == {"bluesky": 0, "x": 0, "mastodon": 0}, said
    await stage.drained()

    rows = {
        row["network"]: row["n"]
        for row in await stage.rows("select network, count(*) n from events group by 1")
    }
    assert rows == {"bluesky": POSTS, "x": POSTS, "mastodon": POSTS}
    texts = await stage.rows("select network, count(distinct text) n from events group by 1")
    assert {row["n"] for row in texts} == {POSTS}
    told = Counter(decode(message).network for message in await stage.published("tweets"))
    assert (told["x"], told["mastodon"]) == (POSTS, POSTS), (
        "where nothing was killed, Kafka has each once too"
    )
    assert await stage.ask("select sum(micros)::bigint from spend") == POSTS * PRICES["read"]
    assert "secret-of-the-app" not in said
    assert "Traceback" not in said


async def _speak(bluesky: Jetstream, x: XApi, mastodon: MastodonApi) -> None:
    for number in range(POSTS):
        text = f"delta lost my suitcase, number {number} ✈"
        bluesky.post(number * 500_000, text, did=f"did:plc:p{number}", rkey=f"k{number}")
        bluesky.post(number * 500_000 + 1, "about something else", rkey=f"o{number}")
        x.now = number
        x.post(number, text)
        mastodon.post(number, text)
        await asyncio.sleep(SPEED)


async def _stored(stage: Stage, count: int) -> bool:
    return await stage.stored() >= count

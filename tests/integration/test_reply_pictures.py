"""Pictures that go with a reply: added, shown, sent where the network takes them, and forgotten."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import ClassVar

import pytest
from desk_client import Office
from drawn import exif, jpeg, png
from history import tweet
from rows import ask
from servers.mastodon_api import MastodonApi
from servers.pds import Pds
from serving import web

from connectors.base import NotSent, PictureReplier, PostStatus
from connectors.bluesky.replies import BlueskyReplier
from connectors.catalog import NETWORKS, network
from connectors.events import Tweet
from connectors.mastodon.client import MastodonServer
from connectors.mastodon.replies import MastodonReplier
from connectors.outbox import FileReplier
from connectors.pictures import picture
from connectors.x.replies import XReplier
from models.replier.draft import Candidate, Draft
from stream.accounts.api_keys import ApiKeys
from stream.desk.erasure import forget
from stream.observe.metrics import Metrics
from stream.postgres.database import open_engine
from stream.replies.outbox import Outbox
from stream.replies.pictures import NoPicture, Pictures, why_none
from stream.replies.store import Replies

WORDS = "Sorry about the wait, we are looking into it. Please send us a direct message."
MAP, PHOTO = png(4, 3), jpeg(exif(6, place=b"51.5007N"))


async def test_a_picture_on_mastodon_stands_under_the_reply_with_its_words():
    async with MastodonApi().open() as server:
        replier = MastodonReplier(MastodonServer(server.address, "token", allow_private=True))
        to = f"mastodon:127.0.0.1/{server.post(0, 'delta lost my bag')}"
        server.works_on_media = 3
        shown = [picture(MAP, "a map"), picture(PHOTO, "a photo")]

        await replier.reply_with_pictures(to, WORDS, shown, key="reply:1")
        await replier.reply(to, "Another answer.", key="reply:2")
        await replier.close()

    first, second = server.posted
    assert [each["description"] for each in first["media"]] == ["a map", "a photo"]
    assert [each["type"] for each in first["media"]] == ["image/png", "image/jpeg"]
    assert first["media"][0]["file"] == shown[0].content
    assert second["media"] == []


@pytest.mark.parametrize(
    ("status", "later"), [(422, False), (413, False), (403, False), (503, True)]
)
async def test_a_picture_that_mastodon_does_not_take_leaves_nothing_sent(status, later):
    async with MastodonApi().open() as server:
        replier = MastodonReplier(MastodonServer(server.address, "token", allow_private=True))
        to = f"mastodon:127.0.0.1/{server.post(0, 'delta lost my bag')}"
        server.refused_media = status
        with pytest.raises(NotSent, match="sending a picture") as error:
            await replier.reply_with_pictures(to, WORDS, [picture(MAP, "a map")], key="reply:1")
        await replier.close()

    assert server.posted == []
    assert (error.value.retry_after is not None) == later


async def test_a_picture_on_bluesky_is_a_blob_in_the_one_record_of_the_reply():
    async with Pds().open() as server:
        replier = BlueskyReplier(
            *("care.example", "app-password"),
            host=server.address,
            public=server.address,
            allow_private=True,
        )
        server.post("did:plc:ann", "post")
        shown = [picture(PHOTO, "a photo")]
        for _ in range(2):
            await replier.reply_with_pictures(
                "bluesky:did:plc:ann/post", WORDS, shown, key="reply:1"
            )
        await replier.close()

    [written] = server.written
    embed = written["record"]["embed"]
    [image] = embed["images"]
    assert embed["$type"] == "app.bsky.embed.images"
    assert (image["alt"], image["aspectRatio"]) == ("a photo", {"width": 20, "height": 30})
    assert server.blobs[image["image"]["ref"]["$link"]] == ("image/jpeg", shown[0].content)
    assert len(server.blobs) == 1


def test_the_networks_that_say_so_take_pictures_and_the_others_say_why_not(tmp_path):
    repliers = {"mastodon": MastodonReplier, "bluesky": BlueskyReplier, "x": XReplier}

    assert {name for name in NETWORKS if network(name).takes_pictures} == {"mastodon", "bluesky"}
    for name, replier in repliers.items():
        takes = hasattr(replier, "reply_with_pictures")
        assert takes == network(name).takes_pictures == (why_none(name) is None)
    assert isinstance(FileReplier(tmp_path), PictureReplier)
    assert why_none("x") == (
        "earshot sends pictures on Bluesky and Mastodon; on x replies are words alone"
    )


def elsewhere(n: int, brand: str = "Northwind Air"):
    scored = tweet(n, 70, author=f"ann{n}", brand=brand)
    id = f"mastodon:social.example/{n}"
    moved = scored.event.model_dump() | {"id": id, "conversation": id}
    return replace(scored, event=Tweet(**moved))


@pytest.fixture
async def office(simple, postgres_url):
    """A draft for a ticket of Mastodon (1), one for another brand's (2), and one of X (3)."""
    await simple.save([elsewhere(1), elsewhere(2, "Other"), tweet(3, 60)])
    engine = open_engine(postgres_url)
    replies = Replies(engine)
    for ticket in ("mastodon:social.example/1", "mastodon:social.example/2", "x:3"):
        [wanted] = await replies.to_draft([ticket])
        await replies.store([(wanted, Draft((Candidate(WORDS, -1.5),), "replier-1"), None)])
    async with (
        web(simple, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        office.engine = engine
        yield office
    await engine.dispose()


def body(content: bytes = MAP, alt: str = "a map of the outage") -> dict[str, str]:
    return {"content": base64.b64encode(content).decode(), "alt": alt}


async def test_a_picture_is_added_seen_and_taken_out_and_each_is_a_change_of_the_reply(office):
    ada = await office.person("ada", "agent")
    seen = (await ada.get("/v1/replies/1")).headers["ETag"]

    added = await ada.post("/v1/replies/1/pictures", body(PHOTO), If_Match=seen)
    [shown] = added.told["pictures"]
    late = await ada.post("/v1/replies/1/approve", If_Match=seen)
    read = await ada.get(f"/v1/replies/1/pictures/{shown['id']}")

    assert (added.status, late.status, read.status) == (200, 412, 200)
    assert (shown["type"], shown["width"], shown["height"]) == ("image/jpeg", 20, 30)
    assert shown["alt"] == "a map of the outage"
    assert read.headers["Content-Type"] == "image/jpeg"
    assert read.headers["X-Content-Type-Options"] == "nosniff"

    path = f"/v1/replies/1/pictures/{shown['id']}"
    removed = await ada("DELETE", path, If_Match=added.headers["ETag"])
    again = await ada("DELETE", path, If_Match="*")
    assert (removed.status, removed.told["pictures"], again.status) == (200, [], 404)
    assert (await ada.get(path)).status == 404


async def test_what_cannot_be_added_is_refused_in_one_line(office, postgres_url):
    ada, sky = await office.person("ada", "agent"), await office.person("sky", "agent", "Other")

    async def add(who, number, payload, **headers):
        answer = await who.post(f"/v1/replies/{number}/pictures", payload, **headers)
        return answer.status, str(answer.told.get("detail") or answer.told)

    any_state = {"If_Match": "*"}
    assert (await add(ada, 1, body()))[0] == 428
    status, words = await add(ada, 3, body(), **any_state)
    assert (status, "on x replies are words alone" in words) == (409, True)
    status, words = await add(ada, 1, body(b"GIF89a"), **any_state)
    assert (status, "a PNG or a JPEG" in words) == (422, True)
    assert (await add(ada, 1, body(alt=" "), **any_state))[0] == 422
    assert (await add(ada, 1, {"content": "no base64!", "alt": "x"}, **any_state))[0] == 422
    assert (await add(sky, 1, body(), **any_state))[0] == 404
    assert (await add(sky, 2, body(), **any_state))[0] == 200
    for _ in range(4):
        assert (await add(ada, 1, body(), **any_state))[0] == 200
    status, words = await add(ada, 1, body(), **any_state)
    assert (status, "4 pictures at most" in words) == (409, True)
    await ada.post("/v1/replies/1/approve", {"anyway": True}, If_Match="*")
    assert (await add(ada, 1, body(), **any_state))[0] == 409
    [theirs] = (await ada.get("/v1/replies/2")).told["pictures"]
    assert (await ada.get(f"/v1/replies/1/pictures/{theirs['id']}")).status == 404
    [count] = await ask(postgres_url, "select count(*) as n from reply_pictures")
    assert count["n"] == 5


async def test_who_is_bound_to_a_brand_reads_its_pictures_alone(office):
    ada, sky = await office.person("ada", "agent"), await office.person("sky", "agent", "Other")
    ids = [
        (await ada.post(f"/v1/replies/{n}/pictures", body(), If_Match="*")).told["pictures"][0][
            "id"
        ]
        for n in (1, 2)
    ]

    assert (await sky.get(f"/v1/replies/1/pictures/{ids[0]}")).status == 404
    assert (await sky.get(f"/v1/replies/2/pictures/{ids[0]}")).status == 404
    assert (await sky.get(f"/v1/replies/2/pictures/{ids[1]}")).status == 200
    removed = await sky("DELETE", f"/v1/replies/2/pictures/{ids[1]}", If_Match="*")
    assert (removed.status, removed.told["pictures"]) == (200, [])


async def test_a_picture_that_is_removed_while_somebody_reads_it_is_no_longer_there(office):
    pictures, replies = Pictures(office.engine), Replies(office.engine)
    await pictures.add(1, "ada", MAP, "a map")
    first, second = (await pictures.add(1, "ada", PHOTO, "a photo"))["pictures"]
    read = await replies.find(1)
    await pictures.remove(1, first["id"], "ben")

    with pytest.raises(NoPicture):
        await pictures.find(read, first["id"])
    assert (await pictures.find(read, second["id"])).alt == "a photo"
    assert [each.alt for each in await pictures.of(read)] == ["a photo"]


async def test_an_approved_reply_takes_its_pictures_along(office, tmp_path):
    pictures, replies = Pictures(office.engine), Replies(office.engine)
    await pictures.add(1, "ada", MAP, "a map")
    await pictures.add(1, "ada", PHOTO, "a photo")
    await replies.approve(1, "ada")

    async def open(network, brand):
        return FileReplier(tmp_path / "outbox.jsonl")

    async def publish(event):
        pass

    outbox = Outbox(office.engine, open, publish, Metrics())
    while await outbox.step():
        pass

    [line] = (tmp_path / "outbox.jsonl").read_text().splitlines()
    sent = json.loads(line)["pictures"]
    assert [each["alt"] for each in sent] == ["a map", "a photo"]
    assert (tmp_path / sent[0]["file"]).read_bytes() == picture(MAP, "a map").content
    assert b"51.5007N" not in (tmp_path / sent[1]["file"]).read_bytes()


async def test_a_connector_without_pictures_says_so_and_sends_no_half_reply(office):
    class Words:
        sent: ClassVar[list] = []

        async def reply(self, to, text, *, key):
            self.sent.append(text)

        async def find_reply(self, to, text, *, key, since):
            return None

        async def lookup(self, ids):
            return {id: PostStatus("there") for id in ids}

        async def close(self): ...

    async def open(network, brand):
        return Words()

    async def publish(event):
        pass

    await Pictures(office.engine).add(1, "ada", MAP, "a map")
    await Replies(office.engine).approve(1, "ada")
    outbox = Outbox(office.engine, open, publish, Metrics())
    while await outbox.step():
        pass

    row = await Replies(office.engine).find(1)
    assert (row["state"], Words.sent) == ("failed", [])
    assert "no pictures" in row["reason"]


async def test_a_draft_with_a_picture_is_a_persons_and_no_incident_writes_over_it(office):
    replies = Replies(office.engine)
    await Pictures(office.engine).add(1, "ada", MAP, "a map")

    assert await replies.touched(["mastodon:social.example/1", "x:3"]) == {
        "mastodon:social.example/1"
    }
    assert await replies.to_draft(["mastodon:social.example/1"], replacing=True) == []
    assert len(await replies.to_draft(["x:3"], replacing=True)) == 1


async def test_who_is_forgotten_takes_the_pictures_of_their_answers_along(office, postgres_url):
    pictures = Pictures(office.engine)
    await pictures.add(1, "ada", MAP, "the bag of ann1")
    await pictures.add(2, "ada", PHOTO, "a form that ann1 filled in")

    async def ignore(saved):
        pass

    await forget(office.engine, "@ann1", actor="root", publish=ignore)

    [left] = await ask(postgres_url, "select reply_id from reply_pictures")
    assert left["reply_id"] == 2
    [row] = await ask(postgres_url, "select pictures::text as said from replies where id = 2")
    assert "ann1" not in row["said"]
    assert "a form that" in row["said"]

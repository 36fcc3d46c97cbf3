"""Messages by a key of somebody who is bound to brands: theirs alone, under ids of their own."""

from __future__ import annotations

import pytest
from desk_client import Office
from history import NOON, tweet
from rows import ask
from serving import web
from sqlalchemy import text

from connectors.events import Tweet, decode
from stream.accounts.api_keys import ApiKeys
from stream.accounts.row_security import NotTheirs
from stream.desk.erasure import forget
from stream.desk.event_rights import EventRights, own_id
from stream.kafka import Outgoing
from stream.postgres.database import open_engine
from stream.store.places import keep
from stream.triage.judgement import Judgement

WORD = "xylophone"


@pytest.fixture
async def filled(simple):
    """A message of each brand: x:1 and x:2."""
    await simple.save([tweet(1, 95), tweet(2, 95, brand="Other")])
    return simple


WHEN = "2026-03-12T12:00Z"
SKY = {"kind": "tweet", "brand": "Other", "text": "our own message"}
FOREIGN = {
    "a message of another brand": {"brand": "Northwind Air"},
    "no brand, where there are two": {"brand": None, "holder": "two"},
    "a higher revision of another's": {"id": "x:1", "revision": 99},
    "a lower revision of another's": {"id": "x:1", "revision": 0},
    "another's conversation": {"id": "x:77", "conversation": "x:1"},
    "an older message into another's": {"conversation": "x:1", "occurred_at": "2020-01-01T00:00Z"},
    "their own, moved into another's": {"id": "x:2", "revision": 9, "conversation": "x:1"},
    "a message that is nobody's": {"id": "x:3", "revision": 9},
    "the conversation of nobody's": {"id": "x:78", "conversation": "x:3"},
    "a deletion of another's": {"kind": "deleted", "id": "x:1", "conversation": "x:1"},
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN.keys())
async def test_a_key_of_somebody_bound_to_a_brand_writes_nothing_of_another(
    filled, postgres_url, change
):
    published: list[Outgoing] = []

    async def publish(messages):
        published.extend(messages)

    await filled.save([tweet(3, 95, brand=None)])
    engine = open_engine(postgres_url)
    async with (
        web(filled, url=postgres_url, keys=ApiKeys(engine), publish=publish) as address,
        Office(address, engine) as office,
    ):
        await office.person("sky", "agent", "Other")
        await office.person("two", "agent", "Other", "Third")
        change = {**change}
        key = await office.key("feed", "desk", "events", of=change.pop("holder", "sky"))
        now = {"occurred_at": WHEN} if change.get("kind") == "deleted" else {}

        answer = await key.post("/v1/events", {"events": [SKY, SKY | now | change]})

        assert answer.status == 403, answer.told
        assert answer.told["detail"].startswith("event 1: ")
        assert published == [], "all are taken, or none"
    await engine.dispose()


async def test_a_key_of_somebody_bound_to_a_brand_writes_what_is_theirs(filled, postgres_url):
    published: list[Outgoing] = []

    async def publish(messages):
        published.extend(messages)

    await filled.save([tweet(3, 95, of=1, brand="Other")])
    engine = open_engine(postgres_url)
    async with (
        web(filled, url=postgres_url, keys=ApiKeys(engine), publish=publish) as address,
        Office(address, engine) as office,
    ):
        await office.person("sky", "agent", "Other")
        key = await office.key("feed", "events", of="sky")
        theirs = [
            {"kind": "tweet", "text": "no brand is theirs: there is one alone"},
            SKY | {"id": "x:2", "revision": 3},
            SKY | {"conversation": "x:2"},
            SKY | {"conversation": "x:1"},  # the customer named both brands in it
            {
                "kind": "deleted",
                "id": "x:3",
                "conversation": "x:1",
                "occurred_at": WHEN,
            },
        ]

        answer = await key.post("/v1/events", {"events": theirs})

        assert answer.status == 202, answer.told
        assert {decode(message.value).brand for message in published} == {"Other"}
    await engine.dispose()


async def test_nobody_bound_to_a_brand_takes_the_id_that_another_brands_message_will_have(
    filled, engine, postgres_url
):
    """Neither by a message, nor by its highest revision, nor by a deletion that comes first."""
    published: list[Outgoing] = []

    async def publish(messages):
        published.extend(messages)

    squats = {"x:501": {}, "x:502": {"revision": 2**31 - 2}, "x:503": {"kind": "deleted"}}
    squats |= {"form:a/b": {}, "email:<a@b.example>": {}}
    async with (
        web(filled, url=postgres_url, keys=ApiKeys(engine), publish=publish) as address,
        Office(address, engine) as office,
    ):
        await office.person("sky", "agent", "Other")
        key = await office.key("feed", "events", of="sky")
        sent = [
            SKY | {"id": id, "conversation": id, "occurred_at": WHEN} | more
            for id, more in squats.items()
        ]
        answer = await key.post("/v1/events", {"events": sent})
        again = await key.post("/v1/events", {"events": sent})
        returned = [
            event | {"id": id, "conversation": id, "text": "edited"}
            for event, id in zip(sent, answer.told["ids"], strict=True)
        ]
        by_their_ids = await key.post("/v1/events", {"events": returned})

    assert (answer.status, answer.told["ids"][0]) == (202, "x:~Other/501")
    assert again.told == by_their_ids.told == answer.told, "the same message has the same id"
    await filled.save([judged(decode(message.value)) for message in published])
    theirs = [
        judged(Tweet(id=id, conversation=id, occurred_at=NOON, brand="Northwind Air", text=WORD))
        for id in squats
    ]
    await filled.save(theirs)
    stored = await ask(postgres_url, "select id from events where text = $1", WORD)
    assert {row["id"] for row in stored} == set(squats), "no message of theirs was known already"


@pytest.mark.parametrize(
    ("id", "brand", "becomes"),
    [
        ("form:7", "Acme", "form:~Acme/7"),
        ("form:~Acme/7", "Acme", "form:~Acme/7"),
        ("form:~Other/7", "Acme", "form:~Acme/~Other/7"),
        ("form:7", "Acme/7 & Co", "form:~Acme%2F7%20%26%20Co/7"),
        ("form:" + "7" * 200, "Acme", None),
        ("form:7", "\u00c4" * 300, None),
        ("form:" + "7" * 200, "\u00c4" * 300, None),
    ],
)
def test_an_id_of_a_brands_name_space_is_an_id_and_stays_as_it_is(id, brand, becomes):
    own = own_id(id, brand)

    assert becomes in (own, None)
    assert own_id(own, brand) == own
    assert Tweet(id=own, conversation=own, occurred_at=NOON, text="").network == "form"
    assert own not in {own_id(id, "Acme Two"), own_id(id + "1", brand)}


async def test_an_answer_that_is_bound_goes_only_where_the_message_before_it_was_put(
    filled, engine, postgres_url
):
    """What was merged goes along; what another brand's people split off takes nothing along."""
    async with engine.begin() as connection:
        await keep(connection, [place("x:1", "x:1", "x:901"), place("x:2", "x:2", "x:902")])
        merged = text("insert into conversation_merges values ('x:900', 'x:2', 'ada', now())")
        await connection.execute(merged)
    rights = EventRights(engine)

    def message(**fields):
        fields = {"id": "x:77", "conversation": "x:77", **fields}
        return Tweet(occurred_at=NOON, brand="Other", text="", **fields)

    sent = [message(in_reply_to="x:1"), message(in_reply_to="x:2"), message(conversation="x:900")]
    allowed = await rights.allowed(sent, ["Other"])

    assert [event.in_reply_to for event in allowed] == ["x:~Other/1", "x:2", None]
    assert [event.conversation for event in allowed] == ["x:~Other/77"] * 2 + ["x:900"]


async def test_a_bound_sender_brings_no_message_of_a_forgotten_person_back(filled, engine):
    """Neither of one that was stored before ids had a name space, nor of one that has it."""
    old, own = "form:ann@a.example/7", own_id("form:ann@a.example/8", "Other")
    author = {"author": "ann@a.example", "brand": "Other", "occurred_at": NOON, "text": WORD}
    await filled.save([judged(Tweet(id=id, conversation=id, **author)) for id in (old, own)])
    await forget(engine, "ann@a.example", actor="root", publish=nowhere)
    rights = EventRights(engine)

    with pytest.raises(NotTheirs):
        await rights.allowed([Tweet(id=old, conversation=old, **author)], ["Other"])
    again = Tweet(id="form:ann@a.example/8", conversation="form:ann@a.example/8", **author)
    await filled.save([judged(event) for event in await rights.allowed([again], ["Other"])])

    async with engine.connect() as connection:
        query = text("select count(*) from events where text is not null and author like 'ann%'")
        assert (await connection.execute(query)).scalar_one() == 0


async def nowhere(saved):
    pass


def place(id, said_in, conversation):
    return {"event_id": id, "said_in": said_in, "conversation": conversation, "brand": None}


def judged(event):
    return Judgement(event, getattr(event, "text", ""), event.brand, None)

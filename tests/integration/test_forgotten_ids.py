"""Ids that tell who wrote: exchanged when a person is forgotten, and known again all the same."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from history import tweet
from rows import ask, dump
from sqlalchemy import ARRAY, Text

from stream.desk.actions import Note
from stream.desk.erasure import find_theirs, forget
from stream.desk.joining import Joining
from stream.desk.tickets import Desk, Seen
from stream.pipeline import outgoing
from stream.postgres.desk_tables import metadata
from stream.store import forgotten_ids
from stream.store.dead_letters import DeadLetter
from stream.store.forgotten_ids import digest_of, tells_of_somebody

DID = "did:plc:zora2quill7"
THEIRS, BOBS = f"bluesky:{DID}/3k", "bluesky:did:plc:bob/3k"


def post(id: str, author: str, *, of: str | None = None, minute: float = 0, **more):
    """A post on any network, of any id."""
    like = tweet(1, 95, author=author, minute=minute, text=f"my bag is late, says {minute}")
    changed = {"id": id, "conversation": of or id, **more}
    return replace(like, event=like.event.model_copy(update=changed))


def bobs(id: str, **more):
    return post(f"bluesky:did:plc:bob/{id}", "did:plc:bob", **more)


async def forgotten(engine, author: str = DID) -> list:
    """What was published, as it goes onto the topics."""
    published = []

    async def publish(saved):
        published.extend(outgoing(saved))

    await forget(engine, author, actor="root", publish=publish)
    return published


async def test_a_forgotten_account_stands_in_no_id_and_its_messages_do_not_come_back(
    simple, engine, postgres_url
):
    theirs = [post(THEIRS, DID), post(f"bluesky:{DID}/3kz", DID, of=BOBS, minute=3)]
    others = [bobs("3k", minute=1), bobs("3m", of=THEIRS, in_reply_to=THEIRS, minute=2)]
    await simple.save([*theirs, *others])
    await Desk(engine).act(THEIRS, Note(text="he waits at gate 7"), "ada")

    published = await forgotten(engine)

    assert DID not in await dump(postgres_url)
    before = await dump(postgres_url)
    [row] = await ask(postgres_url, "select * from tickets where id = $1", digest_of(THEIRS))
    assert (row["messages"], row["author"]) == (1, "did:plc:bob"), "bob's message stays"
    history = await ask(
        postgres_url, "select who from ticket_changes where ticket_id = $1", row["id"]
    )
    assert "ada" in {change["who"] for change in history}, "its history goes along"
    last = {message.key: message.value for message in published if message.topic == "tickets"}
    assert last[THEIRS] is None, "the compacted topic forgets the key"
    assert last[digest_of(THEIRS)] is not None
    told = await simple.save([*theirs, *others])
    assert await dump(postgres_url) == before, "each was known"
    assert DID not in str(told.analyses)


async def test_who_answers_a_forgotten_message_is_heard_in_its_conversation(
    simple, engine, postgres_url
):
    await simple.save([post(THEIRS, DID), bobs("3m", of=THEIRS, minute=1)])
    await forgotten(engine)

    saved = await simple.save([bobs("3n", of=THEIRS, in_reply_to=THEIRS, minute=5)])

    assert [ticket.id for ticket in saved.tickets] == [digest_of(THEIRS)]
    assert saved.tickets[0].messages == 2
    assert DID not in await dump(postgres_url)


async def test_an_edit_a_deletion_and_what_nobody_saw_yet_of_a_forgotten_account_stay_nameless(
    simple, engine, postgres_url
):
    unseen = f"bluesky:{DID}/3unseen"
    await simple.save([post(THEIRS, DID), bobs("3p", of=unseen, in_reply_to=unseen)])
    await forgotten(engine)
    before = await dump(postgres_url)

    await simple.save([post(THEIRS, DID, revision=7), bobs("3p", of=unseen, in_reply_to=unseen)])

    assert await dump(postgres_url) == before
    assert DID not in before


async def test_an_alert_of_a_forgotten_account_has_another_id_with_its_deliveries(
    simple, engine, postgres_url
):
    await simple.save([bobs("3m", of=THEIRS), post(THEIRS, DID, minute=1)])
    await ask(
        postgres_url,
        "insert into alert_deliveries (sink, alert_id, kind, state, severity, message)"
        " select 'chat', id, 'raised', 'sent', 1, id || '/raised' from alerts",
    )

    await forgotten(engine)

    [alert] = await ask(postgres_url, "select id, ticket_id from alerts where kind = 'p1'")
    [sent] = await ask(postgres_url, "select alert_id, message from alert_deliveries")
    assert alert["id"] == f"p1:{digest_of(THEIRS)}:1"
    assert (sent["alert_id"], sent["message"]) == (alert["id"], alert["id"] + "/raised")


MAIL = "mail:<7f3.19@quill.example>"


@pytest.mark.parametrize(
    "act", ["into it", "with it", "with it and undone", "split", "named twice"]
)
async def test_what_was_merged_or_split_names_no_forgotten_message(
    simple, engine, postgres_url, act
):
    begin = post(MAIL, "zora@quill.example")
    later = tweet(7, 90, author="zora@quill.example", of=8, minute=4, text="and here")
    await simple.save([begin, tweet(8, 70, author="bob", minute=1), later])
    joining = Joining(engine, simple)
    if act == "into it":
        await joining.merge("x:8", MAIL, "ada")
    elif act == "split":
        joined = post("mail:<8@bob.example>", "bob", of=MAIL, minute=5)
        await simple.save([joined])
        await joining.split(MAIL, [joined.event.id], "ada")
    else:
        done = await joining.merge(MAIL, "x:8", "ada")
        if act == "with it and undone":
            seen = Seen(done.ticket["edits"], done.ticket["version"])
            await joining.undo("x:8", "ada", seen=seen)
        if act == "named twice":
            await Desk(engine).act("x:8", Note(text="both are hers"), "ada")

    await forgotten(engine, "zora@quill.example")

    left = await dump(postgres_url)
    assert "7f3.19@quill.example" not in left
    assert "zora@quill.example" not in left
    told = await ask(
        postgres_url,
        "select 1 from ticket_changes where position($1 in reason) > 0",
        digest_of(MAIL),
    )
    assert told, "the history says with what"


async def test_a_burst_names_no_forgotten_message(simple, engine, postgres_url):
    await simple.save([post(MAIL, "zora@quill.example"), tweet(9, 80, author="bob")])
    evidence = {"negative": 9, "examples": ["x:9", MAIL], "words": ["late"]}
    values = "('burst:a', 'burst', 'A', 5, now(), cast($1::text as jsonb))"
    columns = "id, kind, brand, severity, started_at, evidence"
    await ask(postgres_url, f"insert into alerts ({columns}) values {values}", json.dumps(evidence))

    await forgotten(engine, "zora@quill.example")

    assert "7f3.19@quill.example" not in await dump(postgres_url)
    [row] = await ask(postgres_url, "select evidence::text as e from alerts where id = 'burst:a'")
    assert json.loads(row["e"]) == evidence | {"examples": ["x:9", digest_of(MAIL)]}


async def test_forgetting_that_broke_off_goes_on_with_the_ids_though_nobody_is_named_any_more(
    simple, engine, postgres_url
):
    await simple.save([post(THEIRS, DID), bobs("3m", of=THEIRS, minute=1)])

    async def breaks(saved):
        if saved.forgotten:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await forget(engine, DID, actor="root", publish=breaks)
    assert DID in await dump(postgres_url)

    await forgotten(engine)

    assert DID not in await dump(postgres_url)


async def test_a_save_waits_for_an_exchange_and_an_exchange_for_a_save(
    simple, engine, postgres_url
):
    """Whichever is first, no row is written with the old id behind its back."""
    await simple.save([post(THEIRS, DID)])
    async with engine.begin() as connection:
        await forgotten_ids.to_be_exchanged(connection, [THEIRS])
    async with engine.begin() as connection:
        await forgotten_ids.exchange(connection, [THEIRS])
        saving = asyncio.create_task(simple.save([bobs("3m", in_reply_to=THEIRS)]))
        while not await waits(postgres_url):
            await asyncio.sleep(0.01)
    await saving

    rows = await ask(postgres_url, "select in_reply_to from events where in_reply_to is not null")
    assert [row["in_reply_to"] for row in rows] == [digest_of(THEIRS)]


async def waits(url: str) -> bool:
    query = "select 1 from pg_locks where not granted and relation = 'forgotten_ids'::regclass"
    return bool(await ask(url, query))


@pytest.mark.parametrize(
    ("id", "tells"),
    [
        ("x:1499438927", False),
        ("mastodon:social.example/1134", False),
        (THEIRS, True),
        ("email:<20260312.17@zq-laptop.example>", True),
        ("mastodon:social.example/@zora/1134", True),
        ("form:zora@quills.example/7", True),
        (digest_of(THEIRS), False),
    ],
)
def test_an_id_that_is_a_number_alone_tells_of_nobody(id, tells):
    assert tells_of_somebody(id) is tells
    assert digest_of(digest_of(id)) == digest_of(id)


def written(post, author: str, text: str):
    event = post.event.model_copy(update={"author": author, "text": text})
    return replace(post, event=event, text=text)


NAME = "Zora Quill"
# An id of theirs, one that nobody saw yet, and what tells of them in both.
ACCOUNTS = [
    (f"bluesky:{DID}/3k", f"bluesky:{DID}/3unseen", DID),
    ("bluesky:zora.bsky.social/3k", "bluesky:zora.bsky.social/3u", "zora.bsky.social"),
    ("facebook:100012345678_55", "facebook:100012345678_99", "100012345678"),
    ("instagram:17841400000123/m7", "instagram:17841400000123/m8", "17841400000123"),
    ("mastodon:@zora@quill.example/7", "mastodon:@zora@quill.example/8", "zora@quill.example"),
    ("form:zora_quill7/1", "form:zora_quill7/2", "zora_quill7"),
    ("form:zoraquill/1", "form:zoraquill/2", "form:zoraquill/"),  # a word: theirs in ids alone
]


@pytest.mark.parametrize(("id", "unseen", "account"), ACCOUNTS)
async def test_nothing_of_the_account_is_left_where_the_author_is_a_display_name(
    simple, engine, postgres_url, id, unseen, account
):
    words = "somebody" if account.endswith("/") else account
    theirs = [post(id, NAME), post(unseen[:-1] + "z", NAME, of=BOBS, minute=3)]
    others = [
        bobs("3k", minute=1),
        written(bobs("3m", of=id, in_reply_to=id, minute=2), "bob", f"as @{words} says"),
        bobs("3p", of=unseen, in_reply_to=unseen, minute=4),
    ]
    await simple.save([*theirs, *others])
    await Desk(engine).act(BOBS, Note(text=f"this is '{words}' again"), "ada")
    letters = [f'{{"id": "{id}", "text": 7'.encode(), b"of nobody"]
    letters = letters[account.endswith("/") :]  # one that is a word names nobody
    await simple.bury(
        [DeadLetter("c", "tweets", 0, n, b"k", value, "none") for n, value in enumerate(letters)]
    )

    await forgotten(engine, NAME)

    left = await dump(postgres_url)
    assert account not in left
    kept = await ask(postgres_url, "select value from dead_letters")
    assert [bytes(row["value"]) for row in kept] == letters[-1:]
    await simple.save([*theirs, *others[:1]])
    assert await ask(postgres_url, "select 1 from events where author = $1", NAME) == []


@pytest.mark.parametrize(
    ("theirs", "others"),
    [
        ("mastodon:social.example/1", "mastodon:social.example/2"),
        ("facebook:100012345678_55", "facebook:100012345678_56"),  # of a page
        ("form:contact-2026/1", "form:contact-2026/2"),
        ("form:~Acme24/1", "form:~Acme24/2"),
        ("bluesky:did:plc:brand24/1", "bluesky:did:plc:brand24/2"),
    ],
)
async def test_a_server_a_page_or_a_form_is_nobody_s_account(
    simple, engine, postgres_url, theirs, others
):
    shared = theirs.partition(":")[2].rpartition("/")[0] or "100012345678"
    bob = written(post(others, "Bob"), "Bob", f"about {shared} and my bag")
    await simple.save([post(theirs, NAME), bob])

    await forgotten(engine, NAME)

    left = await dump(postgres_url)
    assert f"about {shared} and my bag" in left
    assert others in left
    assert NAME not in left


async def test_who_is_forgotten_under_one_of_their_names_is_told_of_the_others(simple, engine):
    await simple.save([post(THEIRS, NAME), post(f"bluesky:{DID}/3m", "zq.bsky.social")])

    theirs = await find_theirs(engine, NAME)
    await forgotten(engine, NAME)

    assert "the same account wrote as zq.bsky.social, too" in str(theirs)
    assert (await find_theirs(engine, "zq.bsky.social")).also == ()


async def test_a_year_or_a_word_before_a_message_s_number_is_no_name(simple, engine, postgres_url):
    about = "my tickets of 2026 came late"
    await simple.save(
        [post("form:tickets/1", NAME), post("web:2026/1", NAME), written(bobs("1"), "bob", about)]
    )

    await forgotten(engine, NAME)

    assert about in await dump(postgres_url)


# Columns of text that are called as ids, and hold none of a message or a ticket.
_OTHER_IDS = {
    ("incidents", "id"),  # of a brand, a topic and a time
    ("incident_tickets", "incident_id"),
    ("alert_deliveries", "message"),
    ("forgotten_ids", "id"),
    ("forgotten_ids", "was"),
}
_CALLED_SO = ("id", "conversation", "conversations", "in", "to", "events", "was", "message")


async def test_every_column_with_the_id_of_a_message_is_exchanged(postgres_url):
    exchanged = {
        *forgotten_ids.IDS,
        *forgotten_ids.LISTS,
        *forgotten_ids.TICKETS,
        *forgotten_ids.ALERTS,
    }
    called_so = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, Text | ARRAY) and column.name.rpartition("_")[2] in _CALLED_SO
    }
    assert called_so - exchanged <= _OTHER_IDS
    for table, column in exchanged:
        assert await ask(
            postgres_url,
            "select 1 from information_schema.columns where table_name = $1 and column_name = $2",
            table,
            column,
        ), f"{table}.{column}"


async def test_ids_that_begin_alike_are_exchanged_apart(simple, engine, postgres_url):
    ids = ["form:ann", "form:ann:7", "form:ann:7:1", "form:ann/7"]
    await simple.save([post(id, f"author {n}", minute=n) for n, id in enumerate(ids)])

    await forgotten(engine, "author 0")

    left = {row["id"] for row in await ask(postgres_url, "select id from events")}
    assert left == {digest_of(ids[0]), *ids[1:]}
    alerts = {row["id"] for row in await ask(postgres_url, "select id from alerts")}
    assert alerts >= {f"p1:{id}:1" for id in ids[1:]}


# Letters of which Python and some databases make another small or large one.
ODD = ["İbrahim", "İREM_2", "Strauß 7", "ﬁnn.q", "ŉeve-1", "K_elvin", "ΟΔΥΣΣΕΥΣ", "Ǆem.al", "Åse_1"]


@pytest.mark.parametrize("author", ODD)
async def test_no_prefix_and_no_name_of_odd_letters_is_left(simple, engine, postgres_url, author):
    """Their own messages looked like somebody else's, so that their account's ids stayed."""
    words = f"@{author.upper()} and @{author.lower()} wait, too"  # a plain word is anybody's
    named = replace(bobs("1", minute=1), text=words)
    answer = replace(bobs("2", minute=2, in_reply_to=f"bluesky:{DID}/3k0"), text="same here")
    await simple.save([post(THEIRS, author), named, answer])

    await forgotten(engine, author)

    left = await dump(postgres_url)
    assert DID not in left
    assert not {form for form in (author, author.upper(), author.lower()) if form in left}
    assert "same here" in left

"""A person is forgotten: nothing of them is left in the database, and nothing brings them back."""

from __future__ import annotations

import re

import asyncpg
import pytest
from history import answer, tweet
from rows import ask, dump
from sqlalchemy import ARRAY, Text
from sqlalchemy.dialects.postgresql import JSONB

from connectors.events import Tweet
from stream.accounts.audit import note
from stream.desk.actions import Note, Tag
from stream.desk.canned import Canned, Wording
from stream.desk.corrections import Corrections, Pair
from stream.desk.erasure import find_theirs, forget
from stream.desk.named_columns import TABLES
from stream.desk.saved_queries import SavedQueries
from stream.desk.saved_views import Keeper, SavedViews
from stream.desk.tickets import Desk
from stream.errors import UserError
from stream.postgres import freed
from stream.postgres.database import dsn
from stream.postgres.desk_tables import metadata
from stream.replies.outbox import _names
from stream.replies.store import Replies
from stream.store.dead_letters import DeadLetter


async def test_nothing_of_a_forgotten_author_is_left_and_a_redelivery_brings_nothing_back(
    simple, engine, postgres_url
):
    mine = [
        tweet(n, 70, of=1, minute=n, author="@zora_quill", text="my zebra case 4711")
        for n in (1, 2)
    ]
    others = tweet(3, 60, of=1, minute=5, author="bob", text="same here")
    await simple.save([*mine, others, answer(4, of=1, minute=6)])
    await ask(
        postgres_url,
        "insert into replies (ticket_id, event_id, network, text)"
        " values ('x:1', 'x:1', 'x', 'dear zora')",
    )
    letters = [
        DeadLetter("c", "tweets", 0, number, b"k", value, "not an event")
        for number, value in enumerate((b'{"author": "@zora_quill", "zebra"', b"of nobody"))
    ]
    await simple.bury(letters)
    told = []

    async def publish(saved):
        told.extend(saved.tickets)

    gone = await forget(engine, "@zora_quill", actor="root", publish=publish)

    assert (gone.messages, gone.drafts, gone.dead_letters) == (2, 1, 1)
    left = await dump(postgres_url)
    assert "zora" not in left
    assert "zebra" not in left
    assert "same here" in left
    assert told[-1].messages == 2
    await simple.save(mine)
    assert "zebra" not in await dump(postgres_url)
    assert [row["details"] for row in await ask(postgres_url, "select details from audit")] != []
    again = await forget(engine, "@zora_quill", actor="root", publish=publish)
    assert (again.messages, again.drafts, again.dead_letters) == (0, 0, 0)


def elsewhere(network, n, author):
    event = tweet(n, 70, author=author)
    moved = {"id": f"{network}:{n}", "conversation": f"{network}:{n}"}
    return type(event)(Tweet(**(event.event.model_dump() | moved)), "there", None, event.analysis)


async def ignore(saved):
    pass


@pytest.mark.parametrize(
    ("network", "stored", "typed"),
    [
        ("x", "Ada_L", "@ada_l"),
        ("x", "@ada", "ADA"),
        ("mastodon", "ada@Social.example", "@Ada@social.example"),
        ("bluesky", "ada.bsky.social", "@Ada.bsky.social"),
        ("email", "ada@mail.example", " Ada@Mail.Example "),
        ("x", "4711", "4711"),
        ("web", "Änne", "@Änne"),
        ("web", "İbrahim", "İBRAHİM"),
        ("web", "İBRAHİM", "i̇brahi̇m"),
        ("web", "Straße", "STRASSE"),
        ("web", "ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
async def test_a_person_is_forgotten_under_the_name_that_people_write(
    simple, engine, postgres_url, network, stored, typed, named
):
    await simple.save([elsewhere(network, 1, stored), elsewhere(network, 2, "adam")])
    await ask(
        postgres_url,
        "insert into replies (ticket_id, event_id, network, text) values ($1, $1, $2, 'dear')",
        f"{network}:1",
        network,
    )
    where = network.upper() if named else None

    theirs = await find_theirs(engine, typed, where)
    gone = await forget(engine, typed, actor="root", network=where, publish=ignore)

    assert str(theirs) == f"1 message, 1 draft of {stored} on {network}"
    assert (gone.messages, gone.drafts) == (1, 1)
    assert [row["author"] for row in await ask(postgres_url, LEFT)] == ["adam"]


@pytest.mark.parametrize(("stored", "typed"), [("Weiß", "Weiss"), ("ﬁnn", "finn")])
async def test_a_name_of_other_letters_is_another_persons(simple, engine, stored, typed):
    await simple.save([elsewhere("web", 1, stored), elsewhere("web", 2, typed)])

    theirs = await find_theirs(engine, typed)

    assert str(theirs) == f"1 message, 0 drafts of {typed} on web"


LEFT = "select author from events where kind <> 'deleted'"


async def test_a_name_that_nobody_has_is_an_error_with_near_names(simple, engine, postgres_url):
    names = ["somebody", "somebody@social.example", "zoe", *(f"somebody{n}" for n in range(6))]
    await simple.save([tweet(n, 70, author=name) for n, name in enumerate(names)])

    with pytest.raises(UserError, match=r"0 messages of @somebodi; .*: somebody on x, ") as refused:
        await find_theirs(engine, "@somebodi")
    assert str(refused.value).count(" on x") == 5
    assert "zoe" not in str(refused.value)
    with pytest.raises(UserError, match=r"0 messages of somebody on bluesky; .*: somebody on x"):
        await find_theirs(engine, "somebody", "bluesky")
    with pytest.raises(UserError, match=r"nothing was removed$"):
        await find_theirs(engine, "%")


async def test_a_part_of_a_word_removes_no_dead_letter(simple, engine, postgres_url):
    letters = [
        DeadLetter("c", "tweets", 0, number, b"k", value, "not an event")
        for number, value in enumerate((b'{"author": "@Ada"', b"Canada", b'"bob"'))
    ]
    await simple.bury(letters)

    assert (await forget(engine, "e", actor="root", publish=ignore)).dead_letters == 0
    assert (await forget(engine, "@ada", actor="root", publish=ignore)).dead_letters == 1


async def test_forgetting_on_one_network_leaves_the_others(simple, engine, postgres_url):
    elsewhere = tweet(2, 70, author="ada")
    event = Tweet(
        **(elsewhere.event.model_dump() | {"id": "bluesky:2", "conversation": "bluesky:2"})
    )
    await simple.save(
        [tweet(1, 70, author="ada"), type(elsewhere)(event, "there", None, elsewhere.analysis)]
    )

    async def publish(saved):
        pass

    assert (await forget(engine, "ada", actor="root", network="x", publish=publish)).messages == 1
    assert [
        row["id"] for row in await ask(postgres_url, "select id from events where text is not null")
    ] == ["bluesky:2"]


async def test_a_correction_is_kept_with_what_the_model_said_and_the_latest_counts(simple, engine):
    corrections = Corrections(engine)
    await simple.save([tweet(1, 70, text="great, another delay")])

    first = await corrections.correct("x:1", "sentiment", "neutral", "ada")
    await corrections.correct("x:1", "sentiment", "positive", "bob")
    await corrections.correct(
        "x:1", "topic", "delay", "bob"
    )  # as the model said: nothing to learn from
    await corrections.correct("x:1", "complaint", "no", "bob")

    assert (first["said"], first["should_be"], first["who"]) == ("negative", "neutral", "ada")
    assert len(await corrections.of(["x:1"])) == 4
    assert await corrections.pairs("sentiment") == [
        Pair("great, another delay", "sentiment", "positive", "negative", "bob")
    ]
    assert {(pair.field, pair.better, pair.worse) for pair in await corrections.pairs()} == {
        ("sentiment", "positive", "negative"),
        ("complaint", "no", "yes"),
    }


@pytest.mark.parametrize(
    ("event", "field", "label", "why"),
    [
        ("x:1", "sentiment", "angry", "negative or neutral or positive"),
        ("x:1", "severity", "5", "0 or 1"),
        ("x:1", "topic", " ", "1 to 120"),
        ("x:1", "topic", "\x1b]0;a\x07", "printable"),
        ("x:1", "problem", "a\r\nb", "printable"),
        ("x:9", "topic", "delay", "no message x:9"),
    ],
)
async def test_a_correction_that_cannot_be_is_refused_with_what_could(
    simple, engine, event, field, label, why
):
    await simple.save([tweet(1, 70)])

    with pytest.raises(UserError, match=why):
        await Corrections(engine).correct(event, field, label, "ada")


async def test_what_others_wrote_of_them_is_left_without_their_name_and_words(
    simple, engine, postgres_url
):
    """Notes, the brand's answer, a reply, a question to the database, the history."""
    words = "my zebra case never came and nobody at the desk would even look at me"
    theirs = tweet(1, 95, author="zora_quill", text=words)
    guest = tweet(2, 60, of=3, minute=1, author="zora_quill", text="same zebra story with me")
    await simple.save(
        [
            theirs,
            answer(9, of=1, minute=2, text="@zora_quill so sorry about your bag"),
            tweet(3, 70, of=3, author="bob", text="my bag is late"),
            tweet(4, 80, of=3, minute=2, author="bob", text=f"as @Zora_Quill says: '{words}'"),
            guest,
        ]
    )
    desk = Desk(engine)
    await desk.act("x:1", Note(text="Called Zora Quill on 07700 900123, she is a surgeon"), "ada")
    await desk.act("x:1", Tag(add=("zora",)), "ada")
    await desk.act("x:3", Note(text="zora_quill sits beside him; he wants a call"), "ada")
    await ask(
        postgres_url,
        "insert into replies (ticket_id, event_id, network, text, drafted, candidates) values"
        " ('x:3', 'x:3', 'x', 'Dear bob and @zora_quill', '', '[{\"text\": \"hi zora_quill\"}]')",
    )
    await note(engine, "ada", "sql", statement="select * from events where author = 'zora_quill'")

    await forget(engine, "@Zora_Quill", actor="root", publish=_nowhere)

    left = await dump(postgres_url)
    for trace in ("zora", "surgeon", "900123", "zebra case never came and nobody at the desk"):
        assert trace not in left.lower(), trace
    for other in ("my bag is late", "he wants a call", "so sorry about your bag", "Dear bob and"):
        assert other in left, other
    assert (await forget(engine, "zora_quill", actor="root", publish=_nowhere)).messages == 0


@pytest.mark.parametrize(
    ("author", "value", "goes"),
    [
        ("zo\u00eb_q", b'{"author": "zo\\u00eb_q", "text": "x"', True),
        ("zo\u00eb_q", b'{"author": "ZO\\u00CB_Q", "text": "x"', True),
        ("zo\u00eb_q", b"author=zo%C3%AB_q&text=x", True),
        ("zo\u00eb_q", b"<author>zo&#235;_q</author>", True),
        ("zo\u00eb_q", b"From: zo=C3=AB_q", True),
        ("zo\u00eb_q", '{"author": "zo\u00eb_q"'.encode("utf-16"), True),
        ("zo\U0001f600q", b'{"author": "@zo\\ud83d\\ude00q"', True),
        ("zo\u00eb_q", b'{"author": "zo\\u00eb_qx"', False),
        ("e", b'{"author": "e", "text"', True),
        ("e", b'{"author": "@e", "text"', True),
        ("e", b'{"author": "ada", "text": "there we were, e-mail me"', False),
        ("sam", b'{"author": "samantha", "text": "same"', False),
        ("delta", b'{"author": "ada", "text": "my flight with delta was late"', False),
    ],
)
async def test_a_dead_letter_goes_where_it_names_them_in_any_escape_and_only_there(
    simple, engine, postgres_url, author, value, goes
):
    await simple.save([tweet(1, 70, author=author)])
    await simple.bury([DeadLetter("c", "tweets", 0, 0, b"k", value, "not an event")])

    gone = await forget(engine, author, actor="root", publish=_nowhere)

    assert gone.dead_letters == int(goes)
    assert len(await ask(postgres_url, "select 1 from dead_letters")) == int(not goes)


async def test_a_name_that_is_a_word_is_taken_out_where_they_wrote_and_with_its_sign(
    simple, engine, postgres_url
):
    await simple.save(
        [
            tweet(1, 70, author="love", text="my bag did not come"),
            tweet(2, 70, of=1, minute=1, author="bob", text="and love is right"),
            tweet(3, 70, author="bob", text="I would love my bag back, says @love"),
        ]
    )

    await forget(engine, "love", actor="root", publish=_nowhere)

    rows = await ask(postgres_url, "select text from events where text is not null order by id")
    assert [row["text"] for row in rows] == [
        "and [name] is right",
        "I would love my bag back, says [name]",
    ]


async def test_forgetting_leaves_no_row_that_is_only_marked_as_gone(
    simple, engine, postgres_url, monkeypatch
):
    monkeypatch.setattr(freed, "_IS_EMBEDDED", "select false")  # a server of one's own
    await simple.save([tweet(n, 70, author="zora_quill") for n in range(1, 30)])

    await forget(engine, "zora_quill", actor="root", publish=_nowhere)

    vacuumed = await ask(
        postgres_url,
        "select relname from pg_stat_user_tables where last_vacuum is not null",
    )
    tables = {"tickets", "replies", "audit"}
    assert tables <= {row["relname"] for row in vacuumed}
    # Not by the statistic of dead rows, which the sessions that left them tell seconds later.
    told: list[str] = []
    connection = await asyncpg.connect(dsn(postgres_url))
    connection.add_log_listener(lambda _, message: told.append(str(message)))
    for table in tables:
        await connection.execute(f"vacuum (verbose) {table}")
    await connection.close()
    left = re.findall(r"tuples: (\d+) removed, \d+ remain, (\d+) are dead", "\n".join(told))
    assert left
    assert set(left) == {("0", "0")}


async def test_tables_are_written_anew_only_where_something_went_and_also_after_a_run_broke_off(
    simple, engine, postgres_url, monkeypatch
):
    """It locks every table: whoever sends names that nobody has keeps no colleague waiting."""
    freed_tables = []

    async def free(engine, tables):
        freed_tables.append(set(tables))

    async def breaks(saved):
        raise ConnectionError

    monkeypatch.setattr(freed, "free", free)
    await simple.save([tweet(1, 70, author="zora_quill")])

    await forget(engine, "nobody", actor="root", publish=_nowhere)
    assert freed_tables == []
    with pytest.raises(ConnectionError):
        await forget(engine, "zora_quill", actor="root", publish=breaks)
    assert freed_tables == []
    await forget(engine, "zora_quill", actor="root", publish=_nowhere)
    assert [tables >= {"events", "tickets", "event_ids"} for tables in freed_tables] == [True]
    await forget(engine, "zora_quill", actor="root", publish=_nowhere)
    assert len(freed_tables) == 1


async def test_who_wants_no_answers_and_is_forgotten_still_gets_none_and_is_not_named(
    simple, engine, postgres_url
):
    replies = Replies(engine)
    await simple.save([tweet(1, 70, author="zora_quill"), tweet(2, 70, author="bob")])
    for author in ("zora_quill", "bob"):
        await replies.opt_out("x", author, "ada")

    await forget(engine, "zora_quill", actor="root", publish=_nowhere)

    assert "zora" not in await dump(postgres_url)
    kept = {row["author"] for row in await ask(postgres_url, "select author from opted_out")}
    assert kept == {"bob", _names("zora_quill")[1]}


async def _nowhere(saved):
    pass


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("she wrote: my zebra case never came and nobody at the desk, and so on", "she wrote: "),
        ("My  zebra case NEVER came, and: nobody at the desk!", "[removed]"),
        ("my zebra case never came and that is all", "my zebra case never came and that is all"),
        ("nobody at the desk", "nobody at the desk"),
    ],
    ids=["quoted", "spelled otherwise", "fewer words", "anybody's phrase"],
)
async def test_eight_words_of_theirs_go_wherever_they_are_quoted_without_a_name(
    simple, engine, postgres_url, words, left
):
    theirs = "my zebra case never came and nobody at the desk would even look at me"
    await simple.save(
        [tweet(1, 95, author="zora_quill", text=theirs), tweet(3, 70, author="bob", text=words)]
    )

    await forget(engine, "zora_quill", actor="root", publish=_nowhere)

    [row] = await ask(postgres_url, "select text from events where id = 'x:3'")
    [ticket] = await ask(postgres_url, "select excerpt from tickets where id = 'x:3'")
    assert left in row["text"]
    assert row["text"] == ticket["excerpt"]
    assert "zebra case never came and nobody" not in await dump(postgres_url)


async def test_what_people_keep_and_what_others_answered_names_nobody_who_is_forgotten(
    simple, engine, postgres_url
):
    """Saved searches and questions, canned answers, quotes in mails, answers of sinks."""
    words = "my zebra case never came and nobody at the desk would even look at me"
    await simple.save([tweet(1, 95, author="zora_quill", text=words), tweet(3, 70, author="bob")])
    await ask(postgres_url, "update events set trimmed = $1 where id = 'x:3'", f"She: > {words}")
    views, queries, canned = SavedViews(engine), SavedQueries(engine), Canned(engine)
    for name in ("zora_quill", "@zora_quill", "late bags"):
        query = {"text": "author:zora_quill is:late"}
        await views.save(Keeper("ada"), name, query, shared=True)
        statement = "select id from events where author = 'zora_quill'"
        await queries.put(name, statement, "table", "ada", leads=False)
    await canned.add(
        Wording("zora_quill", "Dear @zora_quill, we look", tags=("zora_quill",)), "ada"
    )
    await canned.add(Wording("bag", f"You wrote: {words}"), "ada")
    await ask(
        postgres_url,
        "insert into alert_deliveries (sink, alert_id, kind, state, severity, answer) values"
        " ('chat', 'a', 'raised', 'failed', 1, '400: no such user zora_quill')",
    )
    await ask(
        postgres_url,
        "insert into daily_summaries (sink, day, state, answer)"
        " values ('chat', '2026-03-12', 'failed', 'zora_quill')",
    )

    await forget(engine, "zora_quill", actor="root", publish=_nowhere)

    left = (await dump(postgres_url)).lower()
    assert "zora" not in left
    assert "zebra case never came and nobody" not in left
    kept = await views.list(Keeper("ada"))
    assert [row["query"]["text"] for row in kept] == ["author:[name] is:late"] * 3
    assert len({row["name"] for row in kept} - {"late bags"}) == 2
    assert len(await queries.list()) == 3
    assert [row["text"] for row in await canned.every()] == [
        "You wrote: [removed]",
        "Dear [name], we look",
    ]


# Text that no customer is named in, and why.
_OTHERWISE = {
    "ids, exchanged where they tell of somebody: see test_forgotten_ids": {
        "id", "conversation", "left_conversations", "into_conversation", "said_in", "in_reply_to",
        "ticket_id", "event_id", "sent_id", "url", "events", "alert_id", "incident_id", "was",
        "examples",
    },
    "removed with the message, folded from what is left, or removed by name": {
        "author", "excerpt", "factors", "handle", "other_handle",
    },
    "of colleagues": {
        "who", "owner", "person", "actor", "changed_by", "created_by", "approved_by", "undone_by",
        "acknowledged_by", "snoozed_by", "users.name", "users.login", "attendance.name",
        "failed_logins.name", "address", "password_hash", "role", "api_keys.name", "prefix",
        "scopes",
    },
    "of brands, settings and programs": {
        "brand", "brands", "network", "other_network", "kind", "direction", "language", "sentiment",
        "topic", "problem", "model_version", "level", "state", "unread_language", "sink", "message",
        "field", "said", "should_be", "source", "cursor", "what", "time_zone", "chart", "cluster",
        "dead_letters.reason", "action", "desk_controls.name", "subject", "value", "secrets",
        "desk_control_changes.name", "before", "after", "signing_keys.name", "shadows.version",
        "shadow_counts.version", "in_use", "label", "shadow_label",
    },
}  # fmt: skip


def test_every_column_of_text_is_looked_at_when_somebody_is_forgotten_or_names_nobody():
    others = set().union(*_OTHERWISE.values())
    unknown = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, Text | JSONB | ARRAY)
        and column.name not in TABLES.get(table.name, ((), {}))[1]
        and not {column.name, f"{table.name}.{column.name}"} & others
    ]
    assert unknown == []

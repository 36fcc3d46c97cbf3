"""A conversation that names two brands: a ticket for each, and nothing to the other's people."""

from __future__ import annotations

import itertools
from urllib.parse import quote

import pytest
from desk_client import Office
from history import NOON, answer, deletion, tweet
from people import quick_people
from rows import ask, do
from serving import web
from sqlalchemy import text
from stores import Stores

from connectors.base import SentReply
from models.replier.draft import Candidate, Draft
from stream.accounts.api_keys import ApiKeys
from stream.accounts.postgres_logins import ensure_login
from stream.accounts.row_security import BoundEngine
from stream.desk.actions import Claim, Note, Wait
from stream.desk.alert_book import AlertBook
from stream.desk.filters import Filter
from stream.desk.queue import QueueReader
from stream.desk.tickets import Desk, NoTicket
from stream.postgres.database import open_engine
from stream.replies.outbox import own_answer
from stream.replies.store import Replies
from stream.store.rebuild import rebuild
from stream.web.live import Hub

SKY, VOLT = "Northwind Air", "VoltLine"
WORD = "xylophone"  # what is said to VoltLine alone
OF_VOLT = f"x:1 {VOLT}"
FIRST = tweet(1, 60, text="hello, my bag", minute=0)
SECOND = tweet(2, 95, of=1, brand=VOLT, text=f"my {WORD} is dead", minute=1)
GOES_ON = tweet(3, 90, of=1, brand=None, text=f"the {WORD}!", minute=2)
BACK = tweet(4, 60, of=1, text="and my bag?", minute=3)
ANSWERED = tweet(
    5, 90, of=1, brand=None, text=f"{WORD} again", minute=4, in_reply_to="x:2", author="ada"
)
THREAD = (FIRST, SECOND, GOES_ON, BACK, ANSWERED)


async def tickets_of(url):
    rows = await ask(
        url, "select id, brand, level, excerpt, messages, factors::text from tickets order by id"
    )
    return {row["id"]: row for row in rows}


async def test_each_brand_has_a_ticket_of_what_was_said_to_it(simple, postgres_url):
    await simple.save(THREAD)

    tickets = await tickets_of(postgres_url)
    assert {id: (row["brand"], row["messages"]) for id, row in tickets.items()} == {
        "x:1": (SKY, 2),
        OF_VOLT: (VOLT, 3),
    }
    assert tickets[OF_VOLT]["level"] == "P1"
    assert WORD in tickets[OF_VOLT]["excerpt"]
    assert WORD not in str(tickets["x:1"])
    alerts = await ask(postgres_url, "select ticket_id, brand, evidence::text from alerts")
    assert [(row["ticket_id"], row["brand"]) for row in alerts] == [(OF_VOLT, VOLT)]
    assert '"x:1"' not in alerts[0]["evidence"]


@pytest.mark.parametrize("seed", range(6))
async def test_in_any_order_and_repeated_it_is_the_same(simple, postgres_url, seed):
    order = list(itertools.permutations(THREAD))[seed * 19 + seed]
    for judgement in order:
        await simple.save([judgement])
    await simple.save(THREAD)

    tickets = await tickets_of(postgres_url)
    assert {id: (row["brand"], row["messages"]) for id, row in tickets.items()} == {
        "x:1": (SKY, 2),
        OF_VOLT: (VOLT, 3),
    }
    assert WORD not in str(tickets["x:1"])
    engine = open_engine(postgres_url)
    assert (await rebuild(engine, Stores(engine, fold=simple._fold), None)).changed == 0
    await engine.dispose()


async def test_an_older_message_of_another_brand_takes_no_words_notes_or_drafts_over(
    simple, engine, postgres_url
):
    """VoltLine's ticket was the conversation's; then an older message names the airline."""
    await simple.save([SECOND])
    desk, replies = Desk(engine), Replies(engine)
    assert list(await tickets_of(postgres_url)) == ["x:1"]
    await desk.act("x:1", Claim(), "vera")
    await desk.act("x:1", Note(text=f"her {WORD} is an old one"), "vera")
    [wanted] = await replies.to_draft(["x:1"])
    draft = Draft((Candidate(f"Sorry about your {WORD}.", -1.5),), "replier-1")
    await replies.store([(wanted, draft, None)])

    await simple.save([FIRST])

    rows = {
        row["id"]: row
        for row in await ask(
            postgres_url, "select id, brand, owner, state, notes::text from tickets"
        )
    }
    assert (rows["x:1"]["brand"], rows["x:1"]["owner"], rows["x:1"]["notes"]) == (SKY, None, "[]")
    assert (rows[OF_VOLT]["owner"], rows[OF_VOLT]["state"]) == ("vera", "open")
    assert WORD in rows[OF_VOLT]["notes"]
    for brand, theirs in ((SKY, False), (VOLT, True)):
        async with BoundEngine(engine, [brand]).connect() as connection:
            seen = [
                str((await connection.execute(text(f"select * from {table}"))).all())
                for table in ("events", "tickets", "ticket_changes", "replies", "alerts")
            ]
        assert (WORD in str(seen)) is theirs, brand
        assert ("vera" in str(seen)) is theirs, brand
    drafted = await ask(postgres_url, "select ticket_id, brand from replies")
    assert [tuple(row) for row in drafted] == [(OF_VOLT, VOLT)]

    [alert] = await ask(postgres_url, "select ticket_id, brand from alerts")
    assert tuple(alert) == (OF_VOLT, VOLT)

    await simple.save([deletion(1)])  # and back again
    [row] = await ask(postgres_url, "select id, brand, owner, notes::text from tickets")
    assert (row["id"], row["brand"], row["owner"]) == ("x:1", VOLT, "vera")
    assert WORD in row["notes"]


async def test_a_withdrawn_ticket_comes_back_to_its_own_brand_alone(simple, engine, postgres_url):
    await simple.save([SECOND])
    await Desk(engine).act("x:1", Claim(), "vera")
    await simple.save([deletion(2, of=1)])
    assert await tickets_of(postgres_url) == {}

    await simple.save([FIRST])

    [row] = await ask(postgres_url, "select brand, owner, state from tickets")
    assert tuple(row) == (SKY, None, "new")


async def test_each_answers_their_own_and_the_others_wait(simple, engine, postgres_url):
    await simple.save([*THREAD, answer(6, of=1, minute=5)])

    rows = await ask(postgres_url, "select id, answered_at from tickets order by id")
    assert [(row["id"], row["answered_at"] is None) for row in rows] == [
        ("x:1", False),
        (OF_VOLT, True),
    ]
    [wanted] = await Replies(engine).to_draft(["x:1", OF_VOLT])
    assert (wanted.ticket_id, wanted.event_id) == (OF_VOLT, "x:2")


async def test_the_people_of_each_brand_find_their_ticket_by_http(simple, postgres_url):
    await simple.save(THREAD)
    engine = open_engine(postgres_url)
    async with (
        web(simple, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        for brand, theirs, others in ((SKY, "x:1", OF_VOLT), (VOLT, OF_VOLT, "x:1")):
            person = await office.person(brand, "agent", brand)
            [listed] = (await person.get("/v1/tickets")).told["tickets"]
            found = await person.get(f"/v1/tickets/{quote(theirs)}")
            claimed = await person.post(f"/v1/tickets/{quote(theirs)}/claim", {})
            refused = await person.get(f"/v1/tickets/{quote(others)}")
            assert (found.status, claimed.status, refused.status) == (200, 200, 404), claimed.told
            assert listed["id"] == theirs
            assert (WORD in str(found.told)) is (brand == VOLT)
            lists = [
                (await person.get(path)).told
                for path in ("/v1/tickets?q=x", "/v1/export?of=events", "/v1/replies")
            ]
            assert (WORD in str(lists)) is (brand == VOLT)
    with pytest.raises(NoTicket):
        await Desk(engine).ticket(OF_VOLT, frozenset({SKY}))
    await engine.dispose()


async def test_an_edit_that_names_another_brand_begins_a_ticket_anew(simple, engine, postgres_url):
    [alert] = (await simple.save([SECOND])).alerts
    await Desk(engine).act("x:1", Claim(), "vera")
    await Desk(engine).act("x:1", Note(text=f"her {WORD} is an old one"), "vera")

    edit = tweet(2, 95, of=1, brand=SKY, text="I meant you: my bag", minute=1, revision=1)
    saved = await simple.save([edit])

    [row] = await ask(postgres_url, "select brand, owner, state, notes::text from tickets")
    assert tuple(row) == (SKY, None, "new", "[]")
    told = {record.id: (record.brand, record.recovered_at is None) for record in saved.alerts}
    assert told.pop(alert.id) == (VOLT, False), "nobody is called for what is over"
    assert list(told.values()) == [(SKY, True)]
    async with BoundEngine(engine, [SKY]).connect() as connection:
        history = str((await connection.execute(text("table ticket_history"))).all())
    assert "vera" not in history
    assert "the conversation needs a person" in history


async def test_a_p1_that_goes_as_another_brand_takes_its_id_is_taken_back(simple, postgres_url):
    await simple.save([SECOND])

    worse = tweet(1, 95, text="hello, my bag", minute=0)
    saved = await simple.save([worse, deletion(2, of=1)])
    again = await simple.save([worse, deletion(2, of=1)])  # it died before it was told

    for told in (saved, again):
        assert {(record.brand, record.recovered_at is None) for record in told.alerts} == {
            (VOLT, False),
            (SKY, True),
        }
    [row] = await ask(postgres_url, "select id, brand, level from tickets")
    assert tuple(row) == ("x:1", SKY, "P1")


async def test_tickets_of_before_are_parted_by_a_rebuild_and_keep_what_people_set(
    simple, engine, postgres_url
):
    """As an older earshot left them: what was said to both in the ticket of the first."""
    await simple.save([FIRST, tweet(2, 95, of=1, text=f"my {WORD} is dead", minute=1)])
    await Desk(engine).act("x:1", Claim(), "skye")
    await do(postgres_url, f"update events set brand = '{VOLT}' where id = 'x:2'")
    stores = Stores(engine, fold=simple._fold)

    assert (await rebuild(engine, stores, None)).changed == 2
    assert (await rebuild(engine, stores, None)).changed == 0

    rows = await ask(postgres_url, "select id, brand, owner, excerpt from tickets order by id")
    assert [tuple(row)[:3] for row in rows] == [("x:1", SKY, "skye"), (OF_VOLT, VOLT, None)]
    assert WORD not in rows[0]["excerpt"]


async def test_a_lost_ticket_comes_back_with_what_its_own_people_set(simple, engine, postgres_url):
    desk = Desk(engine)
    await simple.save([SECOND])
    await desk.act("x:1", Claim(), "vera")
    await simple.save([FIRST])
    await desk.act("x:1", Claim(), "skye")
    await desk.act(OF_VOLT, Wait(), "vera")
    before = await ask(postgres_url, "select id, brand, owner, state from tickets order by id")

    await do(postgres_url, "delete from tickets")
    await rebuild(engine, Stores(engine, fold=simple._fold), None)

    assert before == await ask(
        postgres_url, "select id, brand, owner, state from tickets order by id"
    )


async def test_the_last_word_to_one_brand_settles_its_ticket_alone(store, postgres_url):
    smoke = "@VoltLine smoke is coming out of your router, it burnt my hand"
    await store.save(
        [
            tweet(1, 90, text="@NorthwindAir my mother is stranded in Oslo without medicine"),
            tweet(2, 90, of=1, brand=VOLT, text=smoke, minute=1),
            answer(3, of=1, brand=VOLT, minute=5, text="Please unplug it. Are you all right?"),
            tweet(
                4, 5, of=1, brand=None, minute=10, text="All good now, the smoke is gone. Thanks!"
            ),
        ]
    )

    rows = await ask(postgres_url, "select id, state from tickets order by id")
    assert [tuple(row) for row in rows] == [("x:1", "new"), (OF_VOLT, "settled")]


async def test_an_answer_goes_into_the_customers_conversation(simple):
    sent = SentReply(id="x:9", url=None, at=NOON)
    row = {"ticket_id": OF_VOLT, "brand": VOLT, "text": "Sorry!", "event_id": "x:2"}

    assert own_answer(row, sent).conversation == "x:1"


async def test_who_sees_all_brands_reads_each_ticket_by_itself(simple, engine):
    await simple.save([*THREAD, deletion(9, of=1, minute=-1)])
    desk, queue = Desk(engine), QueueReader(engine)

    messages = {id: [row["id"] for row in await desk.conversation(id)] for id in ("x:1", OF_VOLT)}
    assert messages == {"x:1": ["x:9", "x:1", "x:4"], OF_VOLT: ["x:9", "x:2", "x:3", "x:5"]}
    assert [row["id"] for row in await queue.queue(Filter(text="is dead"))] == [OF_VOLT]
    [alert] = await AlertBook(engine).list()
    assert alert.alert.ticket_id == OF_VOLT


async def test_neither_the_live_feed_nor_a_login_of_ones_own_tells_of_the_other(
    simple, engine, postgres_url
):
    hub = Hub(postgres_url, engine)
    async with hub.running():
        await hub.listens.wait()
        with hub.subscribe(frozenset({SKY})) as skys, hub.subscribe(frozenset({VOLT})) as volts:
            await simple.save(THREAD)
            own, others = set(), set()
            while "x:1" not in own:
                own |= set((await anext(skys)).ids)
            while OF_VOLT not in others:
                others |= set((await anext(volts)).ids)
    assert OF_VOLT not in own
    assert "x:1" not in others
    person = await quick_people(engine).add("skye", "four quiet otters sing", "viewer", [SKY])
    url = await ensure_login(engine, postgres_url, person)
    for view in ("open_tickets", "ticket_history", "events", "tickets", "alerts", "alert_tickets"):
        rows = str(await ask(url, f"select to_jsonb(t)::text from {view} t"))
        assert WORD not in rows, view
        assert VOLT not in rows, view

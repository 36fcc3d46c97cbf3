"""Search over all tickets: words in any order, phrases, names, operators, a slip of a letter."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from desk_client import Office
from history import NOON, answer, deletion, tweet
from rows import ask, do
from serving import web

from connectors.events import Transcript, Turn
from stream.accounts.row_security import BoundEngine
from stream.desk.actions import Claim, Note, Resolve, Snooze, Tag
from stream.desk.filters import Filter
from stream.desk.queue import MOST_SEARCHES, QueueReader
from stream.desk.search import BadSearch, parse, slips
from stream.desk.tickets import Desk
from stream.postgres.database import dsn, open_engine

THEIRS = frozenset({"Other"})


@pytest.fixture
def queue(engine):
    return QueueReader(engine)


@pytest.fixture
async def tickets(simple, engine):
    """Tickets in several states, of several authors and brands."""
    await simple.save(
        [
            tweet(1, 90, text="my suitcase never arrived in Lisbon", author="Mira_K"),
            tweet(2, 70, text="the baggage belt was broken, bags everywhere", author="ben"),
            tweet(3, 60, text="charged twice for one suitcase", brand="Other", author="cleo"),
            tweet(4, 85, text="Mein Koffer ist verschwunden", author="dora"),
            tweet(5, 75, text="stranded in Porto", author="emil"),
            tweet(6, 76, of=5, text="and the hotel voucher was refused", author="emil", minute=5),
            answer(7, of=5, minute=9, text="we sent another coupon"),
        ]
    )
    desk = Desk(engine)
    await desk.act("x:1", Resolve(), "ada")
    await desk.act("x:2", Claim(), "ben")
    await desk.act("x:2", Tag(add=("vip",)), "ben")
    await desk.act("x:3", Note(text="refund was promised by phone"), "ada")
    await desk.act("x:4", Snooze(until=datetime.now(UTC) + timedelta(days=2)), "ada")


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("has:incident", {"x:2"}),
        ("-has:incident is:open", {"x:3", "x:5", "x:8", "x:9"}),
        ("has:link", {"x:8", "x:9"}),
        ("has:Link suitcase", set()),
        ("-has:link brand:other", {"x:3"}),
        ("has:note", {"x:3"}),
        ("has:draft", {"x:9"}),
        ("has:note,draft", {"x:3", "x:9"}),
        ("has:picture", {"x:9"}),
    ],
)
async def test_a_search_finds_tickets_by_what_they_hold(
    simple, engine, tickets, queue, postgres_url, line, there
):
    told = "look: https://pictures.example/1"
    await simple.save(
        [
            tweet(8, 60, text=told, author="finn", brand="Other"),
            tweet(9, 60, text="see WWW.PICTURES.example please", author="gus"),
            answer(10, of=5, minute=12, text="all is on https://northwind.example"),
        ]
    )
    await do(
        postgres_url,
        "insert into incidents (id, brand, title, severity, started_at, last_at, evidence, version)"
        " values ('i', 'Northwind Air', 'belt', 5, now(), now(), '{}', 1)",
    )
    await do(
        postgres_url,
        "insert into incident_tickets (incident_id, ticket_id, state, who)"
        " values ('i', 'x:2', 'joined', 'earshot'), ('i', 'x:3', 'left', 'ada')",
    )
    await do(
        postgres_url,
        "insert into replies (ticket_id, event_id, network, text, state, pictures) values"
        " ('x:9', 'x:9', 'x', 'a', 'draft', '[{}]'),"
        " ('x:3', 'x:3', 'x', 'b', 'discarded', '[{}]')",
    )

    assert await found(queue, line) == there


async def found(queue: QueueReader, line: str, **more) -> set[str]:
    rows = await queue.queue(Filter(text=line, **more))
    counted = (await queue.facets(Filter(text=line, **more))).get("all", {}).get("found", 0)
    listed, _ = await queue.page(Filter(text=line, **more))
    assert {row["id"] for row in rows} == {row["id"] for row in listed}, "REST and console agree"
    assert counted == len(rows), "and so do the counts"
    return {row["id"] for row in rows}


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("suitcase", {"x:1", "x:3"}),
        ("SUITCASES", {"x:1", "x:3"}),
        ("lisbon suitcase", {"x:1"}),
        ('"never arrived"', {"x:1"}),
        ('"arrived never"', set()),
        ("“never arrived”", {"x:1"}),
        ("suitcase -twice", {"x:1"}),
        ('suitcase -"never arrived"', {"x:3"}),
        ("lisbon or porto", {"x:1", "x:5"}),
        ("porto voucher coupon", {"x:5"}),
        ("suitcsae", {"x:1", "x:3"}),
        ("sutcase", {"x:1", "x:3"}),
        ("suitcasse lisbom", {"x:1"}),
        ('"suitcsae"', set()),
        ("suitc", {"x:1", "x:3"}),
        ("koffer", {"x:4"}),
        ("mira_k", {"x:1"}),
        ("@Mira_K", {"x:1"}),
        ("x:4", {"x:4"}),
        ("vip", {"x:2"}),
        ("#vip", {"x:2"}),
        ("promised phone", {"x:3"}),
        ("the", {"x:2", "x:5"}),
        ("the voucher", {"x:5"}),
        ("' or true --", set()),
        ("100% \\ _ \x00 &|!() <-> :*", set()),
        ("...", set()),
        ("is:resolved", {"x:1"}),
        ("is:open", {"x:2", "x:3", "x:5"}),
        ("is:snoozed", {"x:4"}),
        ("is:resolved,snoozed", {"x:1", "x:4"}),
        ("-is:open", {"x:1", "x:4"}),
        ("is:mine", {"x:2"}),
        ("is:unassigned", {"x:3", "x:4", "x:5"}),
        ("is:late", set()),
        ("author:@ben", {"x:2"}),
        ("author:BEN,cleo", {"x:2", "x:3"}),
        ("brand:other", {"x:3"}),
        ('brand:"Northwind Air" suitcase', {"x:1"}),
        ("-brand:north", {"x:3"}),
        ("topic:del suitcase", {"x:1", "x:3"}),
        ("level:p1", {"x:1", "x:4"}),
        ("level:P1,p3 lisbon", {"x:1"}),
        ("tag:vip", {"x:2"}),
        ("-tag:vip is:open", {"x:3", "x:5"}),
        ("network:X owner:ben", {"x:2"}),
        ("since:2026-03-12 porto", {"x:5"}),
        ("since:2026-03-13", set()),
        ("until:2026-03-12 porto", {"x:5"}),
        ("before:2026-03-12", set()),
        ("since:2026-03-12T12:03", {"x:5"}),
    ],
)
async def test_a_search_finds_in_every_state_what_was_said_noted_or_named(
    tickets, queue, line, there
):
    assert await found(queue, line, me="ben") == there


async def test_what_is_saved_edited_or_deleted_is_found_so_at_once(simple, queue):
    await simple.save([tweet(1, 90, text="no heating"), tweet(2, 90, text="no heating, either")])
    assert await found(queue, "heating") == {"x:1", "x:2"}

    await simple.save([tweet(1, 90, text="no water", revision=1), deletion(2)])

    assert await found(queue, "heating") == set()
    assert await found(queue, "water") == {"x:1"}


async def test_both_sides_of_a_call_are_found(simple, queue, postgres_url):
    await simple.save([tweet(1, 90, text="hello")])
    call = Transcript(
        id="x:9",
        conversation="x:1",
        occurred_at=NOON,
        turns=(Turn(speaker="agent", text="your parcel"), Turn(speaker="customer", text="where")),
    )
    turns = [{"speaker": turn.speaker, "text": turn.text, "at": None} for turn in call.turns]
    await do(postgres_url, f"update events set turns = '{json.dumps(turns)}' where id = 'x:1'")

    assert await found(queue, "parcel") == {"x:1"}
    assert await found(queue, "customer") == set(), "who spoke is not what was said"


async def test_other_brands_are_not_found_by_people_who_are_bound(tickets, engine):
    bound = QueueReader(BoundEngine(engine, THEIRS))

    for brands in (THEIRS, None):  # Postgres keeps them, also where a query forgot to ask
        assert await found(bound, "suitcase", brands=brands) == {"x:3"}
        assert await found(bound, "promised phone", brands=brands) == {"x:3"}
        for line in ("lisbon", "suitcse lisbon", "mira_k", "x:1", "vip", "is:open -cleo", "the"):
            assert await found(bound, line, brands=brands) <= {"x:3"}, line


async def test_every_brand_of_a_conversation_finds_its_own_messages_alone(simple, queue):
    await simple.save(
        [
            tweet(1, 80, text="Northwind lost my hat", brand="Northwind Air"),
            tweet(2, 80, of=1, text="and Volt cut my power", brand="Volt", minute=1),
        ]
    )
    assert await found(queue, "hat") == {"x:1"}
    assert await found(queue, "power") == {"x:1 Volt"}


async def test_the_found_are_sorted_as_one_asks(tickets, queue, postgres_url):
    await do(
        postgres_url,
        "update tickets set received_at = now() - interval '1 hour' * split_part(id, ':', 2)::int",
    )
    for sort, order in (
        ("priority", ["x:2", "x:3", "x:1", "x:4"]),
        ("newest", ["x:1", "x:2", "x:3", "x:4"]),
        ("received", ["x:4", "x:3", "x:2", "x:1"]),
    ):
        rows = await queue.queue(Filter(text="suitcase or baggage or koffer"), sort=sort)
        assert [row["id"] for row in rows] == order, sort


@pytest.mark.parametrize("sort", ["priority", "newest", "received", "updated"])
async def test_a_queue_of_every_order_holds_the_same_tickets(tickets, queue, sort):
    rows = await queue.queue(Filter(), sort=sort)
    assert {row["id"] for row in rows} == {"x:2", "x:3", "x:5"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("brnd:volt", "brnd: is no operator; there is is:, has:, author:, brand:"),
        ("is:gone", "is:gone: there is open, new"),
        ("has:money", "has:money: there is incident, link, note, draft, picture"),
        ("level:P9", "level:p9: there is P1, P2, P3, P4"),
        ("since:soon", "since:soon is no time; write a day"),
        ("since:99999999999d", "is no time"),
        ("before:999999-01-01", "is no time"),
        ("since:0001-01-01T00:00+23:59", "is no time"),
        ("before:9999-12-31T23:59-23:59", "is no time"),
        ("brand:", "brand: needs a value"),
        ('brand:""', "brand: needs a value"),
        ("a " * 40, "16 words and operators at most"),
        ("a" * 501, "500 characters at most"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(line, words):
    with pytest.raises(BadSearch) as refused:
        parse(line, NOON)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_colon_makes_no_operator_of_ids_addresses_and_sentences():
    for line in ("demo:099", "http://example.com/a", "12:30", '"brnd:volt"', "note: call"):
        assert [word.alternatives for word in parse(line, NOON).words], line
        assert parse(line, NOON).terms == (), line


def test_a_slip_is_one_letter_and_no_more():
    near = slips("plane")
    assert {"plan", "lane", "planet", "plaen", "place", "lpane"} <= set(near)
    assert not {"pane2x", "plants", "enalp"} & set(near)
    assert len(near) == len(set(near)) < 60 * len("plane")


def test_days_reach_to_their_end_and_spans_count_from_now():
    def moment(line: str) -> datetime | None:
        return parse(line, NOON).terms[0].moment

    day = NOON.replace(hour=0)
    assert moment("until:2026-03-12") == moment("until:today") == day + timedelta(days=1)
    assert moment("before:today") == moment("since:2026-03-12") == day
    assert moment("since:yesterday") == day - timedelta(days=1)
    assert moment("since:36h") == NOON - timedelta(hours=36)
    assert moment("since:2026-03-12T14:00+02:00") == NOON


async def test_rest_searches_and_says_what_it_cannot_read(tickets, engine, postgres_url, store):
    async with web(store, url=postgres_url) as address, Office(address, engine) as office:
        ben = await office.person("ben", "agent")
        bound = await office.person("olga", "agent", "Other")

        def ids(answer) -> list[str]:
            return [ticket["id"] for ticket in answer.told["tickets"]]

        assert ids(await ben.get("/v1/tickets?q=lisbon+suitcase")) == ["x:1"]
        assert ids(await ben.get("/v1/tickets?q=is:mine")) == ["x:2"]
        assert ids(await ben.get("/v1/tickets?q=suitcase&sort=newest&state=resolved")) == ["x:1"]
        assert ids(await bound.get("/v1/tickets?q=suitcase")) == ["x:3"]
        refused = await ben.get("/v1/tickets?q=brnd:volt")
        assert refused.status == 422
        assert refused.told["detail"].startswith("q: brnd: is no operator")


async def test_every_month_has_an_index_of_its_words(postgres_url):
    indexes = await ask(
        postgres_url,
        "select 1 from pg_indexes where indexdef like '%gin (words_of(text, turns))'",
    )
    assert len(indexes) > 1


def test_a_filter_without_words_is_no_search():
    assert not Filter(text="  ").searches
    assert replace(Filter(), text="a").searches


async def test_searches_that_take_long_leave_the_queue_to_everybody_else(tickets, postgres_url):
    """A word that a million messages hold takes many seconds; whoever looks for it may be many."""
    engine = open_engine(postgres_url, pool_size=MOST_SEARCHES + 1)
    readers = [QueueReader(engine), QueueReader(BoundEngine(engine, THEIRS))]
    blocker = await asyncpg.connect(dsn(postgres_url))
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("lock table events in access exclusive mode")  # as long as a long search
    searches = [
        asyncio.create_task(reader.queue(Filter(text=f"suitcase {number}")))
        for reader in readers
        for number in range(MOST_SEARCHES + 1)
    ]
    waiting = "select count(*) from pg_locks where not granted and relation = 'events'::regclass"
    async with asyncio.timeout(60):
        while await blocker.fetchval(waiting) < MOST_SEARCHES:
            await asyncio.sleep(0.01)

    assert {row["id"] for row in await readers[0].queue(Filter())} == {"x:2", "x:3", "x:5"}
    assert not any(search.done() for search in searches)
    await transaction.rollback()
    assert all(len(found) <= 2 for found in await asyncio.gather(*searches))
    await blocker.close()
    await engine.dispose()

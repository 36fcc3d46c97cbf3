"""The queue as the desk sees it: filtered, page by page, and warned before a promise breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from history import answer, tweet
from rows import do

from stream.desk.actions import Claim, Resolve, Snooze, Tag
from stream.desk.filters import Filter
from stream.desk.queue import BadCursor, QueueReader
from stream.desk.tickets import Desk
from stream.desk.view_query import filter_from


@pytest.fixture
def queue(engine):
    return QueueReader(engine)


def ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Filter(), ["x:2", "x:1", "x:3", "x:4"]),
        (Filter(brand="Other"), ["x:3"]),
        (Filter(brands=frozenset({"Other"})), ["x:3"]),
        (Filter(brand="Other", brands=frozenset({"Northwind Air"})), []),
        (Filter(brands=frozenset()), []),
        (Filter(topic="baggage"), ["x:2"]),
        (Filter(level="P1"), ["x:2"]),
        (Filter(owner="ada"), ["x:1"]),
        (Filter(owner=""), ["x:2", "x:3", "x:4"]),
        (Filter(state="open"), ["x:1"]),
        (Filter(tag="vip"), ["x:3"]),
        (Filter(text="100% LOST"), ["x:2"]),
        (Filter(text="lost -bag"), []),
        (Filter(text="' or true --"), []),
        (Filter(text="\x00"), []),
        (Filter(late=True), []),
        (Filter(unread=True), ["x:4"]),
        (Filter(unread=True, brand="Other"), []),
    ],
)
async def test_the_queue_is_filtered(simple, engine, queue, postgres_url, chosen, found):
    await simple.save(
        [
            tweet(1, 70),
            tweet(2, 90, topic="baggage", text="bag 100% lost"),
            tweet(3, 60, brand="Other"),
            tweet(4, 56, brand="Third"),
        ]
    )
    await do(postgres_url, "update tickets set unread_language = 'hi' where id = 'x:4'")
    await Desk(engine).act("x:1", Claim(), "ada")
    await Desk(engine).act("x:3", Tag(add=("vip",)), "ada")

    assert ids(await queue.queue(chosen)) == found


async def test_tickets_out_of_the_queue_are_shown_when_their_state_is_chosen(simple, engine, queue):
    await simple.save([tweet(1, 70), tweet(2, 90), tweet(3, 60, brand="Other")])
    await Desk(engine).act("x:1", Resolve(), "ada")
    await Desk(engine).act("x:2", Snooze(until=datetime.now(UTC) + timedelta(days=1)), "ada")

    for state, there in (("resolved", ["x:1"]), ("snoozed", ["x:2"]), ("new", ["x:3"])):
        assert ids(await queue.queue(Filter(state=state))) == there
        assert ids(await simple.list_tickets(state=state)) == there
        facets = await queue.facets(Filter(state=state))
        assert (facets["state"][state], facets["all"]["found"]) == (1, 1)
        assert facets["state"]["new"] == 1
        assert ids(await queue.queue(Filter(state=state, brand="None"))) == []
    assert ids(await queue.queue(Filter())) == ids(await simple.list_tickets()) == ["x:3"]
    [resolved] = await simple.list_tickets(state="resolved")
    [new] = await simple.list_tickets(state="new")
    assert list(resolved) == list(new)
    assert await simple.list_tickets(state="resolved", brand="Other") == []


def test_a_filter_takes_levels_and_states_in_any_case():
    chosen = filter_from({"level": "p1", "state": "Resolved"}, None)
    assert (chosen.level, chosen.state) == ("P1", "resolved")


async def test_pages_hold_every_ticket_once_in_every_order(simple, engine, queue):
    await simple.save([tweet(number, 60 + number % 3) for number in range(1, 12)])
    await Desk(engine).act("x:3", Resolve(), "ada")

    for sort in ("priority", "received", "updated"):
        seen, cursor = [], None
        while True:
            rows, cursor = await queue.page(Filter(), sort=sort, cursor=cursor, limit=4)
            seen += ids(rows)
            if cursor is None:
                break
        assert sorted(seen) == sorted(f"x:{number}" for number in range(1, 12)), sort
        assert len(seen) == 11


@pytest.mark.parametrize("cursor", ["", "x", "bm90IGpzb24", "WyJwcmlvcml0eSIsIDEsICJ4OjEiXQ", "é"])
async def test_a_cursor_that_no_answer_gave_is_refused(queue, cursor):
    with pytest.raises(BadCursor):
        await queue.page(Filter(), sort="received", cursor=cursor)


async def test_a_broken_promise_and_one_that_will_break_are_told_apart(simple, queue, postgres_url):
    await simple.save(
        [tweet(number, 70) for number in range(1, 6)] + [tweet(9, 70), answer(8, of=9, minute=1)]
    )
    # Promised within an hour each. One is late; of the others the pace of one an hour reaches the
    # first in time.
    await do(
        postgres_url,
        "update tickets set received_at = now() - interval '61 minutes' where id = 'x:1'",
    )
    await do(
        postgres_url,
        "update tickets set received_at = now() - interval '3 minutes' where id = 'x:2'",
    )

    told = {row["id"]: (row["late"], row["will_be_late"]) for row in await queue.queue(Filter())}

    assert told["x:1"] == (True, False)
    assert told["x:2"] == (False, True)
    assert told["x:9"] == (False, False)


async def test_each_filter_counts_what_it_would_show_beside_the_others(
    simple, engine, queue, postgres_url
):
    await simple.save(
        [tweet(1, 70), tweet(2, 90), tweet(3, 60, brand="Other", topic="baggage"), tweet(4, 90)]
    )
    desk = Desk(engine)
    await desk.act("x:4", Resolve(), "ada")
    await desk.act("x:2", Claim(), "ada")
    await do(
        postgres_url, "update tickets set received_at = now() - interval '2 hours' where id = 'x:1'"
    )

    every = await queue.facets(Filter())
    assert every["brand"] == {"Northwind Air": 2, "Other": 1}
    assert every["owner"] == {"": 2, "ada": 1}
    assert (every["clock"], every["all"]) == ({"late": 1}, {"found": 3})
    # What is resolved is late no more, also where a search finds it.
    await do(
        postgres_url, "update tickets set received_at = now() - interval '2 days' where id = 'x:4'"
    )
    found = await queue.facets(Filter(text="waiting"))
    assert (found["clock"], found["all"]) == ({"late": 1}, {"found": 4})
    late = await queue.queue(Filter(text="waiting", late=True))
    assert [row["id"] for row in late] == ["x:1"]
    of_brand = await queue.facets(Filter(brand="Northwind Air"))
    assert of_brand["brand"] == {"Northwind Air": 2, "Other": 1}, (
        "what another choice of it would show"
    )
    assert (of_brand["topic"], of_brand["level"], of_brand["all"]) == (
        {"delay": 2},
        {"P1": 1, "P2": 1},
        {"found": 2},
    )
    of_two = await queue.facets(Filter(brand="Northwind Air", owner=""))
    assert (of_two["brand"], of_two["owner"]) == (
        {"Northwind Air": 1, "Other": 1},
        {"": 1, "ada": 1},
    )
    assert (await queue.facets(Filter(text="no such words"))) == {}
    assert (await queue.facets(Filter(late=True)))["brand"] == {"Northwind Air": 1}
    bound = await queue.facets(Filter(brands=frozenset({"Other"})))
    assert (bound["brand"], bound["level"]) == ({"Other": 1}, {"P2": 1})


@pytest.mark.parametrize(
    "chosen",
    [
        Filter(),
        Filter(level="P1"),
        Filter(brand="Other"),
        Filter(network="x", owner="", late=False),
        Filter(topic="delay", level="P2", tag="vip"),
        Filter(text="waiting", state="new"),
        Filter(late=True, brands=frozenset({"Northwind Air"})),
        Filter(unread=True, level="P2"),
    ],
)
async def test_whatever_is_chosen_next_the_queue_shows_as_many_as_its_choice_counted(
    simple, engine, queue, postgres_url, chosen
):
    brands, topics = ("Northwind Air", "Other", None), ("delay", "baggage", None)
    await simple.save(
        [
            tweet(n, 55 + n % 45, brand=brands[n % 3], topic=topics[n % 2 + n % 5 // 4])
            for n in range(1, 31)
        ]
    )
    for number in (2, 9, 16):
        await Desk(engine).act(f"x:{number}", Claim(), "ada")
        await Desk(engine).act(f"x:{number}", Tag(add=("vip",)), "ada")
    await do(
        postgres_url,
        "update tickets set received_at = now() - interval '5 hours' where id like '%4'",
    )
    await do(postgres_url, "update tickets set unread_language = 'hi' where id like '%5'")
    flags = {"clock": {"late": True}, "lane": {"unread": True}}

    for facet, choices in (await queue.facets(chosen)).items():
        for value, n in choices.items():
            asked = {"all": {}, **flags}.get(facet, {facet: value})
            assert len(await queue.queue(replace(chosen, **asked))) == n, (facet, value)


async def test_what_became_urgent_just_now_is_found_without_the_rest(
    simple, engine, queue, postgres_url
):
    await simple.save([tweet(1, 90), tweet(2, 95, brand="Other"), tweet(3, 60), tweet(4, 85)])
    await Desk(engine).act("x:4", Resolve(), "ada")

    assert ids(await queue.urgent(Filter())) == ["x:2", "x:1"]
    assert ids(await queue.urgent(Filter(brands=frozenset({"Other"})))) == ["x:2"]
    await do(postgres_url, "update tickets set updated_at = now() - interval '1 minute'")
    assert await queue.urgent(Filter()) == []

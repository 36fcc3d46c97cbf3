"""Tickets that customers settle themselves: closed, shown, undone, re-opened, their alerts taken
back; in a real PostgreSQL.
"""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from history import answer, deletion, tweet
from rows import ask, do
from typer.testing import CliRunner

from stream.cli.main import app
from stream.desk.actions import Claim, NotAllowed, Reopen, Resolve, Wait
from stream.desk.alert_book import AlertBook
from stream.desk.filters import Filter
from stream.desk.queue import QueueReader
from stream.desk.tickets import Desk
from stream.errors import UserError

SMOKE = "@VoltLine smoke is coming out of your router, it burnt my hand"
OVER = "All good now, the smoke is gone. Thank you so much!"


@pytest.fixture
def desk(engine):
    return Desk(engine)


def story(upto: int = 3):
    """A P1, the brand's answer, and the customer's word that it is over."""
    return [
        tweet(1, 90, text=SMOKE),
        answer(2, of=1, minute=5, text="Please unplug it. Are you all right?"),
        tweet(3, 5, of=1, minute=10, text=OVER),
    ][:upto]


async def history(desk):
    return [(row["kind"], row["reason"], row["who"]) for row in await desk.history("x:1")]


async def test_the_last_word_closes_a_ticket_and_everybody_sees_why(store, desk, engine):
    await store.save(story(2))
    saved = await store.save(story()[2:])

    row = await desk.ticket("x:1")
    assert (row["state"], row["level"]) == ("settled", "P4")
    assert row["settled_at"] == story()[2].event.occurred_at
    assert (await history(desk))[-1] == ("settled", "settled by the customer", "earshot")
    [record] = saved.tickets  # what the topic is told
    assert (record.state, record.settled_at) == ("settled", row["settled_at"])
    assert json.loads(record.encode())["state"] == "settled"

    queue = QueueReader(engine)
    assert await queue.queue(Filter()) == []
    assert [line["id"] for line in await queue.queue(Filter(state="settled"))] == ["x:1"]
    assert (await queue.facets(Filter()))["state"] == {"settled": 1}
    assert (await queue.facets(Filter(state="settled")))["all"] == {"found": 1}
    assert (await queue.facets(Filter())).get("level") is None


async def test_views_and_the_command_line_tell_settled_tickets_apart(store, postgres_url):
    await store.save(story(2))
    [before] = await ask(postgres_url, "select priority from open_tickets")
    await store.save(story())

    assert await ask(postgres_url, "select * from open_tickets") == []
    [row] = await ask(postgres_url, "select id, level, priority_before from settled_tickets")
    assert tuple(row) == ("x:1", "P4", before["priority"])
    [listed] = await store.list_tickets(state="settled")
    assert (listed["id"], listed["state"]) == ("x:1", "settled")
    assert await store.list_tickets() == []


async def test_its_p1_alert_is_taken_back_and_says_so(store, engine):
    raised = await store.save(story(2))
    [alert] = raised.alerts
    assert alert.recovered_at is None

    saved = await store.save(story()[2:])

    [taken] = saved.alerts
    assert (taken.id, taken.version) == (alert.id, alert.version + 1)
    assert taken.recovered_at is not None
    assert taken.evidence["over"] == "settled by the customer"
    [listed] = await AlertBook(engine).list()
    assert listed.status == "over"


async def test_a_redelivery_tells_the_taking_back_again_and_changes_nothing(store, desk):
    await store.save(story(2))
    first = await store.save(story()[2:])
    before = await desk.ticket("x:1")

    again = await store.save(story()[2:])

    assert [alert.id for alert in again.alerts] == [alert.id for alert in first.alerts]
    assert again.alerts[0].version == first.alerts[0].version
    assert await desk.ticket("x:1") == before


async def test_the_next_message_re_opens_it_and_alerts_anew(store, desk):
    await store.save(story())
    saved = await store.save([tweet(4, 95, of=1, minute=20, text=f"It is back: {SMOKE}")])

    row = await desk.ticket("x:1")
    assert (row["state"], row["level"], row["settled_at"]) == ("new", "P1", None)
    assert (await history(desk))[-1][:2] == ("reopened", "the customer wrote again")
    assert [alert.recovered_at for alert in saved.alerts] == [None]


@pytest.mark.parametrize(
    "later",
    [
        answer(4, of=1, minute=20, text="Is it still smoking? Is anybody hurt?"),
        tweet(4, 2, of=1, minute=20, text="You are great, best company ever!"),
        tweet(4, 2, of=1, minute=20, text="Breaking news: thousands without power, officials say"),
        tweet(4, 2, of=1, minute=20, text="Win a free iPhone, click here https://spam.example"),
        tweet(4, 2, of=1, minute=20, text="glad for you!", author="grace"),
    ],
    ids=["agent", "praise", "news", "advert", "a stranger's joy"],
)
@pytest.mark.parametrize("put_away", ["settled", "resolved"])
async def test_agents_praise_news_and_adverts_open_nothing(store, desk, later, put_away):
    await store.save(story())
    if put_away == "resolved":
        await desk.act("x:1", Resolve(), "ada")

    await store.save([later])

    assert (await desk.ticket("x:1"))["state"] == put_away


async def test_thanks_put_no_resolved_ticket_back_but_a_question_does(store, desk):
    await store.save(story(2))
    await desk.act("x:1", Resolve(), "ada")

    await store.save(story()[2:])
    assert (await desk.ticket("x:1"))["state"] == "resolved"
    await store.save([tweet(4, 60, of=1, minute=20, text="Thanks. When do I get a new one?")])
    assert (await desk.ticket("x:1"))["state"] == "open"


async def test_undone_it_is_back_with_all_its_weight_and_stays(store, desk, engine):
    await store.save(story(2))
    before = await desk.ticket("x:1")
    await store.save(story()[2:])

    after = await desk.act("x:1", Reopen(), "ada")

    assert (after["state"], after["level"], after["settled_at"]) == ("open", before["level"], None)
    assert after["priority"] >= before["priority"] > 60
    assert [row["id"] for row in await QueueReader(engine).queue(Filter())] == ["x:1"]
    assert (await history(desk))[-1] == ("edited", "re-opened: not settled", "ada")
    recorded = (await desk.history("x:1"))[-1]["changes"]
    assert "factors" not in recorded  # they quote
    assert recorded["level"] == ["P4", before["level"]]

    await store.save([answer(4, of=1, minute=20, text="We send somebody.")])
    row = await desk.ticket("x:1")
    assert (row["state"], row["level"]) == ("open", before["level"])


async def test_what_was_undone_survives_a_rebuild_and_a_withdrawal(store, desk, postgres_url):
    await store.save(story())
    undone = await desk.act("x:1", Reopen(), "ada")
    await do(postgres_url, "delete from tickets")

    await store.refold(["x:1"])

    row = await desk.ticket("x:1")
    assert (row["state"], row["level"]) == ("open", undone["level"])
    assert row["unsettled_at"] == undone["unsettled_at"]


async def test_a_later_word_of_theirs_closes_it_all_the_same(store, desk):
    await store.save(story())
    await desk.act("x:1", Reopen(), "ada")

    await store.save([tweet(4, 5, of=1, minute=20, text="It's fixed now, thank you so much!")])

    assert (await desk.ticket("x:1"))["state"] == "settled"


async def test_a_settled_ticket_neither_waits_nor_may_it_be_resolved_twice(store, desk):
    await store.save(story())

    with pytest.raises(NotAllowed, match="the ticket is settled: re-open it to wait"):
        await desk.act("x:1", Wait(), "ada")
    assert (await desk.act("x:1", Claim(), "ada"))["state"] == "settled"
    assert (await desk.act("x:1", Resolve(), "ada"))["state"] == "resolved"


async def test_a_deleted_last_word_opens_it_again(store, desk):
    await store.save(story())

    await store.save([deletion(3, of=1, minute=10)])

    row = await desk.ticket("x:1")
    assert (row["state"], row["level"]) == ("new", "P1")
    assert (await history(desk))[-1][:2] == ("reopened", "a message was deleted")


async def test_in_any_order_the_ticket_is_the_same(store, desk):
    rows = []
    for order in itertools.permutations(range(3)):
        number = 100 * (len(rows) + 1)
        events = [
            tweet(number, 90, text=SMOKE),
            answer(number + 1, of=number, minute=5, text="Please unplug it."),
            tweet(number + 2, 5, of=number, minute=10, text=OVER),
        ]
        for at in order:
            await store.save([events[at]])
        rows.append(await desk.ticket(f"x:{number}"))

    assert {(row["state"], row["level"], row["priority"]) for row in rows} == {
        ("settled", "P4", rows[0]["priority"])
    }
    assert len({row["settled_at"] for row in rows}) == 1


async def test_a_deleted_p1_takes_its_alert_back_too(store):
    await store.save(story(1))

    saved = await store.save([deletion(1)])

    [alert] = saved.alerts
    assert alert.recovered_at is not None
    assert alert.evidence["over"] == "the conversation needs nobody any more"


async def test_a_store_that_dies_in_the_middle_of_settling_has_done_nothing(
    store, desk, monkeypatch
):
    """The ticket, its change and the alert are one transaction."""
    await store.save(story(2))

    async def dies(*_, **__):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("stream.store.store.alarm_store.p1_alerts", dies)
        with pytest.raises(RuntimeError):
            await store.save(story()[2:])

    assert (await desk.ticket("x:1"))["level"] == "P1"
    [alert] = await store.list_alerts()
    assert alert.recovered_at is None
    saved = await store.save(story()[2:])
    assert [alert.recovered_at is not None for alert in saved.alerts] == [True]


async def test_the_command_line_lists_settled_tickets_and_undoes_one(
    store, desk, postgres_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    await store.save(story())

    def earshot(*arguments: str):
        return CliRunner().invoke(app, ["tickets", *arguments])

    listed = await asyncio.to_thread(earshot, "--state", "settled", "--json")
    undone = await asyncio.to_thread(earshot, "--reopen", "x:1", "--by", "ada")
    missing = await asyncio.to_thread(earshot, "--reopen", "x:9")

    assert json.loads(listed.stdout)["id"] == "x:1"
    assert undone.stdout.startswith("open: P1, priority ")
    assert (await history(desk))[-1] == ("edited", "re-opened: not settled", "ada")
    assert isinstance(missing.exception, UserError)
    assert "there is no ticket x:9" in str(missing.exception)

"""Who is told what: once each, whatever dies, patiently, and a storm as a digest."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from history import NOON, deletion, tweet
from sqlalchemy import text

from connectors.base import NotSent, SentUnknown
from stream.alerts.deliveries import Due
from stream.alerts.notifier import LEASE, Notifier, plan
from stream.alerts.routing import Route, read_routes
from stream.bootstrap.last_looks import judge_last
from stream.bursts.evaluator import BurstJudge
from stream.errors import UserError
from stream.records import AlertRecord


class Desk:
    """A sink that keeps what it is told; fails as it is told to."""

    def __init__(self, name="desk", *failures):
        self.name = name
        self.notices = []
        self.failures = list(failures)

    async def send(self, notice):
        if self.failures and (failure := self.failures.pop(0)):
            if isinstance(failure, SentUnknown):
                self.notices.append(notice)  # it arrived; nobody heard the answer
            raise failure
        self.notices.append(notice)
        return "ok"

    async def close(self): ...

    @property
    def told(self):
        return [notice.id for notice in self.notices]


def route(name="desk", **given):
    asked = {
        "kinds": ("burst", "p1"),
        "brands": (),
        "min_severity": 1,
        "recovered": True,
        "per_minute": 60,
    }
    return Route(
        name=name, type="slack", options={}, max_age=timedelta(hours=6), **{**asked, **given}
    )


def burst(number=1, severity=7, brand="VoltLine", topic="outage", **given):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return AlertRecord(
        id=f"burst:{brand}:{topic}:{number}",
        kind="burst",
        severity=severity,
        brand=brand,
        topic=topic,
        **{"started_at": now, "peak_at": now, "ended_at": now, **given},
        evidence={
            "negative": 65,
            "expected": 2.0,
            "words": ["internet"],
            "topics": {"outage": 60},
            "examples": [],
        },
    )


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


async def passes(store, seconds=1000):
    """Time goes by for what waits in the table."""
    async with store._engine.begin() as connection:
        await connection.execute(
            text(
                "update alert_deliveries set due_at = due_at - make_interval(secs => :n), "
                "sent_at = sent_at - make_interval(secs => :n)"
            ),
            {"n": seconds},
        )


async def test_an_alert_is_told_once_and_its_end_once(simple):
    desk = Desk()
    telling = Notifier(simple, simple, [(route(), desk)], base_url="https://earshot.example.com")
    await simple.put_alert(burst())
    for _ in range(3):
        await telling.round()
    await simple.put_alert(burst(severity=9))  # it grew
    await telling.round()
    await simple.recover("burst:VoltLine:outage:1", datetime.now(UTC))
    for _ in range(3):
        await telling.round()

    assert desk.told == ["burst:VoltLine:outage:1/raised", "burst:VoltLine:outage:1/recovered"]
    assert "65 negative messages where 2 were usual, mostly about outage" in desk.notices[0].title
    assert desk.notices[0].link == "https://earshot.example.com/alerts"


async def test_two_senders_at_once_tell_it_once(simple):
    desk = Desk()
    await simple.put_alert(burst())

    await asyncio.gather(*(Notifier(simple, simple, [(route(), desk)]).round() for _ in range(4)))

    assert len(desk.told) == 1


async def test_who_dies_while_sending_leaves_it_to_be_sent_again_under_the_same_name(simple, clock):
    class Dies(Desk):
        async def send(self, notice):
            await super().send(notice)
            raise asyncio.CancelledError

    await simple.put_alert(burst())
    dying = Dies()
    with pytest.raises(asyncio.CancelledError):
        await Notifier(simple, simple, [(route(), dying)], clock=clock).round()
    desk = Desk()
    assert await Notifier(simple, simple, [(route(), desk)], clock=clock).round() == 0, (
        "the other one may still be at it"
    )
    await passes(simple, LEASE.total_seconds() + 1)
    await Notifier(simple, simple, [(route(), desk)], clock=clock).round()

    assert dying.told == desk.told == ["burst:VoltLine:outage:1/raised"]


async def test_a_sink_in_trouble_rests_as_long_as_it_asks_and_then_hears_everything(simple, clock):
    desk = Desk("desk", NotSent("busy", retry_after=30.0), SentUnknown("cut"))
    telling = Notifier(simple, simple, [(route(), desk)], clock=clock)
    await simple.put_alert(burst(1))
    await simple.put_alert(burst(2))

    await telling.round()
    await passes(simple)
    await telling.round()
    assert desk.told == [], "it asked for half a minute"
    clock.now += 31
    await telling.round()
    clock.now += 1000
    await passes(simple)
    await telling.round()

    assert sorted(set(desk.told)) == [
        "burst:VoltLine:outage:1/raised",
        "burst:VoltLine:outage:2/raised",
    ]
    [delivery] = [
        each
        for each in await simple.deliveries_of("burst:VoltLine:outage:1")
        if each["kind"] == "raised"
    ]
    assert (delivery["state"], delivery["attempts"]) == ("sent", 3)


async def test_what_is_refused_for_good_is_not_sent_again_and_the_next_one_is(simple):
    desk = Desk("desk", NotSent("no such channel"))
    telling = Notifier(simple, simple, [(route(), desk)])
    await simple.put_alert(burst(1, severity=9))
    await simple.put_alert(burst(2))
    await telling.round()
    await passes(simple)
    await telling.round()

    assert desk.told == ["burst:VoltLine:outage:2/raised"]
    [delivery] = await simple.deliveries_of("burst:VoltLine:outage:1")
    assert (delivery["state"], delivery["answer"]) == ("failed", "no such channel")


async def test_a_storm_is_a_few_messages_and_a_digest_and_nothing_is_left_out(simple):
    desk = Desk()
    telling = Notifier(simple, simple, [(route(per_minute=4), desk)])
    for number in range(40):
        await simple.put_alert(burst(number, severity=1 + number % 10, topic=f"topic {number}"))
    await telling.round()
    await telling.round()
    assert [notice.kind for notice in desk.notices] == ["raised", "raised", "raised", "digest"]
    assert [notice.severity for notice in desk.notices] == [10, 10, 10, 10]
    assert len(desk.notices[-1].parts) == 37

    await simple.put_alert(burst(99))
    await telling.round()
    assert len(desk.notices) == 4, "four a minute"
    await passes(simple, 61)
    await telling.round()
    assert desk.told[-1] == "burst:VoltLine:outage:99/raised"


async def test_routes_choose_by_brand_kind_and_severity(simple):
    volt, grave = Desk("volt"), Desk("grave")
    routes = [
        (route("volt", brands=("VoltLine",), kinds=("burst",)), volt),
        (route("grave", min_severity=8), grave),
    ]
    await simple.put_alert(burst(1, severity=9, brand="SkyNorth"))
    await simple.put_alert(burst(2, severity=3))
    await Notifier(simple, simple, routes).round()

    assert volt.told == ["burst:VoltLine:outage:2/raised"]
    assert grave.told == ["burst:SkyNorth:outage:1/raised"]


async def test_last_years_alerts_wake_nobody(simple):
    desk = Desk()
    then = datetime.now(UTC) - timedelta(days=300)
    await simple.put_alert(burst(1, started_at=then, peak_at=then, ended_at=then))
    await Notifier(simple, simple, [(route(), desk)]).round()

    assert desk.told == []


async def test_what_is_acknowledged_or_snoozed_is_not_told(simple):
    desk = Desk()
    telling = Notifier(simple, simple, [(route(), desk)])
    for number, topic in ((1, "outage"), (2, "billing"), (3, "staff")):
        await simple.put_alert(burst(number, topic=topic))
    acknowledged = await simple.acknowledge("burst:VoltLine:outage:1", "ada")
    again = await simple.acknowledge("burst:VoltLine:outage:1", "bob")
    await simple.snooze("burst:VoltLine:billing:2", "ada", datetime.now(UTC) + timedelta(hours=1))
    await simple.put_alert(burst(4, topic="billing"))
    await telling.round()

    assert desk.told == ["burst:VoltLine:staff:3/raised"]
    assert (acknowledged.acknowledged_by, again.acknowledged_by) == ("ada", "ada")
    await simple.snooze("burst:VoltLine:billing:2", "ada", None)
    await telling.round()
    assert sorted(desk.told)[:2] == [
        "burst:VoltLine:billing:2/raised",
        "burst:VoltLine:billing:4/raised",
    ]


def rush():
    """Messages of an ordinary morning, and of a crowd at noon."""
    texts = (
        "the internet is down in {}",
        "no internet since noon here in {}",
        "internet gone again, {}",
    )
    crowd = [
        tweet(
            n,
            70,
            minute=(n % 40) / 8,
            text=texts[n % 3].format(f"street {n}"),
            author=f"a{n}",
            topic="outage",
        )
        for n in range(40)
    ]
    quiet = [
        tweet(1000 + n, 60, minute=-300 + 20 * n, text="the bill is wrong", author=f"q{n}")
        for n in range(15)
    ]
    return quiet, crowd


async def test_the_last_look_of_a_replay_waits_for_a_look_that_began_before(simple):
    class Published:
        def __init__(self):
            self.messages = []

        async def publish(self, messages):
            self.messages += messages

    published = Published()
    quiet, crowd = rush()
    async with simple.sole("bursts"):
        await simple.save([*quiet, *crowd])
        assert await BurstJudge(simple, simple).look_alone() is None
        last = asyncio.create_task(judge_last(BurstJudge(simple, simple, exact=True), published))
        await asyncio.sleep(0.5)
        assert (last.done(), published.messages) == (False, [])
    await asyncio.wait_for(last, 30)

    assert len(published.messages) == 1


async def test_a_burst_of_messages_becomes_one_alert_that_tells_its_words_and_ends(simple):
    quiet, crowd = rush()
    await simple.save([*quiet, *crowd[:30]])
    judge = BurstJudge(simple, simple)
    [raised] = await judge.look()
    again = await BurstJudge(simple, simple).look()

    assert (raised.brand, raised.topic, raised.recovered_at) == ("Northwind Air", "outage", None)
    assert raised.evidence["words"][0] == "internet"
    assert [(each.id, each.version) for each in again] in ([], [(raised.id, raised.version)])

    await simple.save(crowd)  # the first thirty once more, and ten that are new
    await simple.save(crowd)
    [grown] = await BurstJudge(simple, simple, exact=True).look()
    assert (grown.id, grown.evidence["negative"]) == (raised.id, 40)

    await simple.save([tweet(2000, 60, minute=90)])
    told = await judge.look()
    assert [each.id for each in told] == [raised.id]
    assert told[0].recovered_at is not None
    assert [each.recovered_at for each in await judge.look()] in ([], [told[0].recovered_at])

    examples = list(told[0].evidence["examples"])
    await simple.save([deletion(int(examples[0].partition(":")[2]))])
    assert examples[0] not in await simple.example_texts(examples), "an alert quotes nobody"
    assert NOON <= told[0].started_at < NOON + timedelta(minutes=3)


def test_a_plan_sends_an_earlier_attempt_again_as_it_was():
    old = [Due(burst(n), "raised", "digest/1", 1) for n in (1, 2)]
    new = [Due(burst(n), "raised", None, 0) for n in (3, 4, 5)]
    messages = plan("desk", [*new, *old], 3)

    assert [message.name for message in messages][:2] == [
        "digest/1",
        "burst:VoltLine:outage:3/raised",
    ]
    assert [len(message.due) for message in messages] == [2, 1, 2]
    assert plan("desk", new, 0) == []


def test_the_file_of_sinks_is_checked_and_its_secrets_come_from_elsewhere(tmp_path):
    file, secret = tmp_path / "alerts.toml", tmp_path / "secret"
    secret.write_text("https://hooks.example.com/from-file\n")
    file.write_text(
        '[sinks.a]\ntype = "slack"\nurl = "env:HOOK"\n'
        f'[sinks.b]\ntype = "slack"\nurl = "file:{secret}"\n'
    )
    one, two = read_routes(file, {"HOOK": "https://hooks.example.com/x"})

    assert (one.options["url"], two.options["url"]) == (
        "https://hooks.example.com/x",
        "https://hooks.example.com/from-file",
    )
    assert "hooks.example.com" not in repr([one, two])
    for wrong, told in (
        ("[sinks.a]\ntype = 'slak'", "no type 'slak'"),
        ("[sinks.a]\ntype = 'slack'\nmin_severity = 11", "sinks.a.min_severity"),
        ("[sinks.a]\ntype = 'slack'\nurl = 'env:NOWHERE'", "NOWHERE is not set"),
        ("sinks = 3", "sinks"),
        ("[sinks", "no TOML"),
    ):
        file.write_text(wrong)
        with pytest.raises(UserError, match=told):
            read_routes(file, {})
    with pytest.raises(UserError, match="cannot be read"):
        read_routes(tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    "moment",
    [datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, 23, 30, tzinfo=UTC)],
    ids=["first year", "last year"],
)
async def test_a_message_of_a_strange_year_keeps_no_brand_from_being_judged(simple, moment):
    strange = tweet(999, 90, brand="A brand before the others")
    odd = strange.event.model_copy(update={"occurred_at": moment})
    await simple.save([replace(strange, event=odd)])
    await simple.save([tweet(number, 90, minute=number / 40) for number in range(1, 200)])

    raised = await BurstJudge(simple, simple).look()

    assert {record.brand for record in raised} <= {"Northwind Air"}

"""Drift of what customers write, from messages of ours through the shipped model to a sink."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, product

import pytest
from rows import do

from connectors.events import Tweet
from models.analyzer import Analyzer
from models.artifact import default_artifact
from stream.alerts.notifier import Notifier
from stream.alerts.routing import routes_of
from stream.brands import Brand, Brands
from stream.monitor.drift_alarm import COMMANDS, DriftAlarm
from stream.triage.judgement import Judge

BRAND = "VoltLine"


class Desk:
    """A sink that keeps what it is told."""

    def __init__(self, name):
        self.name = name
        self.notices = []

    async def send(self, notice):
        self.notices.append(notice)
        return "ok"

    async def close(self): ...


# What a telecom hears in usual weeks, and once its new app has come.
USUAL = product(
    (
        "why is my bill {} euros higher this month",
        "you charged me {} euros twice, please refund one",
        "thank you for the refund of {} euros, that was quick",
        "the technician came after {} days and was lovely",
        "internet is down again since {} this morning",
        "no signal in the cellar since {}, any outage?",
        "what does the tariff with {} GB cost?",
    ),
    range(1, 400),
)
NEW_APP = product(
    (
        "the new app crashes {} times a day when I log in",
        "cannot log in to the website, error {}",
        "your app update {} deleted my account data",
        "the website has been loading for {} minutes, nothing works",
        "app version {} does not open at all, fix it",
        "password reset link from the app is dead, {} tries",
    ),
    range(1, 400),
)


@pytest.fixture(scope="module")
def judge():
    return Judge(Analyzer(default_artifact(), threads=1), Brands([Brand(BRAND)]))


@pytest.fixture(scope="module")
def judged(judge):
    """300 usual messages and 150 about the app, judged once."""
    shuffled = sorted(islice(USUAL, 7 * 399), key=lambda pair: (pair[1], pair[0]))
    new = sorted(islice(NEW_APP, 6 * 399), key=lambda pair: (pair[1], pair[0]))
    moment = datetime.now(UTC)

    def event(number, text):
        return Tweet(
            id=f"x:{number}",
            conversation=f"x:{number}",
            occurred_at=moment,
            author=f"customer {number}",
            brand=BRAND,
            text=text,
        )

    said = [form.format(number) for form, number in (*shuffled[:300], *new[:150])]
    done = judge([event(number, text) for number, text in enumerate(said)])
    return done[:300], done[300:]


def dated(judgements, first_day, last_day, prefix=""):
    """The same, spread evenly over these days before now."""
    now = datetime.now(UTC)
    moved = []
    for place, one in enumerate(judgements):
        day = first_day + (last_day - first_day) * (place + 0.5) / len(judgements)
        event = one.event.model_copy(update={"occurred_at": now - timedelta(days=day)})
        moved.append(renamed(replace(one, event=event), f"{prefix}{event.id}"))
    return moved


def renamed(judgement, id):
    changes = {"id": id, "conversation": id}
    return replace(judgement, event=judgement.event.model_copy(update=changes))


@pytest.fixture
def alarm(engine, simple):
    return DriftAlarm(engine, simple)


async def test_other_messages_than_in_the_weeks_before_raise_an_alert_that_names_the_commands(
    alarm, simple, judged
):
    usual, new = judged
    await simple.save(dated(usual, 34, 8))
    await simple.save(dated(new, 6.5, 0.1))

    raised = await alarm.look()

    assert raised, "nothing was raised"
    topic = next(alert for alert in raised if alert.evidence["of"] == "topic")
    assert (topic.kind, topic.brand, topic.version) == ("drift", BRAND, 1)
    assert topic.evidence["index"] > max(0.25, topic.evidence["chance"])
    assert await alarm.look() == []  # once

    desk, night = Desk("desk"), Desk("night")
    slack = {"type": "slack", "url": "https://hooks.example.com/x"}
    routes = routes_of({"desk": slack, "night": {**slack, "kinds": ["p1"]}}, "a test", None)
    await Notifier(simple, simple, list(zip(routes, (desk, night), strict=True))).round()
    assert night.notices == []
    notice = next(told for told in desk.notices if "topics" in told.title)
    assert notice.title.startswith(f"{BRAND}: the topics of a week have drifted")
    told = dict(notice.facts)["Read some, correct them, then"]
    assert told == "; ".join(COMMANDS)


async def test_a_week_like_those_before_raises_nothing_and_ends_what_was_raised(
    alarm, simple, judged, postgres_url
):
    usual, new = judged
    await simple.save(dated(usual[0::2], 34, 8))
    await simple.save(dated(usual[1::2], 6.5, 0.1))
    assert await alarm.look() == []

    await simple.save(dated(new, 3, 0.1))
    first = await alarm.look()
    assert first
    # months later the same messages are no longer among those of the week
    numbers = [int(one.event.id.removeprefix("x:")) for one in new]
    await do(
        postgres_url,
        "update events set occurred_at = occurred_at - interval '90 days'"
        f" where ltrim(id, 'x:')::int >= {min(numbers)}",
    )
    over = await alarm.look()
    assert {alert.id for alert in over} == {alert.id for alert in first}
    assert all(alert.recovered_at for alert in over)
    assert await alarm.look() == []


async def test_another_model_is_no_drift_and_ends_that_of_the_one_before(alarm, simple, judged):
    usual, new = judged
    await simple.save(dated(usual, 34, 8))
    await simple.save(dated(new, 6.5, 1))
    raised = await alarm.look()
    assert raised
    other = [
        replace(one, analysis=one.analysis and replace(one.analysis, model="other-1"))
        for one in dated(new[:120], 0.9, 0.01, "z")
    ]
    await simple.save(other)

    over = await alarm.look()

    assert {alert.id for alert in over} == {alert.id for alert in raised}
    assert all(alert.recovered_at for alert in over)


async def test_few_messages_another_brand_and_old_ones_say_nothing(alarm, simple, judged):
    usual, new = judged
    assert await alarm.look() == []  # an empty store
    await simple.save(dated(usual, 34, 8))
    await simple.save(dated(new[:90], 6.5, 0.1))  # too few
    other = [replace(one, brand="Other") for one in dated(new[90:], 6.5, 0.1)]
    await simple.save(other)  # nothing of that brand before
    assert await alarm.look() == []


def test_who_is_woken_hears_of_drift_only_where_it_is_named():
    def kinds(**options):
        [one] = routes_of({"night": options}, "a test", None)
        return one.kinds

    secret = {"routing_key": "r" * 32}
    assert "drift" not in kinds(type="pagerduty", **secret)
    assert "drift" in kinds(type="pagerduty", kinds=["drift"], **secret)
    assert "drift" in kinds(type="slack", url="https://hooks.example.com/x")

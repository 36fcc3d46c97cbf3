"""What the monitor shows, against a real PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from history import NOON, answer, deletion, tweet

from stream.ingest.spend import Spend
from stream.monitor.monitor import Monitor
from stream.monitor.rates import STEP
from stream.monitor.records import MonitorQuery, TrainingMix

OURS = frozenset({"Northwind Air"})


def later() -> datetime:
    """When the step that runs is over."""
    return datetime.now(UTC) + timedelta(seconds=10)


@pytest.fixture
def monitor(engine):
    return Monitor(
        engine,
        training_mix=TrainingMix("model 1", {"negative": 400, "neutral": 300, "positive": 300}),
    )


@pytest.fixture
async def day(simple):
    """Two brands' afternoon: one content, one that is asked about bags more and more."""
    said = [
        tweet(number, 10, minute=number, brand="Other", topic="billing") for number in range(100)
    ]
    said += [
        tweet(1000 + number, 90, minute=number, topic="baggage") for number in range(0, 240, 20)
    ]
    said += [
        tweet(2000 + number, 90, minute=300 - number / 2, topic="baggage") for number in range(40)
    ]
    said += [
        answer(5000, of=1000, minute=5),
        deletion(5001, of=1020, minute=6),
        tweet(5002, 40, brand=None, minute=9),
    ]
    await simple.save(said)


async def test_a_replay_is_shown_as_of_its_latest_message_and_a_live_stream_as_of_now(
    monitor, simple, day
):
    window = await monitor.window(MonitorQuery("24h"))
    assert not window.live
    assert (
        window.until - timedelta(seconds=window.step)
        <= NOON + timedelta(minutes=300)
        < window.until
    )

    fresh = Monitor(simple._engine)
    minutes = (datetime.now(UTC) - NOON).total_seconds() / 60
    await simple.save([tweet(9000, 50, minute=minutes)])
    window = await fresh.window(MonitorQuery("1h"))
    assert window.live
    assert abs(window.until - datetime.now(UTC)) < timedelta(minutes=5)


async def test_traffic_tells_each_brand_and_each_topic_by_time(monitor, day):
    told = await monitor.traffic(MonitorQuery("24h"))

    assert {
        name: sum(point.messages for point in points) for name, points in told.brands.items()
    } == {
        "Northwind Air": 52,
        "Other": 100,
        "no brand": 1,
    }
    assert sum(point.messages for point in told.topics["billing"]) == 100
    assert {point.dissatisfaction for point in told.brands["Other"]} == {10.0}
    assert all(point.negative == point.messages for point in told.brands["Northwind Air"])
    assert all(told.window.since <= point.at < told.window.until for point in told.brands["Other"])
    assert json.loads(json.dumps(asdict(told), default=str))["brands"]["Other"]


async def test_whoever_is_bound_to_brands_sees_theirs_alone_whatever_they_ask_for(monitor, day):
    told = await monitor.traffic(MonitorQuery("24h", brands=OURS))
    assert set(told.brands) == {"Northwind Air"}
    assert set(told.topics) == {"baggage"}

    other = await monitor.traffic(MonitorQuery("24h", brand="Other", brands=OURS))
    assert (other.brands, other.topics) == ({}, {})
    assert await monitor.brands(MonitorQuery(brands=OURS)) == ["Northwind Air"]
    assert await monitor.brands(MonitorQuery()) == ["Northwind Air", "Other"]
    mixes = await monitor.mixes(MonitorQuery("24h", brands=OURS))
    assert mixes.versions.messages == 52
    monitor._rates._now = later
    assert sum(
        rate.a_second for rate in await monitor.rates(MonitorQuery(brands=OURS))
    ) == pytest.approx(10.6)


async def test_a_topic_rises_against_its_own_past(monitor, day):
    told = await monitor.trending(MonitorQuery("1h"))

    assert [each.topic for each in told] == ["baggage"]
    assert told[0].messages >= 40
    assert told[0].times > 2


async def test_the_model_in_use_its_share_and_the_drift_from_what_it_was_taught(monitor, day):
    told = await monitor.mixes(MonitorQuery("24h"))

    assert (told.versions.in_use, told.versions.shares) == ("model 1", {"model 1": 1.0})
    assert told.sentiment is not None
    assert told.sentiment.verdict == "drifted"
    assert told.sentiment.now["positive"] == pytest.approx(100 / 153, abs=0.001)
    assert told.topics.verdict == "too few"  # nothing came before


async def test_a_model_that_judged_nothing_here_has_no_drift(engine, day):
    told = await Monitor(
        engine, training_mix=TrainingMix("another", {"negative": 1, "neutral": 1, "positive": 1})
    ).mixes(MonitorQuery())
    assert told.sentiment is None


async def test_rates_count_what_was_saved_just_now_and_only_once(monitor, simple, day, engine):
    first = await monitor.rates(MonitorQuery())
    assert len(first) == 120
    await simple.save([tweet(7000 + number, 40) for number in range(20)])
    monitor._rates._read_at = -100.0
    monitor._rates._now = later
    told = await monitor.rates(MonitorQuery())
    assert sum(rate.a_second for rate in told) * STEP == pytest.approx(155 + 20)
    assert [rate.at for rate in told] == sorted(rate.at for rate in told)


async def test_what_is_behind_is_told_as_far_as_it_is_known(engine, day):
    async def waiting() -> int:
        return 7

    async def away() -> int:
        raise OSError("no broker")

    assert (await Monitor(engine, lag=waiting).lag()).messages == 7
    told = await Monitor(engine, lag=away).lag()
    assert told.messages is None
    assert told.idle_seconds is not None
    assert told.idle_seconds < 60
    assert told.said_to_saved_seconds is None  # said months before it was saved: not live


async def test_an_empty_store_shows_nothing_and_breaks_nothing(monitor):
    asked = MonitorQuery("7d")
    assert (await monitor.traffic(asked)).brands == {}
    assert await monitor.trending(asked) == []
    assert (await monitor.mixes(asked)).versions.in_use is None
    assert (await monitor.lag()).idle_seconds is None
    assert await monitor.brands(asked) == []


async def test_many_who_ask_at_once_cost_one_question(monitor, day):
    asked = 0
    real = monitor._ask

    async def counted(*given):
        nonlocal asked
        asked += 1
        return await real(*given)

    monitor._ask = counted
    for _ in range(20):
        await monitor.traffic(MonitorQuery("24h"))
    assert asked == 2  # the latest minute, and the traffic


async def test_what_networks_were_paid_today_is_told_of_the_brands_that_one_may_see(engine):
    today = datetime.now(UTC).date()
    prices = {"read": 5_000, "post": 15_000}
    ledger = Spend(engine, "x")
    await ledger.add("Northwind Air", today, {"read": 100, "post": 2}, prices)
    await ledger.add("Other", today, {"read": 300}, prices)
    await ledger.add("Other", today - timedelta(days=1), {"read": 300}, prices)

    everybody = await Monitor(engine).spent(MonitorQuery("24h"))
    bound = await Monitor(engine).spent(MonitorQuery("24h", brands=OURS))

    assert [(each.network, each.brand, each.dollars) for each in everybody] == [
        ("x", "Other", 1.5),
        ("x", "Northwind Air", 0.53),
    ]
    assert [each.brand for each in bound] == ["Northwind Air"]

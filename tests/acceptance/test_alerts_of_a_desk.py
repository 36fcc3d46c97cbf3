"""The other alert rules on faults of a desk's own processes, told by a real Prometheus.

Two moments are set back in the database, for nobody waits an hour here: when a source was last
heard, and when a reply was approved.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

import asyncpg
import pytest
from acceptance.broken import NO_EVENTS
from acceptance.stage import until
from acceptance.watched_desk import (
    OTHER_VERSION,
    UNREAD,
    URGENT,
    Desk,
    hear,
    other_model,
    watched_desk,
)
from servers.web import cut

from connectors.x.costs import PRICES
from stream.controls.store import ControlStore
from stream.kafka import Outgoing
from stream.postgres.database import dsn, open_engine

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="no prometheus (Debian's package of the name)"
    ),
]

RULES = (
    "EarshotDependencyFlaps",
    "EarshotJudgementsFail",
    "EarshotModelsDiffer",
    "EarshotRequestsSlow",
    "EarshotRequestsFail",
    "EarshotUrgentLate",
    "EarshotDeadLettersWaiting",
    "EarshotOutboxStuck",
    "EarshotRepliesUncertain",
    "EarshotSourceSilent",
    "EarshotSourceDisconnected",
    "EarshotAlertsUnsent",
    "EarshotSpending",
)
SPENT = 4.1  # dollars, of 5 a day
LOCKED = 5.0  # seconds that the tickets are locked
ASKED = 12  # requests that wait for it


async def test_the_rules_of_a_desk_fire_by_its_faults_and_resolve(tmp_path: Path):
    async with watched_desk(tmp_path) as desk:
        await until(lambda: desk.x.connected, "the source listens on X")
        await desk.alarms.become("inactive", *RULES)

        await _nobody_answers_what_is_urgent(desk)
        await _what_is_no_event_heaps_up(desk)
        await _x_costs_much_and_goes_away(desk)
        await _x_takes_no_replies(desk)
        await _x_breaks_off_while_a_reply_is_sent(desk)
        await _a_second_model_fails(desk, other_model(tmp_path))
        await _kafka_is_away_for_the_web(desk)
        await _postgres_is_slow(desk)
        await _the_urgent_is_promised_later(desk)
        await _postgres_is_away_while_messages_come(desk)


async def _promised(desk: Desk, minutes: dict[str, int] | None) -> None:
    """As an admin sets it in the console."""
    engine = open_engine(desk.stage.database_url)
    await ControlStore(engine).put("promises", "", minutes, "ada")
    await engine.dispose()


async def _nobody_answers_what_is_urgent(desk: Desk) -> None:
    """And its alert reaches nobody: the receiver refuses it."""
    await _promised(desk, {"P1": 1})
    await hear(desk.stage, [URGENT], "urgent")
    await desk.alarms.become("firing", "EarshotAlertsUnsent", "EarshotUrgentLate")


async def _the_urgent_is_promised_later(desk: Desk) -> None:
    await _promised(desk, {"P1": 60, "P2": 60})
    await desk.alarms.become("inactive", "EarshotUrgentLate")


async def _what_is_no_event_heaps_up(desk: Desk) -> None:
    values = [value for value in NO_EVENTS.values() for _ in range(5)]
    assert len(values) > 100
    async with desk.stage.kafka.publisher() as publisher:
        await publisher.publish([Outgoing("tweets", "k", value) for value in values])
    await desk.alarms.become("firing", "EarshotDeadLettersWaiting", "EarshotDeadLetters")


async def _x_costs_much_and_goes_away(desk: Desk) -> None:
    x = desk.x
    for number in range(round(SPENT * 1e6 / PRICES["read"])):
        x.post(number, f"delta lost my suitcase, number {number}")
    await desk.alarms.become("firing", "EarshotSpending")
    await desk.stage.drained()

    x.script = [503] * 1000
    desk.cut.told = True
    x.post(9000, "delta, the last word")
    await desk.alarms.become("firing", "EarshotSourceDisconnected")
    await desk.stage.rows("update cursors set updated_at = now() - interval '2 hours'")
    await desk.alarms.become("firing", "EarshotSourceSilent")

    x.script.clear()
    await desk.alarms.become("inactive", "EarshotSourceDisconnected")
    x.post(9001, "delta, and another one")
    await desk.alarms.become("inactive", "EarshotSourceSilent")


async def _x_takes_no_replies(desk: Desk) -> None:
    desk.x.failures["/2/tweets"] = [(503, {})] * 1000
    first = await desk.stage.ask(
        "select id from events where network = 'x' and text like '%number 1'"
    )
    await desk.approves(first, "We are looking for it.", "now() - interval '11 minutes'")
    await desk.alarms.become("firing", "EarshotOutboxStuck")

    desk.x.failures.clear()
    await desk.alarms.become("inactive", "EarshotOutboxStuck")
    assert [post["text"] for post in desk.x.sent] == ["We are looking for it."]


async def _x_breaks_off_while_a_reply_is_sent(desk: Desk) -> None:
    """And then refuses to say what was posted."""
    desk.x.after_posting = cut
    desk.x.failures["/2/users/99/tweets"] = [(403, {})] * 1000
    second = await desk.stage.ask(
        "select id from events where network = 'x' and text like '%number 2'"
    )
    await desk.approves(second, "It is on its way to you.", "now()")
    await desk.alarms.become("firing", "EarshotRepliesUncertain")

    number = await desk.stage.ask("select id from replies where state = 'uncertain'")
    settled = await asyncio.to_thread(
        desk.stage.home.run, "outbox", "settle", str(number), "--sent"
    )
    assert settled.returncode == 0, settled.stderr
    await desk.alarms.become("inactive", "EarshotRepliesUncertain")


async def _a_second_model_fails(desk: Desk, model: Path) -> None:
    """Half a rollout, and the new half cannot read a word that customers use."""
    worker = await desk.stage.ready_worker(desk.ports.other_worker, model=str(model))
    await desk.alarms.become("firing", "EarshotModelsDiffer")
    await hear(
        desk.stage, [f"my {UNREAD} is broken, number {number}" for number in range(60)], "unread"
    )
    await desk.alarms.become("firing", "EarshotJudgementsFail")
    await desk.stage.drained()
    assert await desk.alarms.value(f'earshot_model_info{{version="{OTHER_VERSION}"}}') == 1
    steps = await desk.stage.rows(
        "select distinct scores->>'failed' from events where scores ? 'failed'"
    )
    assert [tuple(row) for row in steps] == [("model",)]

    await desk.stage.kill(worker, signal.SIGTERM)
    await desk.alarms.become("inactive", "EarshotModelsDiffer")


async def _kafka_is_away_for_the_web(desk: Desk) -> None:
    """Somebody's form is refused, and tries again and again."""

    async def refused() -> None:
        event = {"kind": "tweet", "text": "my bag is lost"}
        while True:
            assert await desk.asks("POST", ports.web_without_kafka, "/v1/events", json=event) == 503
            await asyncio.sleep(0.5)

    ports = desk.ports
    trying = asyncio.create_task(refused())
    await desk.alarms.become("firing", "EarshotRequestsFail")
    assert not trying.done()
    trying.cancel()


async def _postgres_is_slow(desk: Desk) -> None:
    """Somebody's statement holds the tickets while the queue is asked for."""

    async def asks(times: int) -> None:
        asked = (desk.asks("GET", desk.ports.web, "/v1/tickets") for _ in range(times))
        assert set(await asyncio.gather(*asked)) == {200}

    await asks(1)
    counted = 'earshot_request_seconds_count{route="/v1/tickets"}'
    await until(lambda: desk.alarms.value(counted), "it is counted", pause=0.5)
    connection = await asyncpg.connect(dsn(desk.stage.database_url))
    try:
        async with connection.transaction():
            await connection.execute("lock table tickets in access exclusive mode")
            asking = asyncio.create_task(asks(ASKED))
            await asyncio.sleep(LOCKED)
    finally:
        await connection.close()
    await asking
    await desk.alarms.become("firing", "EarshotRequestsSlow")


async def _postgres_is_away_while_messages_come(desk: Desk) -> None:
    await asyncio.to_thread(desk.stage.stop_postgres)
    await hear(desk.stage, ["where is my bag?"], "late")
    await desk.alarms.become("firing", "EarshotDependencyFlaps")
    await asyncio.to_thread(desk.stage.start_postgres)
    await desk.stage.becomes_ready(desk.stage.workers[0])
    await desk.stage.drained()

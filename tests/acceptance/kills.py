"""Two workers that die again and again while events run, and what must be true of what they leave
behind.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from acceptance.stage import Outcome, Stage, repeated, until

from connectors.events import Event

AHEAD = 2  # portions that are fed before the first kill


@dataclass(frozen=True)
class Kill:
    """One worker's end. stored: different events in the database then; lag: messages that were not
    acknowledged.
    """

    number: signal.Signals
    stored: int
    lag: int
    without_postgres: bool


async def feed_and_kill(
    stage: Stage,
    events: Sequence[Event],
    *,
    kills: int,
    hard: int,
    away: Collection[int] = (),
    also: Mapping[int, Callable[[], Awaitable[object]]] = MappingProxyType({}),
    seed: int,
) -> list[Kill]:
    """Feed the events in portions, and in the middle of each one kill a worker and start another.

    hard: how many of the kills are by SIGKILL, in an order by chance. away: which of the kills
    happen while PostgreSQL is gone, which is back when the new worker has started. also: what else
    is done to the stage just before a kill. The moment is a count of stored events, not a time. The
    workers are held there while the next portion is brought in: a kill meets work under way on a
    machine of any speed.
    """
    chance = random.Random(seed)
    numbers = [signal.SIGKILL if at < hard else signal.SIGTERM for at in range(kills)]
    chance.shuffle(numbers)
    size = -(-len(events) // (kills + AHEAD))
    portions = [events[at : at + size] for at in range(0, len(events), size)]
    new_ids = _new_ids(portions)
    for _ in range(2):
        stage.start_worker()
    for worker in tuple(stage.workers):
        await stage.becomes_ready(worker)
    for portion in portions[:AHEAD]:
        await stage.feed(portion)
    done: list[Kill] = []
    reached = 0
    for at, number in enumerate(numbers):
        level = max(reached + 1, sum(new_ids[:at]) + int(new_ids[at] * chance.uniform(0.1, 0.6)))
        reached = await until(
            lambda level=level: _reached(stage, level), f"the workers store {level} events"
        )
        victim = chance.choice(
            [worker for worker in stage.workers if worker.is_ready] or stage.workers
        )
        if at in also:
            await also[at]()
            await stage.lag()  # once there is a broker that knows
        stage.hold()
        await stage.feed(portions[at + AHEAD])
        if at in away:
            stage.stop_postgres()
            stage.go_on()
            await until(lambda: any(_waits(stage)), "a worker notices that PostgreSQL is away")
            victim = chance.choice(
                [one for one, waits in zip(stage.workers, _waits(stage), strict=True) if waits]
            )
        lag = await stage.kill(victim, number)
        stage.start_worker()
        if at in away:
            await asyncio.to_thread(stage.start_postgres)
        done.append(Kill(number, reached, lag, at in away))
    print(*done, sep="\n")  # shown where the test fails
    await stage.drained()
    return done


def _new_ids(portions: Sequence[Sequence[Event]]) -> list[int]:
    """How many ids each portion names for the first time."""
    seen: set[str] = set()
    new = []
    for portion in portions:
        ids = {event.id for event in portion}
        new.append(len(ids - seen))
        seen |= ids
    return new


async def _reached(stage: Stage, level: int) -> int:
    """How many are stored, once they are as many; 0 before."""
    stored = await stage.stored()
    return stored if stored >= level else 0


def _waits(stage: Stage) -> list[bool]:
    return [worker.ask("/readyz") == (503, "waiting for Postgres") for worker in stage.workers]


def check_kills(kills: Sequence[Kill], *, total: int, at_least: int, away: int) -> None:
    """That the test did what its name says: the workers died while they worked, and worked between
    their deaths.
    """
    assert len(kills) >= at_least
    assert {kill.number for kill in kills} == {signal.SIGKILL, signal.SIGTERM}
    assert sum(kill.without_postgres for kill in kills) >= away
    stored = [kill.stored for kill in kills]
    assert stored == sorted(set(stored)), "nothing was stored between two kills"
    assert stored[-1] < total
    under_way = sum(kill.lag > 0 for kill in kills)
    assert under_way >= 0.8 * len(kills), (
        f"only {under_way} kills met messages that were still to be done"
    )


def check_same(found: Outcome, wanted: Outcome) -> None:
    """Every unique event exactly once, and everything that was made of them, row for row."""
    assert found.event_rows == len(found.events)
    assert found.events.keys() == wanted.events.keys()
    assert _different(found.events, wanted.events) == []
    assert found.tickets.keys() == wanted.tickets.keys()
    assert _different(found.tickets, wanted.tickets) == []
    assert found.counts == found.counted
    assert found.counts == wanted.counts


def _different(found: dict, wanted: dict) -> list[str]:
    """The first few rows that are not the same, and where."""
    told = [
        f"{id}: {name} is {row[name]!r}, should be {wanted[id][name]!r}"
        for id, row in found.items()
        for name in row
        if row[name] != wanted[id][name]
    ]
    return told[:5] + ([f"... {len(told)} differences"] if told else [])


async def check_published(stage: Stage) -> None:
    """What is stored was told on the topics: each event's analysis, each ticket's last version,
    each P1 alert.
    """
    analyses = [json.loads(value) for value in await stage.published("analyses")]
    stored = {
        row["id"]: row["revision"] for row in await stage.rows("select id, revision from events")
    }
    latest: dict[str, int] = {}
    for told in analyses:
        latest[told["id"]] = max(told["revision"], latest.get(told["id"], 0))
    assert latest == stored

    versions: dict[str, dict] = {}
    for told in (json.loads(value) for value in await stage.published("tickets")):
        if told["version"] >= versions.get(told["id"], told)["version"]:
            versions[told["id"]] = told
    tickets = {
        row["id"]: row["version"] for row in await stage.rows("select id, version from tickets")
    }
    told_last = {id: told["version"] for id, told in versions.items() if not told["withdrawn"]}
    assert sorted(tickets.items() - told_last.items()) == [], "stored and never told"
    assert sorted(told_last.items() - tickets.items()) == [], "told and not stored"

    alerts = {json.loads(value)["id"] for value in await stage.published("alerts")}
    assert {
        row["id"]
        for row in await stage.rows(
            "select id from alerts where kind in ('p1', 'surge', 'backlog')"
        )
    } <= alerts
    p1 = {row["id"] for row in await stage.rows("select id from tickets where level = 'P1'")}
    assert p1 <= {
        row["ticket_id"] for row in await stage.rows("select ticket_id from alert_tickets")
    }


async def undisturbed(stage: Stage, events: Sequence[Event]) -> Outcome:
    """The same events with one worker that nobody disturbs."""
    await stage.ready_worker()
    await stage.feed(events)
    await stage.drained()
    found = await stage.outcome()
    assert repeated(row["id"] for row in await stage.rows("select id from events")) == []
    assert found.events.keys() == {event.id for event in events}
    assert found.tickets
    assert found.counts == found.counted
    return found

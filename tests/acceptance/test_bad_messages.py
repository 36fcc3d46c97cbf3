"""What must never be on a topic is there all the same: a dead letter or a stored event, and never a
stop.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from acceptance.broken import EVENTS, NO_EVENTS, event
from acceptance.earshot import Home
from acceptance.stage import Stage, embedded_stage

from connectors.events import Tweet, encode
from stream.kafka import MESSAGE_LIMIT, Outgoing
from stream.postgres.database import open_engine
from stream.store.dead_letters import DeadLetter, DeadLetters


@pytest.fixture
async def worked() -> AsyncIterator[Stage]:
    """A stage whose worker has met all of it, each between two good neighbours of the same
    partition.
    """
    with embedded_stage() as stage:
        await stage.kafka.declare_topics()
        await stage.ready_worker()
        messages = [Outgoing("tweets", "k", event(1000))]
        for number, value in enumerate([*NO_EVENTS.values(), *EVENTS.values()], start=1001):
            messages += [Outgoing("tweets", "k", value), Outgoing("tweets", "k", event(number))]
        junk = (("dead-letter-id", b"\xff"), ("dead-letter-id", b"99999999"))
        messages += [Outgoing("complaints", b"\xff\xfe", b"{", (header,)) for header in junk]
        messages.append(
            Outgoing("transcripts", None, event(2000), (("dead-letter-id", b"99999999"),))
        )
        async with stage.kafka.publisher() as publisher:
            await publisher.publish(messages)
        await stage.drained()
        yield stage


def dead(home: Home) -> list[dict[str, Any]]:
    listed = home.run("dead", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


async def stored_ids(stage: Stage) -> set[int]:
    return {int(row["id"].removeprefix("x:")) for row in await stage.rows("select id from events")}


async def test_every_message_is_a_dead_letter_or_an_event_and_can_be_sent_again(worked: Stage):
    neighbours = {1000 + number for number in range(len(NO_EVENTS) + len(EVENTS) + 1)} | {2000}
    good = {101 + number for number in range(len(EVENTS))}
    assert await stored_ids(worked) == neighbours | good
    assert all(worker.is_ready for worker in worked.workers)
    texts = {row["id"]: row["text"] for row in await worked.rows("select id, text from events")}
    assert texts["x:105"] == "my \ufffd bag"
    assert texts["x:106"] == "\U0001f621" * 5_000
    assert texts["x:111"] == "my other bag is lost"

    letters = dead(worked.home)
    assert len(letters) == len(NO_EVENTS) + 2
    assert {letter["state"] for letter in letters} == {"dead"}
    assert {letter["attempts"] for letter in letters} == {1}
    kept = [row["value"] for row in await worked.rows("select value from dead_letters order by id")]
    assert sorted(kept, key=_bytes) == sorted([*NO_EVENTS.values(), b"{", b"{"], key=_bytes)
    told = [json.loads(value) for value in await worked.published("dead-letters")]
    assert {each["id"] for each in told} == {letter["id"] for letter in letters}
    assert all(each.keys() == {"schema_version", "id", "reason"} for each in told)
    assert not any("bag" in each["reason"] for each in told), (
        "a reason repeats what the message said"
    )

    shown = worked.home.run("dead", "show", str(letters[0]["id"]), "--raw", "letter.bin", "--json")
    assert json.loads(shown.stdout)["reason"] == letters[0]["reason"]
    assert (worked.home.folder / "letter.bin").read_bytes() in kept or letters[0]["bytes"] == 0

    for attempts in (2, 3):
        again = worked.home.run("dead", "replay", "--all")
        assert again.stdout == f"{len(letters)} dead letters sent again\n", again.stderr
        await worked.drained()
        now = dead(worked.home)
        assert [letter["id"] for letter in now] == [letter["id"] for letter in letters]
        assert {(letter["state"], letter["attempts"]) for letter in now} == {("dead", attempts)}
        assert await stored_ids(worked) == neighbours | good


def _bytes(value: bytes | None) -> bytes:
    return b"" if value is None else value


async def test_a_dead_letter_that_can_be_read_now_is_stored_once(stage: Stage):
    """As after an upgrade: what an older version buried is an event for this one."""
    value = encode(
        Tweet(id="x:1", conversation="x:1", occurred_at="2026-03-12T12:00:00Z", text="a new field")
    )
    await stage.ready_worker()
    letter = DeadLetter(
        "cluster", "tweets", 0, 7, b"x:1", value, "not an event: an older version did not know"
    )
    engine = open_engine(stage.database_url)
    (number,) = await DeadLetters(engine).bury([letter])
    await engine.dispose()

    for _ in range(2):
        sent = stage.home.run("dead", "replay", str(number))
        assert sent.returncode == 0, sent.stderr
        await stage.drained()
        assert await stage.ask("select state from dead_letters where id = $1", number) == "resolved"
        assert await stage.ask("select count(*) from events where id = 'x:1'") == 1
    assert number not in {letter["id"] for letter in dead(stage.home)}


async def test_a_text_that_is_too_large_for_a_message_is_buried_by_the_replay(stage: Stage):
    await stage.ready_worker()
    file = stage.home.folder / "large.jsonl"
    file.write_bytes(b"\n".join([event(1), event(2, text="so much to say. " * 18_750), event(3)]))

    for _ in range(2):  # the second time finds it buried
        done = stage.home.run("replay", str(file), "--wait")
        assert done.returncode == 0, done.stderr
        assert "1 were too large for a message" in done.stdout
        assert await stored_ids(stage) == {1, 3}
        (letter,) = dead(stage.home)
        assert letter["bytes"] > 300_000 > MESSAGE_LIMIT

    refused = stage.home.run("dead", "replay", str(letter["id"]))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "larger than a message may be" in refused.stderr
    assert stage.home.run("dead", "replay", "--all").stdout == "0 dead letters sent again\n"
    assert [each["state"] for each in dead(stage.home)] == ["dead"]

"""Sending: looked up before, once, and asked for after a crash at any point. A real database, a
file as the network.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from history import deletion, tweet

from connectors.base import NotSent, PostStatus, SentReply, SentUnknown
from connectors.outbox import FileReplier
from models.replier.draft import Candidate, Draft
from stream.errors import UserError
from stream.observe.metrics import Metrics
from stream.postgres.database import dsn, open_engine
from stream.replies.outbox import MAX_LOOKS, MAX_TRIES, SHOWS_AFTER, Outbox
from stream.replies.store import Replies
from stream.triage.judgement import Judgement


class Network(FileReplier):
    """A file, and what goes wrong on the way to it. Each of `troubles` happens once, in order;
    None: nothing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.troubles: list[Exception | None] = []
        self.after: list[Exception | None] = []  # the same, when the text stands there already
        self.standing: dict[str, PostStatus] = {}
        self.blind: Exception | None = None

    async def reply(self, to: str, text: str, *, key: str) -> SentReply:
        if self.troubles and (trouble := self.troubles.pop(0)):
            raise trouble
        sent = await super().reply(to, text, key=key)
        if self.after and (trouble := self.after.pop(0)):
            raise trouble
        return sent

    async def find_reply(
        self, to: str, text: str, *, key: str, since: datetime
    ) -> SentReply | None:
        if self.blind:
            raise self.blind
        return await super().find_reply(to, text, key=key, since=since)

    async def lookup(self, ids: Sequence[str]) -> Mapping[str, PostStatus]:
        return {id: self.standing.get(id, PostStatus("there")) for id in ids}


class Stand:
    """An approved reply to x:1, the network that it goes to, a clock, and who would send it."""

    def __init__(self, engine, simple, network: Network, path: Path, url: str) -> None:
        self.engine, self.simple, self.network, self.path, self.url = (
            engine,
            simple,
            network,
            path,
            url,
        )
        self.replies = Replies(engine)
        self.later = timedelta(0)
        self.told: list = []

    def outbox(self) -> Outbox:
        async def open(network: str, brand: str | None) -> Network:
            return self.network

        async def publish(event) -> None:
            self.told.append(event)

        return Outbox(
            self.engine, open, publish, Metrics(), now=lambda: datetime.now(UTC) + self.later
        )

    async def approved(self, text: str = "we are on it", of: int = 1) -> int:
        wanted = await self.replies.to_draft([f"x:{of}"])
        await self.replies.store([(wanted[0], Draft((Candidate(text, -1.0),), "replier-1"), None)])
        [row] = await self.replies.newest(ticket=f"x:{of}")
        await self.replies.approve(row["id"], "ada")
        return row["id"]

    async def due(self) -> None:
        """Let the time pass that a retry waits for."""
        await self.ask("update replies set due_at = now() where due_at is not null")

    async def work(self, outbox: Outbox | None = None) -> None:
        sender = outbox or self.outbox()
        while await sender.step():
            await asyncio.sleep(0)

    async def row(self, number: int) -> dict:
        return await self.replies.find(number)

    async def ask(self, query: str, *arguments: object) -> list:
        connection = await asyncpg.connect(dsn(self.url))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    def lines(self) -> list[dict]:
        return (
            [json.loads(line) for line in self.path.read_text().splitlines()]
            if self.path.exists()
            else []
        )


@pytest.fixture
async def stand(simple, postgres_url, tmp_path):
    engine = open_engine(postgres_url)
    await simple.save([tweet(1, 70), tweet(2, 70)])
    path = tmp_path / "outbox.jsonl"
    yield Stand(engine, simple, Network(path), path, postgres_url)
    await engine.dispose()


async def test_an_approved_reply_is_sent_once_told_to_the_stream_and_noted(stand):
    number = await stand.approved()

    await stand.work()
    await stand.work()

    row = await stand.row(number)
    [line] = stand.lines()
    assert (row["state"], row["sent_id"]) == ("sent", line["id"])
    assert (line["to"], line["text"]) == ("x:1", "we are on it")
    [event] = stand.told
    assert (event.id, event.conversation, event.direction, event.in_reply_to) == (
        line["id"],
        "x:1",
        "outbound",
        "x:1",
    )
    assert [row["action"] for row in await stand.ask("select action from audit order by id")] == [
        "approve",
        "send",
        "sent",
    ]


async def test_the_answer_in_the_stream_marks_the_ticket_as_answered(stand):
    await stand.approved()
    await stand.work()

    await stand.simple.save([Judgement(stand.told[0], "we are on it", "Northwind Air", None)])

    [row] = await stand.ask("select answered_at from tickets where id = 'x:1'")
    assert row["answered_at"] is not None


async def test_a_draft_that_nobody_approved_is_never_sent(stand):
    wanted = await stand.replies.to_draft(["x:1"])
    await stand.replies.store([(wanted[0], Draft((Candidate("hello", -1.0),), "replier-1"), None)])

    await stand.work()

    assert stand.lines() == []


@pytest.mark.parametrize("how", ["here", "there", "opted out", "lookup says gone"])
async def test_a_message_that_is_gone_or_wants_no_answer_is_not_answered(stand, how):
    number = await stand.approved()
    match how:
        case "here":
            await stand.simple.save([deletion(1)])
        case "opted out":
            await stand.replies.opt_out("x", "ada", "bob")
        case _:
            stand.network.standing["x:1"] = PostStatus("gone")

    await stand.work()

    assert (await stand.row(number))["state"] == "discarded"
    assert stand.lines() == []


@pytest.mark.parametrize("where", ["here", "there"])
async def test_a_message_that_was_edited_goes_back_to_a_person(stand, where):
    number = await stand.approved()
    if where == "here":
        await stand.simple.save([tweet(1, 70, revision=1, text="all is well now")])
    else:
        stand.network.standing["x:1"] = PostStatus("there", revision=1)

    await stand.work()

    row = await stand.row(number)
    assert (row["state"], "edited" in row["reason"]) == ("draft", True)
    assert stand.lines() == []


async def test_the_same_words_are_not_sent_twice(stand):
    await stand.approved("we are on it")
    second = await stand.approved("@ada We are on it!", of=2)

    await stand.work()

    assert (await stand.row(second))["state"] == "draft"
    assert len(stand.lines()) == 1


async def test_a_network_that_is_away_is_tried_again_later_and_given_up_in_the_end(stand):
    number = await stand.approved()
    stand.network.troubles = [NotSent("busy", retry_after=60.0)] * MAX_TRIES
    for tries in range(1, MAX_TRIES):
        await stand.due()
        await stand.work()
        row = await stand.row(number)
        assert (row["state"], row["tries"]) == ("approved", tries)
        assert row["due_at"] > datetime.now(UTC)

    await stand.due()
    await stand.work()

    assert (await stand.row(number))["state"] == "failed"
    await stand.replies.approve(number, "ada")
    await stand.work()
    assert (await stand.row(number))["state"] == "sent"


async def test_what_the_network_refuses_for_good_fails_at_once(stand):
    number = await stand.approved()
    stand.network.troubles = [NotSent("this account may not write")]

    await stand.work()

    row = await stand.row(number)
    assert (row["state"], row["reason"]) == ("failed", "this account may not write")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", ["before", "after"])
async def test_a_sender_that_dies_in_the_middle_leaves_no_second_reply(stand, point):
    number = await stand.approved()
    (stand.network.troubles if point == "before" else stand.network.after).append(Killed())  # type: ignore[arg-type]
    with pytest.raises(Killed):
        await stand.work()
    assert (await stand.row(number))["state"] == "sending"

    await stand.work()  # the next process
    if point == "before":
        assert (await stand.row(number))["state"] == "sending", (
            "a network may show late what it accepted"
        )
        stand.later = SHOWS_AFTER
        await stand.due()
        await stand.work()

    row = await stand.row(number)
    assert (row["state"], len(stand.lines())) == (
        ("sent", 1) if point == "after" else ("failed", 0)
    )


async def test_what_nobody_can_tell_is_uncertain_and_never_sent_again_by_itself(stand):
    number = await stand.approved()
    stand.network.after = [SentUnknown("the connection broke")]
    stand.network.blind = NotSent("away", retry_after=1.0)
    for _ in range(MAX_LOOKS + 1):
        await stand.work()
        await stand.due()
    assert (await stand.row(number))["state"] == "uncertain"

    await stand.work()
    assert len(stand.lines()) == 1
    settled = await stand.replies.settle(number, "ada", sent=True)
    assert (settled["state"], settled["sent_at"] is not None) == ("sent", True)


async def test_a_person_can_take_it_back_at_the_last_moment(stand):
    number = await stand.approved()
    outbox = stand.outbox()
    looked = stand.network.lookup

    async def lookup(ids):
        await stand.replies.discard(number, "ada")
        return await looked(ids)

    stand.network.lookup = lookup

    await stand.work(outbox)

    assert (await stand.row(number))["state"] == "discarded"
    assert stand.lines() == []


async def test_an_answer_that_was_sent_and_never_told_is_told_by_the_next_sender(stand):
    await stand.approved()
    await stand.work()
    stand.told.clear()

    assert await stand.outbox().publish_again() == 1
    await stand.simple.save([Judgement(stand.told[0], "we are on it", "Northwind Air", None)])
    assert await stand.outbox().publish_again() == 0


async def test_a_sender_that_was_stopped_leaves_the_lock_to_the_next(stand):
    for of in (1, 2):
        number = await stand.approved(f"on it, {of}", of=of)
        sender = asyncio.create_task(stand.outbox().run(pause=0.01))
        async with asyncio.timeout(60):
            while (await stand.row(number))["state"] != "sent":
                await asyncio.sleep(0.02)
        kept = (
            await stand.engine.connect()
        )  # whichever connection comes next from the pool, it is not the lock's
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        await kept.close()

    assert len(stand.lines()) == 2
    assert await stand.ask("select 1 from pg_locks where locktype = 'advisory' and granted") == []


async def test_of_two_senders_one_works(stand):
    number = await stand.approved()
    senders = [asyncio.create_task(stand.outbox().run(pause=0.01)) for _ in range(2)]
    try:
        async with asyncio.timeout(60):
            while (await stand.row(number))["state"] != "sent":
                await asyncio.sleep(0.02)
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)

    assert len(stand.lines()) == len(stand.told) == 1


async def test_a_reply_waits_for_its_delay_and_can_be_taken_back_until_it_leaves(stand):
    stand.replies = Replies(stand.engine, timedelta(hours=1))
    number = await stand.approved()
    await stand.work()
    assert stand.lines() == [], "its time has not come"

    row = await stand.replies.take_back(number, "ada")
    assert (row["state"], row["text"], row["due_at"]) == ("draft", "we are on it", None)
    await stand.due()
    await stand.work()
    assert stand.lines() == []

    await stand.replies.approve(number, "ada")
    await stand.due()
    await stand.work()
    assert [line["text"] for line in stand.lines()] == ["we are on it"]
    with pytest.raises(UserError, match="reply 1 is sent: it cannot be taken back"):
        await stand.replies.take_back(number, "ada")
    noted = await stand.ask("select action from audit where subject = 'reply:1' order by id")
    assert [row["action"] for row in noted] == ["approve", "take back", "approve", "send", "sent"]


async def test_a_reply_that_is_taken_back_while_it_is_looked_up_does_not_leave(stand):
    number = await stand.approved()
    lookup = stand.network.lookup

    async def taken_back_meanwhile(ids):
        await stand.replies.take_back(number, "ada")
        return await lookup(ids)

    stand.network.lookup = taken_back_meanwhile
    await stand.work()
    assert (stand.lines(), (await stand.row(number))["state"]) == ([], "draft")

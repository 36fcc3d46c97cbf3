"""A model that judges live messages beside the one in use, and is never in the way."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from history import NOON, tweet
from released import released_copy
from rows import ask, do
from typer.testing import CliRunner

from connectors.events import Complaint, Tweet
from connectors.files import open_file
from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.calls.analyzer import call_reader
from stream.bootstrap.shadow import released, run_shadow
from stream.brands import Brand, Brands
from stream.cli.main import app
from stream.cli.shadow import COURTESY, shadow
from stream.errors import UserError
from stream.settings import Settings
from stream.shadow import store as shadow_store
from stream.shadow.classes import FIELDS
from stream.shadow.rejudge import Rejudge
from stream.shadow.report import report
from stream.shadow.store import Shadows
from stream.shadow.watch import BATCH, LATEST, Watch
from stream.triage.judgement import Judge

CALLS = Path(__file__).parents[1] / "data" / "calls"
SAID = [
    "Third day without internet @voltline, and my mother's alarm runs over it!",
    "thank you voltline, the technician was lovely",
    "When does your shop in Mainz open?",
    "mera internet kal se band hai koi jawab nahi deta",
    "Mi linea no funciona desde ayer y nadie contesta",
    "ok",
    "https://example.com/x",
    "@voltline",
    "you charged my card twice, refund it or I go to the ombudsman",
]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """What was saved is looked at in the same moment."""
    monkeypatch.setattr(shadow_store, "MARGIN", timedelta())


@pytest.fixture
def shadows(engine):
    return Shadows(engine)


def otherwise(rows):
    """A model that calls every negative message neutral."""
    return [
        {**row, "sentiment": "neutral" if row["sentiment"] == "negative" else row["sentiment"]}
        for row in rows
    ]


async def looks(watch):
    """Until nothing more waits."""
    done = []
    while True:
        done.append(await watch.look())
        if done[-1] is None or not done[-1].is_full:
            return done


async def test_the_model_in_use_as_its_own_shadow_differs_nowhere(store, shadows):
    analyzer = Analyzer(default_artifact(), threads=1)
    brands = Brands([Brand("VoltLine", handles=("voltline",), words=("voltline",))])
    judge = Judge(analyzer, brands, call_reader(analyzer, default_artifact(), whole=True))
    watch = Watch(shadows, Rejudge(judge, brands), "twin", 1.0)
    await watch.look()
    events = [
        Tweet(id=f"x:{at}", conversation=f"x:{at}", occurred_at=NOON, text=text, author="ada")
        for at, text in enumerate(SAID)
    ]
    events += [
        Tweet(id="x:es", conversation="x:es", occurred_at=NOON, text="gracias", language="es"),
        Complaint(
            id="mail:1",
            conversation="mail:1",
            occurred_at=NOON,
            title="Bill of May",
            text="I was billed 40 euros too much.\n\nCall me: 0171 2345678\n\nBest,\nAda Lovelace",
            trimmed="Sent from my phone",
        ),
        *(event for event, _ in open_file(CALLS / "telecom_sour.json", on_bad_row=pytest.fail)),
        *(event for event, _ in open_file(CALLS / "health_resolved.txt", on_bad_row=pytest.fail)),
    ]
    await store.save(judge(events))

    [look] = await looks(watch)

    counted = report(await shadows.pairs("twin"))
    assert (look.messages, look.differing) == (len(events), 0)
    assert {one.field: one.agreement for one in counted} == dict.fromkeys(FIELDS, 1.0)
    assert next(one for one in counted if one.field == "outcome").messages == 2
    assert (await shadows.find("twin")).failed == 0


async def test_differences_are_counted_by_class_and_brand_with_examples(simple, shadows):
    watch = Watch(shadows, otherwise, "calmer-1", 1.0)
    await watch.look()
    said = [tweet(number, 70, text=f"waiting {number}", brand="Other") for number in range(8)]
    said += [tweet(number, 10, text=f"thanks {number}") for number in range(8, 12)]
    await simple.save([*said, tweet(12, 90)])

    await looks(watch)

    def sentiment(pairs):
        return next(one for one in report(pairs) if one.field == "sentiment")

    whole = sentiment(await shadows.pairs("calmer-1"))
    assert whole.messages == 13
    assert whole.agreement == pytest.approx(4 / 13)
    assert [(one.label, one.in_use, one.shadow, one.both) for one in whole.classes] == [
        ("negative", 9, 0, 0),
        ("neutral", 0, 9, 0),
        ("positive", 4, 4, 4),
    ]
    [change] = whole.changed
    assert (change.label, change.shadow_label, change.messages) == ("negative", "neutral", 9)
    assert len(change.examples) == 5
    assert sentiment(await shadows.pairs("calmer-1", "Northwind Air")).messages == 5

    await simple.save([tweet(13, 90)])  # a later look adds to what was counted
    await looks(watch)
    assert sentiment(await shadows.pairs("calmer-1")).changed[0].messages == 10


async def test_nothing_counts_twice_and_nothing_before_its_start_counts(simple, shadows):
    await simple.save([tweet(1, 70)])
    watch = Watch(shadows, otherwise, "calmer-1", 1.0)
    await looks(watch)
    await simple.save([tweet(number, 70) for number in range(2, 2 + 2 * BATCH + 3)])
    await looks(watch)
    await simple.save([tweet(2, 70, revision=1)])  # an edit arrived when its first words did
    await looks(watch)
    again = Watch(shadows, otherwise, "calmer-1", 1.0)  # as after a crash
    await looks(again)

    assert (await shadows.find(None)).messages == 2 * BATCH + 3


async def test_a_share_is_the_same_messages_whoever_looks(simple, shadows):
    seen = {}
    for name, share in (("half", 0.5), ("same", 0.5), ("all", 1.0)):
        seen[name] = set()

        def judge(rows, name=name):
            seen[name].update(row["id"] for row in rows)
            return rows

        seen[name, "watch"] = Watch(shadows, judge, name, share)
        await seen[name, "watch"].look()
    await simple.save([tweet(number, 70) for number in range(400)])
    for name in ("half", "same", "all"):
        await looks(seen[name, "watch"])

    assert seen["half"] == seen["same"] < seen["all"]
    assert 120 < len(seen["half"]) < 280
    assert len(seen["all"]) == 400


async def test_no_ticket_and_no_message_changes(simple, shadows, postgres_url):
    async def stored():
        return [
            [dict(row) for row in await ask(postgres_url, f"select * from {table} order by id")]
            for table in ("events", "tickets", "event_ids", "alerts")
        ]

    watch = Watch(shadows, otherwise, "calmer-1", 1.0)
    await watch.look()
    await simple.save([tweet(number, 70) for number in range(5)])
    before = await stored()
    await looks(watch)

    assert (await shadows.find(None)).messages == 5
    assert await stored() == before


async def test_a_message_that_it_cannot_judge_is_counted_as_such(simple, shadows):
    watch = Watch(shadows, lambda rows: [None, *rows[1:]], "careless", 1.0)
    await watch.look()
    await simple.save([tweet(1, 70), tweet(2, 70)])
    await looks(watch)

    one = await shadows.find("care")
    assert (one.messages, one.failed) == (1, 1)


async def test_too_far_behind_it_goes_on_with_the_messages_of_now(simple, shadows, postgres_url):
    watch = Watch(shadows, otherwise, "slow", 1.0)
    await watch.look()
    await simple.save([tweet(1, 70)])
    late = LATEST + timedelta(minutes=1)
    await do(
        postgres_url,
        f"update events set received_at = received_at - interval '{late.total_seconds()} s'",
    )
    watch._cursor = shadow_store.Cursor(datetime.now(UTC) - 2 * late)

    look = await watch.look()

    assert look.left_out > late
    assert look.messages == 0


async def test_a_command_runs_it_and_another_one_stops_it(simple, shadows, postgres_url, tmp_path):
    settings = Settings(home=tmp_path, database_url=postgres_url)
    artifact = released(settings, str(released_copy(tmp_path / "copy", "copy-1")))
    started = asyncio.Event()
    judged = asyncio.Event()

    def on_look(look):
        if look.messages:
            judged.set()

    running = asyncio.create_task(run_shadow(settings, artifact, 1.0, started.set, on_look))
    await started.wait()
    async with shadows.alone("copy-1") as alone:
        assert not alone
    while not await shadows.known():
        await asyncio.sleep(0.02)
    await simple.save([tweet(1, 70, text="my line is down again")])
    await judged.wait()
    assert await shadows.stop(None) == ["copy-1"]
    await running

    one = await shadows.find("copy")
    assert one.messages == 1
    assert one.stopped_at is not None
    assert await shadows.stop(None) == []


def test_its_process_lets_every_other_one_go_before_and_nobody_else_s_does(tmp_path, monkeypatch):
    """Whoever runs one within a process of their own, as the tests above do, keeps their place."""
    steps = []

    async def judges(*_):
        steps.append("judges")

    monkeypatch.setattr("stream.bootstrap.shadow.run_shadow", judges)
    monkeypatch.setattr("os.nice", steps.append)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))

    shadow(str(released_copy(tmp_path / "copy", "copy-1")))

    assert steps == [COURTESY, "judges"]


async def test_whoever_starts_it_twice_is_told(shadows, postgres_url, tmp_path):
    settings = Settings(home=tmp_path, database_url=postgres_url)
    artifact = released(settings, str(released_copy(tmp_path / "copy", "copy-1")))
    async with shadows.alone("copy-1"):
        with pytest.raises(UserError, match="judges already, in another process"):
            await run_shadow(settings, artifact, 1.0, lambda: None, print)


@pytest.fixture
def earshot(postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))

    async def typed(*words):
        return await asyncio.to_thread(CliRunner().invoke, app, ["model", *words])

    return typed


async def test_the_differences_are_told_and_a_deleted_example_is_not(
    earshot, simple, shadows, postgres_url
):
    assert "earshot model shadow" in str((await earshot("differences")).exception)
    watch = Watch(shadows, otherwise, "calmer-1", 1.0)
    await watch.look()
    assert "no message was judged" in (await earshot("differences")).stderr
    await simple.save([tweet(1, 70, text="first words"), tweet(2, 70, text="other words")])
    await looks(watch)
    await do(postgres_url, "delete from events where id = 'x:2'")

    told = await earshot("differences", "calmer")
    assert "calmer-1: 2 messages" in told.stdout
    assert "negative → neutral" in told.stdout
    assert "first words" in told.stdout
    assert "other words" not in told.stdout
    rows = [
        json.loads(line) for line in (await earshot("differences", "--json")).stdout.splitlines()
    ]
    assert {row["field"] for row in rows} == {*FIELDS} - {"outcome"}
    by_field = {row["field"]: row for row in rows}
    assert by_field["sentiment"]["changed"][0]["messages"] == 2
    assert by_field["topic"]["agreement"] == 1.0
    assert "no shadow nobody; there is calmer-1" in str(
        (await earshot("differences", "nobody")).exception
    )
    assert "calmer-1 judges no further" in (await earshot("stop-shadow", "calmer-1")).stdout
    assert "no shadow runs" in str((await earshot("stop-shadow")).exception)


async def test_what_cannot_be_a_shadow_is_one_line(earshot, tmp_path):
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "sentiment.json").write_text("{}")
    for words, told in (
        ([str(tmp_path / "release")], "says sentiment alone"),
        (["nobody"], "there is no model 'nobody'"),
        (["shipped"], "is the model in use"),
        ([str(released_copy(tmp_path / "bad", "bad-1", gate=["FAIL logits"]))], "the gate"),
    ):
        answer = await earshot("shadow", *words)
        assert told in str(answer.exception), words
    assert (await earshot("shadow", "shipped", "--share", "0")).exit_code == 2

"""What agents corrected in the desk, as pairs that training takes."""

from __future__ import annotations

import asyncio
import csv
import json
import re

import pytest
from desk_client import Office
from history import tweet
from lab_runs import config_of
from rows import ask
from serving import web
from typer.testing import CliRunner

from models.evaluation.labelled_file import read_labelled
from models.training.lab.preference import Preference, read_preferences
from stream.cli.call_files import labelled
from stream.cli.corrections import write_corrections
from stream.cli.main import app
from stream.desk.corrections import Corrections
from stream.errors import UserError
from stream.postgres.database import open_engine


async def test_corrected_sentiments_are_written_as_pairs(
    simple, postgres_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    await simple.save([tweet(1, 70), tweet(2, 10)])
    path = tmp_path / "pairs.csv"

    with pytest.raises(UserError, match="nobody has corrected"):
        await asyncio.to_thread(write_corrections, path)
    engine = open_engine(postgres_url)
    said = (await Corrections(engine).correct("x:1", "sentiment", "positive", "ada"))["said"]
    await Corrections(engine).correct("x:2", "complaint", "yes", "ada")
    await engine.dispose()
    count = await asyncio.to_thread(write_corrections, path)

    names = ("negative", "neutral", "positive")
    pairs, _ = read_preferences(path, names)
    assert count == 1
    assert {pair.better for pair in pairs} == {2}
    assert all(isinstance(pair, Preference) for pair in pairs)
    assert said is None or [pair.worse for pair in pairs] == [names.index(said)]


async def test_what_an_agent_corrects_in_the_desk_is_learnt_by_the_next_training(
    simple, engine, postgres_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    texts = {
        1: "this seat is the bomb",
        2: "so sick",
        3: "gate B7 at noon",
        4: "all is well",
    }
    await simple.save([tweet(number, 70, text=text) for number, text in texts.items()])
    async with web(simple, url=postgres_url) as address, Office(address, engine) as office:
        ada = await office.person("ada", "agent")
        for number, label in (
            (1, "neutral"),
            (1, "positive"),
            (2, "positive"),
            (3, "neutral"),
            (4, "negative"),
        ):
            body = {"event_id": f"x:{number}", "field": "sentiment", "should_be": label}
            assert (await ada.post(f"/v1/tickets/x:{number}/corrections", body)).status == 201
    config = config_of(tmp_path)

    def train(*arguments):
        command = ["train", "sentiment", "--from-corrections", *map(str, arguments)]
        return CliRunner().invoke(app, command, catch_exceptions=False)

    told = await asyncio.to_thread(train, config, "--out", tmp_path / "run")

    pairs, _ = read_preferences(
        tmp_path / "run" / "corrections.csv", ("negative", "neutral", "positive")
    )
    assert [(pair.text, pair.better, pair.worse) for pair in pairs] == [
        (texts[1], 2, 0), (texts[2], 2, 0), (texts[3], 1, 0),
    ]  # fmt: skip
    story = json.loads((tmp_path / "run" / "run.json").read_text())
    assert story["pairs"] == 3
    assert "corrections.csv" in story["data"]
    assert "corrections.csv: 3 pairs" in told.stderr
    assert json.loads(told.stdout)["validation"]["n"] > 0


async def test_two_classes_learn_the_corrections_that_they_know(
    simple, engine, postgres_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    await simple.save([tweet(1, 70), tweet(2, 40), tweet(3, 70)])
    polar = ("negative", "positive")
    await Corrections(engine).correct("x:1", "sentiment", "neutral", "ada")
    with pytest.raises(
        UserError, match="of the 1 corrected sentiments none is negative or positive"
    ):
        await asyncio.to_thread(write_corrections, tmp_path / "pairs.csv", polar)
    for number in (2, 3):
        await Corrections(engine).correct(f"x:{number}", "sentiment", "positive", "ada")

    count = await asyncio.to_thread(write_corrections, tmp_path / "new" / "pairs.csv", polar)

    assert count == 2
    assert [
        (one.better, one.worse)
        for one in read_preferences(tmp_path / "new" / "pairs.csv", polar)[0]
    ] == [(1, 0)] * 2


async def test_topics_levels_and_outcomes_are_written_for_the_trainings_that_learn_from_them(
    simple, engine, postgres_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    await simple.save([tweet(1, 70, text="my bag, again"), tweet(2, 70, text="a call")])

    def export(*options):
        command = ["export", "corrections", *options]
        return CliRunner().invoke(app, command, catch_exceptions=False)

    with pytest.raises(UserError, match="nobody has corrected a topic or problem or severity"):
        await asyncio.to_thread(export, "--field", "heads")
    with pytest.raises(UserError, match="nobody has corrected the outcome of a call"):
        await asyncio.to_thread(export, "--field", "outcome")
    corrections = Corrections(engine)
    for field, label in (
        ("topic", "billing"),
        ("topic", "baggage"),
        ("severity", "4"),
        ("sentiment", "positive"),
    ):
        await corrections.correct("x:1", field, label, "ada")
    await corrections.correct("x:2", "outcome", "resolved", "ada")
    turns = [{"speaker": "customer", "text": "is it done?"}, {"speaker": "agent", "text": "yes"}]
    await ask(
        postgres_url,
        "update events set turns = $1::jsonb where id = 'x:2'",
        json.dumps(turns),
    )

    await asyncio.to_thread(export, "--field", "heads", "--out", "heads.csv")
    await asyncio.to_thread(export, "--field", "outcome")
    table = (tmp_path / "heads.csv").read_text().splitlines()
    assert table == ["text,topic,problem,severity,sentiment", '"my bag, again",baggage,,4,positive']
    folder = tmp_path / "corrected-calls"
    for path in (folder, folder / "calls.jsonl"):
        calls, labels = labelled(path, None, print)
        assert labels == {"call-1": {"outcome": "resolved"}}
        assert [(turn.speaker, turn.text) for turn in calls["call-1"]] == [
            ("customer", "is it done?"),
            ("agent", "yes"),
        ]


async def test_no_cell_that_a_customer_wrote_is_a_formula_and_trainings_read_their_words(
    simple, engine, postgres_url, monkeypatch, tmp_path
):
    """A table of corrections is opened in a spreadsheet, too."""
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    texts = ["=HYPERLINK(A1)", "@acme my bag", "-1 star", "ok;=1+1", "it's\n+49 is a sign"]
    await simple.save([tweet(n, 70, text=text) for n, text in enumerate(texts)])
    corrections = Corrections(engine)
    for n in range(len(texts)):
        for field, label in (("topic", "@billing"), ("sentiment", "neutral"), ("level", "P1")):
            await corrections.correct(f"x:{n}", field, label, "ada")

    for field, column in (("topic", "topic"), ("sentiment", "better"), ("level", "priority")):
        command = ["export", "corrections", "--field", field, "--out", f"{field}.csv"]
        await asyncio.to_thread(CliRunner().invoke, app, command, catch_exceptions=False)
        path = tmp_path / f"{field}.csv"
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if re.search(r"(?:^|[;\n])[=+@-]", cell)]
        read = read_labelled(path).rows
        assert {row.cells["text"] for row in read} == set(texts)
        assert {row[column] for row in read} <= {"@billing", "neutral", "P1"}


def test_pairs_of_a_file_and_of_the_desk_are_not_both_taken(tmp_path, monkeypatch):
    command = ["train", "sentiment", str(config_of(tmp_path)), "--from-corrections"]
    with pytest.raises(UserError, match="not both"):
        CliRunner().invoke(app, [*command, "--preferences", "mine.csv"], catch_exceptions=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="earshot export corrections first"):
        CliRunner().invoke(app, command, catch_exceptions=False)

"""Looks of a shadow: few questions, nothing of its own counted, a run's folder is enough."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from history import tweet
from rows import ask
from sqlalchemy import event

from models.artifact import STORY, default_artifact
from stream.bootstrap.shadow import released
from stream.cli.shadow import _part, _Tally
from stream.postgres.database import open_engine
from stream.settings import Settings
from stream.shadow.store import Shadows
from stream.shadow.watch import Look, Watch


@pytest.fixture
async def shadows(postgres_url, monkeypatch):
    monkeypatch.setattr("stream.shadow.store.MARGIN", timedelta())  # arrivals of now count at once
    engine = open_engine(postgres_url)
    yield Shadows(engine)
    await engine.dispose()


async def test_a_look_asks_for_the_clock_once(shadows):
    asked: list[str] = []
    watch = Watch(shadows, lambda rows: rows, "calmer-1", 1.0)
    await watch.look()

    def note(connection, cursor, statement, *rest):
        asked.append(statement)

    event.listen(shadows.engine.sync_engine, "before_cursor_execute", note)
    await watch.look()

    assert len(asked) == 3, asked  # the clock and whether to stop; what arrived; the count
    assert sum("select" in statement and "now()" in statement for statement in asked) == 1


async def test_what_the_shadow_judged_itself_once_it_is_in_use_tells_nothing(
    simple, shadows, postgres_url
):
    watch = Watch(shadows, lambda rows: rows, "calmer-1", 1.0)
    await watch.look()
    await simple.save([tweet(1, 70), tweet(2, 70)])
    await ask(postgres_url, "update events set model_version = 'calmer-1' where id = 'x:2'")

    await watch.look()

    assert (await shadows.find("calmer-1")).messages == 1


def test_the_folder_of_a_run_names_its_model(tmp_path):
    model = tmp_path / "run" / "model"
    shutil.copytree(default_artifact(), model)
    story = model / STORY
    text = story.read_text(encoding="utf-8")
    version = text.split('"version": "')[1].split('"')[0]
    story.write_text(text.replace(f'"version": "{version}"', '"version": "own-1"', 1))

    assert released(Settings(home=tmp_path), str(tmp_path / "run")).version == "own-1"


def test_a_share_is_told_in_words_and_a_line_is_not_repeated(capsys):
    assert (_part(1.0), _part(0.1), _part(0.0025)) == ("all of", "10 % of", "0.25 % of")
    tally = _Tally()
    tally.add(Look(3, 1, False))
    tally.print_line()
    tally.print_line()

    assert capsys.readouterr().err.count("3 messages judged") == 1

"""What agents corrected in the desk, as pairs that training takes."""

from __future__ import annotations

import asyncio

import pytest
from history import tweet

from models.training.lab.preference import Preference, read_preferences
from stream.cli.corrections import write_corrections
from stream.database import open_engine
from stream.desk.corrections import Corrections
from stream.errors import UserError


async def test_corrected_sentiments_are_written_as_pairs(simple, postgres_url, tmp_path, monkeypatch):
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

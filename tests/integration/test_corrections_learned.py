"""What people corrected becomes a model that a worker takes: every head is there, one's own too."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from history import tweet
from own_history import history
from released import released_copy
from rows import ask
from typer.testing import CliRunner

pytest.importorskip("torch", reason="training needs the train extra")

from models.artifact import default_artifact, load_artifact
from models.calls.head import HEAD
from models.calls.sides import Utterance
from models.examples.kernel import read_examples
from models.registry import COMPARED, WORSE
from models.training.calls.scenarios import written_calls
from models.training.custom.heads_only import train_light
from models.training.custom.request import TrainingRequest
from stream.bootstrap.loading import load_analyzer, load_calls
from stream.cli.main import app
from stream.desk.corrections import Corrections
from stream.settings import read_settings

PLACES = ("north", "south", "old", "new", "river", "market", "station", "garden")
THINGS = ("gate stays shut", "lights are off", "racks are full", "roof leaks", "code is refused",
          "bell is gone", "door is stiff")  # fmt: skip
TEXTS = [f"at the {place} hub the bicycle {thing}" for place in PLACES for thing in THINGS]
NEW = "at the harbour hub the bicycle lock is jammed"


@pytest.fixture(autouse=True)
def few_examples(monkeypatch):
    """Half a minute for every reading of all of them, and a minute for all calls of our own."""
    examples, calls = read_examples()[::50], written_calls()[:60]
    for name in (
        "models.training.embed_examples",
        "models.analyzer",
        "models.training.triage.own",
    ):
        monkeypatch.setattr(f"{name}.read_examples", lambda: examples)
    learned = "models.training.custom.corrected_calls"
    monkeypatch.setattr(f"{learned}.scenario_calls", lambda: [])
    monkeypatch.setattr(f"{learned}.written_calls", lambda: calls)


def call(text: str) -> list[dict[str, str]]:
    """A call that a hub's people find resolved: what they note is looked at on the next round."""
    return [
        {"speaker": "agent", "text": "How can I help?"},
        {"speaker": "customer", "text": text},
        {
            "speaker": "agent",
            "text": "I have noted it in the hub log. The team looks at it on its next round.",
        },
        {"speaker": "customer", "text": "Okay, I will wait for the round then. Bye."},
    ]


def earshot(*arguments: object):
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture
async def corrected(simple, engine, postgres_url, tmp_path, monkeypatch):
    """A store in which people corrected topics, levels and outcomes, a model with topics of one's
    own in use, and the folder of the runs as the working directory.
    """
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EARSHOT_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    await simple.save([tweet(number, 70, text=text) for number, text in enumerate(TEXTS)])
    corrections = Corrections(engine)
    for number in range(len(TEXTS)):
        await corrections.correct(f"x:{number}", "topic", "Billing", "ada")
        await corrections.correct(f"x:{number}", "level", "P2", "ada")
    for number, text in enumerate(TEXTS[::3]):
        await corrections.correct(f"x:{number}", "outcome", "resolved", "ada")
        turns = json.dumps(call(text))
        query = "update events set turns = $1::jsonb where id = $2"
        await ask(postgres_url, query, turns, f"x:{number}")
    start = load_artifact(default_artifact())
    request = TrainingRequest(history(tmp_path / "mine.csv"))
    await asyncio.to_thread(train_light, request, start, tmp_path / "own", lambda line: None)
    await asyncio.to_thread(earshot, "model", "use", tmp_path / "own")
    return tmp_path


def judged():
    """The version in use, and what a worker with it makes of a new text and a new call."""
    settings = read_settings()
    analyzer = load_analyzer(settings, threads=1)
    [analysis] = analyzer([NEW], ["en"])
    turns = [Utterance(**turn) for turn in call(NEW)]
    [of_call] = load_calls(settings, analyzer, whole=True)([turns])
    return analyzer.version, analysis, of_call.call.outcome.label


def falls(step) -> set[str]:
    """The parts of a step whose macro-F1 fell by more than a person is told of."""
    before, after = step["before"], step["after"]
    lost = {part: before[part]["macro_f1"] - after[part]["macro_f1"] for part in after}
    return {part for part, fall in lost.items() if fall > WORSE}


async def test_each_correction_is_learned_by_the_model_before_and_a_worker_takes_the_last(
    corrected: Path,
):
    def learn() -> list[str]:
        runs = {"calls": "calls", "triage": "levels", "complaints": "corrected"}
        warnings = []
        for command, run in runs.items():
            earshot("train", command, "--from-corrections")
            warnings.append(earshot("model", "use", Path("runs") / run / "model").stderr)
        return warnings

    own = corrected / "own"
    files = {file.name: file.read_bytes() for file in own.iterdir()}
    first, before, outcome_before = await asyncio.to_thread(judged)
    warnings = await asyncio.to_thread(learn)
    last, after, outcome = await asyncio.to_thread(judged)

    stories = [
        load_artifact(Path("runs") / run / "model").story
        for run in ("calls", "levels", "corrected")
    ]
    starts = [story["started_from"] for story in stories]
    versions = [first, *(story["version"] for story in stories)]
    assert starts == versions[:-1]
    assert last == versions[-1]
    # what became worse on the same held-out rows, and nothing else, is told
    assert [len(story[COMPARED]) for story in stories] == [1, 2, 3]
    assert [set(re.findall(r"worse than \S+: (.+) macro-F1", line)) for line in warnings] == [
        falls(story[COMPARED][-1]) for story in stories
    ]
    # learned: the outcome, the level, the topic
    assert (outcome_before, outcome) == ("follow_up", "resolved")
    assert after.urgency.levels[2] > before.urgency.levels[2]
    assert before.topic.label != "Billing"
    assert after.topic.label == "Billing"
    # and the rest is that of one's own model
    assert stories[-1]["labels"]["topic"] == ["Billing", "Network", "TV", "other"]
    in_use = Path("runs/corrected/model")
    assert load_artifact(in_use).taxonomy.read_bytes() == files["taxonomy.toml"]
    assert {file.name: file.read_bytes() for file in own.iterdir()} == files
    assert after.sentiment == before.sentiment
    assert after.severity == before.severity
    assert after.urgency.reasons == before.urgency.reasons
    heads, heads_before = (
        json.loads(text)["heads"] for text in ((in_use / HEAD).read_bytes(), files[HEAD])
    )
    assert heads["customer sentiment"] == heads_before["customer sentiment"]
    assert heads["whole outcome"] != heads_before["whole outcome"]
    titles = re.findall(r"^# (\S+-r\d)$", (in_use / "README.md").read_text(), re.MULTILINE)
    assert titles[:4] == versions[::-1]  # the card of each before that of its start


def test_a_model_that_does_worse_than_its_start_on_the_same_rows_is_used_with_a_warning(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "home"))
    shipped = load_artifact(default_artifact()).version
    step = {
        "with": shipped,
        "before": {"corrections.topic": {"n": 40, "macro_f1": 0.6}},
        "after": {"corrections.topic": {"n": 40, "macro_f1": 0.5}},
    }
    worse = released_copy(tmp_path / "worse", "corrected-1", compared=[step])

    result = earshot("model", "use", worse)

    assert f"worse than {shipped}: corrections.topic macro-F1 0.500, was 0.600" in result.stderr

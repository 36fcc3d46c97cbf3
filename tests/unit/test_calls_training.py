"""The head for calls learns from a company's own calls, the same way every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="training needs the train extra")

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.calls.analyzer import call_reader
from models.calls.head import CARD, HEAD
from models.calls.sides import Utterance
from models.training.calls.data import own_calls
from models.training.calls.fit import Rated, choose, fit, folds, temperature
from models.training.calls.train import train_calls
from models.training.errors import TrainingError

OPENINGS = (
    "my bill is wrong",
    "the app does not open",
    "my card never came",
    "I was charged twice",
    "the line is dead",
)
ENDINGS = {
    ("resolved", "positive"): (
        "It works now, perfect, thank you so much!",
        "I've fixed it, you're all set.",
    ),
    ("follow_up", "negative"): (
        "So I still have to wait? This is frustrating.",
        "We will call you within two days.",
    ),
}


def talks() -> tuple[dict[str, list[Utterance]], dict[str, dict[str, str | None]]]:
    calls, labels = {}, {}
    for number, opening in enumerate(OPENINGS):
        for (outcome, sentiment), (customer, agent) in ENDINGS.items():
            name = f"{number}-{outcome}.txt"
            said = [
                ("agent", "How can I help?"),
                ("customer", opening),
                ("agent", agent),
                ("customer", customer),
            ]
            calls[name] = [Utterance(who, text) for who, text in said]  # type: ignore[arg-type]
            labels[name] = {"outcome": outcome, "sentiment": sentiment}
    return calls, labels


@pytest.fixture
def model(tmp_path) -> Path:
    """The shipped encoder in a directory of its own, without a head."""
    for file in default_artifact().iterdir():
        if file.name not in (HEAD, CARD):
            (tmp_path / file.name).symlink_to(file)
    return tmp_path


def test_own_calls_teach_a_head_that_knows_a_new_one(model):
    train_calls(model, own_calls(*talks()), say=lambda line: None)  # type: ignore[arg-type]

    assert "| whole outcome | cross-validation | 10 |" in (model / CARD).read_text()
    new = [
        Utterance("agent", "Hello, how can I help?"),
        Utterance("customer", "My new modem has no light"),
        Utterance("agent", "I've reset it, you should be able to see a light."),
        Utterance("customer", "Yes, it's working, perfect, thank you so much!"),
    ]
    reader = call_reader(Analyzer(model, threads=1), model, whole=True)
    [analysis] = reader([new])
    assert analysis.call is not None
    assert analysis.call.outcome is not None
    assert analysis.call.outcome.label == "resolved"


def test_too_few_calls_are_refused_with_how_many_it_takes(model):
    calls, labels = talks()
    few = {name: calls[name] for name in list(calls)[:4]}

    with pytest.raises(
        TrainingError, match="4 calls with a label for sentiment, of 2 kinds: it takes 10"
    ):
        train_calls(model, own_calls(few, labels), say=lambda line: None)  # type: ignore[arg-type]


def rated(calls: int = 100) -> Rated:
    generator = np.random.default_rng(3)
    features = generator.normal(size=(calls, 8)).astype(np.float32)
    right = (features[:, 0] + 0.3 * generator.normal(size=calls) > 0).astype(int)
    groups = np.where(np.arange(calls) < 12, np.arange(calls) // 4, -1)
    return Rated(features, np.eye(2, dtype=np.float32)[right], groups)


def test_the_fit_finds_what_decides_and_leaves_out_what_does_not():
    weights = fit(rated(), 10.0).weights

    assert np.abs(weights[:, 0]).min() > 3 * np.abs(weights[:, 1:8]).max()


def test_the_same_calls_teach_the_same():
    one, other = (fit(rated(), 30.0) for _ in range(2))

    assert np.array_equal(one.weights, other.weights)


def test_every_row_is_held_out_once_and_never_learned_from_then():
    held = [set(rows) for _, rows in folds(rated(), 0)]

    assert sorted(row for rows in held for row in rows) == list(range(100))
    assert all(not set(kept) & set(rows) for kept, rows in folds(rated(), 0))


def test_calls_that_are_told_alike_are_held_out_together():
    groups = rated().groups
    for kept, rows in folds(rated(), 0):
        assert not set(groups[kept]) & set(groups[rows]) - {-1}


def test_the_choice_is_the_setting_with_the_least_loss_on_held_out_calls():
    chosen = choose(rated())

    assert chosen.losses[f"strength {chosen.strength:g}"] == min(chosen.losses.values())


def test_odds_that_are_too_sure_are_warmed():
    shares = np.tile(np.array([[0.7, 0.3]], np.float32), (50, 1))
    sure = np.tile(np.array([[0.9, 0.1]], np.float32), (50, 1))

    assert temperature(shares, sure) == 2.0
    assert temperature(shares, shares) == pytest.approx(1.0, abs=0.02)

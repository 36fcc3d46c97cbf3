"""The head for calls learns from a company's own calls, the same way every time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="training needs the train extra")

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.calls.analyzer import call_reader
from models.calls.head import CARD, HEAD
from models.calls.head import _decider as read_decider
from models.calls.head import _written as written_decider
from models.calls.sides import Utterance
from models.training.calls.data import LabelledCall, own_calls
from models.training.calls.fit import Rated, choose, fit, folds, held_out, temperature
from models.training.calls.scenarios import written_calls
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
    counts = np.ones(calls, np.float32)
    return Rated(features, np.eye(2, dtype=np.float32)[right], groups, counts)


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

    name = f"strength {chosen.strength:g}, home {chosen.home:g}"
    assert chosen.losses[name] == min(chosen.losses.values())


def test_odds_that_are_too_sure_are_warmed():
    shares = np.tile(np.array([[0.7, 0.3]], np.float32), (50, 1))
    sure = np.tile(np.array([[0.9, 0.1]], np.float32), (50, 1))

    assert temperature(shares, sure) == 2.0
    assert temperature(shares, shares) == pytest.approx(1.0, abs=0.02)


def houses() -> Rated:
    """Two houses, told apart by the last feature; the raters of the one without groups say the
    opposite of the other's about what the first feature shows."""
    generator = np.random.default_rng(5)
    features = generator.normal(size=(240, 6)).astype(np.float32)
    at_home = np.arange(240) % 2 == 0
    features[:, -1] = np.where(at_home, 2, -2)
    right = ((features[:, 0] > 0) == at_home).astype(int)
    groups = np.where(at_home, -1, np.arange(240) // 8)
    return Rated(features, np.eye(2, dtype=np.float32)[right], groups, np.ones(240, np.float32))


def share_right(rated: Rated, home: float) -> float:
    guesses = held_out(rated, 10.0, home, seed=1).argmax(-1)
    return float((guesses == rated.shares.argmax(-1)).mean())


def test_raters_of_two_houses_may_differ():
    assert share_right(houses(), 0.0) < 0.7
    assert share_right(houses(), 2.0) > 0.9
    assert choose(houses()).home == 2.0


def test_a_call_that_counts_more_is_fitted_better():
    features = np.ones((3, 1), np.float32)
    shares = np.eye(2, dtype=np.float32)[[0, 1, 1]]
    counts = np.array([4, 1, 1], np.float32)

    alike = Rated(features, shares, np.full(3, -1), np.ones(3, np.float32))
    assert fit(alike, 1.0)(features[0]).argmax() == 1
    assert fit(replace(alike, counts=counts), 1.0)(features[0]).argmax() == 0


def test_a_head_with_a_home_is_read_back_as_it_was_written(tmp_path):
    decider = fit(houses(), 10.0, 2.0)
    features = houses().features
    row = json.loads(json.dumps(written_decider(decider) | {"labels": ["resolved", "follow_up"]}))

    again = read_decider(row)

    assert again.home is not None
    for call in features[:20]:
        assert again(call) == pytest.approx(decider(call), abs=2e-3)
    row["home"]["gate"].pop()
    with pytest.raises(ValueError, match="a gate of shape"):
        read_decider(row)


def test_whole_calls_of_our_own_come_in_pairs_that_end_otherwise():
    calls = written_calls()
    outcomes: dict[str | None, set[str | None]] = {}
    for call in calls:
        outcomes.setdefault(call.group, set()).add(call.agreed["outcome"])
    pairs = [group for group, ends in outcomes.items() if len(ends) == 2]

    assert len(pairs) > 50
    assert all({turn.speaker for turn in call.turns} == {"agent", "customer"} for call in calls)
    for outcome in ("resolved", "follow_up"):
        moods = Counter(c.agreed["sentiment"] for c in calls if c.agreed["outcome"] == outcome)
        assert min(moods.values()) > 15


def test_what_raters_do_not_agree_on_counts_less():
    agreed = LabelledCall("1", [], {}, {"outcome": "resolved", "sentiment": None})

    assert agreed.count("outcome") > agreed.count("sentiment") > 0

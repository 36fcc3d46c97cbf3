"""Probabilities from which single topics and problems are named: chosen by people, handed on."""

from __future__ import annotations

from models.artifact import OF_PROBLEM, OF_TOPIC, default_artifact, load_artifact
from models.training.release.thresholds import inherited_minimums, lasting_minimums

CHOSEN = {
    "topic": 0.3,
    "problem": 0.4,
    f"{OF_TOPIC}TV": 0.7,
    f"{OF_PROBLEM}lost luggage": 0.9,
    f"{OF_PROBLEM}line down": 0.8,
}


def test_a_release_hands_on_those_of_the_problems_that_it_knows():
    shipped = load_artifact(default_artifact())
    chosen = {task for task in shipped.least_probability if task.startswith(OF_PROBLEM)}

    same = inherited_minimums(str(default_artifact()), shipped.labels["problem"])
    fewer = inherited_minimums(str(default_artifact()), ["line down", "a new one"])

    assert set(same) == chosen
    assert all(shipped.least_probability[task] == value for task, value in same.items())
    assert set(fewer) == {f"{OF_PROBLEM}line down"} & chosen


def test_a_release_hands_on_those_of_the_topics_that_it_knows():
    kept = inherited_minimums(str(default_artifact()), [], ["customer service", "a new one"])

    assert set(kept) == {f"{OF_TOPIC}customer service"}


def test_what_starts_from_no_model_has_none(tmp_path):
    assert inherited_minimums(None, ["line down"]) == {}
    assert inherited_minimums(str(tmp_path), ["line down"]) == {}
    assert inherited_minimums(str(tmp_path / "base.pt"), ["line down"]) == {}


def test_a_history_keeps_what_it_does_not_teach_again():
    topics_alone = lasting_minimums(CHOSEN, {"topic": ("TV", "other")})
    both = lasting_minimums(CHOSEN, {"topic": ("TV", "other"), "problem": ("line down", "other")})

    assert topics_alone == {
        task: value for task, value in CHOSEN.items() if not task.startswith("topic")
    }
    assert both == {}

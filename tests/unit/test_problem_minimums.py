"""Probabilities from which single topics and problems are named: chosen by people, handed on."""

from __future__ import annotations

import json

from models.artifact import CARD, OF_PROBLEM, OF_TOPIC, STORY, default_artifact, load_artifact
from models.calls.cues import read_cues
from models.calls.head import CARD as CALLS_CARD
from models.calls.head import load_head
from models.training.calls.train import card as calls_card
from models.training.release.card import card
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
    kept = inherited_minimums(str(default_artifact()), [], ["credit report", "a new one"])

    assert set(kept) == {f"{OF_TOPIC}credit report"}


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


def test_the_shipped_cards_are_what_their_stories_write():
    folder = default_artifact()
    story = json.loads((folder / STORY).read_text(encoding="utf-8"))

    assert (folder / CARD).read_text(encoding="utf-8") == card(story)
    head = load_head(folder, load_artifact(folder).version, read_cues())
    assert head is not None
    assert (folder / CALLS_CARD).read_text(encoding="utf-8") == calls_card(head)


def test_the_figures_of_a_card_begin_with_triage_on_real_messages_and_who_labelled_them():
    story = json.loads((default_artifact() / STORY).read_text(encoding="utf-8"))

    _, _, figures = card(story).partition("## How good\n\n")
    without = card({name: value for name, value in story.items() if name != "triage"})

    assert figures.startswith("### Triage")
    assert figures.index("uniform.kappa") < figures.index("sought.kappa")
    assert "one reader each" in figures.partition("| figure |")[0]
    assert "Triage" not in without.partition("## How good")[2].partition("## The gate")[0]


def test_a_card_says_which_topics_and_problems_have_a_threshold_of_their_own():
    story = json.loads((default_artifact() / STORY).read_text(encoding="utf-8"))

    own = card(story | {"least_probability": CHOSEN})
    plain = card(story | {"least_probability": {"topic": 0.3, "problem": 0.4}})

    assert "topic from 0.3 (`TV` from 0.7), problem from 0.4 (2 of them from 0.8 to 0.9" in own
    assert "topic from 0.3, problem from 0.4, words" in plain

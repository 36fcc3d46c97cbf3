"""Other wordings, labels that a model gives, and pairs of labels: what each makes of a text."""

from __future__ import annotations

import random

import numpy as np
import pytest

from models.training.corpus.data import DataError
from models.training.lab.augment import WAYS, AugmentError, augmented
from models.training.lab.preference import Preference, read_preferences, write_preferences
from models.training.lab.pseudo import confident

TWEET = "Really love my new phone :) #HappyDay @acme thanks http://t.co/x"


def made_by(way, text, draws=60):
    return {WAYS[way](text, random.Random(seed)) for seed in range(draws)}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_the_same_chance_makes_the_same_wording(way):
    for seed in range(5):
        assert WAYS[way](TWEET, random.Random(seed)) == WAYS[way](TWEET, random.Random(seed))
    assert WAYS[way]("", random.Random(1)) == ""


def test_whom_it_names_and_links_to_stays():
    for way in ("casing", "elongation", "emoticons", "synonyms"):
        for text in made_by(way, TWEET):
            assert "@acme" in text
            assert "http://t.co/x" in text


def test_each_way_does_what_it_is_called():
    assert {"GOOD day", "good day", "GOOD DAY"} <= made_by("casing", "Good day") | {"GOOD day"}
    assert "so haaappy" in made_by("elongation", "so happy") or any(
        "ooo" in one for one in made_by("elongation", "so")
    )
    assert made_by("elongation", "sooooo good") <= {"so good", "soo good"}
    assert any(one != "my internet is broken" for one in made_by("typos", "my internet is broken"))
    assert made_by("emoticons", "nice :)") >= {"nice 🙂", "nice smile"}
    assert ":(" in "".join(made_by("emoticons", "oh 🙁"))
    assert made_by("hashtags", "so #HappyDay") == {"so happy day"}
    assert made_by("hashtags", "a lovely crew") == {"a #lovely crew"}
    assert made_by("synonyms", "Terrible") == {"Awful", "Horrible", "Dreadful"}


def test_a_word_within_another_is_no_mood():
    text = "she smiled at the party-goers' hearts"

    assert made_by("emoticons", text) == {text}


def test_one_or_two_ways_change_a_text_and_unknown_ones_are_named():
    wordings = {augmented(TWEET, random.Random(seed)) for seed in range(100)}

    assert len(wordings) > 30
    assert TWEET not in wordings
    assert augmented(TWEET, random.Random(3), ("hashtags",)) == TWEET.replace(
        "#HappyDay", "happy day"
    )
    with pytest.raises(AugmentError, match="there is no rhymes"):
        augmented(TWEET, random.Random(1), ("rhymes",))


def test_only_what_the_model_is_sure_of_is_learnt_and_as_many_of_each_class():
    sure = np.array(
        [
            [0.95, 0.03, 0.02],
            [0.98, 0.01, 0.01],
            [0.96, 0.02, 0.02],
            [0.05, 0.9, 0.05],
            [0.1, 0.2, 0.7],
            [0, 0.1, 0.9],
        ],
        dtype=np.float32,
    )

    rows, labels = confident(sure, 0.9, 100)

    assert dict(zip(rows.tolist(), labels.tolist(), strict=True)) == {1: 0, 3: 1, 5: 2}
    assert len(confident(sure, 0.99, 100)[0]) == 0
    assert len(confident(sure, 0.5, 3)[0]) == 3


def test_pairs_are_read_and_what_is_wrong_is_named(tmp_path):
    path = tmp_path / "pairs.csv"
    names = ("negative", "neutral", "positive")
    write_preferences([("meh", "neutral", "positive"), ("bad", "negative", None)], path)

    pairs, hashes = read_preferences(path, names)

    assert pairs == [Preference("meh", 1, 2), Preference("bad", 0, 1), Preference("bad", 0, 2)]
    assert list(hashes) == ["pairs.csv"]
    for content, told in (
        ("text,better\nx,positive\n", "no column worse"),
        ("text,better,worse\nx,glad,negative\n", "line 2: unknown better 'glad'"),
        ("text,better,worse\nx,negative,negative\n", "the same"),
        ("text,better,worse\n", "no rows"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=told):
            read_preferences(path, names)

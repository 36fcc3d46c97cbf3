"""Words shown for a problem: a stretch that a person would underline, and how that is measured."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import pytest
from benchmarks.words import HALVES, UNDERLINED, counts, half_of, read_underlined, share, spans_of

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.taxonomy.classifier import read_taxonomy
from models.taxonomy.words import MAX_WORDS, telling_words
from models.training.corpus.keyed import key_of

RUDE = ("rude staff", "the agent was rude to me", "the staff were unfriendly")
DOWN = ("website down", "your website is down", "the page does not load")
HOLD = ("on hold too long", "on hold for two hours", "the call was cut off after an hour")
TEXT = "@shop where is my parcel, it is five days late"


def strong(text: str, *words: str) -> list[tuple[int, int, float]]:
    """The tokens of a text, of which the model points at these words."""
    return [
        (match.start(), match.end(), 1.5 if match[0] in words else -0.2)
        for match in re.finditer(r"\S+", text)
    ]


@pytest.mark.parametrize(
    ("phrases", "text", "words"),
    [
        (RUDE, "Possibly the RUDEST staff of all", ("rudest", "staff")),
        # a negation comes with what it turns round, a particle with the word before
        (DOWN, "Good day. The page does not load", ("page", "not load")),
        (DOWN, "website down again?", ("website down",)),
        # a number comes with what it counts
        (HOLD, "on hold 2 hours now", ("hold", "2 hours")),
        (HOLD, "on hold for 1.5 hrs", ("hold", "1.5 hrs")),
        # other forms of a word are the same word
        (("lost luggage", "you lost my bag"), "they keep losing my bags", ("losing", "bags")),
        # words of the phrases that stand alone, far from the others, are none of the stretch
        (
            RUDE,
            "My agent rang at noon about a new contract. The staff there were rude.",
            ("staff", "rude"),
        ),
        (RUDE, "and the", ()),
        (RUDE, "", ()),
    ],
)
def test_the_words_of_a_problem_stand_together(phrases, text, words):
    assert telling_words(text, phrases) == words


def test_the_model_s_words_join_those_of_the_phrases_beside_them():
    text = "hello friends, the clerk rudely mocked us in the rain yesterday"

    assert telling_words(text, RUDE) == ("rudely",)
    assert telling_words(text, RUDE, strong(text, "mocked", "hello")) == ("rudely", "mocked")


def test_without_any_phrase_the_model_s_words_are_shown():
    text = "a clerk hung up on us twice"

    assert telling_words(text, RUDE, strong(text, "hung", "twice", "a")) == ("hung",)
    assert telling_words(text, RUDE, strong(text)) == ()


def test_a_stretch_is_short_however_much_the_model_points_at():
    text = "rude " + "slow lazy loud mean cold " * 40
    tokens = strong(text, "slow", "lazy", "loud", "mean", "cold")

    assert len(telling_words(text, RUDE, tokens)) <= MAX_WORDS


def test_the_shipped_model_does_not_show_the_first_words_of_a_message():
    text = (
        "Morning team, I was off to see my friends in Rome with a cake"
        " and our flight is delayed by three hours"
    )
    [analysis] = Analyzer(default_artifact())([text])

    assert analysis.problem
    assert {"flight", "delayed"} <= set(analysis.problem.words)
    assert not {"morning", "team", "friends"} & set(analysis.problem.words)


def test_a_phrase_of_words_in_a_row_counts_where_it_stands():
    text = "no, the parcel is here. Still no reply to my mail"
    spans = [(text.index("no reply"), text.index("no reply") + len("no reply"))]

    exact = counts(text, spans, ["no reply"])
    astray = counts(text, spans, ["parcel", "mail"])

    assert (exact.shown, exact.right, exact.underlined, exact.caught) == (2, 2, 2, 2)
    assert (astray.shown, astray.right, astray.caught) == (2, 0, 0)
    assert (exact.content, exact.content_underlined) == (4, 2)


def test_words_that_the_text_has_not_are_never_right():
    assert counts("my bag is lost", [(0, 14)], ["suitcase"]).right == 0


def test_a_share_has_an_interval_over_messages():
    assert share([(1, 2)] * 8) == "50% (50% to 50%)"
    low, high = map(int, re.findall(r"(\d+)% to (\d+)%", share([(0, 1), (1, 1)] * 20))[0])
    assert low < 45 < 55 < high
    assert share([]) == "-"


def test_the_underlined_words_are_places_by_a_hash_of_the_text_and_no_text():
    with UNDERLINED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    problems = {problem.name for problem in read_taxonomy().problems}

    assert list(rows[0]) == ["key", "source", "problem", "spans"]
    assert len({row["key"] for row in rows}) == len(rows) == 200
    assert all(re.fullmatch("[0-9a-f]{16}", row["key"]) for row in rows)
    assert {row["problem"] for row in rows} <= problems
    assert {half: sum(half_of(row["key"]) == half for row in rows) for half in HALVES} == {
        "dev": 99,
        "heldout": 101,
    }
    for row in rows:
        places = [place for span in spans_of(row["spans"]) for place in span]
        assert places == sorted(set(places)), row["key"]


def test_an_underlined_text_is_looked_for_in_the_public_sets(tmp_path: Path) -> None:
    (tmp_path / "replies").mkdir()
    with gzip.open(tmp_path / "replies" / "support_pairs.csv.gz", "wt", encoding="utf-8") as file:
        file.write(f'customer_text\n"{TEXT}"\nno label has me\n')
    table = tmp_path / "words.csv"
    key = key_of(TEXT)
    table.write_text(f"key,source,problem,spans\n{key},retail,late delivery,25:46\n")

    (message,) = read_underlined(tmp_path, half_of(key), table)

    assert (message.text, message.problem) == (TEXT, "late delivery")
    assert message.spans == ((25, 46),)
    assert not list(read_underlined(tmp_path, *set(HALVES) - {half_of(key)}, table))

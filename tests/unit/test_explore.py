"""The page of complaints and calls: what it shows, that texts stay data, and the statistics behind
it.
"""

import csv
import html
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from connectors.base import FormatError
from models.analysis import Analysis, Call, Outcome, Problem, Sentiment, Topic
from models.training.explore.plots import bars, heat_map, two_sided
from models.training.explore.texts import SourceText, understand
from models.training.explore.themes import find_themes, near_duplicates
from models.training.explore.words import log_odds, pairs, words
from stream.cli.explore import explore
from stream.errors import UserError

OWN = Path(__file__).parents[1] / "data" / "history.csv"
GLAD = Sentiment("positive", 0.9, {"negative": 0.0, "neutral": 0.1, "positive": 0.9})
EVIL = (
    '<script>alert("x")</script> <img src=x onerror=y> $\\alpha$ & '
    "my number is 415-555-0133, mail me: jo@example.com"
)


def explored(source, labels=None):
    """The page that the command writes."""
    out = source.parent / "report.html"
    explore(source, out=out, labels=labels)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """The page of our own history, with one text that wants to be more than a text."""
    folder = tmp_path_factory.mktemp("complaints")
    with OWN.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    outcomes = ["closed with relief", "closed", "<b>open</b>"]
    with (folder / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic", "problem", "dissatisfaction", "outcome", "date"])
        for number, row in enumerate(rows):
            day = f"2026-03-{number % 28 + 1:02}"
            writer.writerow([*row.values(), outcomes[number % 3], day])
        for number in range(3):
            writer.writerow(
                [
                    f"{EVIL} again and again",
                    "billing",
                    "<i>bill</i>",
                    "95",
                    "closed",
                    f"2026-03-0{number + 1}",
                ]
            )
    return explored(folder / "mine.csv")


def test_every_section_is_there(complaints):
    ids = re.findall(r'<section id="(\w+)">', complaints)

    assert ids == ["themes", "about", "words", "dissatisfaction", "outcomes", "duplicates", "shape"]
    assert "What 45 complaints say" in complaints
    assert "As the file says." in complaints
    assert "severity" in complaints


def test_texts_stay_data_and_lose_their_personal_data(complaints):
    assert "<script>alert" not in complaints
    assert "<img src=x" not in complaints
    assert "<b>open" not in complaints
    assert "<i>bill" not in complaints
    assert html.escape("<b>open</b>") in complaints
    assert "555-0133" not in complaints
    assert "jo@example.com" not in complaints
    assert "[email]" in complaints


def test_the_page_asks_nothing_of_anybody(complaints):
    assert "default-src 'none'" in complaints
    addresses = set(re.findall(r'(?:src|href|xlink:href)="([^"#][^"]{0,40})', complaints))
    assert {address.partition(",")[0] for address in addresses} <= {"data:image/png;base64"}
    assert not re.search(r"url\((?!#)", complaints)


def test_ids_of_the_charts_do_not_clash(complaints):
    ids = Counter(re.findall(r'<clipPath id="(\w+)"', complaints))

    assert ids
    assert max(ids.values()) == 1


def test_calls_are_explored_by_outcome(tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()
    for number in range(24):
        happy = number % 2
        last = (
            "Great, that solves it, wonderful!"
            if happy
            else "Nobody rang back, my claim is still open."
        )
        agent = "It is done." if happy else "We will look into it."
        (calls / f"call_{number}.txt").write_text(
            f"Member: Hello, this is about claim number {number} of my knee.\n"
            f"Agent: {agent}\nMember: {last}\n"
        )
    lines = [
        f"call_{n}.txt,{'positive' if n % 2 else 'negative'},{'resolved' if n % 2 else 'follow_up'}"
        for n in range(24)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["file,sentiment,outcome", *lines]) + "\n")

    page = explored(calls, labels=tmp_path / "labels.csv")

    assert "What 24 calls say" in page
    contrast = page[page.index('id="contrasts"') :]
    assert "follow up (12)" in contrast
    assert "resolved (12)" in contrast
    assert "claim" in contrast
    assert 'id="outcomes"' in page
    assert "It is done" not in page  # the agent's words are not the customer's


def test_without_labels_a_call_has_the_outcome_that_its_head_gives():
    outcome = Outcome("follow_up", 0.8, {"resolved": 0.2, "follow_up": 0.8})
    analysis = Analysis("still open", "en", "m", sentiment=GLAD, call=Call(3, 2, outcome, ()))
    sources = [SourceText("still open"), SourceText("the same, a complaint")]

    call, complaint = understand(
        sources, [("still open", analysis), ("the same", replace(analysis, call=None))]
    )
    assert (call.outcome, call.sentiment) == ("follow up", "positive")
    assert complaint.outcome is None
    [labelled] = understand(
        [SourceText("still open", outcome="resolved")], [("still open", analysis)]
    )
    assert labelled.outcome == "resolved"


@pytest.mark.parametrize("name", ["numbers.csv", "none.csv"])
def test_a_wrong_file_is_one_clear_line(tmp_path, name):
    (tmp_path / "numbers.csv").write_text("a,b\n1,2\n")

    with pytest.raises((UserError, FormatError), match=name) as error:
        explore(tmp_path / name, out=tmp_path / "report.html")

    assert "\n" not in str(error.value)


def test_labels_of_no_call_are_one_clear_line(tmp_path):
    (tmp_path / "call_1.txt").write_text("Member: Hello?\nAgent: Yes?\n")
    labels = tmp_path / "labels.csv"

    for text, told in (
        ("file,mood\n1,sad\n", "sentiment or outcome"),
        ("file,outcome\nx,resolved\n", "none of the calls"),
    ):
        labels.write_text(text)
        with pytest.raises(UserError, match=told):
            explore(tmp_path, out=tmp_path / "report.html", labels=labels)


def test_log_odds_are_those_of_the_paper():
    """Worked by hand: two words, ten and five texts, a prior of a tenth of all words."""
    told = {one.word: one for one in log_odds(Counter(late=8, seat=2), Counter(late=1, seat=4))}
    prior = 1.5
    here, there = 8 + prior * 9 / 15, 1 + prior * 9 / 15
    odds = np.log(here / (10 + prior - here)) - np.log(there / (5 + prior - there))

    assert told["late"].odds == pytest.approx(odds)
    assert told["late"].z == pytest.approx(odds / np.sqrt(1 / here + 1 / there))
    assert told["seat"].odds == pytest.approx(-odds)


def test_a_rare_word_of_one_group_is_no_discovery():
    told = log_odds(Counter(late=400, zebra=1, bag=100), Counter(late=100, bag=400))

    assert told[0].word == "late"
    assert abs(next(one.z for one in told if one.word == "zebra")) < 1.96


def test_the_models_labels_are_not_mixed_with_those_of_the_file():
    def analyze(texts):
        topic, problem = Topic("network", 0.9), Problem("line down", 0.9, ())
        sentiment = Sentiment("negative", 0.8, {"negative": 0.8, "neutral": 0.1, "positive": 0.1})
        return [
            Analysis(
                text,
                "en",
                "m",
                sentiment,
                0.9,
                3,
                71.0,
                topic=topic,
                problem=problem,
                embedding=np.ones(4, np.float16),
            )
            for text in texts
        ]

    sources = [
        SourceText("it is down", problem="dead line", index=25.0),
        SourceText("it is slow"),
    ]
    texts = [source.text for source in sources]
    one, other = understand(sources, zip(texts, analyze(texts), strict=True))

    assert (one.problem, one.index, one.severity, one.topic) == ("dead line", 25.0, 1, "network")
    assert (other.problem, other.index, other.severity, other.topic) == (
        None,
        None,
        None,
        "network",
    )


def test_words_are_those_that_carry_something():
    assert words("I can't log in at https://x.com, @you! [phone] XXXX the Router’s light") == [
        "log",
        "router's",
        "light",
    ]
    assert pairs(["slow", "internet", "internet"]) == ["slow internet"]


def test_themes_and_repeats_are_found_in_made_up_space():
    generator = np.random.default_rng(0)
    centres = np.eye(8)[:4]
    vectors = np.concatenate(
        [centre + 0.05 * generator.normal(size=(20, 8)) for centre in centres]
    ).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    said = [[f"word{row // 20}", "filler"] for row in range(80)]

    themes = find_themes(vectors, said)

    assert sorted(len(theme.members) for theme in themes) == [20] * 4
    assert {theme.words[0].split()[0] for theme in themes} == {
        f"word{number}" for number in range(4)
    }
    groups = near_duplicates(
        vectors[[0, 1, 40]], [["a", "b", "c"], ["a", "b", "c", "d"], ["a", "b", "c"]]
    )
    assert groups == [[0, 1]]


def test_names_in_charts_are_escaped_and_axes_are_named():
    drawn = bars({"<a>&$x$": 3.0, "plain": 1.0}, "complaints")
    assert "<a>" not in drawn
    assert "&lt;a&gt;" in drawn
    assert ">complaints<" in drawn
    assert "currentColor" in drawn
    assert ">severity<" in heat_map(
        np.array([[1, 2], [3, 0]]), ["x", "y"], ["low", "high"], "severity", "problem"
    )
    assert "standard deviations" in two_sided(
        [("late", 3.0), ("nice", -2.0)], "good", "bad", "standard deviations"
    )

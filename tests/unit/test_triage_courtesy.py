"""Courtesy around a danger changes nothing; around anything else it is a part of what is said."""

from __future__ import annotations

import pytest
from leveled import P1, levels_of

from models.analysis import Analysis
from models.urgency import Urgency
from stream.brands import Brands
from stream.store.rows import stored_by
from stream.triage.courtesy import without_courtesy
from stream.triage.evaluate import tickets_of
from stream.triage.judgement import Judge

KNIFE = "A man with a knife is on the 5.40 to Leeds."
GAS = "There is a strong smell of gas in our kitchen and my baby is asleep next door."


@pytest.mark.parametrize(
    "around",
    [
        "{} Thank you.",
        "{} Many thanks!",
        "{} thx",
        "{} Thanks in advance for your help. Cheers",
        "{}\nMany thanks,\nAnn",
        "{}\n\nKind regards,\n[name]",
        "{}\n\nBest,\nAnna Weber",
        "{}\n\n--\nAnna Weber, RN",
        "{} Thanks, Tom",
        "{} Thanks! xx",
        "{} Thank you 🙏",
        "{} Thanks…",
        "{} Thank you for your prompt attention to this matter.",
        "{} Thank you for looking into this.",
        "{} Much obliged.",
        "{} Thank you, God bless",
        "{}\nLove, Ann",
        "{}\nThank you\nMrs. J. O'Neil-Smith\n07700 900123",
        "“{} Thank you.”",
        "“{}”",
        '"{}"',
        "Hello, {}",
        "Dear Sir or Madam, {}",
        "Hi VoltLine, {}",
        "Good evening. {} Thank you so much.",
    ],
)
def test_courtesy_is_taken_away(around):
    assert without_courtesy(around.format(GAS)) == GAS


@pytest.mark.parametrize(
    "text",
    [
        GAS,
        "You lost my bag. Thank you for nothing.",
        "Great. Thanks.",
        "Thank you so much for the quick help!",
        "No thanks",
        "“Stay here” and “wait” is all that they say to us.",
        "hey they took all of my money",
        "Thanks, Ann",
        f"{GAS * 6} Thank you.",
        "",
    ],
)
def test_what_is_said_stays(text):
    assert without_courtesy(text) == text


def test_a_danger_behind_a_greeting_stays():
    assert (
        without_courtesy("Hi, fire! Come now, we are upstairs.")
        == "fire! Come now, we are upstairs."
    )
    assert without_courtesy("My leg is broken 🙏 thanks") == "My leg is broken 🙏"


def test_a_danger_is_a_p1_however_politely_it_is_told():
    thanks = (
        "Thank you.",
        "Thanks!",
        "Thank you for your help.",
        "Thank you, God bless",
        "Thanks xx",
    )
    polite = [f"{KNIFE} {words}" for words in thanks]

    assert levels_of([KNIFE, *polite, f"“{GAS}”"]) == [P1] * 7


def test_a_danger_that_is_over_is_none():
    over = [
        "You found our daughter at gate 4, she is with us. Thank you so much!",
        "The crew put out the fire in the galley and got us down safely. Thank you!",
        "Paramedics came and he is fine now. Thanks everyone!",
        "Your guard pulled the man with the knife off the train, we are all safe. Many thanks",
        "The gas leak is fixed and we are back in the house. Thanks!",
    ]

    assert levels_of(over) == [0] * 5


def test_thanks_for_what_has_come_need_nobody():
    assert levels_of(
        ["Just received my bag. Thanks.", "On the plane now, on time. Thank you!"]
    ) == [
        0,
        0,
    ]


def test_how_urgent_it_is_is_read_by_the_local_model_beside_a_language_model():
    asked: list[str] = []

    def urgency(text):
        grave = 0.9 if "Thank" not in text else 0.001
        return Urgency(levels=(0.99, 0.98, 0.95, grave), reasons={"danger": 0.9}, settled=0.1)

    def local(texts, languages=None, trades=None):
        return [Analysis(text, "en", "model:1", urgency=urgency(text)) for text in texts]

    class Beside:
        """A language model, which is paid by the text."""

        def __init__(self):
            self.local = local

        def __call__(self, texts, languages=None, trades=None):
            asked.extend(texts)
            return local(texts)

    text = f"{GAS} Thank you."
    [ticket] = tickets_of([text], stored_by(Judge(Beside(), Brands(()))))

    assert asked == [text]
    assert ticket.level == "P1"

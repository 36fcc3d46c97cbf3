"""Answers that fit: what is asked belongs to the brand's trade, and was not said already."""

from __future__ import annotations

import dataclasses
import re

import pytest

from models.replier.draft import ReplyRequest
from models.replier.policy import check
from models.replier.replier import Replier

FLIGHT = re.compile(r"flight|booking details|on board", re.IGNORECASE)


@pytest.fixture(scope="module")
def replier():
    return Replier()


@pytest.mark.parametrize("trade", ["telecom", "bank", "shop", "streaming", "parcel"])
@pytest.mark.parametrize("topic", ["delay and cancellation", "on board", "check-in and boarding"])
def test_no_other_trade_asks_for_a_flight_however_the_topic_was_read(replier, trade, topic):
    """Nor does anything that the models write."""
    text = "still waiting, four hours late and nobody says why"
    request = ReplyRequest(text, "Northwind", topic, None, "negative", 2, trade=trade)

    for candidate in replier([request])[0].candidates:
        assert not (candidate.passes and FLIGHT.search(candidate.text)), candidate.text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("two hours on the runway and no word", True),
        ("the parcel is two hours late and no word", False),
    ],
)
def test_an_unknown_trade_is_what_the_message_speaks_of(replier, text, asked):
    request = ReplyRequest(text, None, "delay and cancellation", None, "negative", 2)

    assert bool(FLIGHT.search(replier([request])[0].text)) == asked


def test_a_person_may_speak_of_what_the_topic_says():
    text = "Sorry about this. Which flight are you on?"
    request = ReplyRequest("late again", None, "delay and cancellation", None, "negative", 1)

    assert check(text, request) == ()


@pytest.mark.parametrize(
    ("text", "topic", "trade", "asks"),
    [
        ("no internet in our street since Monday", "network", "telecom", "since when"),
        ("no internet for three days", "network", "telecom", "since when"),
        ("the app crashes on my iPhone", "website and app", "streaming", "which device"),
        ("playlist stops on the laptop", "website and app", "streaming", "which device"),
    ],
)
def test_what_the_message_says_is_not_asked_for(replier, text, topic, trade, asks):
    request = ReplyRequest(text, "Northwind", topic, None, "negative", 2, trade=trade)

    for candidate in replier([request], n=6)[0].candidates:
        if candidate.source == "template":
            assert asks not in candidate.text.lower()


@pytest.mark.parametrize(
    ("text", "topic", "trade", "kind"),
    [
        # a topic read wrongly asks nothing that its kind would
        ("the film does not play on my set", "product", "shop", "photo"),
        ("swapped the boxes, it stays with the room", "order and delivery", "telecom", "order"),
        ("the host cancelled our flat", "booking", "hotel", "get there"),
        ("rude at the check-in", "check-in and boarding", "airline", "checking in"),
    ],
)
def test_a_wrong_topic_asks_nothing_beside_the_matter(replier, text, topic, trade, kind):
    request = ReplyRequest(text, "Northwind", topic, None, "negative", 2, trade=trade)

    assert kind not in replier([request])[0].text


@pytest.mark.parametrize(
    "text",
    ["I have the newest version, it eats all my memory", "two of five", "my name there is abc"],
)
@pytest.mark.parametrize("mood", ["neutral", "positive"])
def test_what_is_told_on_the_way_is_no_praise_and_gets_no_goodbye(replier, text, mood):
    request = ReplyRequest(text, "Northwind", "other", None, mood, 0, trade="software")

    draft = replier([dataclasses.replace(request, reason="quality")])[0].text
    assert not re.search(r"kind words|lovely|great to hear|for sharing this", draft)


def test_many_handles_before_the_words_cost_nothing_much(replier):
    """A pattern that tried every way to split them would never come back."""
    request = ReplyRequest("@a:" * 60 + "x", "Northwind", None, None, "neutral", 0)

    assert replier([request])[0].candidates

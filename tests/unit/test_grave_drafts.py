"""Drafts where somebody may come to harm: help first, and nothing of routine, whatever the mood."""

from __future__ import annotations

import dataclasses
import re

import pytest

from models.replier.answers import answers, answers_to
from models.replier.draft import ReplyRequest
from models.replier.replier import Replier
from models.replier.slots import brand_names
from models.replier.templates import wordings
from stream.replies.gravity import GRAVE, UNNAMED, gravity_of, reason_of
from stream.triage.cues import thesaurus

# What is said to a lost bag, a slow line or a friend.
ROUTINE = re.compile(
    r"which (?:flight|train|device|version)|flight number|booking details|photo|since when"
    r"|what exactly|what else|tell us a (?:little|bit) more|welcome|glad to|happy|lovely|great"
    r"|thanks for|we're here if|need anything else|pass it on",
    re.IGNORECASE,
)
INSULIN = ReplyRequest(
    "my insulin is in the suitcase that you lost and I have one dose left",
    "SkyNorth",
    "baggage",
    "lost luggage",
    "negative",
    2,
    trade="airline",
)
MISSED = {  # by what triage saw nothing in: the words alone must do
    "I can't do this any more, I want to die": "despair",
    "there is smoke coming out of the charger you sent": "danger",
    "my son is on a ventilator and needs his medication": "health",
    "a hot coffee burned my daughter, nobody on board helped": "harm",
    "your driver is threatening us with a knife": "violence",
    "somebody emptied my account last night": "fraud",
    "we slept on the floor with two small children": "stranded",
    "my mother died on Friday and your desk wants a form": "hardship",
}


@pytest.fixture(scope="module")
def replier():
    return Replier()


@pytest.mark.parametrize("mood", ["negative", "neutral", "positive", None])
@pytest.mark.parametrize("gravity", [*GRAVE, UNNAMED])
def test_whoever_may_come_to_harm_is_told_nothing_of_routine(replier, gravity, mood):
    """Even where the words alone would be a lost bag, and where its mood was misread."""
    request = dataclasses.replace(INSULIN, gravity=gravity, sentiment=mood)
    past = (("my bag is lost", "Which flight was it? Happy to help!"),)

    [draft] = replier([dataclasses.replace(request, past=past)])

    for candidate in draft.candidates:
        assert candidate.source == "template"
        assert candidate.passes
        assert not ROUTINE.search(candidate.text), candidate.text
        assert re.search(r"sorry", candidate.text)


@pytest.mark.parametrize(("text", "kind"), MISSED.items())
@pytest.mark.parametrize("mood", ["negative", "neutral"])
def test_what_triage_does_not_see_is_told_by_its_words(replier, text, kind, mood):
    request = ReplyRequest(text, None, "other", None, mood, 1)
    message = replier.slots.message(text, brand_names(None))

    assert next(answers_to(request, message)).name == kind
    assert not ROUTINE.search(replier([request])[0].text)


@pytest.mark.parametrize(
    "text",
    [
        "this playlist is on fire",
        "my phone died again",
        "your prices hurt my wallet",
        "I would kill for a window seat",
        "stuck at the gate, bored to death",
    ],
)
def test_a_figure_of_speech_is_no_emergency(text):
    request = ReplyRequest(text, "SkyNorth", "other", None, "negative", 1)
    slots = Replier().slots.message(text, brand_names("SkyNorth"))

    assert not next(answers_to(request, slots)).gravity


def test_every_gravity_has_its_kind():
    assert {code for answer in answers() for code in answer.gravity} == {*GRAVE, UNNAMED}


@pytest.mark.parametrize("gravity", [*GRAVE, UNNAMED])
def test_the_template_behind_all_asks_nothing_of_routine(gravity):
    for text in wordings(dataclasses.replace(INSULIN, gravity=gravity)):
        assert not ROUTINE.search(text), text
        assert "emergency" in text


CALM, ALARMED = (0.9, 0.6, 0.1, 0.01), (0.9, 0.8, 0.6, 0.2)


@pytest.mark.parametrize(
    ("text", "reasons", "levels", "gravity"),
    [
        ("the socket is smoking, your fitter left", {"danger": 0.6}, ALARMED, "danger"),
        ("anything", {"medical": 0.4, "lost": 0.5}, CALM, "medical"),
        ("anything", {"self_harm": 0.4}, CALM, UNNAMED),  # words of despair need to be sure
        ("I want to kill myself", {}, CALM, "self_harm"),
        ("my flight is late", {"delay": 0.9}, CALM, None),
        ("my flight is late", {"delay": 0.2, "danger": 0.2}, ALARMED, UNNAMED),
        ("where is my discount", {"question": 0.1}, ALARMED, None),
        ("the lawyer has it now", {"escalated": 0.8, "danger": 0.2}, ALARMED, None),
        ("the line is down", {"outage": 0.6, "danger": 0.2}, ALARMED, None),
        ("who took my money", {"fraud_now": 0.2}, ALARMED, "fraud_now"),
        ("I want to kill myself", {}, None, "self_harm"),  # the model did not read it
        ("", {}, None, None),
    ],
)
def test_the_gravity_of_a_message(text, reasons, levels, gravity):
    assert gravity_of(text, reasons, levels) == gravity


def test_a_long_letter_is_not_grave_for_one_phrase_of_it():
    letter = "I was injured in a car accident years ago. " + "The bill is wrong again. " * 20

    assert gravity_of(letter, {"billing": 0.6}, CALM) is None
    assert gravity_of(letter, {"billing": 0.6, "injury": 0.4}, ALARMED) == "injury"


class Reading:
    """The thesaurus, and how many characters it was handed."""

    def __init__(self) -> None:
        self.most = 0

    def find(self, text: str):
        self.most = max(self.most, len(text))
        return thesaurus().find(text)


@pytest.mark.parametrize("place", ["beginning", "end"])
def test_a_letter_of_any_length_costs_no_more_than_a_long_one(place, monkeypatch):
    """Drafts are made on the event loop, where everybody waits for it."""
    reading = Reading()
    monkeypatch.setattr("stream.replies.gravity.thesaurus", lambda: reading)
    letter = "The bill is wrong again, and nobody answers. " * 5_600  # 250 kB
    phrase = " I want to kill myself. "
    letter = phrase + letter if place == "beginning" else letter + phrase

    assert gravity_of(letter, {"self_harm": 0.1}, CALM) == "self_harm"
    assert gravity_of(letter, {}, None) == "self_harm"  # the model did not read it
    assert reading.most < 20_000


def test_the_likeliest_reason_counts_where_it_is_sure():
    assert reason_of({"quality": 0.3, "question": 0.5}) == "question"
    assert reason_of({"quality": 0.3}) is None
    assert reason_of({}) is None

"""Calls in triage: harm that is told counts, and the words of a call that is over hurry nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from history import NOON

from stream.triage.fold import fold
from stream.triage.ticket import CallState, GraveTurn, Message

CALM, PRESSING, GRAVE = (0.9, 0.8, 0.1, 0.02), (0.98, 0.95, 0.6, 0.05), (0.97, 0.95, 0.9, 0.85)
GAS = "your engineer left and now we can smell gas in the kitchen"


def call(*said: tuple[str, tuple[float, ...], dict[str, float]], **state: object) -> Message:
    """A call of these turns, read alone by the heads. Follow-up and over, if not said otherwise."""
    more = {"complete": True, "outcome": "follow_up"} | state
    sentiment = str(more.pop("sentiment", "neutral"))
    return Message(
        id="call:1",
        conversation="call:1",
        kind="transcript",
        direction="inbound",
        occurred_at=NOON,
        text="\n".join(words for words, _, _ in said),
        brand="VoltLine",
        sentiment=sentiment,
        complaint=0.6,
        dissatisfaction=40.0,
        need=0.5,
        call=CallState(
            gravest=tuple(
                GraveTurn(words, levels, reasons) for words, levels, reasons in said if levels
            ),
            **more,  # type: ignore[arg-type]
        ),
    )


def level(message: Message) -> str | None:
    ticket = fold([message])
    return ticket and ticket.level


@pytest.mark.parametrize(
    ("words", "reasons"),
    [
        (GAS, {"danger": 0.5}),
        ("there is smoke coming out of the router", {"danger": 0.6}),
        ("somebody is taking money from my account right now", {"fraud_now": 0.85}),
        ("I don't want to live anymore, honestly", {"self_harm": 0.6}),
        ("my mother is 84, her alarm pendant is off and she fell last night", {"alone": 0.2}),
    ],
)
def test_harm_that_is_told_in_a_call_is_for_a_person_within_minutes(words, reasons):
    """Whoever answers the call, and however it went on."""
    other = ("I called because of my bill", CALM, {"billing": 0.6})

    assert level(call(other, (words, GRAVE, reasons))) == "P1"
    assert level(call(other, (words, GRAVE, reasons), complete=False, outcome=None)) == "P1"


def test_a_phrase_of_danger_and_the_models_reason_of_it_are_enough_in_a_short_turn():
    short = ("and now there is smoke", (0.4, 0.38, 0.08, 0.08), {"danger": 0.53})

    ticket = fold([call(short)])

    assert ticket is not None
    assert ticket.level == "P1"
    assert ticket.factors[0].words == "Danger: “there is smoke”"


@pytest.mark.parametrize("words", ["You too, goodbye.", "My account number is [account]."])
def test_no_turn_is_harm_by_a_guess_of_the_model_alone(words):
    """The heads learned from posts: of "bye" and of numbers they know little."""
    unsure = (0.9, 0.8, 0.66, 0.66)

    assert level(call((words, unsure, {"self_harm": 0.3, "fraud_now": 0.38}))) == "P3"
    assert level(call((words, GRAVE, {"self_harm": 0.3, "fraud_now": 0.6}))) == "P1", "it is sure"


def test_harm_that_was_dealt_with_on_the_call_is_looked_at_within_the_hour():
    said = (GAS, GRAVE, {"danger": 0.9})

    assert level(call(said, outcome="resolved", sentiment="positive")) == "P2"
    assert level(call(("my bill", CALM, {}), outcome="resolved", sentiment="positive")) is None


@pytest.mark.parametrize(
    "words",
    [
        "I want to cancel the second line, I don't use it anymore",
        "I have an old phone that I don't use anymore and I am still billed for it",
        "I looked at competitors and they have better offers",
        "it doesn't show how much data is left",
        "I'd like an appointment tomorrow",
    ],
)
def test_words_of_a_call_that_is_over_start_no_clock_of_an_hour(words):
    assert level(call((words, CALM, {}))) == "P3"
    turn_by_turn = call((words, CALM, {}), complete=False, outcome=None)
    assert level(turn_by_turn) is None, "an agent is on it"


def test_what_the_model_hears_as_well_is_seen_within_the_hour():
    said = (
        "our line has been dead for four days, I am losing customers",
        PRESSING,
        {"outage": 0.6},
    )

    assert level(call(said)) == "P2"


def test_a_caller_who_lost_patience_is_called_back_within_the_hour():
    assert level(call(("this is useless", CALM, {}), soured="this is useless")) == "P2"


def test_where_no_head_of_triage_reads_harm_is_found_by_its_words():
    """As with a language model as the backend."""
    unread = CallState(complete=True, outcome="follow_up", gravest=(GraveTurn(GAS),))

    assert level(replace(call((GAS, CALM, {})), call=unread)) == "P1"


def test_a_call_that_was_stored_without_its_turns_is_weighed_as_before():
    assert level(call(("it is down again", (), {}))) == "P3"

"""A message's weight by the heads of triage: two keys for P1, reasons that add up, order."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.events import Tweet
from models.analysis import Analysis
from models.urgency import REASONS, Urgency
from stream.store.rows import as_stored
from stream.triage.by_model import (
    AT,
    DECISIVE,
    SIGNS,
    _groups_of_signs,
    any_decisive,
    by_model,
    stand_in,
)
from stream.triage.cues import thesaurus
from stream.triage.factors import total
from stream.triage.fold import fold
from stream.triage.judgement import Judgement
from stream.triage.ticket import Message

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SURE = (0.99, 0.98, 0.95, 0.9)
ORDINARY = (0.95, 0.9, 0.1, 0.01)
NOBODY = (0.05, 0.02, 0.01, 0.0)


def said(text: str, levels=ORDINARY, number: int = 1, **more) -> Message:
    return Message(
        id=f"x:{number}",
        conversation="x:1",
        kind="tweet",
        direction="inbound",
        occurred_at=NOON + timedelta(minutes=number),
        text=text,
        author="ana",
        levels=levels,
        **more,
    )


def priority(message: Message) -> int:
    return total(by_model(message, thesaurus().find(message.text)))


def test_a_p1_takes_a_decisive_sign_and_the_models_own_word() -> None:
    sign = {"danger": 0.9}

    assert fold([said("it makes a strange noise", SURE, reasons=sign)]).level == "P1"
    assert fold([said("it makes a strange noise", SURE, reasons={"delay": 0.9})]).level == "P2"
    assert fold([said("it makes a strange noise", ORDINARY, reasons=sign)]).level == "P3"


def test_a_phrase_of_harm_is_a_sign_and_lifts_to_p2_what_the_model_takes_for_p3() -> None:
    text = "there is smoke coming out of your router"

    assert fold([said(text, SURE)]).level == "P1"
    assert fold([said(text, (0.9, 0.9, 0.2, 0.02))]).level == "P2"
    assert fold([said("there is a noise in your router", (0.9, 0.9, 0.2, 0.02))]).level == "P3"


@pytest.mark.parametrize(
    "cry",
    [
        "the plane is on fire",
        "@VoltLine the plane is on fire!!",
        "THE PLANE IS ON FIRE",
        "the plane is on fire\n\nSent from my iPhone, please excuse any typing errors in it",
        "I can't breathe",
        "bomb on flight 403",
        "i want to die",
    ],
)
def test_a_terse_cry_is_a_p1_where_the_model_thinks_that_possible_at_all(cry) -> None:
    unsure = (0.6, 0.5, 0.2, 0.04)

    assert fold([said(cry, unsure)]).level == "P1"
    assert fold([said("the band is on fire tonight", unsure)]).level == "P3"
    assert fold([said(cry, (0.6, 0.5, 0.2, 0.01))]).level == "P2"


@pytest.mark.parametrize(
    "call",
    ["SOS", "sos!!", "please help me", "@VoltLine HELP", "someone please help us", "need help now"],
)
def test_a_bare_call_for_help_is_never_nobodys(call) -> None:
    assert fold([said(call, NOBODY)]).level == "P3"


@pytest.mark.parametrize(
    "talk",
    ["thanks for the help", "SOS by ABBA", "send help lol", "help us win", "helpful!", "please"],
)
def test_talk_of_help_is_no_call(talk) -> None:
    assert fold([said(talk, NOBODY)]) is None


@pytest.mark.parametrize(
    "cry", ["fire!!", "FLAMES!", "@VoltLine fire", "live wire in my garden", "he is bleeding"]
)
def test_a_cry_of_few_words_is_never_nobodys(cry) -> None:
    nobody = (0.05, 0.02, 0.02, 0.01)

    assert fold([said(cry, nobody)]).level == "P3"
    assert fold([said(cry, (0.9, 0.9, 0.9, 0.5))]).level == "P1"
    assert fold([said("this playlist is fire", nobody)]) is None
    sung = f"{cry} is what they sang in the film last night"
    assert fold([said(sung, nobody, reasons={"figurative": 0.5})]) is None


def test_what_is_told_at_length_takes_the_models_own_word() -> None:
    told = "somebody in the office told me at lunch that the plane is on fire in a film"

    assert fold([said(told, (0.6, 0.5, 0.2, 0.04))]).level != "P1"


@pytest.mark.parametrize(
    ("reasons", "level"),
    [
        ({"danger": 0.3, "chatter": 0.2}, "P1"),
        ({"danger": 0.04, "chatter": 0.04}, "P1"),
        ({"danger": 0.04, "chatter": 0.2}, "P2"),
        ({"danger": 0.04, "news": 0.2}, "P2"),
    ],
)
def test_a_phrase_in_what_is_told_to_nobody_takes_a_surer_model(
    reasons: dict[str, float], level: str
) -> None:
    told = "there was a drill at the depot this afternoon with a plane on fire in it"

    assert fold([said(told, (0.9, 0.8, 0.4, 0.2), reasons=reasons)]).level == level
    assert fold([said(told, (0.9, 0.8, 0.5, 0.4), reasons=reasons)]).level == "P1"


@pytest.mark.parametrize(
    ("p1", "danger", "level"),
    [
        (0.9, 0.3, "P1"),
        (0.2, 0.6, "P1"),
        (0.1, 0.4, "P2"),
        (0.2, 0.27, "P2"),
        (0.95, 0.05, "P2"),
        (0.05, 0.999, "P2"),
        (0.12, 0.999, "P1"),
    ],
)
def test_without_a_phrase_the_model_must_be_sure_of_p1_and_a_reason_together(
    p1: float, danger: float, level: str
) -> None:
    message = said(
        "four of them stare into a hole", (0.99, 0.99, 0.97, p1), reasons={"danger": danger}
    )

    assert fold([message]).level == level


def test_a_service_that_is_down_takes_a_sure_model_where_nothing_is_likelier() -> None:
    def of(outage: float, p1: float = 0.5, text: str = "a red light since noon") -> str:
        reasons = {"emergency_service": 0.45, "outage": outage}
        return fold([said(text, (0.99, 0.99, 0.9, p1), reasons=reasons)]).level

    assert (of(0.3), of(0.5), of(0.5, 0.8)) == ("P1", "P2", "P1")
    assert of(0.5, text="the phones of our hospital are down") == "P1"


@pytest.mark.parametrize("content", ["thanks_solved", "praise"])
def test_what_is_rather_thanks_or_praise_is_no_p1(content: str) -> None:
    def of(**reasons: float) -> str:
        return fold([said("the man came with a valve", SURE, reasons=reasons)]).level

    assert of(danger=0.3) == of(danger=0.3, **{content: 0.2}) == "P1"
    assert of(danger=0.3, **{content: 0.4}) == "P2"


def test_a_p1_without_a_decisive_reason_among_its_factors_says_what_it_may_be() -> None:
    text = "it is all dark here. I fear a fire. we sit in the hall of the house and wait for you"
    unsure = {"injury": 0.05, "danger": 0.1, "outage": 0.9}
    [how, *reasons] = by_model(said(text, SURE, reasons=unsure), {})

    assert how.words == ("Reads like messages that cannot wait. Perhaps danger: “I fear a fire”")
    assert [factor.name for factor in reasons] == ["outage"]
    assert sum(factor.points for factor in reasons) == 40


def test_a_p1_without_any_likely_reason_says_what_it_may_be_as_well() -> None:
    text = "I fear a fire. we sit in the hall of the house and wait for you since the morning"
    (how,) = by_model(said(text, SURE, reasons={"danger": 0.1}), {})

    assert how.words.endswith("Perhaps danger: “I fear a fire”")


@pytest.mark.parametrize(
    "wait", ["it's not urgent", "no rush", "no hurry", "It can wait", "whenever you can"]
)
def test_what_can_wait_by_the_customers_own_word_is_no_p1(wait: str) -> None:
    def of(**reasons: float) -> str:
        text = f"the line hisses and I hardly hear them. {wait}"
        return fold([said(text, (0.99, 0.99, 0.9, 0.8), reasons=reasons)]).level

    assert of(emergency_service=0.6) == "P2"
    # of these people speak politely
    assert of(emergency_service=0.6, self_harm=0.2) == of(fraud_now=0.6) == "P1"
    assert of(alone=0.6) == of(violence=0.6) == "P1"


def test_a_place_of_care_and_what_is_off_elsewhere_take_a_surer_model() -> None:
    text = (
        "My bakery is beside the hospital. Since four we have no power, two hundred rolls are cold"
    )

    assert fold([said(text, (0.99, 0.99, 0.9, 0.2))]).level == "P2"
    assert fold([said(text, (0.99, 0.99, 0.9, 0.4))]).level == "P1"


@pytest.mark.parametrize(
    "text",
    [
        "our shop alarm has been offline since the cut, the insurer asks for it",
        "the burglar alarms of our warehouse are dead",
        "the alarm line is dead and the insurance wants it on tonight",
        "3 kids, one tablet. he took it off her",
        "your hostel manager says talk it out",
    ],
)
def test_what_guards_goods_and_what_is_not_off_shows_no_place_of_care(text: str) -> None:
    assert fold([said(text, (0.99, 0.99, 0.9, 0.2))]).level == "P2"


@pytest.mark.parametrize(
    "text",
    [
        "phones and internet are down here, including 999 from landlines",
        "all lines dead and even 112 from mobiles",
        "my aunt is blind and on her own up there, she cannot ring anybody",
        "he is housebound and lives alone, the line is gone",
        "the wheel of the pram you sold us came off on the road",
        "wheels of your hire bike just came off",
    ],
)
def test_phrases_of_danger_take_little_of_the_model(text: str) -> None:
    assert fold([said(text, (0.99, 0.99, 0.9, 0.16))]).level == "P1"


@pytest.mark.parametrize(
    "text",
    [
        "great job losing my bag again",
        "nice work cancelling the one flight we had",
        "cheers for the broken screen",
        "thanks for overcharging me again",
        "keep up the fine work ignoring me",
        "love sitting on hold for an hour",
    ],
)
def test_praise_that_means_a_complaint_is_a_ticket(text: str) -> None:
    ticket = fold([said(text, NOBODY)])

    assert ticket.level == "P3"
    assert ticket.factors[0].words.startswith("Praise that means a complaint: “")


@pytest.mark.parametrize(
    "text",
    [
        "great job finding my bag",
        "thanks for making my day",
        "cheers for the quick fix",
        "keep up the good work",
        "love being up here in the sun",
    ],
)
def test_praise_that_is_meant_is_none(text: str) -> None:
    assert fold([said(text, NOBODY)]) is None


def test_old_fraud_has_the_words_of_fraud_and_is_no_p1() -> None:
    text = "in May my account was hacked and they still owe me the money"
    likely = (0.99, 0.98, 0.95, 0.5)

    past = fold([said(text, likely, reasons={"fraud_past": 0.6, "fraud_now": 0.25})])
    now = fold([said(text, likely, reasons={"fraud_past": 0.3, "fraud_now": 0.6})])

    assert (past.level, now.level) == ("P2", "P1")
    assert {factor.name for factor in past.factors} == {"fraud_past"}


def test_what_the_model_calls_nobodys_makes_no_ticket() -> None:
    assert fold([said("this playlist is fire", NOBODY)]) is None


def test_the_reason_quotes_the_phrase_that_shows_it() -> None:
    message = said("smoke coming out of your router", SURE, reasons={"danger": 0.9})

    (factor,) = by_model(message, thesaurus().find(message.text))

    assert factor.name == "danger"
    assert factor.words.startswith("Danger: “smoke")


def test_p1s_are_ordered_by_how_sure_and_how_grave_they_are() -> None:
    def p1(code: str, probability: float) -> int:
        return priority(said("hm", (0.99, 0.99, 0.97, probability), reasons={code: 0.9}))

    assert p1("self_harm", 0.9) > p1("self_harm", 0.6) > p1("escalated", 0.6) >= 70


def test_the_most_urgent_message_of_a_conversation_counts() -> None:
    urgent = said("somebody is hurt", SURE, 1, reasons={"injury": 0.9})
    calm = said("any news?", ORDINARY, 2, reasons={"question": 0.8})

    ticket = fold([urgent, calm])

    assert ticket.level == "P1"
    assert ticket.excerpt == "somebody is hurt"
    assert {factor.name for factor in ticket.factors} >= {"injury"}


def test_repeated_contact_raises_but_never_makes_a_p1() -> None:
    near = (0.99, 0.99, 0.99, AT["P1"] - 0.01)
    history = [said("it still does not work", near, number) for number in range(1, 6)]

    ticket = fold(history)

    assert ticket.level == "P2"
    assert ticket.priority == 69


def test_the_urgency_is_stored_and_read_again() -> None:
    event = Tweet(id="x:1", conversation="x:1", occurred_at=NOON, text="hm")
    urgency = Urgency((0.9, 0.8, 0.7, 0.6), {"danger": 0.75}, 0.25)
    analysis = Analysis("hm", "en", "m", urgency=urgency)

    message = as_stored(Judgement(event, "hm", None, analysis))

    assert (message.levels, message.reasons, message.settled) == (
        (0.9, 0.8, 0.7, 0.6),
        {"danger": 0.75},
        0.25,
    )


@pytest.mark.parametrize("code", DECISIVE)
def test_every_decisive_reason_is_one_that_the_model_can_give(code: str) -> None:
    assert code in REASONS


probabilities = st.floats(0, 1).map(lambda value: round(value, 4))
urgencies = st.tuples(probabilities, probabilities, probabilities, probabilities).map(
    lambda values: tuple(sorted(values, reverse=True))
)
reasons = st.dictionaries(st.sampled_from(REASONS), st.floats(0.1, 1), max_size=6)


@given(levels=urgencies, reasons=reasons)
def test_the_factors_add_up_and_no_factor_is_empty(levels, reasons) -> None:
    factors = by_model(said("hm", levels, reasons=reasons), {})

    assert 0 <= total(factors) <= 100
    assert all(factor.points and factor.words for factor in factors)
    assert total(factors) == sum(factor.points for factor in factors)


@given(levels=urgencies, reasons=reasons, more=st.floats(0, 1))
def test_a_likelier_p1_is_never_less_urgent(levels, reasons, more) -> None:
    p4, p3, p2, p1 = levels
    higher = (p4, p3, p2, p1 + (p2 - p1) * more)

    assert priority(said("hm", higher, reasons=reasons)) >= priority(
        said("hm", levels, reasons=reasons)
    )


@given(levels=urgencies)
def test_only_a_decisive_sign_makes_a_p1(levels) -> None:
    others = {code: 1.0 for code in REASONS if code not in DECISIVE}

    assert priority(said("hm", levels, reasons=others)) < 70


@given(reasons=reasons)
def test_the_short_way_to_decisive_reasons_gives_what_the_long_one_does(reasons) -> None:
    product = math.prod(1 - reasons.get(code, 0.0) for code in DECISIVE)

    assert any_decisive(reasons) == 1 - product


groups = st.sets(st.sampled_from(sorted({group for pair in SIGNS for group in pair.split("+")})))


@given(groups)
def test_signs_that_are_kept_by_their_groups_are_those_that_stand_there(present) -> None:
    cues = dict.fromkeys(present, ())

    assert list(_groups_of_signs(cues)) == [pair for pair in SIGNS if stand_in(cues, pair)]


@pytest.mark.parametrize(
    "text",
    [
        "I smell gas in the kitchen and my head hurts since this morning.",
        "My grandfather is stuck in the lift and his chest hurts.",
        "We are on the second floor and there is smoke coming up the stairs.",
    ],
)
def test_danger_in_plain_words_is_never_nobodys_though_the_model_takes_it_for_chatter(
    text: str,
) -> None:
    def level(**reasons: float) -> str | None:
        ticket = fold([said(text, (0.04, 0.04, 0.04, 0.04), reasons=reasons)])
        return ticket and ticket.level

    assert level(chatter=0.94) == "P3"
    assert level(figurative=0.6) is None
    assert level(praise=0.6) is None

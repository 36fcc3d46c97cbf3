"""What may go before a person as an answer, and what the gate says against the rest."""

from __future__ import annotations

import dataclasses

import pytest

from models.replier.draft import ReplyRequest
from models.replier.policy import check, length, limit, price
from models.replier.rules import needs
from models.replier.templates import template_reply

LATE = ReplyRequest(
    "flight 403 to Denver is late again", brand="SkyNorth", topic="delay and cancellation"
)


def rules(text, request=LATE, recent=()):
    return [refusal.rule for refusal in check(text, request, recent)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Sorry! Call us at 212 555 0139.", "personal data"),
        ("Sorry! Write to ana.p@example.com, please.", "personal data"),
        ("Sorry! See https://example.com/help for more.", "invented link"),
        ("Sorry! Gate 12 is the one.", "invented number"),
        ("Sorry! DL1262 is waiting for you.", "invented flight"),
        ("Sorry! Here is $50 for you.", "invented amount"),
        ("Sorry! Zbigniew is looking into it.", "invented name"),
        ("Sorry! Ask @SomebodyElse about it.", "invented handle"),
        ("Sorry! We guarantee it.", "promise"),
        ("Sorry! We will fix this.", "promise"),
        ("Sorry! We'll get you home.", "promise"),
        ("Sorry! It won't happen again.", "promise"),
        ("Sorry! We work to get you on your way as quickly as possible.", "promise"),
        ("Sorry! You can have a voucher.", "refund"),
        ("Sorry! We'd refund it.", "refund"),
        ("That was your own fault.", "blame"),
        ("You should have been earlier, you were late.", "blame"),
        ("Please calm down.", "blame"),
        ("Damn, that is bad.", "profanity"),
        ("Your flight is delayed, sorry.", "claim"),
        ("Sorry! What is your booking reference?", "asks in public"),
        ("Sorry! We do not offer that.", "claim"),
        ("Hi there! Yes, you can do that at the desk.", "claim"),
        ("No, that is how we do it.", "claim"),
        ("We do not have a policy on seats.", "claim"),
        ("Sorry! We're aware of the trouble.", "claim"),
        ("Sorry! We are currently experiencing long queues.", "claim"),
        ("Sorry! We'll make sure that you get home.", "promise"),
        ("Sorry about your bag.", "beside the matter"),
        ("Sorry! Our shop colleagues look into it.", "beside the matter"),
        ("Sorry! Please install the app again.", "beside the matter"),
        ("Sorry about <name>.", "unfinished"),
        ("Sorry!", "unfinished"),
        ("We are sorry. " * 25, "too long"),
    ],
)
def test_each_rule_refuses_what_it_is_there_for(text, rule):
    assert rule in rules(text)


@pytest.mark.parametrize(
    "text",
    [
        "We're sorry for the wait. Could you tell us more about it?",
        "Sorry about flight 403 to Denver. We'll look into it.",
        "Sorry to hear this! We'll pass it on to the team at SkyNorth.",
        "We understand how hard such a wait is. Please DM us your booking reference.",
        "Sorry! We'll make sure to pass this on to the team.",
        "Sorry to hear this! We'll make sure that your feedback is shared.",
        "No worries, we look into it.",
        "Sorry! A colleague looks into it.",
    ],
)
def test_a_decent_answer_passes(text):
    assert rules(text) == []


def test_a_refusal_tells_a_person_what_is_wrong():
    (refusal,) = check("Sorry! Zbigniew is looking into it.", LATE)

    assert refusal.why == "the message does not say 'Zbigniew'"


def test_a_severe_message_gets_an_apology():
    severe = dataclasses.replace(LATE, severity=4)

    assert rules("Could you tell us more about it?", severe) == ["no apology"]
    assert rules("We apologise. Could you tell us more about it?", severe) == []


def test_an_account_matter_goes_to_a_direct_message():
    account = ReplyRequest("my account was charged and nobody answers")

    assert needs(account).handover
    assert rules("Could you tell us more about it?", account) == ["no hand-over"]
    assert rules("Please send us a direct message about it.", account) == []


def test_the_mood_of_an_answer_fits_the_message():
    angry = dataclasses.replace(LATE, sentiment="negative")
    pleased = ReplyRequest(
        "your crew on flight 403 was lovely", "SkyNorth", "on board", sentiment="positive"
    )

    assert rules("Thanks for the shout-out!", angry) == ["wrong mood"]
    assert rules("We're sorry to hear you had a great flight!", LATE) == ["wrong mood"]
    assert rules("We're sorry about it.", pleased) == ["wrong mood"]
    eager = dataclasses.replace(pleased, text="so excited, can't wait for flight 403")
    assert rules("We're sorry about it.", eager) == ["wrong mood"]
    assert rules("Thanks for the shout-out!", pleased) == []
    assert rules("Sorry! We want you to have a great experience with us.", angry) == []
    assert rules("Thank you! We can't wait to see you again.", pleased) == []


def test_a_text_sent_lately_is_not_sent_again_however_it_is_written():
    assert rules("We're sorry to hear it!", recent=["@ana we're SORRY to hear it."]) == ["repeat"]
    assert rules("We're sorry to hear it!", recent=["We're sorry about it."]) == []


def test_networks_count_letters_in_their_own_way():
    link = "https://example.com/" + "a" * 100

    assert length(f"see {link}", "x") == 4 + 23
    assert length("日本", "x") == 4
    assert length("👩‍👩‍👧", "x") == 2
    assert length("👩‍👩‍👧", "bluesky") == 1
    assert length("é", "bluesky") == 1
    assert (limit("x"), limit("bluesky"), limit("mastodon")) == (280, 300, 500)


def test_a_link_on_x_costs_more_and_the_price_is_told():
    assert price("Hello", "x") == 0.015
    assert price("Hello, see https://example.com", "x") == 0.20
    assert price("Hello", "bluesky") is None


@pytest.mark.parametrize("severity", [None, 1, 4])
@pytest.mark.parametrize("sentiment", ["negative", "neutral", "positive", None])
@pytest.mark.parametrize(
    "topic", ["delay and cancellation", "billing", "network", "fraud", "product", "other", None]
)
def test_templates_pass_the_gate_whatever_is_asked(topic, sentiment, severity):
    request = ReplyRequest("it happened again", "VoltLine", topic, None, sentiment, severity)
    sent: list[str] = []
    for _ in range(12):  # each time another text
        sent.append(template_reply(request, 0, lambda text: not check(text, request, sent)))

    assert all(check(text, request) == () for text in sent)
    assert len(set(sent)) == 12

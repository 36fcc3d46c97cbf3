"""Kinds of messages that were once answered beside the matter: a varied few of each kind."""

from __future__ import annotations

import pytest

from models.replier.answers import answers_to
from models.replier.draft import ReplyRequest
from models.replier.replier import Replier, default_replier
from models.replier.slots import Slots, brand_names

SLOTS = Slots((default_replier() / "words.txt").read_text(encoding="utf-8").split())
BRAND = "SkyNorth"


@pytest.fixture(scope="module")
def replier():
    return Replier()


def kind_of(request: ReplyRequest) -> str:
    message = SLOTS.message(request.text, brand_names(request.brand))
    return next(answers_to(request, message)).name


def draft(replier: Replier, request: ReplyRequest) -> str:
    return replier([request])[0].text


@pytest.mark.parametrize(
    "text",
    [
        "our pilot in Boston DL1912 leaves us waiting for hours",
        "sitting in Newark UA 4404 still delayed",
        "Stuck at Gate BA203 since noon, late again",
        "Late into Lisbon LH12 and waiting for a gate",
        "London Heathrow EI 165 delayed again",
    ],
)
def test_a_flight_behind_a_name_is_a_flight_and_is_not_asked_for(replier, text):
    request = ReplyRequest(
        text, BRAND, "delay and cancellation", None, "negative", 2, trade="airline"
    )

    assert "<flight>" in SLOTS.message(text, brand_names(BRAND)).values
    assert "which flight" not in draft(replier, request).lower()
    assert "flight number" not in draft(replier, request).lower()


@pytest.mark.parametrize(
    "text",
    [
        "it stops at a blank page every time on my laptop",
        "on Chrome the app says error and closes",
        "the app freezes on my iPhone, nothing happens",
        "pressing play on the tablet, no, the PS4, crashes the app",
        "my Android shows a white screen and the app does not load",
    ],
)
def test_what_the_customer_sees_is_not_asked_for_again(replier, text):
    request = ReplyRequest(
        text, "Northwind", "website and app", None, "negative", 1, trade="streaming"
    )
    text = draft(replier, request).lower()

    assert "do you see" not in text
    assert "which device" not in text


@pytest.mark.parametrize(
    ("text", "mood", "topic", "reason"),
    [
        ("Good, I have been in the same shirt for three days now", "positive", "baggage", None),
        ("Great, my case is having a better holiday than I am", "positive", "baggage", "chatter"),
        ("Lovely, the third bill this month and all different", "positive", "billing", "billing"),
        ("Nice, another voucher in place of the money you owe me", "positive", "refund", "refund"),
        ("Tried every trick in the book, off and on as well", "positive", "other", "chatter"),
        ("Did that yesterday, no luck so far", "positive", "other", None),
        ("Hello, when will I hear that we sit together as a family?", "positive", "other", None),
        ("When does it start as I want the new one", "positive", "other", "question"),
    ],
)
def test_nobody_is_thanked_for_kind_words_that_were_none(replier, text, mood, topic, reason):
    request = ReplyRequest(text, BRAND, topic, None, mood, 0, trade="airline", reason=reason)
    words = draft(replier, request).lower()

    assert not any(word in words for word in ("kind words", "great to hear", "lovely", "made our"))
    assert not words.endswith("we're here if there is anything that you need.")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("@other is the worst, I will be flying @SkyNorth next time", "coming to us"),
        ("this lot are a shambles, going back to @SkyNorth", "coming to us"),
        ("cheap and nasty, using @SkyNorth from now on", "coming to us"),
        ("you are the worst, never flying @SkyNorth next time", "leaving"),
        ("I will not be flying with @SkyNorth next time, never again", "leaving"),
        ("they are hopeless, switching over to @SkyNorth!", "coming to us"),
    ],
)
def test_who_comes_to_us_is_told_no_sorry_and_who_leaves_is(text, kind):
    assert kind_of(ReplyRequest(text, BRAND, "other", None, "negative", 1)) == kind


@pytest.mark.parametrize(
    "text",
    [
        "I keep going back to @SkyNorth and they send me home",
        "had to go back to @SkyNorth, they sent me away",
        "coming back to @SkyNorth to return it a third time",
    ],
)
def test_who_comes_back_with_the_same_trouble_is_not_thanked_for_it(text):
    request = ReplyRequest(text, BRAND, "other", None, "negative", 1)

    assert kind_of(request) != "coming to us"


@pytest.mark.parametrize(
    "text",
    [
        "never mind, I misread the date",
        "nvm, figured it out",
        "it's working again, my mistake",
        "Sorry, my bad, it is no longer a problem",
        "ok it's fine now",
        "It's cool, that worked",
        "my mistake I misread it",
    ],
)
@pytest.mark.parametrize("mood", ["neutral", "negative"])
def test_who_needs_nothing_any_more_is_promised_no_look(replier, text, mood):
    words = draft(replier, ReplyRequest(text, BRAND, "other", None, mood, 0))

    assert "look" not in words
    assert "anything else" in words


@pytest.mark.parametrize(
    "text",
    [
        "Your technician never figured it out",
        "It's working now and then",
        "sorry, my bad luck continues",
        "my mistake was to come to you",
        "That did it, I'm leaving",
    ],
)
def test_who_still_has_trouble_is_not_thanked_for_saying_that_all_is_well(text):
    request = ReplyRequest(text, BRAND, "other", None, "negative", 0)

    assert kind_of(request) != "no need any more"


@pytest.mark.parametrize(
    ("text", "is_tried"),
    [
        ("I'll try it tonight", True),
        ("Ok, will do tomorrow", True),
        ("we will when I am back home", True),
        ("will let you know", True),
        ("They said it will later be delivered", False),
        ("the courier will try again tomorrow", False),
        ("apparently it will tomorrow be a week", False),
    ],
)
def test_who_is_thanked_for_trying_says_that_they_will(text, is_tried):
    request = ReplyRequest(text, "Northwind", "other", None, "neutral", 0)

    assert (kind_of(request) == "will try it") is is_tried


@pytest.mark.parametrize(
    "text",
    [
        "a fraudulent direct debit left my bank",
        "there is a fraudulent credit card charge",
        "a fraudulent bank transfer went out on Friday",
    ],
)
def test_fraud_is_heard_whatever_kind_of_payment_it_was(text):
    assert kind_of(ReplyRequest(text, None, "billing", None, "negative", 1)) == "fraud"


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("member since 2012 and want to get home, late again", False),
        ("I paid £12.50 to sit here, late again", False),
        ("the 7:32 service from Leeds is late again", True),
        ("the 0732 from Leeds is late again", True),
        ("your 7.32 to Leeds is late again", True),
        ("your 8am train to Leeds is late again", True),
    ],
)
def test_a_departure_is_a_time_and_a_place(replier, text, is_said):
    request = ReplyRequest(
        text, "Northwind", "delay and cancellation", None, "negative", 1, trade="railway"
    )
    words = draft(replier, request).lower()

    assert ("which train" not in words) is is_said


@pytest.mark.parametrize("trade", ["restaurant", "supermarket"])
@pytest.mark.parametrize(
    "text",
    [
        "a piece of bone in my chicken is a little too far",
        "found a hair in the rice",
        "the burger was raw in the middle",
        "that salad had a bug in it, lol",
        "bread went mouldy in a day",
    ],
)
def test_food_that_is_not_right_gets_an_apology_however_lightly_it_is_told(replier, text, trade):
    request = ReplyRequest(
        text, "Northwind", "other", None, "negative", 0, trade=trade, reason="chatter"
    )

    assert "sorry" in draft(replier, request).lower()


@pytest.mark.parametrize(
    ("text", "is_food"),
    [
        ("My loyalty points expired yesterday", False),
        ("this is a raw deal", False),
        ("your store is cold", False),
        ("the prices on the shelf are out of date", False),
        ("my pizza was cold", True),
        ("sold me milk that had expired", True),
        ("it arrived stone cold", True),
        ("there is mould on the jar", True),
    ],
)
def test_only_food_can_be_cold_raw_or_out_of_date(text, is_food):
    request = ReplyRequest(text, "Northwind", "other", None, "negative", 1, trade="supermarket")

    assert (kind_of(request) == "food that is not right") is is_food


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I was checked in and you flew without me", "check-in"),
        ("they have checked in everybody but us", "check-in"),
        ("a fraud company, fraudulent promises all over", "fraud"),
        ("these delivery apps are looting people, please stop them", "app or device fails"),
        ("beware of this app, they cheat and never stop", "app or device fails"),
        ("you expect people to ignore false charges", "no answer to a message"),
        ("hotel and food vouchers offered, but no money", "on board: food and drink"),
    ],
)
def test_a_word_alone_does_not_make_the_kind(text, kind):
    request = ReplyRequest(text, None, "customer service", None, "negative", 2)

    assert kind_of(request) != kind


def test_a_connection_at_risk_is_no_question_of_routine():
    text = "Our connecting flight to Doha leaves in one hour, we are still in the air. Any help?"
    request = ReplyRequest(
        text, BRAND, "delay and cancellation", None, "neutral", 1, trade="airline"
    )

    assert kind_of(request) == "missed connection"


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("What are the differences between the two cabins?", "team"),
        ("opens at?", "team"),
        ("Can I bring my cello on the coach?", "direct message"),
    ],
)
def test_a_question_without_a_case_asks_for_no_details(replier, text, ending):
    request = ReplyRequest(text, BRAND, "other", None, "neutral", 0, reason="question")

    assert ending in draft(replier, request)


@pytest.mark.parametrize(
    "text", ["When you own your own shop you want my money there", "I get what you mean, our bad"]
)
def test_what_is_no_question_is_not_thanked_for_asking(replier, text):
    request = ReplyRequest(text, "Northwind", "other", None, "neutral", 0, trade="streaming")

    assert "asking" not in draft(replier, request)
    assert "question" not in draft(replier, request)


def test_banter_is_no_praise_of_people(replier):
    request = ReplyRequest("Haha, I'm sure you know a guy", BRAND, "other", None, "positive", 0)

    assert "kind words" not in draft(replier, request)
    assert "pass" not in draft(replier, request)

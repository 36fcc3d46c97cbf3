"""Kinds of held-out messages beside the matter, long or late: five of our own of each."""

from __future__ import annotations

import re

import pytest
from answered import GLAD, LEAVE, draft

LONG = (
    "I have the newest version and tried all that your page says. Then your colleague told me to "
    "take it off and put it on again, which I did not want to do, for I have my own settings in it "
    "and they took a day to make. So I waited for the update to come. "
)


@pytest.mark.parametrize(
    "end",
    [
        "It came and it seems to be working fine now.",
        "Just landed, everything works again!",
        "And it has been fixed now, thanks.",
        "Update: all is sorted now.",
        "It's resolved now. Thank you",
    ],
)
def test_a_long_story_that_ends_well_is_no_case_any_more(end):
    words = draft(LONG + end, "negative", trade="software", severity=1)

    assert "case" not in words
    assert "anything else" in words


@pytest.mark.parametrize(
    "end",
    [
        "It still is not working now.",
        "When will this be fixed again?",
        "Nothing has been resolved now.",
        "It was fixed and has gone again.",
        "It never works again.",
    ],
)
def test_a_long_story_that_does_not_end_well_is_a_case(end):
    words = draft(LONG + end, "negative", trade="software", severity=1)

    assert "anything else" not in words


@pytest.mark.parametrize(
    "text",
    [
        "just got turned back to Oslo and I miss a wedding, what's the plan?",
        "My case is lost and was to come tonight, when will I get it?",
        "our train is stuck before Crewe, can we get a taxi?",
        "flight cancelled, how do I get home?",
        "We are delayed again, will I make my next one?",
    ],
)
def test_a_calm_question_in_trouble_is_answered_with_regret(text):
    words = draft(text, "neutral", "delay and cancellation", severity=2)

    assert "sorry" in words
    assert "direct message" in words


@pytest.mark.parametrize(
    "text",
    [
        "My account got taken, can you get it back",
        "somebody took over my account, the tag is Kelo",
        "my profile has been hijacked",
        "Account was stolen last night",
        "I think that my account is compromised",
    ],
)
@pytest.mark.parametrize("mood", ["neutral", "negative"])
def test_a_stolen_account_is_fraud(text, mood):
    words = draft(text, mood, "account", trade="software")

    assert "passwords" in words


@pytest.mark.parametrize(
    "text",
    [
        "Got some greens for my dinner and an extra surprise in it, had to throw it all out",
        "Lovely salad, had to bin the whole meal. Thanksbutnothanks",
        "Threw the chicken away, nice one",
        "What a treat, I had to throw out all the food",
        "Brilliant, the soup went straight in the bin",
    ],
)
@pytest.mark.parametrize("mood", ["positive", "negative"])
def test_food_that_was_thrown_away_was_not_right(text, mood):
    words = draft(text, mood, "product", trade="supermarket")

    assert "sorry" in words
    assert not GLAD.search(words)


@pytest.mark.parametrize(
    "text",
    [
        "a fantastic end to my leave, thanks for the horrific service",
        "Can I sue you for an icy cabin that makes me sick",
        "Srsly, the wing is held by tape",
        "Appalling, even for you",
        "Shocking service, as ever",
    ],
)
def test_a_mild_complaint_is_a_complaint(text):
    assert "sorry" in draft(text, "negative", severity=0)


@pytest.mark.parametrize(
    "text",
    [
        "As a courier I can't open the app to respond to your queries all day",
        "I have to reply to every text from your robot",
        "You want me to answer to a survey each week",
        "Sellers need to respond to buyers within an hour, says the rule",
        "On the plane still, waiting for your response and for a gate for an hour",
    ],
)
def test_an_answer_that_others_owe_is_not_ours(text):
    words = draft(text, "negative", "delay and cancellation", reason="no_answer")

    assert not re.search(r"not had an answer|for an answer|for a reply", words)


@pytest.mark.parametrize(
    "text",
    [
        "Your crew did a great job with that drunk. Delayed, but better safe than sorry. Thank you",
        "The captain did an amazing job in the storm, an hour late, thank you!",
        "Staff did a wonderful job today, thanks, even if we left late",
        "You did an excellent job with the rebooking of all of us after the delay, thank you",
        "The drivers have done a fantastic job in this snow, thanks, late or not",
    ],
)
def test_praise_of_a_good_job_stays_praise_where_it_was_late(text):
    words = draft(text, "negative", "delay and cancellation", severity=0)

    assert "team" in words
    assert "sorry" not in words


@pytest.mark.parametrize(
    "text",
    [
        "Great job making us late again, thank you so much",
        "You did a great job of losing my bag, thanks",
        "Your crew did a great job. Not.",
        "did an excellent job of ruining our day, thanks",
        "They did a great job ignoring us, thank you",
    ],
)
def test_a_good_job_of_harm_is_no_praise(text):
    words = draft(text, "negative", "delay and cancellation", severity=1)

    assert "sorry" in words


KIND_WORDS = (
    "The way was long and we missed the last train by a minute, which nobody could help. "
    "Your people were so kind that my son wants to work for you when he is grown, and he is four. "
    "We got to bed at two and were happy all the same. "
)


@pytest.mark.parametrize(
    "end",
    [
        "Special thanks to the lady at the desk, I wish I knew her name.",
        "Hats off to all of them!",
        "Please thank the night crew from the five of us.",
        "Kudos to the drivers who waited.",
        "I want to commend your staff at the desk.",
    ],
)
def test_a_long_letter_of_thanks_is_passed_on(end):
    assert "team" in draft(KIND_WORDS + end, "positive")


@pytest.mark.parametrize(
    "text",
    [
        "Group boarding now? A farce for those in the aisle seats",
        "Your boarding order makes no sense, row 30 climbs over my seat",
        "Zone boarding by seat letter, who thought of that",
        "Priority boarding for everyone but the seats in front",
        "Boarding groups mean that my seat in the front is no use",
    ],
)
def test_the_order_of_boarding_is_no_seat(text):
    assert "sorry about the seat" not in draft(text, "negative", "check-in and boarding")


@pytest.mark.parametrize(
    "text",
    [
        "Dirty tables all over and nobody to wipe one",
        "Could not find a clean table at noon",
        "The floor was filthy and sticky",
        "Your toilets, again",
        "No excuse for such dirty trays",
    ],
)
def test_dirt_is_no_fault_of_a_device(text):
    words = draft(text, "negative", trade=None, reason="quality")

    assert "what else have you noticed" not in words
    assert "anything else that you notice" not in words


@pytest.mark.parametrize(
    "text",
    [
        "Have not tried whether it works but will tonight",
        "No time today, but will tomorrow",
        "Not home yet but will later",
        "Haven't done it yet but will tonight, promise",
        "It is at the shop but will tomorrow morning",
    ],
)
def test_who_will_try_it_later_is_asked_how_it_went(text):
    words = draft(text, "neutral", trade="streaming", reason="chatter")

    assert re.search("how it goes|what you find", words)


@pytest.mark.parametrize(
    "text",
    ["Of course! It's Chrome OS", "And I have a brand new 8", "and it's the blue one, row 2",
     "of course, my number is 7", "And on my tablet, the small one"],
)  # fmt: skip
def test_particulars_in_good_humour_get_no_goodbye(text):
    words = draft(text, "positive", trade="streaming")

    assert "look" in words
    assert not LEAVE.search(words)


@pytest.mark.parametrize(
    "text",
    [
        "The lift in your shop is stuck between floors with my mother inside",
        "we are locked in the toilet of the 9:40 to Crewe",
        "Elevator stopped an hour ago, three people and a two year old",
        "trapped in your cash machine lobby, the doors won't open",
        "Stuck in the lift of your car park",
    ],
)
def test_who_is_trapped_is_not_told_to_keep_away(text):
    words = draft(text, "negative", gravity="danger")

    assert "emergency services" in words
    assert "away from it" not in words


@pytest.mark.parametrize("text", ["Your heater melts its own plug", "the step is loose, a child"])
def test_other_danger_is_to_be_kept_away_from(text):
    assert "away from it" in draft(text, "negative", gravity="danger")

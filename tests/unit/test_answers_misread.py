"""What looks like an end, a peril or a greeting and is none: five of our own of each."""

from __future__ import annotations

import pytest
from answered import draft
from growth import is_superlinear, repeated

from models.replier.answers import answers

LONG = (
    "My line has been dead since Friday and I work from home. I rang three times, the first person "
    "cut me off, the second one knew of no fault and the third put me on to a queue for an hour. "
    "Two engineers came and went without a look at the box, and the last one hung up on me. "
)


@pytest.mark.parametrize(
    "end",
    [
        "Please get this fixed now.",
        "I want this resolved now!",
        "I pay you to have it working now.",
        "I expect it, after all that, to be sorted now.",
        "You have a week to get it working again.",
        "It must be looked at and fixed now, thanks.",
        "I'd like it solved now.",
    ],
)
def test_a_demand_at_the_end_of_a_long_complaint_gets_no_goodbye(end):
    assert "anything else" not in draft(LONG + end, "negative", trade="telecom")


@pytest.mark.parametrize(
    "end",
    [
        "Your page says that it is fixed now.",
        "They claim that it is fixed now.",
        "I was told, again, that everything works again!",
        "Apparently it is all sorted now.",
        "Your robot said: resolved now.",
    ],
)
def test_what_others_call_mended_gets_no_goodbye(end):
    assert "anything else" not in draft(LONG + end, "negative", trade="telecom")


@pytest.mark.parametrize(
    "end",
    [
        "This morning it came back by itself, and it works again.",
        "I have it working now.",
        "Happy to say that it's fixed now.",
        "I wanted to leave, but the last engineer was good and it is sorted now, thank you",
        "Looks like it's all resolved now!",
    ],
)
def test_what_the_writer_calls_mended_gets_one(end):
    assert "anything else" in draft(LONG + end, "negative", trade="telecom")


@pytest.mark.parametrize(
    "text",
    [
        "The door of my new fridge is stuck, can you help us?",
        "Lift at your Lima lounge was stuck this morning, pretty annoying for us",
        "The cabin door stopped closing, please tell us why",
        "My parcel is trapped in your depot",
        "We feel trapped in this contract",
        "I am trapped in a loop of your chat bot",
        "Doors of the overhead bin locked and it took us ages",
        "The oven door is stuck and my dinner is in it",
        "Our luggage is still stuck in the lift",
        "Trapped in your automated phone menu for an hour",
    ],
)
@pytest.mark.parametrize("mood", ["negative", "neutral"])
def test_what_is_stuck_or_tiresome_traps_nobody(text, mood):
    assert "emergency" not in draft(text, mood)


@pytest.mark.parametrize(
    "text",
    [
        "Lift is stuck and we can't get out",
        "The lift stopped between floors, please help us",
        "Elevator stalled with us in it",
        "The doors of the train are locked, let us out",
        "My bag and I are trapped in the lift and your app does not help",
        "The lift has stopped, we are stuck",
        "I am trapped inside your store, they all went home",
    ],
)
@pytest.mark.parametrize("gravity", [None, "danger"])
def test_who_cannot_get_out_is_sent_to_the_emergency_services(text, gravity):
    words = draft(text, "negative", gravity=gravity)

    assert "emergency services" in words
    assert "away from it" not in words


@pytest.mark.parametrize(
    "text",
    [
        "Good morning all, @SkyNorth has my passport",
        "Happy Monday, the folks at @SkyNorth still have my suitcase",
        "Evening everyone, my bag lives with @SkyNorth now",
        "Well well, @SkyNorth has kept our pram in Lima",
        "Left my glasses on the @SkyNorth to Lima, oh my",
    ],
)
@pytest.mark.parametrize("reason", [None, "chatter"])
def test_who_misses_something_that_we_have_is_not_thanked_for_a_mention(text, reason):
    words = draft(text, "neutral", reason=reason)

    assert "mention" not in words
    assert "if you need anything" not in words


def test_the_door_of_a_machine_with_a_child_inside_is_grave():
    text = "The door of your washing machine is locked with my child inside"

    assert "emergency services" in draft(text, "negative")


@pytest.mark.parametrize("beginning", [". It is fixed now", ". They say that it is fixed now"])
@pytest.mark.parametrize("piece", [" ", "!", " thanks"])
def test_what_follows_an_end_takes_its_length_and_not_its_square(beginning, piece):
    text = repeated(beginning, piece, "x")
    patterns = [pattern for answer in answers() for pattern in (answer.pattern, answer.barred)]

    slow = [p.pattern for p in patterns if p is not None and is_superlinear(p.search, text, 1000)]

    assert slow == []

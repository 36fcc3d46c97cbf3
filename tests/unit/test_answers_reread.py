"""Kinds of held-out messages whose drafts no agent would send: five of our own of each."""

from __future__ import annotations

import re

import pytest
from answered import GLAD, LEAVE, draft
from benchmarks.drafts import fresh, main, tally_again

from models.replier.replier import default_replier


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for the copy and paste reply... service at its very best 🙄",
        "Love waiting for a coach that never shows, thanks 🙄",
        "So excited when I saw the sale, then it was two routes only 😒",
        "Great, another form to fill in. Thanks a lot 🤦‍♀️",
        "Wonderful crew, they forgot that row 30 exists 😒",
    ],
)
@pytest.mark.parametrize("reason", [None, "praise", "thanks_solved"])
def test_a_wry_face_is_no_praise(text, reason):
    assert not GLAD.search(draft(text, "positive", reason=reason))


@pytest.mark.parametrize(
    "text",
    [
        "thanks, it says that I have to show a passport before I get the pass",
        "Thank you, it's asking for a code that never came",
        "Ok thanks, the page won't let me pick a date",
        "Thanks, I can't find that button",
        "Thank you! Now the app keeps saying offline",
    ],
)
@pytest.mark.parametrize("mood", ["neutral", "positive"])
def test_thanks_in_front_of_an_open_need_get_no_goodbye(text, mood):
    words = draft(text, mood)

    assert not GLAD.search(words)
    assert not LEAVE.search(words)


@pytest.mark.parametrize("text", ["thanks, I can't thank you enough", "Thanks, that did it!"])
def test_thanks_by_themselves_still_get_a_welcome(text):
    assert GLAD.search(draft(text, "positive"))


@pytest.mark.parametrize(
    "text",
    [
        "Ten minutes from the login to the first song. Restarted twice",
        "The screen goes black after the intro, then it loops. Reinstalled it",
        "After logging in I get a spinning wheel for an hour",
        "Songs skip by themselves on the tablet and on the laptop",
        "It freezes on the third track each time, on both phones",
    ],
)
@pytest.mark.parametrize("mood", ["neutral", "positive"])
def test_a_fault_told_without_anger_is_looked_at(text, mood):
    words = draft(text, mood, "website and app", trade="streaming", reason="quality")

    assert "look" in words
    assert not LEAVE.search(words)


@pytest.mark.parametrize(
    "text",
    [
        "The board on your site is blank and I am picking up my parents at six",
        "Came to pick up the parcel and the shutters were down",
        "We pick up a hire car at noon and your site shows no times",
        "Your shuttle picks up two stops and leaves out ours",
        "No sign where to pick up our bags",
    ],
)
def test_who_picks_something_up_waits_for_no_phone(text):
    words = draft(text, "negative", "customer service")

    assert "on the phone" not in words
    assert "get through" not in words


@pytest.mark.parametrize(
    "text",
    [
        "rung for an hour and nobody picks up",
        "why don't you pick up the phone",
        "no one is picking up on your line",
        "you never pick up",
        "would anybody pick up your phones today",
    ],
)
def test_a_phone_that_nobody_picks_up_is_one(text):
    words = draft(text, "negative", "customer service")

    assert re.search("on the phone|get through", words)


@pytest.mark.parametrize(
    "text",
    [
        "The lady on your line was rude to me and then hung up",
        "On hold for half an hour, then a rude man and a click",
        "hung up on by an arrogant agent after an hour",
        "Your rep yelled at my mother and hung up",
        "The call centre lied to me twice today",
    ],
)
def test_a_rude_voice_on_the_phone_is_about_manners(text):
    assert "treat" in draft(text, "negative", "customer service")


@pytest.mark.parametrize(
    "text",
    [
        "Today's plan: 1. pack 2. take @SkyNorth to Lima 3. hug my niece",
        "The @SkyNorth lounge better have cinnamon rolls",
        "Ticking off my list of cities, @SkyNorth to Oslo is number nine",
        "Somebody in seat 4 of this @SkyNorth plane has a parrot",
        "Sunset over the wing of an @SkyNorth jet, with tea",
    ],
)
def test_talk_about_us_is_promised_no_look(text):
    words = draft(text, "neutral")

    assert "look" not in words
    assert "thank" in words


@pytest.mark.parametrize(
    "text",
    [
        "I was able to check in, but not to add a card for the bag",
        'You write "it\'s time to check in for your trip home". I am not there yet',
        "Reminder to check in for a trip that I made last year",
        "We had checked in fine, the trouble is the transfer",
        "No trouble to check in, yet the meal I chose is gone",
    ],
)
def test_who_has_checked_in_has_no_trouble_with_that(text):
    assert "checking in" not in draft(text, "negative", "check-in and boarding")


@pytest.mark.parametrize(
    "text",
    [
        "kept here for a strap, Flight128 delayed for that",
        "flight #2210 has been waiting for a gate since four",
        "We are late again, it is flight no. 88",
        "flight number 415, an hour late and no word",
        "Still sitting in flight 12 behind a snow plough",
    ],
)
def test_a_flight_that_is_named_is_not_asked_for(text):
    words = draft(text, "negative", "delay and cancellation")

    assert not re.search(r"which flight|flight number|what is your flight", words)


def test_the_card_says_what_the_verdicts_count():
    card = (default_replier() / "README.md").read_text(encoding="utf-8")
    counts = tally_again()

    for name in ("pairs 3", "trades 6"):
        kinds = counts[name]["after"]
        total = sum(kinds.values())
        shares = " | ".join(f"{n} ({100 * n / total:.0f} %)" for n in kinds.values())
        assert f"| `{name}`, {total} | fresh | {shares} |" in card


def test_the_card_says_the_total_of_the_lists_that_were_read_once():
    card = (default_replier() / "README.md").read_text(encoding="utf-8")
    send, edit, never = fresh(tally_again()).values()
    total = send + edit + never

    assert f"{send} of the {total} fresh drafts are sent as they are" in card
    assert f"{edit} after a small edit" in card
    assert f"{never} never" in card


def test_the_tally_prints_that_total(capsys):
    main(["--tally", "--again"])

    assert "fresh send 120 edit 52 never 17" in capsys.readouterr().out.splitlines()


def test_a_list_that_was_read_twice_is_not_in_the_total():
    read = {"send": 1, "edit": 2, "never": 3}
    counts = {"pairs 2": {"before": read, "after": read}, "pairs 3": {"after": read}}

    assert fresh(counts) == read

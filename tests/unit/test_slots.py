"""What only a message can know is taken out of texts, and put back from that message alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import models
from models.replier.slots import Slots, filled, is_part, unsigned

WORDS = (Path(models.__file__).parent / "artifacts" / "replier" / "words.txt").read_text().split()
SLOTS = Slots(WORDS)


def test_particulars_of_a_message_become_slots():
    message = SLOTS.message(
        "@SkyNorthAir flight 403 from JFK, Gate 12, cost me $250! Ask Zbigniew", ("SkyNorth",)
    )

    assert (
        message.text
        == "<brand> flight <flight> from <code>, gate <num>, cost me <money>! ask <name>"
    )
    assert message.values == {
        "<flight>": "403",
        "<code>": "JFK",
        "<num>": "12",
        "<money>": "$250",
        "<name>": "Zbigniew",
    }


def test_a_reply_speaks_of_the_message_in_its_slots_and_of_anything_else_as_a_fact():
    message = SLOTS.message("@company AA403 is late", ("American",))

    assert (
        SLOTS.reply("Flight #403 departs at 5:30pm.", message)
        == "Flight <flight> departs at <fact>."
    )


@pytest.mark.parametrize(
    ("signed", "bare"),
    [
        ("@customer We're sorry. *TMS", "We're sorry."),
        ("@company @12 We're sorry. ^JH", "We're sorry."),
        ("We're sorry. -Anna", "We're sorry."),
        ("We're sorry /AN https://t.co/abc", "We're sorry"),
        ("We're sorry ^Julie 2/2", "We're sorry"),
        ("We're sorry. TMC", "We're sorry."),
        ("Please send us a DM", "Please send us a DM"),
    ],
)
def test_signatures_and_part_numbers_go(signed, bare):
    assert unsigned(signed) == bare


def test_the_customers_name_which_only_the_agent_saw_goes():
    message = SLOTS.message("@company my bag is gone", ())

    assert SLOTS.reply("Hi Zbigniew, we're sorry.", message) == "Hi, we're sorry."
    assert (
        SLOTS.reply("We're sorry, Zbigniew. Which airport?", message)
        == "We're sorry. Which airport?"
    )


def test_a_name_that_the_message_says_stays():
    message = SLOTS.message("@company thank Zbigniew at the gate", ())

    assert SLOTS.reply("We'll thank Zbigniew!", message) == "We'll thank <name>!"


def test_slots_are_filled_from_the_message_or_not_at_all():
    message = SLOTS.message("@company flight 403 is late", ())

    assert filled("Sorry about flight <flight>, <brand> is on it", message, "SkyNorth") == (
        "Sorry about flight 403, SkyNorth is on it"
    )
    assert filled("Sorry about flight <flight>, <brand> is on it", message, None) is None
    assert filled("Sorry about gate <num>", message, "SkyNorth") is None


def test_product_names_and_days_are_names_however_common():
    assert SLOTS.facts("We love SkyMiles on Monday") == [("name", "SkyMiles"), ("name", "Monday")]


def test_pieces_of_longer_replies_are_known():
    assert is_part("and the rest follows 1/2")
    assert is_part("please see our...")
    assert not is_part("We're sorry.")

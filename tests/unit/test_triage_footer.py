"""Footers and signatures say nothing of what a person needs; danger outside them is heard."""

from __future__ import annotations

import pytest

from stream.triage.cues import thesaurus
from stream.triage.footer import own_words

DECISIVE = frozenset(
    """
    danger injury medical self_harm violence alone emergency_calls fraud stranded
    """.split()  # noqa: SIM905
)


@pytest.mark.parametrize(
    "footer",
    [
        "This message has been scanned for viruses and dangerous content, and is clean.",
        "NOTICE: This e-mail may be privileged. Misuse may lead to legal action.",
        "CAUTION: This email comes from outside. Do not click a link or pay a fraudster.",
        "Ann Lee\nEmergency Room Nurse\nCounty Hospital, Intensive Care",
    ],
)
def test_a_footer_shows_no_danger_and_hides_none(footer: str) -> None:
    calm = thesaurus().find(f"Where is my invoice for May?\n\n{footer}")
    alarm = thesaurus().find(f"There is smoke in the cabin\n\n{footer}")

    assert DECISIVE.isdisjoint(calm)
    assert "danger" in alarm


def test_what_follows_a_notice_is_heard() -> None:
    text = "CAUTION: This email originated outside.\n\nMy router is on fire"

    assert len(own_words(text)) == len(text)
    assert "danger" in thesaurus().find(text)


@pytest.mark.parametrize(
    "text",
    [
        "thank you for your hospitality",
        "my new tablet is here",
        "refund in 15sec",
        "who plays Call of Duty",
        "it is 68 degrees here",
        "you canceled the concert",
        "I nearly had a heart attack when I saw the price",
        "@danger #fire",
    ],
)
def test_accidents_of_words_show_no_danger(text: str) -> None:
    assert {*DECISIVE, "vulnerable", "contact", "legal"}.isdisjoint(thesaurus().find(text))

"""Footers and signatures say nothing of what a person needs; danger outside them is heard."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.events import Tweet
from models.analysis import Analysis
from stream.brands import Brands
from stream.triage.cues import thesaurus
from stream.triage.footer import judged_words, own_words
from stream.triage.judgement import Judge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

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
        "Kind regards,\nAnn Lee\nEmergency Room, County Hospital",
        "-- \nAnn Lee, RN\nPoison Control Centre",
        "In an emergency call 999. Nobody reads this at night.",
        "Confidential: this e-mail is for the addressee alone. Legal action may follow.",
    ],
)
def test_a_footer_shows_no_danger_and_hides_none(footer: str) -> None:
    calm = thesaurus().find(f"Where is my invoice for May?\n\n{footer}")
    alarm = thesaurus().find(f"There is smoke in the cabin\n\n{footer}")

    assert DECISIVE.isdisjoint(calm)
    assert "danger" in alarm


@pytest.mark.parametrize(
    ("text", "judged"),
    [
        ("Where is my bag?\n\nSent from my iPhone", "Where is my bag?"),
        (
            "Where is my bag?\n\nBest regards,\nAnn Lee\nFire Officer",
            "Where is my bag?\n\nBest regards,\nAnn Lee",
        ),
        (
            "The router burns.\n\nIt is hot.\nPlease Call Me",
            "The router burns.\n\nIt is hot.\nPlease Call Me",
        ),
        (
            "All is dead.\nIn an emergency call 999 does not get through",
            "All is dead.\nIn an emergency call 999 does not get through",
        ),
        ("Sent from my iPhone", "Sent from my iPhone"),
        ("\nSent from my iPhone\n", "\nSent from my iPhone\n"),
        ("one line of words", "one line of words"),
    ],
)
def test_a_model_judges_what_a_person_said_and_never_nothing(text: str, judged: str) -> None:
    assert judged_words(text) == judged


def test_a_judgement_keeps_the_text_whole_and_judges_the_words_alone() -> None:
    read: list[str] = []

    def analyze(texts, languages):
        read.extend(texts)
        return [Analysis(text, "en", "m1") for text in texts]

    text = "Where is my bag?\n\nThis message has been scanned for dangerous content."
    event = Tweet(id="x:1", conversation="x:1", occurred_at=NOON, text=text)
    [judgement] = Judge(analyze, Brands(()))([event])

    assert read == ["Where is my bag?"]
    assert judgement.text == judgement.analysis.text == text


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

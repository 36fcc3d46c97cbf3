"""Reasons with their evidence: the words of the message that carry them, quoted for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.triage.by_model import REASONS, by_model, in_words
from stream.triage.cues import thesaurus
from stream.triage.evidence import LONGEST, Evidence, _table
from stream.triage.fold import fold
from stream.triage.ticket import Message

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SURE = (0.99, 0.98, 0.95, 0.9)

# reason -> a message that has it, in words that no phrase of triage has to know
SAID = {
    "self_harm": "they said goodbye to all of us",
    "emergency_service": "the pagers of our fire station get nothing",
    "danger": "the scooter is overheating in the hall",
    "injury": "my knee is fractured since your step gave way",
    "violence": "your man shoved me against the van",
    "alone": "grandad sits there unattended",
    "medical": "her cpap has no mains",
    "fraud_now": "a thief is buying things with it",
    "stranded": "we sleep in the bus shelter",
    "escalated": "my solicitor writes to you now",
    "outage": "the set top box is dead since noon",
    "journey": "they rerouted us over two towns",
    "no_access": "your app wants a passcode and takes none",
    "money_large": "my salary is in there",
    "legal": "that is unlawful",
    "press": "a journalist asked me about you",
    "leaving": "your competitors are cheaper",
    "repeated_contact": "I have rung you over and over",
    "irreplaceable": "our wedding is on Saturday",
    "growing_damage": "the ceiling is dripping",
    "discrimination": "your guard is a racist",
    "fraud_past": "a counterfeit was sold to me last year",
    "vulnerable": "I am deaf",
    "lost": "my suitcase has vanished",
    "damaged": "the lid came cracked",
    "billing": "the invoice is wrong",
    "refund": "where are my vouchers",
    "delay": "the ferry runs late",
    "quality": "the soup was stale",
    "staff": "your cashier laughed at me",
    "no_answer": "your chat is silent",
    "appointment": "the engineer was to be here",
    "grumble": "I am fed up",
    "question": "I wonder which size fits",
    "request": "kindly send the form",
    "suggestion": "you should open on Sundays",
}
LONG = " ".join(f"word{number}" for number in range(30))


def said(text: str, levels=(0.95, 0.9, 0.1, 0.01), **more) -> Message:
    return Message("x:1", "x:1", "tweet", "inbound", NOON, text, levels=levels, **more)


def quote(text: str, reason: str) -> str | None:
    return Evidence(text, thesaurus().find(text)).quote(reason, REASONS[reason][2])


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_finds_its_words_in_a_longer_message(reason: str) -> None:
    text = f"We came here in spring. {SAID[reason]}. The weather is mild, the garden green."

    assert quote(text, reason) == SAID[reason]


def test_the_table_has_words_for_every_reason_and_for_nothing_else() -> None:
    table = _table()
    phrases = [*table.by_word.values(), *table.by_beginning.values()]

    assert {phrase.reason for of_word in phrases for phrase in of_word} == REASONS.keys()


def test_what_carries_a_reason_is_quoted_in_its_sentence_or_clause() -> None:
    assert quote("Hello. The ferry runs late. Bye.", "delay") == "The ferry runs late"
    assert quote("@Ferry when does the last one go? I wait.", "question") == (
        "when does the last one go?"
    )
    assert quote(f"{LONG}, and the ferry runs late, {LONG}", "delay") == "and the ferry runs late"
    assert quote(f"{LONG} (the ferry runs late) {LONG}", "delay") == "the ferry runs late"
    assert quote(f"what of {LONG}, and of mine?", "question").endswith("word29, and of mine?")


def test_a_long_clause_is_cut_at_whole_words_around_what_carries_the_reason() -> None:
    words = quote(f"{LONG} delayed {LONG}", "delay")

    assert words is not None
    assert words.startswith("…word")
    assert words.endswith("…")
    assert "delayed" in words
    assert len(words) <= LONGEST
    assert set(words.strip("…").split()) <= {*LONG.split(), "delayed"}


def test_a_phrase_that_shows_the_reason_comes_before_the_words_of_the_table() -> None:
    text = f"it fell. {LONG}. there is smoke in the hall. {LONG}"

    assert quote(text, "danger") == "there is smoke"


def test_a_message_of_one_short_clause_is_quoted_whole_where_nothing_else_is() -> None:
    assert quote("@Shop the blue thing hums", "billing") == "the blue thing hums"
    assert quote("the blue thing hums. it is on the shelf", "billing") is None
    assert quote(LONG, "billing") is None


@pytest.mark.parametrize(
    "below",
    [
        "Sent from my phone, the ferry is delayed",
        "This message and any attachments are confidential and may be delayed",
        "> the ferry is delayed",
        "On Monday 2 March 2026 at 10:02, Care <care@ferry.example> wrote:\nit is delayed",
        "-----Original Message-----\nthe ferry is delayed",
        "From: Care\nSent: Monday\nSubject: Ferry\n\nthe ferry is delayed",
    ],
)
def test_nothing_is_quoted_from_a_footer_or_from_a_mail_below(below: str) -> None:
    text = f"{LONG}\n\n{below}"

    assert quote(text, "delay") is None
    assert quote(f"The ferry runs late, {LONG}\n\n{below}", "delay") == "The ferry runs late"
    assert quote(f"{LONG}\n\n> smoke coming out of your router", "danger") is None


@pytest.mark.parametrize("sign", ["$", "£", "€"])
def test_sums_are_found_by_their_sign(sign: str) -> None:
    assert (
        quote(f"{LONG}. they want {sign}75 of me. {LONG}", "billing") == f"they want {sign}75 of me"
    )


def test_a_reason_of_a_ticket_has_its_quote() -> None:
    text = f"We came in spring. The lid came cracked. {LONG}"
    ticket = fold([said(text, reasons={"damaged": 0.9})])

    assert ticket is not None
    assert [factor.words for factor in ticket.factors] == [
        "Something is damaged: “The lid came cracked”"
    ]


def test_quotes_change_no_points() -> None:
    reasons = {"delay": 0.7, "staff": 0.4, "damaged": 0.3}
    spoken = said("the crew was rude, the lid cracked and all is late", SURE, reasons=reasons)
    silent = replace(spoken, text=LONG)

    def points(message):
        return [(factor.name, factor.points) for factor in by_model(message, {})]

    assert points(spoken) == points(silent)


@pytest.mark.parametrize("part", ["!", "'", "1,", "not'", "(", "a.", "@a ", "still ", "> \n", "-"])
def test_no_text_takes_the_square_of_its_length(part: str) -> None:
    evidence = Evidence(f"not {part * 5_000}x", {})

    for reason in REASONS:
        words = evidence.quote(reason, ())
        assert words is None or len(words) <= LONGEST


WORDS = ["late", "the", "not", "never", "crew", "?", ".", ",", "\n", "@Shop", "$5", "3", "hours"]
WORDS += ["https://x.example/a", "> quoted", "“so”", "(and", "but)", "😡", "[phone]", "won’t", "İ"]


@given(
    text=st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join) | st.text(max_size=200),
    reason=st.sampled_from(sorted(REASONS)),
)
def test_a_quote_is_a_part_of_the_text(text: str, reason: str) -> None:
    words = quote(text, reason)

    if words is not None:
        assert len(words) <= LONGEST
        assert words.removeprefix("…").removesuffix("…") in " ".join(text.split())
    assert in_words(reason, Evidence(text, {})).startswith(REASONS[reason][1])

"""Canned answers: slots are filled from the ticket, and what no customer should read is refused."""

from __future__ import annotations

import pytest

from models.replier.draft import ReplyRequest
from models.replier.policy import check
from stream.desk.actions import Resolve, Tag, Wait
from stream.desk.canned import BadWording, Wording, actions_with, checked, fill, repeats
from stream.replies.known import known_of, name_of

TICKET = {"id": "x:15", "author": "@Ada_B", "network": "x", "brand": "Northwind Air"}


def test_slots_are_filled_from_the_ticket():
    text = "Sorry, {name}. {brand} looks into it, your number is {ticket}."

    assert fill(text, TICKET) == "Sorry, Ada_B. Northwind Air looks into it, your number is x:15."


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello {name}, we are on it.", "Hello, we are on it."),
        ("{name}, we are on it.", ", we are on it."),
        ("We at {brand} are on it.", "We at are on it."),
        ("No slot at all.", "No slot at all."),
        ("{name}", ""),
    ],
)
def test_a_slot_that_nothing_is_known_for_goes_with_the_space_before_it(text, filled):
    assert fill(text, TICKET | {"author": None, "brand": None}) == filled


def test_what_a_customer_calls_themselves_is_data_and_no_slot():
    assert fill("Hello {name}.", TICKET | {"author": "{ticket}"}) == "Hello."


@pytest.mark.parametrize(
    ("author", "greeted"),
    [
        ("@Ada_B", "Hello Ada_B."),
        ("Zoë O'Neill", "Hello Zoë O'Neill."),
        ("ada.lee@mail.example", "Hello ada."),
        ("ann-marie_", "Hello ann-marie_."),
        ("http://evil.example/x", "Hello."),
        ("evil.example", "Hello evil."),
        ("www.evil.com", "Hello www."),
        ("<b onmouseover=alert(1)>", "Hello."),
        ("\u202egnp.exe", "Hello."),
        ("call 0900 now!", "Hello."),
        ("a" * 41, "Hello."),
    ],
)
def test_no_customer_has_the_brand_publish_a_link_or_an_order_by_their_name(author, greeted):
    assert fill("Hello {name}.", TICKET | {"author": author}) == greeted


def test_a_second_brands_ticket_gives_the_number_of_its_conversation():
    assert fill("{ticket}", TICKET | {"id": "x:15 Other"}) == "x:15"


@pytest.mark.parametrize(
    ("author", "network", "name"),
    [
        ("@ada", "x", "ada"),
        ("ada@mastodon.example", "mastodon", "ada"),
        ("@ada@mastodon.example", "mastodon", "ada"),
        ("did:plc:abc", "bluesky", None),
        ("ada.bsky.example", "bluesky", "ada"),
        ("ada.lee@mail.example", "imap", "ada.lee"),
        ("1234567", "x", None),
        ("", "x", None),
        (None, "x", None),
    ],
)
def test_a_customer_is_greeted_by_their_handle_without_its_server(author, network, name):
    assert name_of(author, network) == name


@pytest.mark.parametrize(
    ("wording", "why"),
    [
        (Wording("re fund", "words"), "no name"),
        (Wording("", "words"), "no name"),
        (Wording("../x", "words"), "no name"),
        (
            Wording("refund", "Dear {nmae}"),
            "{nmae} is no slot; there are {name}, {ticket}, {brand}",
        ),
        (Wording("refund", "Dear {}"), "{} is no slot"),
        (Wording("refund", "Dear {name"), "a brace stands alone"),
        (Wording("refund", "Dear name}"), "a brace stands alone"),
        (Wording("refund", "   "), "does nothing"),
        (Wording("refund", "w" * 4001), "4000 are the most"),
        (Wording("refund", "words", state="snoozed"), "waiting or resolved"),
        (Wording("refund", "words", tags=("no tag!",)), "is no tag"),
        (Wording("refund", "words", tags=tuple(f"t{n}" for n in range(21))), "20 tags at most"),
    ],
)
def test_what_is_wrong_with_a_canned_answer_is_one_line(wording, why):
    with pytest.raises(BadWording) as refused:
        checked(wording)

    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_names_and_tags_are_stored_in_one_form():
    wording = checked(Wording(" /Refund ", " Sorry. ", " ", None, ("VIP", "vip", " late ")))

    assert wording == Wording("refund", "Sorry.", None, None, ("vip", "late"))


def test_words_that_would_be_the_same_for_everybody_are_marked():
    assert repeats("Sorry. Please write to us.")
    assert repeats("Sorry from {brand}.")
    assert not repeats("Sorry, {name}.")
    assert not repeats("")


@pytest.mark.parametrize(
    ("state", "tags", "actions"),
    [
        (None, [], []),
        ("waiting", ["vip"], [Tag(add=("vip",)), Wait()]),
        ("resolved", [], [Resolve()]),
    ],
)
def test_a_macro_tags_first_and_then_sets_the_state(state, tags, actions):
    assert actions_with({"state": state, "tags": tags}) == actions


def request_of(author: str, conversation: str) -> ReplyRequest:
    row = {"author": author, "network": "x", "conversation": conversation}
    return ReplyRequest("my bag did not come", brand="Northwind Air", known=known_of(row))


def test_the_customers_own_name_and_number_are_no_inventions():
    words = "Sorry, Ada_B. We look into it under x:1566123456789012345. Please write to us."
    known = request_of("Ada_B", "x:1566123456789012345")
    unknown = ReplyRequest("my bag did not come", brand="Northwind Air")

    assert check(words, known) == ()
    assert {refusal.rule for refusal in check(words, unknown)} >= {"invented name"}


def test_a_known_name_covers_no_other_word():
    words = "Sorry, Ada. Please call Adam, he will help."

    rules = {refusal.rule for refusal in check(words, request_of("Ada", "x:1"))}

    assert rules == {"invented name"}

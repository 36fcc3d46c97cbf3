import json
from itertools import pairwise
from pathlib import Path

import pytest
from growth import is_superlinear, repeated
from hypothesis import example, given
from hypothesis import strategies as st

from models.redact import Span, find, redact

SAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "personal_data.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
HELD_OUT = [
    sample for sample in SAMPLES if sample["part"] == "heldout"
]  # written after the rules, never tuned on


def recall_and_precision(samples):
    """Of spans, right where one of the same kind overlaps."""
    expected = [(sample["text"], Span(*span)) for sample in samples for span in sample["spans"]]
    found = [(sample["text"], span) for sample in samples for span in find(sample["text"])]

    def overlapped(text, span, others):
        return any(
            text == other and span.kind == at.kind and span.start < at.end and at.start < span.end
            for other, at in others
        )

    recall = sum(overlapped(text, span, found) for text, span in expected) / len(expected)
    precision = sum(overlapped(text, span, expected) for text, span in found) / len(found)
    return recall, precision


@pytest.mark.parametrize("samples", [SAMPLES, HELD_OUT], ids=["all", "held out"])
def test_95_of_100_personal_data_are_found_and_98_of_100_finds_are_personal(samples):
    recall, precision = recall_and_precision(samples)

    assert recall >= 0.95
    assert precision >= 0.98


def test_the_samples_hold_every_kind_and_many_texts_with_nothing_personal():
    assert {span[2] for sample in SAMPLES for span in sample["spans"]} == {
        *(
            "email",
            "phone",
            "card",
            "iban",
            "ip",
            "address",
            "booking",
            "account",
            "ssn",
            "dob",
            "passport",
            "name",
            "secret",
            "device",
        )
    }
    assert sum(not sample["spans"] for sample in SAMPLES) >= 200
    assert len(HELD_OUT) >= 140


def test_each_kind_has_its_own_placeholder_and_the_rest_of_the_text_stays():
    text = (
        "@SkyNorthAir PNR X7KQ2M, mail ana@example.com, call (212) 555-0147 "
        "or write to 42 Maple Street. Card 4111 1111 1111 1111, "
        "IBAN DE89 3704 0044 0532 0130 00, ip 192.0.2.44, born on 04/12/1987."
    )

    assert redact(text) == (
        "@SkyNorthAir PNR [booking], mail [email], call [phone] or write to [address]. "
        "Card [card], IBAN [iban], ip [ip], born on [dob]."
    )


@pytest.mark.parametrize(
    "text",
    [
        "@SkyNorthAir thanks",
        "@ana.example.com hi",
        "@ana@social.example hi",
        "cc @a_1 @b2",
        "＠ana hi",
        ".@united_1234567890",
    ],
)
def test_author_handles_stay_because_replies_need_them(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("4111 1111 1111 1111", False),
        ("visa4111111111111111exp", False),
        ("4111 1111 1111 1112", True),  # the last digit does not check
        ("9111 1111 1111 1111", True),  # checks, but nobody issues it
    ],
)
def test_a_card_is_a_number_that_checks_and_that_somebody_issues(number, kept):
    assert (redact(f"card {number}") == f"card {number}") is kept


def test_an_iban_is_told_from_the_words_around_it():
    assert redact("to DE89370400440532013000 is all I ask") == "to [iban] is all I ask"
    assert redact("to DE89 3704 0044 0532 0130 00 at once") == "to [iban] at once"
    assert (
        redact("to DE89 3704 0044 0532 0130 01 at once") == "to DE89 3704 0044 0532 0130 01 at once"
    )


def test_a_code_is_a_booking_only_where_the_text_says_so():
    assert redact("my reservation X7KQ2M is gone") == "my reservation [booking] is gone"
    assert (
        redact("PNRs AC4DF2, BX7TR9 and CC9KL1 please")
        == "PNRs [booking], [booking] and [booking] please"
    )
    assert redact("promo code X7KQ2M is gone") == "promo code X7KQ2M is gone"
    assert redact("my reservation UA1589 to Denver") == "my reservation UA1589 to Denver"
    assert redact("CONFIRMATION NUMBER PLEASE") == "CONFIRMATION NUMBER PLEASE"


def test_a_number_with_another_name_is_no_phone():
    assert redact("call 415-555-0137") == "call [phone]"
    assert redact("order number 415-555-0137") == "order number 415-555-0137"


def test_a_phone_number_that_nobody_has_is_one_all_the_same():
    assert redact("555-123-4567, or 1 (555) 123-4567") == "[phone], or [phone]"
    assert redact("+44 7700 900456, or 07700 900456") == "[phone], or [phone]"


def test_of_what_overlaps_the_more_certain_kind_covers_it_all():
    assert find("call 4111111111111111") == [Span(5, 21, "card")]


TRICKY = [
    "4111 1111 1111 1111 ",
    "+1 212 555 0123 ",
    "555-0123 ",
    "call ",
    "order ",
    "a@example.com",
    "x at example dot com ",
    "GB29 NWBK 6016 1331 9268 19 ",
    "PNR ",
    "X7KQ2M ",
    "confirmation ",
    "is my ",
    "42 Maple Street ",
    "SW1A 2AA",
    "account ",
    "12345678 ",
    "219-09-9999 ",
    "192.0.2.1 ",
    "2001:db8::1 ",
    "born on ",
    "my name is Jane Roe ",
    "Regards\n",
    "Jane Roe\n",
    "oh seven ",
    "12/28 ",
    "4111 1111\n",
    "cvv ",
    "password: x1!y ",
    "jane dot roe ",
    "AB 12 34 56 C ",
    "This is Al Bo speaking",
    "04/12/1987 ",
    "[phone] ",
    "[booking] ",
    "#",
    ":",
    "-",
    "1",
    " ",
    "\x00",
    "\ud800",
    "😀",
    "٣",
    "é",
]


@given(st.text() | st.lists(st.sampled_from(TRICKY), max_size=12).map("".join))
@example("call 555-0123 555-0124 555-0125")
@example("PNR [booking] X7KQ2M")
def test_redacting_twice_changes_nothing(text):
    once = redact(text)

    assert redact(once) == once


@given(st.lists(st.sampled_from(TRICKY), max_size=12).map("".join))
def test_what_is_found_lies_in_the_text_in_order_and_apart(text):
    spans = find(text)

    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(first.end <= second.start for first, second in pairwise(spans))


@pytest.mark.parametrize("part", TRICKY, ids=repr)
def test_a_huge_text_of_anything_is_redacted(part):
    """A pattern that backtracks would not come to an end here."""
    text = part * (60_000 // len(part))

    once = redact(text)

    assert find(once) == []


def test_personal_data_at_the_far_end_of_a_huge_text_is_found():
    assert redact("😡 no! " * 40_000 + "mail ana@example.com").endswith("mail [email]")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("call me\n(202) 555-0147", "call me\n[phone]"),
        ("Kind regards\nJohn\n07700 900123", "Kind regards\n[name]\n[phone]"),
        ("phone\n+44 7911 123456", "phone\n[phone]"),
        ("Tel\r\n+1 202 555 0147\r\nBye", "Tel\r\n[phone]\r\nBye"),
        ("order\n07700 900123", "order\n[phone]"),
        ("Sent from 12\n\n07700 900123", "Sent from 12\n\n[phone]"),
        ("two lines_\n(202) 555-0147 and on", "two lines_\n[phone] and on"),
    ],
)
def test_a_phone_number_that_begins_a_line_is_redacted(text: str, redacted: str) -> None:
    assert redact(text) == redacted


PERSONAL = {
    "phone": "07700 900123",
    "email": "ana@example.com",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "address": "42 Maple Street",
    "ip": "192.0.2.44",
    "ssn": "219-09-9999",
}


@pytest.mark.parametrize(
    "before", ["John\n", "John\r\n", "v\n", "12\n", "9\t", "Name:\t"], ids=repr
)
@pytest.mark.parametrize("after", ["", "\nBye", "\r\nBye", "\tx"], ids=repr)
@pytest.mark.parametrize("kind", PERSONAL)
def test_personal_data_that_begin_a_line_or_a_column_are_redacted(kind, before, after):
    assert redact(f"{before}{PERSONAL[kind]}{after}") == f"{before}[{kind}]{after}"


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("phone", "(202) 555-0147,"),
        ("phone", "(202) 555-0147:"),
        ("card", "4111111111111111,"),
        ("card", "4111 1111 1111 1111."),
        ("email", "ana@example.com'"),
        ("address", "12 Elm Rd."),
    ],
)
def test_the_last_of_a_long_list_is_redacted_as_the_first(kind: str, part: str) -> None:
    """Only the placeholder of the number before it shows that a number begins there."""
    text = part * 40

    assert not any(sign.isdigit() or sign == "@" for sign in redact(text))
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "part",
    [
        "07700 900123\n",
        "(202) 555-0147,",
        "4111111111111111,",
        "ana@example.com'",
        "4111111111111111,212-555-0147,",
        "07700 900123\nana@example.com\n4111 1111 1111 1111\n42 Maple Street\n",
    ],
)
def test_many_personal_data_take_time_by_their_length_alone(part: str) -> None:
    assert not is_superlinear(redact, repeated("", part, ""), 16_000)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("We live at thirty four Oak Lane.", "We live at [address]."),
        ("my address is sixty-one tanner street", "my address is [address]"),
        ("i live at two hundred and six harbour avenue", "i live at [address]"),
        ("our house is nine oh two Mill Drive", "our house is [address]"),
        ("send it to eleven Kings Close please", "send it to [address] please"),
        ("we moved one street further", "we moved one street further"),
        ("I live fifty miles down the road", "I live fifty miles down the road"),
        ("thirty people stood on Oak Lane", "thirty people stood on Oak Lane"),
        ("meine Mail ist olga punkt berg at post punkt de", "meine Mail ist [email]"),
        ("correo: olga punto garcia at post punto es", "correo: [email]"),
        ("mail olga77 at post kropka pl", "mail [email]"),
        ("At no point in time did you call", "At no point in time did you call"),
        ("the four digits 4321 on the front", "the four digits [card] on the front"),
        ("the last three numbers 321 at the back", "the last three numbers [card] at the back"),
        ("its 3 digits are 321 on the back", "its 3 digits are [card] on the back"),
        ("the four digits 4321 of my order", "the four digits 4321 of my order"),
    ],
)
def test_what_is_said_aloud_is_found_and_what_only_sounds_like_it_stays(text, redacted):
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Med vänlig hälsning\nÖrjan Dahl", "Med vänlig hälsning\n[name]"),
        ("S pozdravem,\nOndřej Černý", "S pozdravem,\n[name]"),
        ("Üdvözlettel,\nTóth Eszter", "Üdvözlettel,\n[name]"),
        ("С уважением,\nОльга Белова", "С уважением,\n[name]"),
        ("Με εκτίμηση,\nΜαρία Λάμπρου", "Με εκτίμηση,\n[name]"),
        ("Saygılarımla\nAyşe Demir", "Saygılarımla\n[name]"),
        ("I'm Lerato Dube, customer since 2009.", "I'm [name], customer since 2009."),
        ("Ich bin Uwe Brandt aus Kiel.", "Ich bin [name] aus Kiel."),
        ("Je suis Zoé Lambert et j'attends.", "Je suis [name] et j'attends."),
        ("Soy Inés Ortega, llevo tres días", "Soy [name], llevo tres días"),
        ("I am Delta Gold, customer service fails", "I am Delta Gold, customer service fails"),
        ("Ich bin Kunde aus Kiel", "Ich bin Kunde aus Kiel"),
    ],
)
def test_people_sign_and_introduce_themselves_in_more_languages(text, redacted):
    assert redact(text) == redacted

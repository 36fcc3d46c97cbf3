"""Whose words a mail holds: the labelled mails of `data/mails`, and the rules in short."""

from __future__ import annotations

import html
import re
import textwrap
from datetime import UTC, datetime
from functools import cache

import pytest
from mail_labels import OWN, Kept, LabelledMail, labelled_mails

from connectors.events import Complaint
from connectors.imap.mails import NoComplaint, mail_event
from connectors.imap.quotes import own_words

RECEIVED = datetime(2026, 3, 12, 12, 5, tzinfo=UTC)
# Unsure, so they are kept: a charity's appeal that reads like a sentence, a signature amid a mail.
KEPT_WHEN_UNSURE = {"charity-signature", "v-dash-spaced-signature-ps"}
MAILS = labelled_mails()
KINDS = sorted({mail.kind for mail in MAILS if not (mail.is_automatic or mail.is_outbound)})


@cache
def event_of(mail: LabelledMail) -> Complaint | None:
    try:
        return mail_event(mail.raw, RECEIVED, own=OWN, brand="VoltLine")
    except NoComplaint:
        return None


def kept(mails: list[LabelledMail]) -> Kept:
    total = Kept()
    for mail in mails:
        event = event_of(mail)
        total.add(mail.kept(event.text if event is not None else ""))
    return total


def persons(kind: str | None = None, *, is_held_out: bool | None = None) -> list[LabelledMail]:
    return [
        mail
        for mail in MAILS
        if not (mail.is_automatic or mail.is_outbound)
        and kind in (None, mail.kind)
        and is_held_out in (None, mail.is_held_out)
    ]


def test_the_labelled_mails_are_many_and_of_every_sort():
    assert len(MAILS) >= 250
    assert len({mail.program for mail in MAILS}) >= 30
    assert len({mail.language for mail in MAILS}) >= 12
    assert {"top", "bottom", "inline", "forward", "signature", "footer", "own"} <= set(KINDS)


@pytest.mark.parametrize("is_held_out", [False, True])
def test_customers_words_are_kept_and_quoted_words_are_not(is_held_out):
    share = kept(persons(is_held_out=is_held_out)).share

    assert share("o") >= 0.99
    assert share("q") <= 0.03
    assert share("sf") <= 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mail_keeps_its_customers_words(kind):
    share = kept(persons(kind)).share

    assert share("o") >= 0.99
    assert share("q") <= 0.03


@pytest.mark.parametrize("mail", persons(is_held_out=False), ids=lambda mail: mail.name)
def test_each_mail_is_read_as_it_was_meant(mail):
    event = event_of(mail)
    assert event is not None

    share = mail.kept(event.text).share
    assert share("o") >= 0.99
    assert share("q") <= 0.03
    assert share("sf") == 0 or mail.name in KEPT_WHEN_UNSURE


@pytest.mark.parametrize("mail", persons("top"), ids=lambda mail: mail.name)
def test_what_is_cut_is_kept_beside_the_text(mail):
    event = event_of(mail)
    assert event is not None

    share = mail.kept((event.trimmed or "").replace(">", "")).share
    assert share("q") >= 0.99
    assert share("o") <= 0.1


def test_every_word_of_a_mail_is_in_its_text_or_beside_it():
    lost = []
    for mail in persons():
        event = event_of(mail)
        assert event is not None
        words = set(re.findall(r"\w+", f"{event.text} {event.trimmed or ''}"))
        labelled = " ".join(line for label, line in mail.lines if label in "oqsf")
        lost += [(mail.name, word) for word in re.findall(r"\w+", labelled) if word not in words]
    assert not lost


def in_markup(text: str) -> str:
    """The same mail as a program writes it in HTML: a block a line, quoted lines in blockquotes."""
    page, depth = [], 0
    for line in text.split("\r\n"):
        marks, words = re.fullmatch(r"((?:>\s?)*)(.*)", line).groups()
        level = marks.count(">")
        page += ['<blockquote type="cite">'] * (level - depth) + ["</blockquote>"] * (depth - level)
        page.append(f"<div>{html.escape(words) or '<br>'}</div>")
        depth = level
    return "<html><body>" + "".join(page) + "</blockquote>" * depth


def wrapped(text: str) -> str:
    lines = []
    for line in text.split("\r\n"):
        marks, words = re.fullmatch(r"((?:>\s?)*)(.*)", line).groups()
        parts = textwrap.wrap(words, 66, break_long_words=False, break_on_hyphens=False)
        lines += [marks + part for part in parts] or [line]
    return "\r\n".join(lines)


LAYOUTS = {
    "as markup": (in_markup, "text/html"),
    "as one paragraph of markup": (
        lambda text: f"<p>{html.escape(text).replace(chr(13) + chr(10), '<br>')}</p>",
        "text/html",
    ),
    "wrapped at 66 characters": (wrapped, "text/plain"),
    "with more empty lines": (lambda text: text.replace("\r\n\r\n", "\r\n \r\n\r\n"), "text/plain"),
    "with line feeds alone": (lambda text: text.replace("\r\n", "\n"), "text/plain"),
    "indented": (lambda text: re.sub(r"(?m)^(?=\S)", "  ", text), "text/plain"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_mail_in_another_layout_keeps_the_same_words(layout):
    change, kind = LAYOUTS[layout]
    total = Kept()
    for mail in persons():
        head, _, body = mail.raw.decode().partition("\r\n\r\n")
        if "\r\nContent-Type: text/plain" not in head or "multipart" in head:
            continue
        head = head.replace("Content-Type: text/plain", f"Content-Type: {kind}")
        event = mail_event(f"{head}\r\n\r\n{change(body)}".encode(), RECEIVED, own=OWN)
        total.add(mail.kept(event.text))

    assert sum(total.total.values()) > 10_000
    assert total.share("o") >= 0.99
    assert total.share("q") <= 0.03


def test_who_wrote_and_whether_anybody_did():
    wrong = []
    for mail in MAILS:
        event = event_of(mail)
        if event is None:
            is_right = mail.is_automatic
        elif mail.is_outbound:
            is_right = event.direction == "outbound"
        else:
            is_right = (event.direction, event.author) == ("inbound", mail.author)
        if not is_right or (mail.is_automatic and event is not None):
            wrong.append(mail.name)
    assert not wrong


REPLY = "On Thu, 12 Mar 2026 at 10:00, SkyNorth Care <care@sky.example>\nwrote:\n"


@pytest.mark.parametrize(
    "history",
    [
        f"{REPLY}> We are sorry.\n> Yours",
        "Am 12.03.2026 um 10:00 schrieb SkyNorth:\n> Es tut uns leid.",
        "Le 12 mars 2026 à 10:00, SkyNorth a écrit :\n> Désolés.",
        "-----Original Message-----\nFrom: SkyNorth\nWe are sorry.",
        "Von: SkyNorth\nGesendet: Do, 12. März 2026 10:00\nAn: Ann\nBetreff: Re: Koffer\n\nJa.",
        "*From:* SkyNorth <care@sky.example>\n*Sent:* 12 March 2026 10:00\n*To:* Ann\n\nSorry.",
        "-- \nAnn Example\nHead of Something",
        "> We are sorry.",
    ],
)
def test_history_and_signatures_are_trimmed_from_a_reply(history):
    words = own_words(f"It is still lost.\n\n{history}\n", is_reply=True)

    assert words.own == "It is still lost."
    assert words.trimmed.split() == history.split()


@pytest.mark.parametrize("history", ["> We are sorry.", f"{REPLY}\nWe are sorry."])
def test_what_looks_like_history_stays_in_a_mail_that_answers_nothing(history):
    assert own_words(f"It is still lost.\n\n{history}").own.endswith("We are sorry.")


def test_answers_between_quoted_lines_stay_and_what_is_forwarded_too():
    answers = own_words("> when?\nyesterday\n> where?\nat the gate", is_reply=True)
    assert answers.own == "yesterday\nat the gate"
    forwarded = "see below\n---------- Forwarded message ---------\nFrom: Bob\nMy bag is lost."
    assert own_words(forwarded, is_forward=True).own == forwarded
    assert own_words("> nothing but a quotation", is_reply=True).own == "> nothing but a quotation"
    assert own_words("From: Berlin\nI flew to: Rome", is_reply=True).own.startswith("From: Berlin")


def test_a_mail_that_is_nothing_but_a_signature_stays():
    assert own_words("-- \nAnn Example\nHead of Something").own.startswith("--")
    assert own_words("Sent from my iPhone").own == "Sent from my iPhone"


@pytest.mark.parametrize(
    "last",
    [
        "Regards\nJane\nsmoke is coming out of the wall",
        "Kind regards\nJane\nPlease call me today.",
        "Thanks\nPS: the cable is bare again",
        "Jane Roe\nIs anybody there?",
        "--\nI smell gas.",
        "Sent from my office, where the roof leaks.",
        "Your fraud team will never call back.",
        "My mail said it was scanned for a virus. It was not.",
    ],
)
def test_words_below_a_name_or_like_a_footer_stay_when_somebody_speaks(last):
    text = f"The lamp is broken.\n\n{last}"

    assert own_words(text, author="Jane Roe").own == text


@pytest.mark.parametrize("rule", ["--", "—", "------", "____________"])
@pytest.mark.parametrize(
    "below",
    ["Smoke Behind The Oven", "Oven Model: Alto 9\nSecond Floor", "Bill of July: 90 instead of 9."],
)
def test_words_below_a_rule_are_the_writers_where_nobody_signs_them(rule, below):
    words = own_words(f"This is what happened.\n{rule}\n{below}", author="Olga Berg")

    assert words.own.endswith(below)


@pytest.mark.parametrize(
    "signature",
    [
        "--\nOlga Berg\nFire Prevention Officer",
        "_______\nBurns Unit Ltd\nwww.burns.example",
        "--------\nFire Prevention Ltd\nTel. 020 7946 0958",
        "-- \nPaul Hurt\nBurns Unit",
        "—\nFire Prevention Ltd\nO. Berg",
    ],
)
def test_a_signature_below_a_rule_has_a_name_or_an_address(signature):
    words = own_words(f"This is what happened.\n\n{signature}", author="Olga Berg")

    assert words.own == "This is what happened."


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n", "SIGNATURE"),
        ("-----BEGIN PGP SIGNED MESSAGE-----\n\n", "SIGNATURE"),
        ("", "PUBLIC KEY BLOCK"),
    ],
)
def test_what_openpgp_writes_around_a_mail_is_nobodys_words(head, tail):
    key = (
        f"-----BEGIN PGP {tail}-----\nVersion: 1\n\nfire+Hurt/xyz=\n=abcd\n-----END PGP {tail}-----"
    )

    words = own_words(f"{head}The oven is cold.\n\nIt stays so.\n{key}\n")

    assert words.own == "The oven is cold.\n\nIt stays so."
    assert "fire+Hurt" in words.trimmed


def test_an_armour_that_is_cut_off_cuts_nothing_else():
    text = "-----BEGIN PGP SIGNATURE-----\nThe oven is cold."

    assert own_words(text).own == text

"""Mails as events: their words, their names, their conversations, and what is no complaint, however
it is made.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import ConnectorError
from connectors.events import encode
from connectors.imap import ImapNetwork
from connectors.imap.mails import NoComplaint, mail_event
from connectors.imap.text import from_markup, own_words
from connectors.network import Context, ListenQuery

CAME = datetime(2026, 3, 12, 12, 5, tzinfo=UTC)
HEAD = (
    b"From: Ann <Ann@Example.org>\r\nSubject: My bag\r\n"
    b"Date: Thu, 12 Mar 2026 13:00:00 +0100\r\nMessage-ID: <a1@example.org>\r\n"
)


def mail(body: bytes, head: bytes = HEAD) -> bytes:
    return head + b"\r\n" + body


def said(raw: bytes):
    return mail_event(raw, CAME)


def test_a_mail_is_a_complaint_named_by_its_message_id():
    event = mail_event(mail(b"Where is my bag?\r\n"), CAME, brand="SkyNorth")

    assert (event.id, event.conversation, event.in_reply_to) == (
        "email:a1@example.org",
        "email:a1@example.org",
        None,
    )
    assert (event.author, event.title, event.text) == (
        "ann@example.org",
        "My bag",
        "Where is my bag?",
    )
    assert (event.occurred_at, event.brand, event.direction) == (
        CAME - timedelta(minutes=5),
        "SkyNorth",
        "inbound",
    )


@pytest.mark.parametrize(
    ("head", "conversation", "answers"),
    [
        (b"References: <r@a> <m@b>\r\nIn-Reply-To: <m@b>\r\n", "email:r@a", "email:m@b"),
        (b"References: <r@a>\r\n <m@b>\r\n", "email:r@a", "email:m@b"),
        (b"In-Reply-To: your message <m@b>\r\n", "email:m@b", "email:m@b"),
        (b"References: nonsense\r\n", "email:a1@example.org", None),
        (b"References: <" + b"x" * 600 + b"@a>\r\n", "email:", "email:"),
    ],
)
def test_what_a_mail_answers_is_its_conversation(head, conversation, answers):
    event = said(mail(b"hello", HEAD + head))

    assert event.conversation.startswith(conversation)
    assert event.in_reply_to is None if answers is None else event.in_reply_to.startswith(answers)


def test_a_mail_without_an_id_has_the_same_name_whichever_way_it_came():
    nameless = HEAD.replace(b"Message-ID: <a1@example.org>\r\n", b"")

    first, second = (
        said(mail(b"hello", b"Received: from a\r\n" + nameless)),
        said(mail(b"hello", nameless)),
    )

    assert first.id == second.id != said(mail(b"hello again", nameless)).id


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("utf-8", "schäbig".encode(), "schäbig"),
        ("iso-8859-1", "schäbig".encode("latin-1"), "schäbig"),
        ("windows-1251", "плохо".encode("cp1251"), "плохо"),
        ("iso-2022-jp", "遅い".encode("iso-2022-jp"), "遅い"),
        ("utf-8", "schäbig".encode()[:4], "sch"),
        ("us-ascii", "schäbig".encode(), "schäbig"),
        ("nonsense-8", "schäbig".encode(), "schäbig"),
        ("nonsense-8", "schäbig".encode("cp1252"), "schäbig"),
        ("zlib", b"plain", "plain"),
        ("undefined", b"plain", "plain"),
        ("idna", b"plain", "plain"),
        ('"', b"plain", "plain"),
    ],
)
def test_every_character_set_is_read_also_one_that_is_none(charset, raw, text):
    head = HEAD + f"Content-Type: text/plain; charset={charset}\r\n".encode()

    assert said(mail(raw, head)).text.rstrip("�") == text.rstrip("�")


def test_half_a_character_at_the_end_spoils_nothing_before_it():
    half = HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n"

    assert said(mail("sehr schäbig, sä".encode()[:-1], half)).text == "sehr schäbig, s�"
    assert (
        said(HEAD.replace(b"My bag", b"=?utf-8?q?sch=C3=A4big_=C3?=") + b"\r\nhello").title
        == "schäbig �"
    )
    assert (
        said(HEAD.replace(b"My bag", "schäbig".encode("latin-1")) + b"\r\nhello").title == "schäbig"
    )


def test_plain_text_goes_before_markup_and_attachments_are_left():
    body = (
        b"--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n"
        b"--y\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>in markup</p>\r\n"
        b"--y\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
        b"aW4gcGxhaW4=\r\n--y--\r\n"
        b"--x\r\nContent-Type: text/plain\r\n"
        b"Content-Disposition: attachment; filename=a.txt\r\n\r\nattached\r\n"
        b"--x\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--x--\r\n"
    )

    assert (
        said(mail(body, HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n")).text == "in plain"
    )
    cut = mail(
        body[: body.index(b"attached")], HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n"
    )
    assert said(cut).text == "in plain", "the end of a large mail is not read"


def test_a_forwarded_mail_says_what_it_forwards():
    inner = (
        b"From: bob@example.org\r\nSubject: inner\r\nContent-Type: text/plain\r\n\r\n"
        b"My bag is lost.\r\n"
    )
    body = b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"--x--\r\n"

    assert (
        said(mail(body, HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n")).text
        == "My bag is lost."
    )


def test_markup_becomes_what_a_reader_sees():
    markup = (
        "<html><head><title>t</title><style>p{}</style></head><body><script>alert(1)</script>"
        "<p>My&nbsp;bag<br>is <b>lost</b> &lt;again&gt;</p>"
        "<span style='display: none'>hidden</span>"
        "<div>Ann</div><blockquote><p>what you wrote</p></blockquote></body></html>"
    )

    assert from_markup(markup) == "My bag\nis lost <again>\n\nAnn"
    assert from_markup('<p>new</p><div class="gmail_quote"><p>old</p></div>') == "new"
    assert from_markup('<p>new</p><div id="divRplyFwdMsg">From: x</div><p>old</p>') == "new"
    assert from_markup("<p>never closed <script>x") == "never closed"


@pytest.mark.parametrize(
    "history",
    [
        "On Thu, 12 Mar 2026 at 10:00, SkyNorth Care <care@sky.example>\nwrote:\n"
        "> We are sorry.\n> Yours",
        "Am 12.03.2026 um 10:00 schrieb SkyNorth:\n> Es tut uns leid.",
        "Le 12 mars 2026 à 10:00, SkyNorth a écrit :\n> Désolés.",
        "-----Original Message-----\nFrom: SkyNorth\nWe are sorry.",
        "Von: SkyNorth\nGesendet: Donnerstag\nAn: Ann\nBetreff: Re: Koffer\n\nEs tut uns leid.",
        "*From:* SkyNorth\n*Sent:* Thursday\n*To:* Ann\n\nWe are sorry.",
        "-- \nAnn Example\nHead of Something",
        "> We are sorry.",
    ],
)
def test_quoted_history_and_signatures_are_cut(history):
    assert own_words(f"It is still lost.\n\n{history}\n") == "It is still lost."


def test_answers_between_the_quoted_lines_stay_and_what_is_forwarded_too():
    assert own_words("> when?\nyesterday\n> where?\nat the gate") == "yesterday\nat the gate"
    forwarded = "see below\n---------- Forwarded message ---------\nFrom: Bob\nMy bag is lost."
    assert own_words(forwarded) == forwarded
    assert own_words("> nothing but a quotation") == "> nothing but a quotation"
    assert own_words("From: Berlin\nI flew to: Rome") == "From: Berlin\nI flew to: Rome"


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: auto-replied (vacation)\r\n",
        b"Auto-Submitted: auto-generated\r\n",
        b"Content-Type: multipart/report; boundary=x\r\n",
        b"Precedence: auto_reply\r\n",
    ],
)
def test_machines_do_not_complain(head):
    with pytest.raises(NoComplaint):
        said(mail(b"I am away.", HEAD + head))


def test_what_the_mailbox_itself_sent_is_outbound():
    assert mail_event(mail(b"We are sorry."), CAME, own="ann@EXAMPLE.org").direction == "outbound"


@pytest.mark.parametrize(
    "date",
    [b"Fri, 31 Dec 9999 23:59:59 -1200", b"nonsense", b"Thu, 1 Jan 1970 00:00:00 +0000", b""],
)
def test_a_clock_that_cannot_be_right_is_not_believed(date):
    assert (
        said(mail(b"hello", HEAD.replace(b"Thu, 12 Mar 2026 13:00:00 +0100", date))).occurred_at
        == CAME
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"\r\n\r\n",
        b"Subject: =?x?q?=?=\r\n\r\nhello",
        b"Subject: " + b"=?utf-8?b?" * 5000 + b"\r\n\r\nhello",
        b"From: " + b"(" * 5000 + b"\r\n\r\nhello",
        b"Message-ID: <" + b"<" * 5000 + b">\r\nReferences: " + b"<" * 60000 + b"\r\n\r\nhello",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 50_000,
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" * 3000,
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
            for n in range(3000)
        ),
        b"Content-Type: message/rfc822\r\n\r\n" * 3000,
        b"Content-Type: text/html\r\n\r\n" + b"<div>" * 150_000,
        b"Content-Type: text/html\r\n\r\n" + b"<![" * 100_000,
        b"Content-Type: text/html\r\n\r\n" + b"<!--" * 75_000,
        b"Content-Type: text/html\r\n\r\n" + b"<a " * 100_000,
        b"Content-Type: text/html\r\n\r\n" + b"&#x110000;&" * 30_000,
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"=" * 500_000,
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: uuencode\r\n\r\nbegin 644 x\n"
        + b"M" * 1000,
        b"\r\n" + b"on a " * 200_000,
        b"\r\n" + b"On x\n" * 100_000,
        b"\r\n" + b"\n" * 500_000 + b" " * 500_000,
        b"\r\n" + b"\x00" * 1_000_000 + b"x",
    ],
    ids=range(22),
)
def test_a_hostile_mail_harms_nobody(raw):
    started = time.monotonic()
    try:
        event = said(raw)
    except NoComplaint:
        event = None
    assert time.monotonic() - started < 10, "minutes would be an attack"
    assert event is None or len(encode(event)) < 250_000


def test_settings_that_cannot_work_say_what_is_missing():
    for host, user, password, encryption, words in (
        (None, "a", "b", "tls", "EARSHOT_IMAP_HOST"),
        ("mail", None, "b", "tls", "EARSHOT_IMAP_USERNAME"),
        ("mail.example", "a", "secret", "none", "without encryption"),
    ):
        settings = ImapNetwork(host=host, username=user, password=password, encryption=encryption)
        with pytest.raises(ConnectorError, match=words) as wrong:
            settings.open_sources(ListenQuery(), Context(None))
        assert "secret" not in str(wrong.value)

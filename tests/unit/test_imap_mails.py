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
from connectors.imap.markup import QUOTED, lines_of
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
        *(
            (charset, "it’s – 40 € gone".encode("cp1252"), "it’s – 40 € gone")
            for charset in ("iso-8859-1", "iso-8859-15", "us-ascii", "utf-8", "windows-1252")
        ),
        ("iso-8859-1", "it’s schäbig".encode(), "it’s schäbig"),
        ("iso-8859-2", "źle się dzieje".encode("iso-8859-2"), "źle się dzieje"),
        ("nonsense-8", "дома пахнет газом".encode("koi8-r"), "дома пахнет газом"),
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


@pytest.mark.parametrize(
    "disposition",
    [
        b'Content-Disposition: inline; filename="a.log"',
        b"Content-Disposition: inline",
        b"X-A: 1\r\nContent-Description: log",
        b"Content-Disposition: inline; filename*=utf-8''l%C3%B6g.txt",
        b"Content-ID: <a@b>\r\nContent-Disposition: INLINE; filename=a",
    ],
)
def test_a_file_that_is_shown_within_the_mail_is_kept_beside_its_words(disposition):
    body = (
        b"--x\r\nContent-Type: text/plain\r\n\r\nMy line drops.\r\n"
        b"--x\r\nContent-Type: text/plain\r\n"
        + disposition
        + b"\r\n\r\n"
        + b"debug 1\r\n" * 900
        + b"--x\r\nContent-Type: text/plain\r\n\r\nPlease hurry.\r\n--x--\r\n"
    )

    event = said(mail(body, HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n"))

    assert event.text == "My line drops.\n\nPlease hurry."
    assert event.trimmed.startswith("debug 1")


def test_a_text_file_alone_is_the_message():
    head = HEAD + b'Content-Type: text/plain; name="complaint.txt"\r\n'

    assert said(mail(b"My line drops.", head)).text == "My line drops."


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


@pytest.mark.parametrize("disposition", [b"", b"Content-Disposition: attachment\r\n"])
def test_a_mail_within_is_the_message_where_it_is_forwarded_and_else_beside_it(disposition):
    inner = b"From: bob@example.org\r\nSubject: inner\r\n\r\nMy bag is lost.\r\n"
    body = b"--x\r\nContent-Type: text/plain\r\n\r\nSee the mail.\r\n--x\r\n" + disposition
    body += b"Content-Type: message/rfc822\r\n\r\n" + inner + b"--x--\r\n"
    head = HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n"

    forwarded = said(mail(body, head.replace(b"My bag", b"Fwd: My bag")))
    assert (forwarded.text, forwarded.trimmed) == ("See the mail.\n\nMy bag is lost.", None)
    beside = said(mail(body, head))
    assert (beside.text, beside.trimmed.strip()) == ("See the mail.", "My bag is lost.")


def test_markup_becomes_what_a_reader_sees():
    markup = (
        "<html><head><title>t</title><style>p{}</style></head><body><script>alert(1)</script>"
        "<p>My&nbsp;bag<br>is <b style='font-size: 0.9em'>lost</b> &lt;again&gt;</p>"
        "<span style='display: none'>hidden</span><i hidden>hidden</i>"
        "<div>Ann</div><blockquote><p>what you wrote</p></blockquote>"
        "<ul><li>one</li><li>two</li></ul><table><tr><td>Name</td><td>Jo</td></tr></table></body></html>"
    )

    lines = [line.strip() for line in lines_of(markup).split("\n") if line.strip()]
    assert lines == [
        *("My bag", "is lost <again>", "Ann", f"{QUOTED} what you wrote", "one", "two"),
        "Name Jo",
    ]
    assert lines_of("<p>never closed <script>x").strip() == "never closed"
    assert "\ue000" not in lines_of("<p>\ue000forged</p>")


@pytest.mark.parametrize("title", [b"Content-Type: text/plain", b"X-Nothing: 1"])
def test_markup_that_calls_itself_plain_and_entities_are_read_as_what_they_mean(title):
    head = HEAD + title + b"\r\n"

    assert said(mail(b"<html><body><p>I can&#39;t breathe</p></body></html>", head)).text == (
        "I can't breathe"
    )
    assert said(mail(b"I can&#39;t breathe &amp;amp; it&#x27;s full of gas", head)).text == (
        "I can't breathe & it's full of gas"
    )
    assert said(mail(b"AT&T said a < b &notanentity; and &c", head)).text == (
        "AT&T said a < b &notanentity; and &c"
    )


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: auto-replied (vacation)\r\n",
        b"Auto-Submitted: auto-generated\r\n",
        b"X-Autoreply: yes\r\n",
        b"Return-Path: <>\r\nX-Failed-Recipients: a@b.example\r\n",
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
        b"Content-Type: text/html\r\n\r\n" + b"<ul><li>x" * 100_000,
        b"Content-Type: text/html\r\n\r\n" + b"<blockquote>x" * 70_000,
        b"Content-Type: text/html\r\n\r\n<" + b"a" * 900_000,
        b"Content-Type: text/html\r\n\r\n" + b'<p style="display' + b" " * 900_000,
        b"Subject: Re: x\r\n\r\n" + b"From: a@b 12.3.2026 10:02\n" * 40_000,
        b"Subject: Re: x\r\n\r\n" + b"> a\nb\n" * 100_000,
        b"Subject: Re: x\r\n\r\n" + b"-" * 900_000 + b"x",
        b"Subject: Re: x\r\n\r\n" + b"[image" * 150_000,
        b"\r\n" + b"1 " * 400_000 + b"\n" + b"Regards\n" * 50_000,
    ],
    ids=range(31),
)
def test_a_hostile_mail_harms_nobody(raw):
    started = time.thread_time()
    try:
        event = said(raw)
    except NoComplaint:
        event = None
    assert time.thread_time() - started < 10, "minutes would be an attack"
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


@pytest.mark.parametrize(
    "subject", [b"=?\x80utf-8?q?bag?=", b"=?\xff?b?YmFn?= lost", b"=?\xed\xa0\x80?q?bag?="]
)
def test_a_character_set_of_raw_bytes_is_nobodys(subject):
    head = HEAD.replace(b"My bag", subject)

    event = said(mail(b"Where is my bag?\r\n", head))

    assert "bag" in event.title
    assert event.text == "Where is my bag?"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("三日間 \r\n停電しています。", "三日間停電しています。"),
        ("The oven  \r\nis  \r\ncold.", "The oven is cold."),
        ("It is cold \r\n> and so am I", "It is cold\n> and so am I"),
        ("It is cold.\r\nHelp.", "It is cold.\nHelp."),
    ],
)
def test_a_line_that_a_program_broke_is_whole_again(body, text):
    head = b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n"

    assert said(mail(body.encode(), head)).text == text


@pytest.mark.parametrize(
    "subject",
    [
        *("Automatikus válasz: Sütő", "Răspuns automat: Cuptor", "Otomatik yanıt: Fırın"),
        *("Автоматический ответ: Печь", "Αυτόματη απάντηση: Φούρνος", "자동 회신: 오븐"),
        *("תשובה אוטומטית: תנור", "رد تلقائي: فرن", "自动答复: 烤箱", "自動返信: オーブン"),
    ],
)
def test_a_program_that_answers_says_so_in_any_language(subject):
    head = HEAD.replace(b"Subject: My bag", f"Subject: {subject}".encode())

    with pytest.raises(NoComplaint, match="an automatic answer"):
        said(mail(b"...", head))


@pytest.mark.parametrize(
    ("sender", "subject", "is_report"),
    [
        ("MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example", "Returned", True),
        ("postmaster@x.example", "Undeliverable: Oven", True),
        ("postmaster@x.example", "Delivery delayed: Oven", True),
        ("postmaster@x.example", "Our mail is blocked", False),
        ("ann@x.example", "Undeliverable parcel", False),
    ],
)
def test_a_report_of_a_mail_system_is_known_without_a_return_path(sender, subject, is_report):
    raw = mail(b"It did not arrive.", f"From: <{sender}>\r\nSubject: {subject}\r\n".encode())

    if is_report:
        with pytest.raises(NoComplaint, match="a report of the mail system"):
            said(raw)
    else:
        assert said(raw).author == sender


@pytest.mark.parametrize(
    "form",
    [
        "Email\nolga@post.example\nMessage\nIt is cold.",
        "Your name\nOlga\n\nYour e-mail address\nolga@post.example\n\nIt is cold.",
        "Nom\nOlga\nAdresse courriel :\nolga@post.example\n\nIt is cold.",
        "*Email*\n\nolga@post.example\n*Comment*\nIt is cold.",
        "Correo electrónico\nolga@post.example\nMensaje\nIt is cold.",
    ],
)
def test_a_form_that_writes_its_labels_above_names_the_customer(form):
    body = form.replace("\n", "\r\n").encode()

    assert (
        said(mail(body, b"From: Oven <wordpress@oven.example>\r\n")).author == "olga@post.example"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Your oven is on its way.\nYou reach us by email\nsupport@ours.example\n",
        "You reach us by email\nhelp@oven.example\nYour team\n",
        "Name\nOlga\nEmail\nsupport@ours.example\nMessage\nIt is cold.",
        "Name: Olga\nE-mail: support@ours.example\n",
        "Questions?\nWrite an e-mail:\nSupport@Ours.example\n",
    ],
)
@pytest.mark.parametrize("is_automatic", [True, False])
def test_an_address_to_write_to_in_a_notice_is_no_customers(text, is_automatic):
    head = b"From: Oven <no-reply@oven.example>\r\n"
    raw = mail(
        text.encode(), head + b"Auto-Submitted: auto-generated\r\n" if is_automatic else head
    )

    if is_automatic:
        with pytest.raises(NoComplaint, match="an automatic message"):
            mail_event(raw, CAME, own="support@ours.example")
    else:
        assert mail_event(raw, CAME, own="support@ours.example").author == "no-reply@oven.example"

"""A mailbox on its bad days, against a small IMAP server of our own: nothing is missing, nothing
comes twice.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from contextlib import aclosing
from datetime import timedelta
from email.message import EmailMessage

import pytest
from servers.imap_server import START, ImapServer, announces_gigabytes, cut_in_literal, says_goodbye
from servers.web import Waits, heard

from connectors.base import SourceError
from connectors.events import SourcedEvent
from connectors.imap.client import Account, Mailbox
from connectors.imap.source import Mails
from connectors.skipped import TALLY


@pytest.fixture
async def server():
    async with ImapServer().open() as running:
        yield running


def account(server, **settings):
    defaults = {
        "host": "127.0.0.1",
        "port": server.port,
        "encryption": "none",
        "username": "care@sky.example",
        "password": "secret word",
    }
    return Account(**(defaults | settings))


def mails(server, **given):
    return Mails(
        account(server),
        poll_seconds=given.pop("poll_seconds", 0.02),
        days=given.pop("days", 3650),
        **given,
    )


def raw(number, **heads):
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in heads.items())
    return (
        f"From: Ann <ann@example.org>\r\nSubject: number {number}\r\n"
        f"Message-ID: <m{number}@example.org>\r\n"
        f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\nMy bag number {number} is löst.\r\n"
    ).encode()


def titles(events):
    return [event.title for event in events]


async def test_mails_become_complaints_and_the_mailbox_is_only_read(server):
    server.get(raw(1))
    server.get(raw(2, In_Reply_To="<m1@example.org>", References="<m1@example.org>"))

    first, second = (await heard(mails(server, brand="SkyNorth"), 2))[0]

    assert (first.text, first.title, first.author) == (
        "My bag number 1 is löst.",
        "number 1",
        "ann@example.org",
    )
    assert (first.id, first.brand, first.occurred_at) == ("email:m1@example.org", "SkyNorth", START)
    assert second.conversation == second.in_reply_to == first.id
    assert {command.split()[0] for command in server.said} <= {
        "CAPABILITY",
        "LOGIN",
        "EXAMINE",
        "UID",
        "NOOP",
    }
    assert not any("STORE" in command or "BODY[" in command for command in server.said), (
        "nothing is marked as read"
    )


async def test_the_first_reading_begins_now_unless_days_are_given(server):
    server.get(raw(1))

    async def later():
        while not any(command == "NOOP" for command in server.said):
            await asyncio.sleep(0.005)
        server.get(raw(2))

    saying = asyncio.create_task(later())
    found, _ = await heard(mails(server, days=0), 1)
    await saying

    assert titles(found) == ["number 2"]


async def test_it_goes_on_after_its_cursor(server):
    for number in range(4):
        server.get(raw(number))
    first, cursor = await heard(mails(server), 2)
    second, _ = await heard(mails(server), 2, cursor)

    assert titles(first + second) == [f"number {number}" for number in range(4)]
    assert sum("UID FETCH 1 " in command for command in server.said) == 1


async def test_bad_days_lose_nothing_and_double_nothing(server):
    server.script = [
        cut_in_literal(3),
        cut_in_literal(1),
        says_goodbye,
        announces_gigabytes,
        cut_in_literal(4),
    ]
    for number in range(20):
        server.get(raw(number))
        server.get(raw(number))  # sent to two addresses of the same mailbox

    async def later():
        for number in range(20, 40):
            await asyncio.sleep(0.01)
            server.get(raw(number))

    saying = asyncio.create_task(later())
    waits = Waits()
    found, _ = await heard(mails(server), 40, waits=waits)
    await saying

    assert titles(found) == [f"number {number}" for number in range(40)]
    assert len(waits) == 5
    assert server.connections == 6


async def test_a_mailbox_that_is_numbered_anew_is_read_again_by_its_dates(server):
    old = START - timedelta(days=30)
    server.get(raw(0), at=old)
    server.get(raw(1))
    listening = mails(server, days=3650)
    first, cursor = await heard(listening, 2)
    server.renumber()
    server.get(raw(2))
    lines = []

    second, place = await heard(mails(server, on_line=lines.append), 2, cursor)

    assert titles(first) == ["number 0", "number 1"]
    assert titles(second) == ["number 1", "number 2"], (
        "number 1 is known by its id; what is a month old is not read"
    )
    assert (place["uidvalidity"], place["uid"]) == (8, 103)
    assert "numbered the mailbox anew" in lines[0]
    again, _ = await heard(listening, 1, cursor)
    assert titles(again) == ["number 2"], "whoever still runs drops what it has seen"


async def test_an_empty_mailbox_that_is_numbered_anew_does_not_bring_everything_back(server):
    server.get(raw(1), at=START - timedelta(days=400))
    server.renumber()
    cursor = {"uidvalidity": 1, "uid": 9, "at": START.isoformat()}

    async with aclosing(mails(server).events(cursor)) as events:
        passed = [await anext(events) for _ in range(3)]

    assert not any(isinstance(each, SourcedEvent) for each in passed)
    assert passed[-1].cursor["uid"] == 101


async def test_a_message_that_the_server_cannot_read_is_left_out_after_three_tries(server):
    for number in range(3):
        server.get(raw(number))
    server.refuses = {2}
    lines, waits = [], Waits()

    found, _ = await heard(mails(server, on_line=lines.append), 2, waits=waits)

    assert titles(found) == ["number 0", "number 2"]
    assert len(waits) == 2
    assert "message 2 cannot be read" in lines[0]


async def test_hostile_and_automatic_mails_do_not_keep_the_others(server):
    server.get(b"Content-Type: message/rfc822\r\n\r\n" * 3000)
    server.get(b"\xff\x00" * 1000)
    server.get(raw(1, Auto_Submitted="auto-replied"))
    server.get(raw(2) + b"x" * 3_000_000)
    server.get(raw(3))

    lines = []

    found, _ = await heard(mails(server, on_line=lines.append), 3)

    assert titles(found)[1:] == ["number 2", "number 3"]
    assert len(found[1].text) == 50_000
    assert lines == [
        "IMAP: message 1 is not taken: its parts are nested too deeply",
        "IMAP: message 3 is not taken: an automatic answer",
    ]


async def test_what_is_not_taken_is_said_with_its_reason(server):
    server.get(raw(1, Auto_Submitted="auto-replied"))
    server.get(raw(2, Return_Path="<>", X_Failed_Recipients="a@b.example"))
    server.get(raw(3))
    skipped = []
    before = TALLY.counts()

    async with aclosing(mails(server, on_line=lambda line: None).events(None)) as steps:
        async for step in steps:
            if isinstance(step, SourcedEvent):
                break
            skipped.append(step.skipped)

    assert [reason for reason in skipped if reason] == [
        "an automatic answer",
        "a report of the mail system",
    ]
    assert TALLY.counts(before) == {"mail": 2}


async def test_attached_files_are_said_and_counted(server):
    message = EmailMessage()
    message["From"], message["Message-ID"] = "jane@example.com", "<files@example.com>"
    message.set_content("My line is dead.")
    for name in ("bill.pdf", "me.png"):
        message.add_attachment(b"x", maintype="application", subtype="pdf", filename=name)
    server.get(message.as_bytes())
    server.get(raw(2))
    lines: list[str] = []
    before = TALLY.counts()

    found, _ = await heard(mails(server, on_line=lines.append), 2)

    assert found[0].text == "My line is dead."
    assert lines == ["IMAP: message 1: 2 files are attached, and not read"]
    assert TALLY.counts(before) == {"mail_part": 2}


@pytest.mark.parametrize(
    ("login", "again", "words"),
    [
        ("NO [AUTHENTICATIONFAILED] wrong", None, "EARSHOT_IMAP_PASSWORD"),
        ("NO [UNAVAILABLE] later", 1.0, "later"),
        ("NO [INUSE] too many", 1.0, "INUSE"),
    ],
)
async def test_a_login_that_is_refused_says_what_to_do_and_never_the_password(
    server, login, again, words
):
    server.login = login

    with pytest.raises(SourceError, match=words) as refused:
        async with aclosing(mails(server).events(None)) as events:
            await anext(events)

    assert refused.value.retry_after == again
    assert "secret" not in f"{refused.value}{account(server)!r}"


async def test_a_mailbox_that_is_not_there_is_named(server):
    with pytest.raises(SourceError, match="EARSHOT_IMAP_MAILBOX") as refused:
        async with aclosing(Mails(account(server, mailbox="Beschwerden")).events(None)) as events:
            await anext(events)
    assert refused.value.retry_after is None


async def test_a_mailbox_with_another_script_in_its_name_is_found(server):
    mailbox = await asyncio.to_thread(Mailbox, account(server, mailbox="Straße & Co"))
    mailbox.close()
    assert mailbox.uidvalidity == 7


async def test_nobody_there_is_tried_again_more_and_more_slowly(server):
    source = Mails(account(server, port=1))

    waits = []
    for _ in range(3):
        with pytest.raises(SourceError) as away:
            async with aclosing(source.events(None)) as events:
                await anext(events)
        waits.append(away.value.retry_after)
    assert waits == [1.0, 2.0, 4.0]


async def test_a_server_that_falls_silent_is_taken_for_dead_and_a_stop_does_not_wait_for_it():
    async with ImapServer().open() as server:
        server._answer = _deaf(server._answer)
        source = Mails(
            account(server), open=lambda given: Mailbox(given, seconds=0.3), poll_seconds=0.01
        )
        with pytest.raises(SourceError) as broken:
            await listen(source)
        assert broken.value.retry_after == 1.0

        listening = asyncio.create_task(listen(Mails(account(server), poll_seconds=0.01)))
        await asyncio.sleep(0.3)
        listening.cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(listening, return_exceptions=True)


async def listen(source):
    async with aclosing(source.events(None)) as events:
        async for _ in events:
            pass


def _deaf(answer):
    return lambda tag, command: iter(()) if command == "NOOP" else answer(tag, command)


def certificate(folder):
    """(key, certificate) of a server `localhost` that signed for itself."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
async def test_tls_is_checked_from_the_start_or_by_starttls(tmp_path, monkeypatch):
    key, cert = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    async with (
        ImapServer(tls=context).open() as tls,
        ImapServer(starttls=context).open() as starttls,
    ):
        for server, encryption in ((tls, "tls"), (starttls, "starttls")):
            server.get(raw(1))
            given = account(server, host="localhost", encryption=encryption)
            with pytest.raises(SourceError, match="self-signed") as unknown:
                await heard(Mails(given, days=3650), 1)
            assert unknown.value.retry_after is None
            assert not any(command.startswith("LOGIN") for command in server.said)
            monkeypatch.setenv("SSL_CERT_FILE", str(cert))
            assert titles((await heard(Mails(given, days=3650), 1))[0]) == ["number 1"]
            monkeypatch.delenv("SSL_CERT_FILE")

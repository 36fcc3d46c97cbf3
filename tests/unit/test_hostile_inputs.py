"""Hostile inputs through every door: never an error but the one that is documented, and nothing is
lost without a word.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fakes import MemoryStore, Published, message, sentiment_of_length
from hostile import nearly
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import FormatError, SourceError
from connectors.events import Event, decode, encode, wrong_field
from connectors.files import BadRow, open_file
from connectors.imap.mails import NoComplaint, mail_event
from connectors.json_path import path_of
from connectors.webhook import Hook, MappingError, Refusal, SignatureError
from stream.brands import Brands
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Pipeline
from stream.triage.judgement import Judge

DATA = Path(__file__).parents[1] / "data"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
FEW, MANY = 120, 2_000  # inputs of a door in `make test`, and in `make test-long`

EVENTS = (DATA / "files" / "events.jsonl").read_bytes().splitlines()
MAILS = (
    b"From: Ann <ann@b.example>\r\nTo: care@b.example\r\nSubject: =?utf-8?q?bag=C3=A9?=\r\n"
    b"Date: Thu, 12 Mar 2026 13:00:00 +0100\r\nMessage-ID: <a1@b.example>\r\n\r\n"
    b"Where is my bag?\r\n\r\nOn 1 March 2026 at 10:02, Care <care@b.example> wrote:\r\n> soon\r\n",
    b"From: ann@b.example\nReferences: <r@b> <s@b>\nIn-Reply-To: <s@b>\nSubject: Re: Fwd: bag\n"
    b"MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=a\n\n--a\n"
    b"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
    b"my bag=E9 is lost\n--a\nContent-Type: text/html; charset=utf-8\n\n"
    b"<p>my bag is <b>lost</b></p><blockquote>old</blockquote>\n--a--\n",
    b"From: a@b.c\nAuto-Submitted: no\nContent-Type: message/rfc822\n\n"
    b"From: d@e.f\n\nmy line is down\n",
)
BODIES = (
    b'{"data": {"tickets": [{"number": 1, "body": "line down", "made": 1773316800000},'
    b' {"number": "2 3", "body": "<p>late</p>", "made": "x", "gone": true}]}}',
    b'{"data": {"tickets": [{"body": {"a": 1}, "mail": [1, null], "version": 1e30}]}}',
)
HOOK = Hook(
    "shop",
    b"a secret of the shop",
    "shop",
    list_path=path_of("data.tickets"),
    paths={
        name: (path_of(path),)
        for name, path in {
            **{"id": "number", "text": "body", "title": "title", "author": "mail"},
            **{"occurred_at": "made", "conversation": "thread[0].number", "revision": "version"},
            **{"deleted": "gone", "in_reply_to": "parent", "followers": "many", "language": "lang"},
        }.items()
    },
    time="unix_ms",
)


def decoded(value: bytes) -> None:
    """An event of Kafka's, or a fault in one line."""
    try:
        event = decode(value)
    except ValidationError as error:
        _is_one_line(wrong_field(error))
    else:
        assert decode(encode(event)) == event


def _is_one_line(reason: str) -> None:
    assert reason
    assert "\n" not in reason


def hooked(body: bytes) -> None:
    """The events of a webhook: each is taken or refused by its place."""
    refused: list[Refusal] = []
    try:
        events = HOOK.events(body, NOON, refused)
    except MappingError as error:
        _is_one_line(str(error))
        return
    assert len(events) + len(refused) == len(json.loads(body)["data"]["tickets"])
    assert all(decode(encode(event)) for event in events)


def signed(value: bytes) -> None:
    """Headers of a webhook: nothing that is not signed is taken."""
    parts = value.decode("latin-1").split("\n")
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    with pytest.raises(SignatureError):
        HOOK.verify(dict(zip(names, [*parts, "", "", ""], strict=False)), value, 1_773_316_800.0)


def mailed(raw: bytes) -> None:
    try:
        event = mail_event(raw, NOON, own="care@b.example")
    except NoComplaint as error:
        _is_one_line(str(error))
    else:
        assert decode(encode(event))


class Reading(NamedTuple):
    """What came of a file. refusal: the line that says why it is not read, or not to its end."""

    events: list[Event]
    bad: list[BadRow]
    refusal: str = ""


def _read(path: Path, format: str | None = None) -> Reading:
    reading = Reading([], [])
    try:
        source = open_file(path, format, on_bad_row=reading.bad.append)
        reading.events.extend(event for event, _ in source)
    except (FormatError, SourceError) as error:
        _is_one_line(str(error))
        reading = reading._replace(refusal=str(error))
    assert all(row.line > 0 for row in reading.bad)
    for row in reading.bad:
        _is_one_line(row.reason)
    assert all(decode(encode(event)) for event in reading.events)
    return reading


DOORS: dict[str, tuple[st.SearchStrategy[bytes], Callable[[bytes], None]]] = {
    "events": (nearly(EVENTS), decoded),
    "webhooks": (nearly(BODIES), hooked),
    "signatures": (nearly((b"msg_1\n1773316800\nv1,YQ==", b"1\n1\nv1,\xe9 v2,a")), signed),
    "mails": (nearly(MAILS), mailed),
}


def tried(strategy: st.SearchStrategy[Any], step: Callable[[Any], None], most: int) -> int:
    count = 0

    @settings(max_examples=most)
    @given(strategy)
    def enter(value: Any) -> None:
        nonlocal count
        count += 1
        step(value)

    enter()
    return count


@pytest.mark.parametrize("door", DOORS)
def test_no_input_raises_what_is_not_documented(door):
    assert tried(*DOORS[door], FEW) >= FEW


@pytest.mark.long
@pytest.mark.parametrize("door", DOORS)
def test_no_input_of_thousands_raises_what_is_not_documented(door):
    assert tried(*DOORS[door], MANY) >= MANY


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [200, 480, 900, 960, 980, 990, 995, 1_000, 10_000])
def test_whatever_is_nested_deeply_is_an_answer_at_each_door(tmp_path, brackets, depth):
    opened, closed = brackets
    deep = opened * depth + b"1" + closed * depth
    decoded(b'{"kind": "tweet", "text": ' + deep + b"}")
    hooked(b'{"data": {"tickets": [{"body": "line down", "x": ' + deep + b"}]}}")
    hooked(b'{"data": {"tickets": [' + deep + b"]}}")
    for name in ("a.json", "a.jsonl"):
        path = tmp_path / name
        path.write_bytes(b'{"call_id": "1", "turns": ' + deep + b"}\n")
        reading = _read(path, "transcripts")
        assert len(reading.events) + len(reading.bad) == 1


TEXTS = st.text(st.characters(exclude_characters="\0"), max_size=40)


@given(st.lists(st.tuples(st.integers(1, 99), TEXTS), min_size=1, max_size=8))
@example([(1, '"'), (2, "a\nb"), (3, "\r"), (4, "")])
def test_every_row_of_a_table_is_an_event_or_a_bad_row(rows):
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", "complaint", "date"])
    # Ids of their own: a row that is there twice would be one event.
    writer.writerows((f"{place}-{id}", text, "2026-03-12") for place, (id, text) in enumerate(rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "complaints.csv"
        path.write_bytes(file.getvalue().encode("utf-8", "replace"))
        events, bad, refusal = _read(path, "complaints")

    known = {event.id for event in events} | {row.line for row in bad}
    assert len(known) >= len(rows) or "is a binary file" in refusal


@given(st.lists(nearly(EVENTS).map(lambda value: value.replace(b"\n", b" ")), max_size=8))
def test_every_line_of_json_is_an_event_or_a_bad_row(lines):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        path.write_bytes(b"\n".join([EVENTS[0], *lines]))
        events, bad, refusal = _read(path, "jsonl")

    written = [line for line in lines if line.strip()]
    assert len(events) + len(bad) == 1 + len(written) or "is a binary file" in refusal


@given(st.lists(nearly(EVENTS), min_size=1, max_size=6))
def test_every_message_of_a_topic_is_stored_or_buried(values):
    store = MemoryStore()
    pipeline = Pipeline(
        judge=Judge(sentiment_of_length, Brands(())),
        store=store,
        dead_letters=store,
        publish=Published(),
        cluster="test",
        metrics=Metrics(),
        health=Health(),
    )

    asyncio.run(pipeline.process([message(value, at) for at, value in enumerate(values)]))

    buried = {letter.offset for letter in store.letters}
    for at, value in enumerate(values):
        assert at in buried or decode(value).id in store.events


WORDS = st.lists(st.sampled_from(["bag", ">", "Regards", "--", "wrote:", "@", "1 May 2024 10:00"]))


@given(WORDS, WORDS, st.sampled_from(["\n", " ", "\n\n", "\n> "]))
def test_no_word_of_a_plain_mail_is_lost(before, after, joint):
    text = joint.join([*before, "zebra17", *after])
    head = "From: ann@b.example\nSubject: Re: bag\nIn-Reply-To: <a@b>\n\n"

    event = mail_event((head + text).encode(), NOON)

    assert "zebra17" in f"{event.text}\n{event.trimmed}"

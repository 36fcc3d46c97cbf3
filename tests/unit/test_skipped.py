"""What a reader leaves out is counted by its kind, said in one line, and told in /metrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import pytest
from fakes import NOON
from prometheus_client import generate_latest
from replayed import Replayed, written

from connectors.imap.bodies import unread_parts
from connectors.imap.mails import mail_event
from connectors.skipped import KINDS, TALLY, Tally, in_words
from stream.observe.metrics import IngestMetrics, Metrics, RequestMetrics

CALL = "Agent: Hello, how can I help?\nCustomer: My line is dead.\n"


@contextmanager
def left_out() -> Iterator[Counter[str]]:
    """What was added to the tally within."""
    before, counts = TALLY.counts(), Counter[str]()
    yield counts
    counts.update(TALLY.counts(before))


def test_a_line_says_what_was_left_out_and_how_much_of_it():
    assert in_words({}) == ""
    assert in_words({"note": 1, "row": 3}) == (
        "skipped: 3 rows that could not be read, 1 note that nobody said"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_for_one_and_for_several(kind):
    assert in_words({kind: 1}).startswith("skipped: 1 ")
    assert in_words({kind: 2000}).startswith("skipped: 2,000 ")
    assert in_words({kind: 1}).split()[2:] != in_words({kind: 2000}).split()[2:]


def test_a_tally_tells_what_came_since():
    tally = Tally()
    tally.add("row")
    before = tally.counts()
    tally.add("row", 2)

    assert tally.counts(before) == {"row": 2}
    assert tally.counts() == {"row": 3}


@pytest.mark.parametrize("metrics", [Metrics, IngestMetrics, RequestMetrics])
def test_each_process_tells_the_kinds_before_the_first_and_after_it(metrics):
    registry = metrics().registry
    was = registry.get_sample_value("earshot_skipped_total", {"kind": "mail_part"})
    assert was is not None

    TALLY.add("mail_part", 2)

    assert registry.get_sample_value("earshot_skipped_total", {"kind": "mail_part"}) == was + 2
    told = generate_latest(registry).decode()
    assert all(f'earshot_skipped_total{{kind="{kind}"}}' in told for kind in KINDS)


def test_rows_without_a_text_and_dates_that_cannot_be_are_counted_apart(tmp_path):
    table = (
        "id,text,date\n1,late again,2026-03-12\n2,,2026-03-12\n3,no bus,soon\n4,rude,2026-03-13\n"
    )
    with left_out() as skipped:
        read = Replayed(written(tmp_path, table))

    assert [event.text for event in read.events] == ["late again", "no bus", "rude"]
    assert skipped == {"row": 1, "date": 1}


def test_messages_of_other_brands_are_counted(tmp_path):
    table = "id,text,brand\n1,late again,SkyNorth\n2,no light,VoltLine\n3,rude,VoltLine\n"
    with left_out() as skipped:
        read = Replayed(written(tmp_path, table), brand="SkyNorth")

    assert len(read.events) == 1
    assert skipped == {"other_brand": 2}


@pytest.mark.parametrize(
    "note",
    ["Jane Roe joined the chat", "02:36", "(pause)", "Call duration: 9 minutes", "----------"],
)
def test_notes_of_a_call_are_counted_and_no_fault(tmp_path, note):
    with left_out() as skipped:
        read = Replayed(written(tmp_path, f"{CALL}{note}\nAgent: I am sorry.\n", "call.txt"))

    assert len(read.events[0].turns) == 3
    assert not read.bad
    assert skipped == {"note": 1}


def test_a_heading_above_a_call_is_counted(tmp_path):
    with left_out() as skipped:
        Replayed(written(tmp_path, f"Call 4711\n\n{CALL}", "call.txt"))

    assert skipped == {"note": 1}


def test_words_before_the_first_speaker_are_counted_and_named(tmp_path):
    with left_out() as skipped:
        read = Replayed(written(tmp_path, f"This call may be recorded.\n{CALL}", "call.txt"))

    assert skipped == {"words": 5}
    assert len(read.bad) == 1


def test_notes_within_captions_are_counted(tmp_path):
    captions = (
        "WEBVTT\n\nNOTE made by hand\n\n00:01.000 --> 00:02.000\n<v Agent>Hello\n\n"
        "00:03.000 --> 00:04.000\n<v Customer>My line is dead.\n"
    )
    with left_out() as skipped:
        Replayed(written(tmp_path, captions, "call.vtt"))

    assert skipped == {"note": 1}


@pytest.mark.parametrize(
    "note",
    [
        {"text": "Jane Roe joined the chat"},
        {"type": "event", "message": "The chat was moved"},
        {"speaker": "", "text": "Music is played"},
    ],
)
def test_entries_of_a_chat_that_nobody_said_are_counted(tmp_path, note):
    turns = [
        {"speaker": "agent", "text": "How can I help?"},
        note,
        {"speaker": "customer", "text": "My line is dead."},
    ]
    with left_out() as skipped:
        read = Replayed(written(tmp_path, json.dumps({"turns": turns}), "call.json"))

    assert len(read.events[0].turns) == 2
    assert skipped == {"note": 1}


def test_files_of_a_folder_that_are_no_calls_are_counted_each(tmp_path):
    written(tmp_path, CALL, "call.txt")
    written(tmp_path, "", "empty.txt")
    written(tmp_path, "speaker,text\n", "table.csv")
    for name in ("a.pdf", "b.pdf", "c.wav"):
        written(tmp_path, b"%PDF", name)
    with left_out() as skipped:
        read = Replayed(tmp_path)

    assert len(read.events) == 1
    assert skipped == {"file": 5}


def test_files_of_a_folder_are_named_once_when_reading_goes_on(tmp_path):
    written(tmp_path, CALL, "call.txt")
    written(tmp_path, b"%PDF", "a.pdf")
    first = Replayed(tmp_path)
    with left_out() as skipped:
        Replayed(tmp_path, after=first.cursors[-1])

    assert skipped == {"file": 1}


def mail(*files: tuple[str, str]) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Message-ID"] = "jane@example.com", "<1@example.com>"
    message.set_content("My line is dead.")
    message.add_alternative("<p>My line is dead.</p>", subtype="html")
    for kind, name in files:
        main, sub = kind.split("/")
        message.add_attachment(b"x", maintype=main, subtype=sub, filename=name)
    return message


def test_attached_files_of_a_mail_are_counted_and_its_two_texts_are_not():
    assert unread_parts(mail()) == 0
    files = (("application/pdf", "bill.pdf"), ("image/png", "me.png"), ("text/plain", "log.txt"))
    assert unread_parts(mail(*files)) == 3
    assert mail_event(mail(*files).as_bytes(), NOON).text == "My line is dead."

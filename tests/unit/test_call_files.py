"""Calls as people keep them: text with labels, captions, JSON and tables become turns, or a line
that says why not.
"""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from connectors.base import FormatError
from connectors.events import Transcript, Turn, decode, encode
from connectors.files import BadRow, open_file
from connectors.formats.captions import captions
from connectors.formats.labels import seconds
from connectors.formats.speakers import turns

CALLS = Path(__file__).parents[1] / "data" / "calls"


def read(path: Path, format: str | None = None) -> tuple[list[Transcript], list[BadRow]]:
    bad: list[BadRow] = []
    events = [event for event, _ in open_file(path, format, on_bad_row=bad.append)]
    assert all(isinstance(event, Transcript) for event in events)
    return events, bad  # type: ignore[return-value]


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_time_before_a_speaker_is_the_time_of_the_turn():
    [call], _ = read(CALLS / "health_resolved.txt")

    assert [(turn.speaker, turn.at) for turn in call.turns][:3] == [
        ("agent", 0.0),
        ("customer", 6.0),
        ("agent", 14.0),
    ]
    assert call.turns[1].text.startswith("Hi Tomas.")


def test_captions_of_one_speaker_in_a_row_are_one_turn_without_markup():
    [call], _ = read(CALLS / "airline_follow_up.vtt")

    assert [turn.speaker for turn in call.turns] == ["agent", "customer"] * 4
    assert call.turns[1] == Turn(
        speaker="customer",
        text="Hello, my suitcase did not come out in Oslo and I need it for a conference tomorrow. "
        "The tag number is 0117.",
        at=4.5,
    )
    assert "email & a link" in call.turns[4].text


def test_subrip_with_labels_is_read_like_webvtt():
    lines = [
        "1",
        "00:00:01,000 --> 00:00:02,500",
        "Agent: Hello.",
        "",
        "2",
        "00:00:03,000 --> 00:00:04,000",
        "Caller: Hi,",
    ]
    lines += ["my line is dead.", ""]

    assert captions(lines) == (
        Turn(speaker="agent", text="Hello.", at=1.0),
        Turn(speaker="customer", text="Hi, my line is dead.", at=3.0),
    )


def test_a_json_document_is_a_call_with_its_own_id_time_and_brand():
    [call], _ = read(CALLS / "telecom_sour.json")

    assert (call.id, call.brand, call.occurred_at.isoformat()) == (
        "call:volt-77",
        "VoltLine",
        "2026-03-12T09:00:00+00:00",
    )
    assert [turn.at for turn in call.turns][:3] == [0.0, 4.5, 10.0]


@pytest.mark.parametrize(
    "document",
    [
        {
            "calls": [
                {"id": "a", "turns": [{"speaker": "customer", "text": "hi"}]},
                {"id": "b", "transcript": "Agent: x"},
            ]
        },
        [{"id": "a", "messages": [{"role": "user", "content": "hi"}]}, {"id": "b", "turns": []}],
    ],
)
def test_several_calls_in_one_document_are_read_one_by_one(tmp_path, document):
    events, bad = read(written(tmp_path, "calls.json", json.dumps(document, indent=2)))

    assert [event.id for event in events] == ["call:a"]
    assert [row.line for row in bad] == [2], "the second has no customer, or no turns"


def test_a_document_goes_on_behind_the_call_that_is_done(tmp_path):
    said = [{"speaker": "customer", "text": "hi"}]
    path = written(
        tmp_path,
        "calls.json",
        json.dumps([{"id": name, "turns": said} for name in "abc"], indent=1),
    )
    cursors = [cursor for _, cursor in open_file(path, on_bad_row=pytest.fail)]

    left = open_file(path, after=list(cursors[0]), on_bad_row=pytest.fail)

    assert [event.id for event, _ in left] == ["call:b", "call:c"]


def test_a_list_of_turns_is_one_call(tmp_path):
    said = [
        {"participantRole": "AGENT", "content": "hello"},
        {"participantRole": "CUSTOMER", "content": "hi"},
    ]
    path = written(
        tmp_path,
        "contact.json",
        json.dumps([{"participant_role": t["participantRole"], **t} for t in said]),
    )
    [call], bad = read(path, "transcripts")

    assert [turn.speaker for turn in call.turns] == ["agent", "customer"]
    assert bad == []


def test_an_exchange_a_row_is_two_turns():
    [call], _ = read(CALLS / "airline_exchange.csv")

    assert [turn.speaker for turn in call.turns] == ["agent", "customer", "agent", "customer"]


def test_two_people_by_name_are_turns_whose_side_nobody_has_told():
    [call], bad = read(CALLS / "telecom_named.csv")

    assert {turn.speaker for turn in call.turns} == {"unknown"}
    assert [turn.name for turn in call.turns][:2] == ["Priya", "Jonas"]
    assert bad == []


@pytest.mark.parametrize(
    ("lines", "speakers"),
    [
        (["Speaker 1: hello", "Speaker 2: hi"], ["unknown", "unknown"]),
        (["Anna: hello", "Ben: hi", "Anna: yes?", "Ben: my line"], ["unknown"] * 4),
        (
            ["Agent: hello", "Ben: hi", "Agent: yes?", "Ben: my line"],
            ["agent", "unknown", "agent", "unknown"],
        ),
        (["Agent: hello", "Customer: note this", "Ref: 12", "Ref: 13"], ["agent", "customer"]),
        (["Subject: refund", "To: you", "I want my money back.", "Really."], []),
        (["00:12 Member: hi", "(00:15) Agent: hello"], ["customer", "agent"]),
    ],
)
def test_names_speak_where_a_conversation_is_plainly_theirs(lines, speakers):
    assert [turn.speaker for turn in turns(lines)] == speakers


@pytest.mark.parametrize(
    ("time", "expected"),
    [("1:02", 62.0), ("00:01:02.5", 62.5), ("01:02,250", 62.25), ("9", None), ("noon", None)],
)
def test_times_are_seconds_from_the_start(time, expected):
    assert seconds(time) == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "call.txt",
            b"Agent: hello?\nAgent: anybody?\n",
            "no turn of a customer; a turn begins with `Customer:`",
        ),
        (
            "call.txt",
            b"hello\nI want to cancel\n",
            "does not say who speaks; a turn begins with its speaker",
        ),
        ("call.txt", b"Member: hi\n" * 120_000, "is larger than 1,048,576 bytes"),
        ("call.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n", "does not say who speaks"),
        (
            "call.jsonl",
            b'{"turns": "hello"}\n',
            "each of `turns` has `speaker` (customer or agent) and `text`",
        ),
        ("call.jsonl", b'{"turns": [[\n', "is no JSON"),
        ("call.csv", b"speaker,text\n,hello\n", "does not say who speaks, a customer or an agent"),
    ],
)
def test_what_is_no_call_is_one_line_that_says_what_was_expected(tmp_path, name, content, expected):
    events, bad = read(written(tmp_path, name, content), "transcripts")

    assert events == []
    assert expected in bad[0].reason
    assert "\n" not in bad[0].reason


def test_bytes_that_are_not_utf8_are_read_as_windows_wrote_them(tmp_path):
    [call], bad = read(
        written(tmp_path, "call.txt", "Member: caf\xe9 \x96 closed".encode("latin-1"))
    )

    assert call.text == "caf\xe9 \u2013 closed"
    assert bad == []


@pytest.mark.parametrize("content", [b"", b"  \n\n"])
def test_an_empty_file_is_named(tmp_path, content):
    with pytest.raises(FormatError, match="is empty"):
        open_file(written(tmp_path, "call.txt", content), on_bad_row=pytest.fail)


def test_a_folder_reads_text_and_captions_and_goes_on_past_what_is_no_call():
    bad: list[BadRow] = []
    events = [event.id for event, _ in open_file(CALLS, on_bad_row=bad.append)]

    assert [id.partition("~")[0] for id in events] == [
        "call:airline_follow_up",
        "call:health_resolved",
    ]
    assert [row.reason.partition(":")[0] for row in bad] == [
        "airline_exchange.csv",
        "telecom_named.csv",
        "telecom_sour.json",
        "agent_only.txt",
        "nobody_named.txt",
    ]


def test_names_and_times_survive_the_wire():
    said = Turn(speaker="unknown", text="hi", name="Speaker 2", at=1.5)
    call = Transcript.model_validate(
        {
            "id": "call:1",
            "conversation": "call:1",
            "occurred_at": "2026-03-12T12:00:00Z",
            "turns": [said],
        }
    )

    assert decode(encode(call)) == call


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("call.txt.gz", b"Member: hi\n", "is larger than 1,048,576 bytes"),
        ("call.txt.gz", b"Member: hi ", "is larger than 1,048,576 bytes"),
        ("call.vtt.gz", b"WEBVTT\n", "is larger than 1,048,576 bytes"),
        ("call.json.gz", b'[{"turns":\n', "is larger than 16,777,216 bytes"),
        ("calls.csv.gz", b"Customer,hello\n", "is longer than 1,048,576 characters"),
    ],
)
def test_a_packed_call_is_measured_by_what_is_in_it(tmp_path, name, line, expected):
    beginning = b"speaker,text\n" if "csv" in name else b""
    length = 3_000_000 if "csv" in name else 40_000_000
    packed = gzip.compress(beginning + line * (length // len(line)), compresslevel=1)
    path = written(tmp_path, name, packed)
    assert path.stat().st_size < 1 << 20

    tracemalloc.start()
    events, bad = read(path, "transcripts")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert events == []
    assert expected in bad[-1].reason
    assert peak < 60_000_000


def test_an_endless_call_leaves_the_calls_beside_it(tmp_path):
    rows = ["a,Customer,hello", *["b,Customer,hello"] * 80_000, "c,Customer,hello"]
    path = written(tmp_path, "calls.csv", "\n".join(["call_id,speaker,text", *rows]).encode())

    events, bad = read(path, "transcripts")

    assert [event.id for event in events] == ["call:a", "call:c"]
    assert len(bad) == 1


@pytest.mark.parametrize("content", ["WEBVTT\n", "WEBVTT\n\nhello there\n", "WEBVTT\n\nNOTE a\n"])
def test_captions_without_a_time_say_that_nobody_speaks(tmp_path, content):
    events, bad = read(written(tmp_path, "call.vtt", content), "transcripts")

    assert events == []
    assert "does not say who speaks" in bad[0].reason

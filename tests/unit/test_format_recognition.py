import gzip
from datetime import UTC, datetime

import pytest
from replayed import SAMPLES, Replayed, sample, written

from connectors.base import FormatError


def packed_bytes(content: bytes) -> bytes:
    """The same at any time of day: gzip writes the clock into its header."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("airline.csv", "airline"),
        ("sentiment140.csv", "sentiment140"),
        ("sentiment140_header.csv", "sentiment140"),
        ("twcs.csv", "twcs"),
        ("twcs_numbered.csv", "twcs"),
        ("complaints.csv", "complaints"),
        ("complaints_plain.csv", "complaints"),
        ("calls", "transcripts"),
        ("calls/second.txt", "transcripts"),
        ("calls.jsonl", "transcripts"),
        ("turns.csv", "transcripts"),
        ("events.jsonl", "jsonl"),
    ],
)
def test_the_format_is_recognised_and_may_be_named(name, format):
    assert sample(name).source.format == format
    assert sample(name, format=format).events == sample(name).events


@pytest.mark.parametrize(
    "name", ["airline.csv", "sentiment140.csv", "twcs.csv", "calls.jsonl", "events.jsonl"]
)
def test_a_packed_file_is_read_as_it_is_whatever_its_name(tmp_path, name):
    packed = written(tmp_path, packed_bytes((SAMPLES / name).read_bytes()), name)

    assert [event.id for event in Replayed(packed).events] == [
        event.id for event in sample(name).events
    ]


@pytest.mark.parametrize("name", ["airline.csv", "complaints.csv", "calls.jsonl", "events.jsonl"])
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path, name):
    path = tmp_path / name
    windows = (SAMPLES / name).read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + windows)

    assert [
        (event.id, event.text) for event in Replayed(path).events if event.kind != "deleted"
    ] == [(event.id, event.text) for event in sample(name).events if event.kind != "deleted"]


def test_a_complaints_table_may_use_semicolons_and_windows_1252(tmp_path):
    path = written(tmp_path, "id;text;date\n1;Der Zug fällt aus; 22.04.2015\n".encode("cp1252"))
    [event] = Replayed(path).events

    assert event.text == "Der Zug fällt aus"
    assert event.occurred_at == datetime(2015, 4, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b"\n \n", "is empty", id="blank lines"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 9, "binary", id="a picture"
        ),
        pytest.param(bytes(4096), "binary", id="zeros"),
        pytest.param("colour,size".encode("utf-16"), "'colour,size'", id="UTF-16"),
        pytest.param(b"colour,size\nred,5\n", "'colour,size'", id="another table"),
        pytest.param(b'{"colour": "red"}\n', "colour", id="another JSON"),
        pytest.param(b"just some words\n", "just some words", id="words"),
        pytest.param(b'"' + b"x" * 200_000, "not recognised", id="a quote without its end"),
        pytest.param(packed_bytes(b""), "is empty", id="nothing, packed"),
        pytest.param(
            packed_bytes(b"tweet_id,text\n" * 99)[:-30], "cannot be read", id="packed and cut off"
        ),
        pytest.param(b"\x1f\x8bno gzip at all", "cannot be read", id="no gzip"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_clear_line(tmp_path, content, reason):
    with pytest.raises(FormatError) as refused:
        Replayed(written(tmp_path, content, "what.csv"))

    assert reason in str(refused.value)
    assert "what.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_header_names_the_formats_that_are_known(tmp_path):
    with pytest.raises(
        FormatError, match="airline, sentiment140, twcs, complaints, transcripts, jsonl"
    ):
        Replayed(written(tmp_path, "colour,size\nred,5\n"))


def test_a_missing_file_a_folder_and_an_unknown_format_are_refused(tmp_path):
    with pytest.raises(FormatError, match=r"nowhere\.csv: there is no such file"):
        Replayed(tmp_path / "nowhere.csv")
    with pytest.raises(FormatError, match="is a folder"):
        Replayed(tmp_path)
    with pytest.raises(FormatError, match="there is no format 'excel'"):
        sample("airline.csv", format="excel")
    with pytest.raises(FormatError, match="cannot be read"):
        Replayed(SAMPLES / "airline.csv" / "inside")


@pytest.mark.parametrize(
    ("format", "missing"),
    [("airline", "airline"), ("twcs", "author_id"), ("complaints", "complaint_text")],
)
def test_a_named_format_says_which_column_is_missing(tmp_path, format, missing):
    with pytest.raises(FormatError, match=missing):
        Replayed(written(tmp_path, "tweet_id,colour\n1,red\n"), format)

"""Hostile files of every kind under every ending: never an error but the one that is documented,
nothing is left out without a word, and a reading goes on where it stopped.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hostile import nearly
from hypothesis import given, settings
from hypothesis import strategies as st
from own_files import CAPTIONS, JSON, LINES, LISTS, MAILBOX, TABLES

from connectors.base import Cursor, FormatError, SourceError
from connectors.events import SourcedEvent, decode, encode
from connectors.files import FORMATS, BadRow, open_file
from connectors.formats.calls import SUFFIXES

DATA = Path(__file__).parents[1] / "data"
FEW, MANY, MOST = 120, 2_000, 10_000  # files of a kind: `make test`, `make test-long`, by hand
LONGEST = 3_000  # bytes of a sample of the tests' own files


class Kind(NamedTuple):
    """Files of one kind. endings: what they are called, rightly and wrongly. formats: those that a
    person may name besides the recognised one.
    """

    samples: Sequence[bytes]
    endings: Sequence[str]
    formats: Sequence[str]


def of_tests(*endings: str) -> list[bytes]:
    folders = ("files", "calls")
    paths = [path for folder in folders for path in sorted((DATA / folder).iterdir())]
    return [path.read_bytes()[:LONGEST] for path in paths if path.suffix in endings]


CALLS = ("transcripts",)
ROWS = ("complaints", "airline", "twcs", "sentiment140", "transcripts")
KINDS = {
    "csv": Kind(of_tests(".csv"), (".csv", ".csv", ".csv.gz", ".txt"), ROWS),
    "tables": Kind(TABLES, (".tsv", ".csv", ".tab", ".txt"), ROWS),
    "jsonl": Kind([*LINES, *of_tests(".jsonl")], (".jsonl", ".ndjson", ".jsonl.gz"), FORMATS),
    "json": Kind([*JSON, *LISTS, *of_tests(".json")], (".json", ".json", ".json.gz"), FORMATS),
    "txt": Kind(of_tests(".txt"), (".txt", ".txt", ".txt.gz", ".log"), CALLS),
    "vtt": Kind([*CAPTIONS, *of_tests(".vtt")], (".vtt", *SUFFIXES, ".vtt.gz"), CALLS),
    "eml": Kind(MAILBOX[:-1], (".eml",), ("transcripts", "complaints")),
    "mbox": Kind(MAILBOX[-1:], (".mbox", ""), ("transcripts", "complaints")),
}


class Reading(NamedTuple):
    """What came of a file. refusal: the line that says why it is not read, or not to its end."""

    events: list[SourcedEvent]
    bad: list[BadRow]
    refusal: str


def read(path: Path, format: str | None, after: Cursor | None = None) -> Reading:
    events: list[SourcedEvent] = []
    bad: list[BadRow] = []
    try:
        events.extend(open_file(path, format, after=after, on_bad_row=bad.append))
    except (FormatError, SourceError) as error:
        return Reading(events, bad, str(error))
    return Reading(events, bad, "")


def check(path: Path, format: str | None) -> None:
    events, bad, refusal = read(path, format)
    assert events or bad or refusal, "nothing is said of it"
    for reason in [*(row.reason for row in bad), refusal]:
        assert reason.isprintable(), "a reason is one line that harms no terminal"
    assert all(row.line > 0 and row.reason and row.size > 0 for row in bad)
    # Half of a character, as a cut leaves it, is `?` on the wire.
    assert all(encode(decode(encode(event))) == encode(event) for event, _ in events)
    if events:
        middle = len(events) // 2
        before, after = events[: middle + 1], events[middle + 1 :]
        again = read(path, format, before[-1].cursor)
        # What is named at the first reading, a further turn of a call, is an event at the second;
        # and a file may hold an event twice.
        known = {event.id for event, _ in before}
        further, expected = (
            [sourced for sourced in part if sourced.event.id not in known]
            for part in (again.events, after)
        )
        assert further == expected


def tried(kind: Kind, most: int) -> int:
    """How many files of this kind were read, as many as are asked for at least."""
    count = 0
    folder = tempfile.TemporaryDirectory()

    @settings(max_examples=most)
    @given(
        nearly(kind.samples), st.sampled_from(kind.endings), st.sampled_from([None, *kind.formats])
    )
    def enter(content: bytes, ending: str, format: str | None) -> None:
        nonlocal count
        count += 1
        path = Path(folder.name) / f"calls{ending}"
        is_packed = ending.endswith(".gz") and len(content) % 2
        path.write_bytes(gzip.compress(content, 1, mtime=0) if is_packed else content)
        os.utime(path, (1_773_316_800, 1_773_316_800))  # of calls without a day
        check(path, format)

    with folder:
        enter()
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_read_named_or_refused(kind):
    assert tried(KINDS[kind], FEW) >= FEW


@pytest.mark.long
@pytest.mark.parametrize("count", [MANY, pytest.param(MOST, marks=pytest.mark.by_hand)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_thousands_is_read_named_or_refused(kind, count):
    assert tried(KINDS[kind], count) >= count

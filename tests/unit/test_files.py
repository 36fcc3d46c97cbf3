import gzip
import os

import pytest
from replayed import AIRLINE_HEADER, SAMPLES, SHARED, Replayed, airline_row, sample, written

from connectors.base import FormatError, Source
from connectors.catalog import SOURCES, inputs, outputs, source
from connectors.files import open_file


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "airline.csv",
        "sentiment140.csv",
        "twcs.csv",
        "complaints.csv",
        "calls",
        "calls.jsonl",
        "events.jsonl",
    ],
)
def test_reading_goes_on_after_any_cursor(tmp_path, name, packed):
    path = SAMPLES / name
    if packed:
        if path.is_dir():
            pytest.skip("a folder is not packed")
        path = written(tmp_path, gzip.compress(path.read_bytes()), name)
        os.utime(path, (1_400_000_000, 1_400_000_000))
    whole = Replayed(path)

    for done, cursor in enumerate(whole.cursors, 1):
        rest = Replayed(path, after=cursor)
        assert rest.events == whole.events[done:]
        assert rest.cursors == whole.cursors[done:]
        assert all(bad in whole.bad for bad in rest.bad)


def test_a_call_of_a_table_is_done_when_its_last_turn_is():
    whole = sample("turns.csv")

    assert Replayed(SAMPLES / "turns.csv", after=whole.cursors[0]).events[0] == whole.events[1]


def test_a_single_call_is_not_read_twice():
    whole = sample("calls/second.txt")

    assert Replayed(SAMPLES / "calls" / "second.txt", after=whole.cursors[0]).events == []


def test_a_file_that_has_become_shorter_is_refused(tmp_path):
    path = written(tmp_path, AIRLINE_HEADER + airline_row(1) + airline_row(2))
    cursor = Replayed(path).cursors[-1]
    path.write_text(AIRLINE_HEADER + airline_row(1))

    with pytest.raises(FormatError, match="replay it from the start"):
        Replayed(path, after=cursor)


# brands and progress


@pytest.mark.parametrize("brand", ["Sky North", "sky north", "@SkyNorth"])
def test_of_a_file_with_brands_one_brand_is_chosen(brand):
    replayed = sample("airline.csv", brand=brand)

    assert {event.brand for event in replayed.events} == {"Sky North"}
    assert len(replayed.events) == 2


def test_a_file_without_brands_is_given_one():
    assert {event.brand for event in sample("sentiment140.csv", brand="VoltLine").events} == {
        "VoltLine"
    }


def test_both_sides_of_the_chosen_brand_are_replayed():
    replayed = sample("twcs.csv", brand="voltcare")

    assert {event.id for event in replayed.events} == {"x:1", "x:2", "x:3", "x:4"}


@pytest.mark.parametrize(
    "name", ["airline.csv", "twcs.csv", "calls", "calls/second.txt", "events.jsonl"]
)
def test_progress_goes_from_nothing_to_all_of_it(name):
    opened = open_file(SAMPLES / name, on_bad_row=lambda bad: None)
    assert isinstance(opened, Source)
    assert opened.done == 0

    for _ in opened:
        assert 0 <= opened.done <= opened.total

    assert opened.done == opened.total > 0


def test_the_catalog_opens_every_source_it_names():
    assert source("file") is open_file
    assert next(iter(source("demo")())).event.text
    assert all(callable(source(name)) for name in SOURCES)
    assert inputs() == ["bluesky", "demo", "file", "imap", "mastodon", "x"]
    assert outputs() == ["bluesky", "file", "mastodon", "x"]


@pytest.mark.parametrize(
    ("name", "format", "rows", "unique", "bad"),
    [
        ("tweets/airline/Tweets.csv", "airline", 14_640, 14_485, 0),
        ("tweets/sentiment140/random_27k_dated.csv", "sentiment140", 27_690, 27_689, 0),
        ("tweets/sentiment140/testdata.manual.2009.06.14.csv", "sentiment140", 498, 498, 0),
        ("tweets/twcs/twcs_first5000.csv", "twcs", 5_000, 5_000, 0),
        ("complaints/comcast_fcc/comcast_fcc.csv", "complaints", 1_782, 1_782, 0),
        ("complaints/cfpb/cfpb_narratives.csv.gz", "complaints", 6_634, 6_634, 0),
        ("calls/transcripts_v3/transcripts", "transcripts", 200, 200, 0),
        ("calls/contact_center/transcripts.jsonl", "transcripts", 121, 121, 112),
    ],
)
def test_the_public_files_are_read_to_the_last_row(name, format, rows, unique, bad):
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not there; EARSHOT_SHARED names the folder that has data/{name}")
    replayed = Replayed(SHARED / name)

    assert replayed.source.format == format
    assert len(replayed.events) == rows
    assert len(replayed.by_id) == unique
    assert len(replayed.bad) == bad

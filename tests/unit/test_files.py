import csv
import gzip
import io
import json
import os
import shutil
from array import array
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import FormatError, Source, SourceError
from connectors.catalog import SOURCES, source
from connectors.events import Deleted, Event, Transcript, decode, encode
from connectors.files import BadRow, open_file
from connectors.formats.rows import MAX_LINE, TextFile, csv_rows
from connectors.formats.speakers import turns
from connectors.formats.times import twitter_time, written_time
from connectors.formats.twcs import Threads

SAMPLES = Path(__file__).parents[1] / "data" / "files"
SHARED = Path(os.environ.get("EARSHOT_SHARED", Path(__file__).parents[2].parent / "shared")) / "data"

AIRLINE_HEADER = "tweet_id,airline,name,text,tweet_created\n"


class Replayed:
    """What a file gave: its events, the cursor behind each, and the rows that could not be read."""

    def __init__(
        self, path: Path, format: str | None = None, *, brand: str | None = None, after: object = None
    ) -> None:
        self.bad: list[BadRow] = []
        self.source = open_file(path, format, brand=brand, after=after, on_bad_row=self.bad.append)
        sourced = list(self.source)
        self.events: list[Event] = [event for event, _ in sourced]
        self.cursors = [json.loads(json.dumps(cursor)) for _, cursor in sourced]
        self.by_id = {event.id: event for event in self.events}


def sample(name: str, **options: str) -> Replayed:
    return Replayed(SAMPLES / name, **options)


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def airline_row(number: object, text: str = "late again") -> str:
    return f"{number},Sky North,ada,{text},2015-02-24 11:35:52 -0800\n"


# each format


def test_an_airline_row_is_a_customers_tweet():
    first = sample("airline.csv").events[0]

    assert first.id == first.conversation == "x:900000000000000001"
    assert first.brand == "Sky North"
    assert first.author == "ada_l"
    assert first.direction == "inbound"
    assert first.occurred_at == datetime(2015, 2, 24, 19, 35, 52, tzinfo=UTC)
    assert first.text == '@SkyNorth three hours on the apron, and nobody says "sorry"'


def test_a_quoted_text_keeps_its_line_feed():
    assert sample("airline.csv").events[1].text == "@SkyNorth lovely crew\nand a window seat"


def test_a_repeated_row_gives_the_same_event_again():
    repeated = sample("airline.csv").events[2:]

    assert len(repeated) == 2
    assert repeated[0] == repeated[1]


def test_sentiment140_as_published_has_no_header_and_is_latin_1():
    replayed = sample("sentiment140.csv")

    assert replayed.source.format == "sentiment140"
    assert [event.id for event in replayed.events] == ["x:1500000001", "x:1500000002", "x:1500000003"]
    assert replayed.events[0].occurred_at == datetime(2009, 4, 7, 5, 19, 45, tzinfo=UTC)
    assert replayed.events[1].text == "a café in the sun "
    assert replayed.events[1].author == "bo"
    assert replayed.events[1].brand is None


def test_sentiment140_with_a_header_is_the_same():
    replayed = sample("sentiment140_header.csv")

    assert replayed.source.format == "sentiment140"
    assert [event.text for event in replayed.events] == ["my train is late, again", "a café in the sun"]
    assert replayed.bad == []


@pytest.mark.parametrize("order", [1, -1])
def test_twcs_threads_a_reply_to_the_first_message_in_whatever_order(tmp_path, order):
    header, *rows = (SAMPLES / "twcs.csv").read_bytes().strip().split(b"\n")
    twcs = Replayed(written(tmp_path, b"\n".join([header, *rows[::order]]))).by_id

    assert [twcs[f"x:{id}"].conversation for id in (1, 2, 3, 4)] == ["x:1"] * 4
    assert [twcs[f"x:{id}"].in_reply_to for id in (1, 2, 3, 4)] == [None, "x:1", "x:2", "x:1"]
    assert twcs["x:20"].conversation == "x:20"


def test_twcs_rows_of_the_brand_are_outbound():
    twcs = sample("twcs.csv").by_id

    assert (twcs["x:3"].direction, twcs["x:3"].brand, twcs["x:3"].author) == ("outbound", "VoltCare", "VoltCare")
    assert (twcs["x:2"].direction, twcs["x:2"].author) == ("inbound", "100001")


def test_twcs_customers_are_given_the_brand_they_mention_or_that_answers():
    twcs = sample("twcs.csv").by_id

    assert twcs["x:1"].brand == "VoltCare"  # mentioned
    assert twcs["x:2"].brand == twcs["x:4"].brand == "VoltCare"  # answers in the conversation
    assert twcs["x:20"].brand == "somebody"  # the only handle that is no customer's number


def test_twcs_a_parent_that_is_not_in_the_file_is_the_first_message():
    reply = sample("twcs.csv").by_id["x:12"]

    assert reply.conversation == reply.in_reply_to == "x:11"
    assert reply.occurred_at == datetime(2017, 11, 1, 8, tzinfo=UTC)


def test_twcs_a_circle_of_replies_has_one_conversation():
    twcs = sample("twcs.csv").by_id

    assert {twcs[f"x:{id}"].conversation for id in (30, 31, 32)} == {"x:30"}


@given(st.dictionaries(st.integers(1, 30), st.integers(1, 40), max_size=30))
def test_twcs_threads_are_what_walking_up_gives(parent_of):
    threads = Threads(array("q", parent_of), array("q", parent_of.values()), array("q"), array("I"))

    def walked(tweet: int) -> int:
        path = [tweet]
        while (parent := parent_of.get(path[-1])) is not None and parent not in path:
            path.append(parent)
        return path[-1] if parent is None else min(path[path.index(parent) :])

    assert [threads.root(tweet) for tweet in range(42)] == [walked(tweet) for tweet in range(42)]


def test_twcs_a_bare_carriage_return_is_no_end_of_a_row():
    twcs = sample("twcs.csv")

    assert twcs.by_id["x:4"].text == "@100001   same here"
    assert twcs.bad == []


def test_twcs_with_a_column_of_row_numbers_and_ids_as_floats():
    twcs = sample("twcs_numbered.csv")

    assert twcs.source.format == "twcs"
    assert [(event.id, event.conversation, event.in_reply_to) for event in twcs.events] == [
        ("x:2", "x:1", "x:1"),
        ("x:1", "x:1", None),
    ]


def test_complaints_are_found_by_the_names_of_their_columns():
    first, second, third = sample("complaints.csv").events

    assert first.id == first.conversation == "complaints:A%2017"
    assert (first.kind, first.title, first.brand) == ("complaint", "No connection", "VoltLine")
    assert first.text == "The line has been dead for a week.\nNobody came."
    assert first.occurred_at == datetime(2015, 4, 22, tzinfo=UTC)
    assert second.occurred_at == datetime(2015, 4, 28, 23, 3, 5, tzinfo=UTC)
    assert third.title is None


def test_a_complaint_without_words_is_a_bad_row():
    assert sample("complaints.csv").bad == [BadRow(6, "has no text")]


def test_complaints_without_ids_or_dates_are_the_same_at_every_replay(tmp_path):
    path = tmp_path / "copy.csv"
    shutil.copy(SAMPLES / "complaints_plain.csv", path)
    os.utime(path, (1_400_000_000, 1_400_000_000))
    bag, app, bag_again = Replayed(path).events

    assert Replayed(path).events == [bag, app, bag_again]
    assert bag == bag_again != app
    assert bag.id.startswith("complaints:")
    assert bag.occurred_at == datetime.fromtimestamp(1_400_000_000, UTC)


def test_a_folder_of_transcripts_is_a_call_a_file():
    calls = sample("calls")

    assert calls.source.format == "transcripts"
    assert [event.id for event in calls.events] == ["call:first%20call", "call:second"]
    assert [(turn.speaker, turn.text) for turn in calls.events[0].turns] == [
        ("customer", "Hello, I was charged twice."),
        ("agent", "I am sorry. Which month?"),
        ("customer", "March. And April, too."),
        ("agent", "I have refunded: 20 euros."),
    ]
    assert calls.events[1].text == "My claim: rejected. Why?"


def test_a_call_without_a_customer_is_reported_by_its_file():
    [bad] = sample("calls").bad

    assert "silent.txt" in bad.reason
    assert "no turn of a customer" in bad.reason


def test_one_text_file_is_one_call():
    assert [event.id for event in sample("calls/second.txt").events] == ["call:second"]


def test_calls_as_json_lines():
    calls = sample("calls.jsonl")

    assert [event.id for event in calls.events] == ["call:77", "call:78", "call:80"]
    assert calls.by_id["call:78"].text == "I want to cancel."
    assert calls.by_id["call:80"].brand == "VoltLine"
    assert calls.by_id["call:80"].occurred_at == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert [bad.line for bad in calls.bad] == [3]
    assert "does not say who speaks; each of `turns` has `speaker`" in calls.bad[0].reason


def test_a_table_of_turns_is_a_call_for_each_id():
    calls = sample("turns.csv")

    assert [(event.id, len(event.turns), event.text) for event in calls.events] == [
        ("call:c1", 3, "My router is dead."),
        ("call:c2", 2, "I want to cancel."),
    ]
    assert calls.bad == [BadRow(7, "the turns of call 'c1' do not stand together")]


def test_a_table_of_turns_without_ids_is_one_call(tmp_path):
    path = written(tmp_path, "speaker,text\ncustomer,hello\nagent,hi\n", "monday.csv")

    assert [event.id for event in Replayed(path).events] == ["call:monday"]


@pytest.mark.parametrize(
    ("line", "speakers"),
    [
        ("Member: hi", ["customer"]),
        ("  CALLER : hi", ["customer"]),
        ("**CUSTOMER (LEE):** hi", ["customer"]),
        ("Customer Support: hi", ["agent"]),
        ("Claims Review Team: hi", ["agent"]),
        ("_PA Agent: hi", ["agent"]),
        (".Member: hi", ["customer"]),
        ("Duration: 9 minutes", []),
        ("(pause)", []),
        ("hi", []),
    ],
)
def test_who_speaks_is_read_from_the_label(line, speakers):
    assert [turn.speaker for turn in turns([line])] == speakers


def test_our_own_events_as_json_lines():
    replayed = sample("events.jsonl")

    assert replayed.source.format == "jsonl"
    assert [event.kind for event in replayed.events] == ["tweet", "deleted", "complaint", "transcript"]
    assert isinstance(replayed.events[1], Deleted)
    assert replayed.events[2].occurred_at.year == 9999
    assert isinstance(replayed.events[3], Transcript)


def test_a_line_that_is_no_event_is_reported_and_the_rest_goes_on():
    not_json, another_version = sample("events.jsonl").bad

    assert not_json.line == 2
    assert "Invalid JSON" in not_json.reason
    assert another_version == BadRow(3, "schema_version: Input should be 1")


def test_what_is_written_as_json_lines_is_read_again(tmp_path):
    events = sample("airline.csv").events

    assert Replayed(written(tmp_path, b"\n".join(map(encode, events)), "copy.jsonl")).events == events


# which format it is


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


@pytest.mark.parametrize("name", ["airline.csv", "sentiment140.csv", "twcs.csv", "calls.jsonl", "events.jsonl"])
def test_a_packed_file_is_read_as_it_is_whatever_its_name(tmp_path, name):
    packed = written(tmp_path, gzip.compress((SAMPLES / name).read_bytes()), name)

    assert [event.id for event in Replayed(packed).events] == [event.id for event in sample(name).events]


@pytest.mark.parametrize("name", ["airline.csv", "complaints.csv", "calls.jsonl", "events.jsonl"])
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path, name):
    path = tmp_path / name
    windows = (SAMPLES / name).read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + windows)

    assert [(event.id, event.text) for event in Replayed(path).events if event.kind != "deleted"] == [
        (event.id, event.text) for event in sample(name).events if event.kind != "deleted"
    ]


def test_a_complaints_table_may_use_semicolons_and_windows_1252(tmp_path):
    path = written(tmp_path, "id;text;date\n1;Der Zug fällt aus; 22.04.2015\n".encode("cp1252"))
    [event] = Replayed(path).events

    assert event.text == "Der Zug fällt aus"
    assert event.occurred_at == datetime(2015, 4, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 9, "binary"),
        (bytes(4096), "binary"),
        ("tweet_id,text".encode("utf-16"), "UTF-16"),
        (b"colour,size\nred,5\n", "'colour,size'"),
        (b'{"colour": "red"}\n', "colour"),
        (b"just some words\n", "just some words"),
        (b'"' + b"x" * 200_000, "not recognised"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(b"tweet_id,text\n" * 99)[:-30], "cannot be read"),
        (b"\x1f\x8bno gzip at all", "cannot be read"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_clear_line(tmp_path, content, said):
    with pytest.raises(FormatError) as refused:
        Replayed(written(tmp_path, content, "what.csv"))

    assert said in str(refused.value)
    assert "what.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_header_names_the_formats_that_are_known(tmp_path):
    with pytest.raises(FormatError, match="airline, sentiment140, twcs, complaints, transcripts, jsonl"):
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


# damaged rows


def test_damaged_rows_cost_only_themselves(tmp_path):
    rows = [
        airline_row(1),
        "2,Sky North\n",  # 3: too few columns
        airline_row(3, '"two\nlines"'),
        airline_row(5.5),  # 6: no whole number
        '6,Sky North,ada,"never closed,2015-02-24 11:35:52 -0800\n',  # 7
        airline_row(7, '"a quoted text, with a comma"'),
        "8,Sky North,ada,a day that never was,2015-02-30 11:35:52 -0800\n",  # 9
        airline_row(9, "nul \0 byte"),  # 10
        airline_row(10, "long " * 40_000),  # 11: over the field limit
        airline_row(11, "x" * (MAX_LINE * 2)),  # 12
        "\n",
        airline_row(12),
    ]
    content = (AIRLINE_HEADER + "".join(rows)).encode() + b"13,Sky North,ada,caf\xe9,2015-02-24 11:35:52 -0800\n"
    replayed = Replayed(written(tmp_path, content))

    assert [event.id for event in replayed.events] == ["x:1", "x:3", "x:7", "x:12"]
    assert [bad.line for bad in replayed.bad] == [3, 6, 7, 9, 10, 11, 12, 15]
    assert "has 2 columns, not 5" in replayed.bad[0].reason
    assert "5.5" in replayed.bad[1].reason
    assert "2015-02-30" in replayed.bad[3].reason
    assert "NUL" in replayed.bad[4].reason
    assert "field limit" in replayed.bad[5].reason
    assert "longer than" in replayed.bad[6].reason
    assert "not UTF-8" in replayed.bad[7].reason


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest_of_the_file(tmp_path):
    rows = [airline_row(number) for number in range(5000)]
    rows[10] = '10,Sky North,ada,"never closed,2015-02-24 11:35:52 -0800\n'
    replayed = Replayed(written(tmp_path, AIRLINE_HEADER + "".join(rows)))

    assert len(replayed.events) == 4999
    assert [bad.line for bad in replayed.bad] == [12]


def test_a_sloppy_quote_within_one_line_is_read(tmp_path):
    replayed = Replayed(written(tmp_path, AIRLINE_HEADER + airline_row(1, '"Late" is no word for it') + airline_row(2)))

    assert [event.text for event in replayed.events] == ["Late is no word for it", "late again"]


def test_a_row_that_never_ends_is_given_up_and_the_rest_goes_on(tmp_path):
    endless = '"a","\n' + '","\n' * (MAX_LINE // 3)
    bad: list[BadRow] = []
    path = written(tmp_path, f"1,2\n{endless}3,4\n")

    rows = [row.values for row in csv_rows(TextFile(path).lines(), 2, ",", bad.append)]

    assert rows == [["1", "2"], ["3", "4"]]
    assert bad[0].line == 2
    assert "longer than" in bad[0].reason


@pytest.mark.parametrize("line", ["[" * 100_000, "5", '"words"', "{", '{"turns": 5}', '{"turns": [5]}', '{"id": "1"}'])
def test_a_line_that_is_no_call_is_reported_and_the_rest_goes_on(tmp_path, line):
    good = '{"id": "1", "turns": [{"speaker": "customer", "text": "hello"}]}'
    replayed = Replayed(written(tmp_path, f"{good}\n{line}\n{good}\n", "calls.jsonl"))

    assert [event.id for event in replayed.events] == ["call:1", "call:1"]
    assert [bad.line for bad in replayed.bad] == [2]


def test_an_id_is_the_same_number_however_it_is_written(tmp_path):
    replayed = Replayed(written(tmp_path, AIRLINE_HEADER + airline_row("007") + airline_row("7.0")))

    assert [event.id for event in replayed.events] == ["x:7", "x:7"]


@pytest.mark.parametrize("row", ["99999999999999999999,1,True", "1.5,1,True", "1,1,perhaps"])
def test_a_damaged_row_of_twcs_is_reported_once(tmp_path, row):
    header = "tweet_id,author_id,inbound,created_at,text,response_tweet_id,in_response_to_tweet_id\n"
    good = "7,Volt,False,Tue Oct 31 22:10:47 +0000 2017,hello,,\n"
    replayed = Replayed(written(tmp_path, f"{header}{row},Tue Oct 31 22:10:47 +0000 2017,hello,,\n{good}"))

    assert [event.id for event in replayed.events] == ["x:7"]
    assert [bad.line for bad in replayed.bad] == [2]


def test_an_id_that_a_spreadsheet_has_rounded_is_refused(tmp_path):
    replayed = Replayed(written(tmp_path, AIRLINE_HEADER + airline_row("5.70306E+17") + airline_row(2)))

    assert [event.id for event in replayed.events] == ["x:2"]
    assert [bad.line for bad in replayed.bad] == [2]


def test_a_reason_never_repeats_the_words_of_a_message(tmp_path):
    secret = "my card is 4111 1111 1111 1111"
    lines = [encode(decode(b'{"kind":"tweet","id":"x:1","conversation":"x:1","occurred_at":1,"text":"ok"}'))]
    lines += [json.dumps({"kind": "tweet", "id": secret, "text": secret}).encode(), secret.encode()]
    replayed = Replayed(written(tmp_path, b"\n".join(lines), "own.jsonl"))

    assert len(replayed.bad) == 2
    assert not any("4111" in bad.reason for bad in replayed.bad)


def test_a_packed_file_that_breaks_off_says_so_after_the_rows_before_it(tmp_path):
    rows = "".join(airline_row(number, os.urandom(40).hex()) for number in range(5000))
    packed = gzip.compress((AIRLINE_HEADER + rows).encode())
    opened = open_file(written(tmp_path, packed[: len(packed) // 2]), on_bad_row=lambda bad: None)
    read: list[Event] = []

    with pytest.raises(SourceError, match="cannot be read to its end"):
        read.extend(event for event, _ in opened)

    assert 1000 < len(read) < 5000


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8))
@settings(max_examples=150)
def test_every_table_that_csv_writes_is_read_as_it_was(tmp_path_factory, table):
    with io.StringIO(newline="") as buffer:
        csv.writer(buffer, lineterminator="\n").writerows(table)
        path = written(tmp_path_factory.getbasetemp(), buffer.getvalue(), "property.csv")
    bad: list[BadRow] = []
    rows = list(csv_rows(TextFile(path).lines(), 3, ",", bad.append))

    assert [row.values for row in rows] == [
        [cell.removeprefix("\ufeff") if (i, j) == (0, 0) else cell for j, cell in enumerate(row)]
        for i, row in enumerate(table)
    ]
    assert bad == []


# going on after a cursor


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "name", ["airline.csv", "sentiment140.csv", "twcs.csv", "complaints.csv", "calls", "calls.jsonl", "events.jsonl"]
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
    assert {event.brand for event in sample("sentiment140.csv", brand="VoltLine").events} == {"VoltLine"}


def test_both_sides_of_the_chosen_brand_are_replayed():
    replayed = sample("twcs.csv", brand="voltcare")

    assert {event.id for event in replayed.events} == {"x:1", "x:2", "x:3", "x:4"}


@pytest.mark.parametrize("name", ["airline.csv", "twcs.csv", "calls", "calls/second.txt", "events.jsonl"])
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


# dates

APRIL = datetime(2015, 4, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2015-04-22", "22-Apr-15", "22 April 2015", "Apr 22, 2015", "April 22, 2015", "4/22/2015", "22/4/2015"),
        *("4/22/15", "22.04.2015", "2015-04-22T02:00:00+02:00", "2015-04-22 00:00:00 UTC", "4/22/2015 12:00:00 AM"),
    ],
)
def test_a_date_is_read_as_people_write_it(text):
    assert written_time(text) == APRIL


@pytest.mark.parametrize("text", ["", "soon", "22-Foo-15", "31/31/2015", "4/22/2015 25:00", "2015-02-30"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="is no date"):
        written_time(text)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("Mon Apr 06 22:19:45 PDT 2009", 5),
        ("Tue Apr 07 05:19:45 UTC 2009", 5),
        ("Tue Apr 07 05:19:45 +0000 2009", 5),
        ("Tue Apr 07 10:49:45 +0530 2009", 5),
    ],
)
def test_twitters_dates_name_their_zone(text, hour):
    assert twitter_time(text).astimezone(UTC) == datetime(2009, 4, 7, hour, 19, 45, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "Mon Apr 06 22:19:45 XYZ 2009", "Mon Foo 06 22:19:45 PDT 2009", "Mon Apr 06"])
def test_what_is_no_date_of_twitters_is_refused(text):
    with pytest.raises(ValueError, match=r"is no date|time zone"):
        twitter_time(text)


# the public files themselves, where they are


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

import csv
import gzip
import io
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replayed import AIRLINE_HEADER, Replayed, airline_row, written

from connectors.base import FormatError, SourceError
from connectors.events import Event, decode, encode
from connectors.files import open_file
from connectors.tabular.rows import csv_rows
from connectors.tabular.text_file import MAX_LINE, TextFile


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
    content = (
        AIRLINE_HEADER + "".join(rows)
    ).encode() + b"13,Sky North,ada,caf\xe9,2015-02-24 11:35:52 -0800\n"
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
    replayed = Replayed(
        written(
            tmp_path, AIRLINE_HEADER + airline_row(1, '"Late" is no word for it') + airline_row(2)
        )
    )

    assert [event.text for event in replayed.events] == ["Late is no word for it", "late again"]


def test_a_row_that_never_ends_is_given_up_and_the_rest_goes_on(tmp_path):
    endless = '"a","\n' + '","\n' * (MAX_LINE // 3)
    bad: list[tuple[int, str]] = []
    path = written(tmp_path, f"1,2\n{endless}3,4\n")

    rows = [
        row.values
        for row in csv_rows(TextFile(path).lines(), 2, ",", lambda *fault: bad.append(fault))
    ]

    assert rows == [["1", "2"], ["3", "4"]]
    assert bad[0][0] == 2
    assert "longer than" in bad[0][1]


@pytest.mark.parametrize(
    "line", ["[" * 100_000, "5", '"words"', "{", '{"turns": 5}', '{"turns": [5]}', '{"id": "1"}']
)
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
    header = (
        "tweet_id,author_id,inbound,created_at,text,response_tweet_id,in_response_to_tweet_id\n"
    )
    good = "7,Volt,False,Tue Oct 31 22:10:47 +0000 2017,hello,,\n"
    replayed = Replayed(
        written(tmp_path, f"{header}{row},Tue Oct 31 22:10:47 +0000 2017,hello,,\n{good}")
    )

    assert [event.id for event in replayed.events] == ["x:7"]
    assert [bad.line for bad in replayed.bad] == [2]


def test_an_id_that_a_spreadsheet_has_rounded_is_refused(tmp_path):
    replayed = Replayed(
        written(tmp_path, AIRLINE_HEADER + airline_row("5.70306E+17") + airline_row(2))
    )

    assert [event.id for event in replayed.events] == ["x:2"]
    assert [bad.line for bad in replayed.bad] == [2]


def test_a_reason_never_repeats_the_words_of_a_message(tmp_path):
    secret = "my card is 4111 1111 1111 1111"
    lines = [
        encode(
            decode(b'{"kind":"tweet","id":"x:1","conversation":"x:1","occurred_at":1,"text":"ok"}')
        )
    ]
    lines += [json.dumps({"kind": "tweet", "id": secret, "text": secret}).encode(), secret.encode()]
    replayed = Replayed(written(tmp_path, b"\n".join(lines), "own.jsonl"))

    assert len(replayed.bad) == 2
    assert not any("4111" in bad.reason for bad in replayed.bad)


@pytest.mark.parametrize(("delimiter", "name"), [("\t", "a tab"), (";", "';'"), ("|", "'|'")])
def test_a_row_with_a_stray_quote_is_told_in_signs_that_can_be_seen(tmp_path, delimiter, name):
    """The delimiter is quoted; a tab as it is would move what stands behind it in a terminal."""
    lines = ("id,text,created_at", '1,"my bag" is" lost,2024-01-01', "2,no signal,2024-01-01")
    table = "\n".join(line.replace(",", delimiter) for line in lines)

    replayed = Replayed(written(tmp_path, table.encode(), "own.csv"))

    assert [bad.reason for bad in replayed.bad] == [
        f"cannot be read as CSV: {name} expected after '\"'"
    ]
    assert len(replayed.events) == 1


@pytest.mark.parametrize("name", ["own.json", "own.jsonl", "own.txt"])
@pytest.mark.parametrize(
    "content",
    ["[{}]", "[{}, {}]", "{}\n{}\n", '{"data": [{}]}', '[{"a": {}}]', '{"a": {}}\n{"b": {}}'],
)
def test_objects_without_a_cell_are_refused_or_named(tmp_path, content, name):
    path, events, told = written(tmp_path, content.encode(), name), [], []

    try:
        events += open_file(path, None, on_bad_row=told.append)
    except FormatError as refused:
        told.append(refused)

    assert events == []
    assert told != []


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
    bad: list[tuple[int, str]] = []
    rows = list(csv_rows(TextFile(path).lines(), 3, ",", lambda *fault: bad.append(fault)))

    assert [row.values for row in rows] == [
        [cell.removeprefix("\ufeff") if (i, j) == (0, 0) else cell for j, cell in enumerate(row)]
        for i, row in enumerate(table)
    ]
    assert bad == []

"""Rows that cannot be read are said in a line each, with where they are."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from connectors.formats.rows import BadRow
from stream.cli.calls import BadRows as BadCalls
from stream.cli.progress import BadRows


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (BadRow(7, "has no text"), "line 7: has no text"),
        (BadRow(7, "no date", "date"), "line 7: no date"),
        (BadRow(1, "a.ttml: is no whole XML", "file"), "a.ttml: is no whole XML"),
        (BadRow(1, "2 files are no text with turns: .gz (2)", "file", 2), "2 files are no text"),
        (BadRow(1, "a.txt: 4 words are nobody's", "words", 4), "a.txt: 4 words are nobody's"),
    ],
)
def test_a_line_is_named_where_a_line_is_at_fault_and_not_where_a_whole_file_is(row, line):
    written = io.StringIO()
    BadRows(Console(file=written, width=200))(row)

    assert written.getvalue().startswith(line)


def test_calls_that_are_analyzed_name_a_line_likewise(capsys):
    named = BadCalls().of("calls")
    named(BadRow(1, "a.ttml: is no whole XML", "file"))
    named(BadRow(7, "has no text"))

    assert capsys.readouterr().err == (
        "earshot: calls: a.ttml: is no whole XML\nearshot: calls, line 7: has no text\n"
    )

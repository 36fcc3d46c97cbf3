"""Transcripts as people copy them: words, and who said them, from texts of other programs."""

from __future__ import annotations

import pytest

from connectors.files import BadRow, open_file

SAID = [
    ("Tom Hall", "You are through to the billing team."),
    ("Jane Roe", "Note: I have been waiting for forty minutes."),
    ("Tom Hall", "Apologies for the wait, madam."),
    ("Jane Roe", "My meter shows 12:30 and the reading is wrong."),
]


def lines(turn):
    return "".join(turn.format(at=at, who=who, text=text) for at, (who, text) in enumerate(SAID))


TEXTS = {
    "columns of blanks": lines("{who}    00:00:0{at}    {text}\n"),
    "columns of tabs": lines("{who}\t00:0{at}\t{text}\n"),
    "columns with a span": lines("{who}   00:0{at} - 00:0{at}   {text}\n"),
    "one blank": lines("{who} 00:00:0{at} {text}\n"),
    "labels and words in quotes": lines('"{who}": "{text}"\n'),
    "times in words": lines("{who}\n0 minutes {at} seconds\n{text}\n\n"),
    "times in words and figures": lines("{who}\n1 minute {at} seconds0:0{at}\n{text}\n\n"),
    "headings": lines("{who}  0:0{at}\n{text}\n\n"),
    "a page": "<p>Chat started</p>" + lines("( {at}s ) {who}: {text}<br>"),
    "a page of paragraphs": "<html><body>"
    + lines("<p><b>{who}:</b> {text}</p>\n")
    + "</body></html>",
    "a page of blocks": lines("<div>{who}:</div><div>{text}</div>"),
    "a first line with a word of tables": "12/03/2026, 14:00 - Messages and calls are encrypted.\n"
    + lines("12/03/2026, 14:0{at} - {who}: {text}\n"),
    "a title with a word of tables": "Complaint of 12 March\n\n"
    + lines("{who}  0:0{at}\n{text}\n\n"),
    "a summary above": "Jane Roe complaint\nThu, Mar 12, 2026 2:05PM • 4:12\n\nSUMMARY KEYWORDS\n"
    "bill, meter\n\nSPEAKERS\nTom Hall, Jane Roe\n\n" + lines("{who}  0:0{at}\n{text}\n\n"),
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS.keys())
def test_every_word_arrives_with_who_said_it(tmp_path, content):
    path = tmp_path / "call.txt"
    path.write_text(content)
    bad: list[BadRow] = []
    [(call, _)] = open_file(path, on_bad_row=bad.append)

    assert [(turn.name, turn.text) for turn in call.turns] == SAID
    assert {row.kind for row in bad} <= {"words"}


def test_a_table_whose_cells_hold_talk_stays_a_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        'date,comment\n2026-03-12,"Agent: no.\nCustomer: why?"\n2026-03-13,"bad, bad"\n'
    )
    events = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [event.text for event in events] == ["Agent: no.\nCustomer: why?", "bad, bad"]

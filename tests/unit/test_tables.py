"""Tables as other programs write them: dates, columns, encodings and missing values are read as
they were meant, or named by their line.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import FormatError
from connectors.events import Complaint
from connectors.files import BadRow, open_file
from connectors.formats.times import written_time
from models.evaluation.labelled_file import LabelledFile, read_labelled

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)


def read(folder: Path, content: str | bytes) -> tuple[list[Complaint], list[BadRow]]:
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    bad: list[BadRow] = []
    events = [event for event, _ in open_file(path, on_bad_row=bad.append)]
    assert all(isinstance(event, Complaint) for event in events)
    return events, bad  # type: ignore[return-value]


def days(folder: Path, *dates: str) -> list[str]:
    rows = [f"{number},My line is dead {number},{date}" for number, date in enumerate(dates)]
    events, bad = read(folder, "\n".join(["id,text,date", *rows, ""]))
    assert bad == []
    return [f"{event.occurred_at:%Y-%m-%d}" for event in events]


def test_one_date_that_proves_the_order_decides_for_its_table(tmp_path):
    assert days(tmp_path, "11/03/2026", "12/03/2026", "13/03/2026") == [
        "2026-03-11",
        "2026-03-12",
        "2026-03-13",
    ]
    assert days(tmp_path, "03/11/2026", "03/13/2026") == ["2026-03-11", "2026-03-13"]


def test_the_proof_may_stand_far_down(tmp_path):
    dates = ["01/02/2026"] * 5000 + ["25/02/2026"]

    assert set(days(tmp_path, *dates)) == {"2026-02-01", "2026-02-25"}


@pytest.mark.parametrize(
    "written",
    [
        *("1773316800000", "1773316800", "46093.5", "20260312120000", "2026/03/12 12:00"),
        *("2026-03-12 12:00 PM", "2026-03-12 07:00 EST", "12/03/2026 13:00 +0100"),
        *("Thu, 12 Mar 2026 12:00:00 +0000", "March 12th, 2026 12:00", "2026-03-12 13:00 CET"),
        *("Thu Mar 12 2026 13:00:00 GMT+0100 (Central European Standard Time)",),
        *("12-MAR-26 12.00.00.000000 PM", "2026-03-12 12.00.00", "1773316800000000"),
        *("2026-03-12T13:00:00+01:00[Europe/Berlin]", "2026-03-12 13:00 Europe/Berlin"),
        *("12.03.2026 12:00 Uhr", "12.03.2026, 13:00 MEZ", "12.3.2026 klo 12.00"),
        *("Donnerstag, 12. März 2026, 12:00 Uhr", "jeudi 12 mars 2026 à 12:00"),
        *("12 de marzo de 2026, 12:00", "12 março 2026 12:00", "12 mrt. 2026 12:00"),
        *("12 marca 2026 12:00", "12 марта 2026 г., 12:00", "2026年3月12日 12:00"),
        "12/Mar/2026:12:00:00 +0000",
    ],
)
def test_the_dates_of_programs_are_moments(written):
    assert written_time(written, day_first=True) == NOON


@pytest.mark.parametrize(
    "written",
    [
        *("", "12", "March", "noon", "14:05", "2026", "March 2026", "12 March", "next week"),
        *("2026-02-30", "999999999999", "2026-03-12 12:00 XYZ", "call 4711 on Monday"),
    ],
)
def test_what_gives_no_day_is_no_date(written):
    with pytest.raises(ValueError, match=r"date|time zone"):
        written_time(written)


def test_a_date_that_cannot_be_is_said_and_its_text_is_kept(tmp_path):
    later = datetime.now(UTC) + timedelta(days=30)
    rows = f"id,text,date\n1,My line is dead,{later:%Y-%m-%d}\n2,Bad bill,1970-01-01\n"

    events, bad = read(tmp_path, rows)

    assert [event.occurred_at for event in events] == [NOON, NOON]
    assert [row.line for row in bad] == [2, 3]
    assert "is in the future; the file's time is taken" in bad[0].reason
    assert "is before 2000" in bad[1].reason


@pytest.mark.parametrize(
    "column",
    [
        *("occurred_at", "Date Submitted", "Created time", "createdAt", "Opened", "Review Date"),
        *("Complaint Timestamp", "Posted On Date"),
    ],
)
def test_the_time_is_found_under_its_many_names(tmp_path, column):
    [event], _ = read(tmp_path, f"text,Closed Date,{column}\nhello,2026-05-01,2026-01-05\n")

    assert f"{event.occurred_at:%Y-%m-%d}" == "2026-01-05"


@pytest.mark.parametrize(
    "column",
    [
        *("review", "Comments", "content", "Feedback", "tweet", "full_text", "Message Body"),
        *("Customer Message", "ticketDescription", "Verbatim"),
    ],
)
def test_the_text_is_found_under_its_many_names(tmp_path, column):
    [event], _ = read(tmp_path, f"id,{column}\n1,My line is dead\n")

    assert event.text == "My line is dead"


TABLE = "id;text;date\n1;it\u2019s dead, again;2026-03-12\n2;bad bill;2026-03-13\n"


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        ("sep=;\n" + TABLE).encode(),
        ("sep=;\n" + TABLE).replace("\n", "\r\n").encode("utf-8-sig"),
        TABLE.encode("cp1252"),
        TABLE.encode("utf-16"),
        TABLE.encode("utf-16-le"),
        TABLE.encode("utf-16-be"),
        TABLE.replace("\n", "\r").encode(),
        TABLE.replace(";", "\t").encode(),
        TABLE.replace(";", "|").encode(),
    ],
)
def test_a_table_is_read_however_its_program_wrote_it(tmp_path, content):
    events, bad = read(tmp_path, content)

    assert [(event.id, event.text) for event in events] == [
        ("complaints:1", "it\u2019s dead, again"),
        ("complaints:2", "bad bill"),
    ]
    assert bad == []


def test_reading_of_utf16_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.encode("utf-16"))
    cursors = [cursor for _, cursor in open_file(path, on_bad_row=pytest.fail)]

    rest = open_file(path, after=list(cursors[0]), on_bad_row=pytest.fail)

    assert [event.id for event, _ in rest] == ["complaints:2"]


def test_a_missing_value_of_another_program_is_missing(tmp_path):
    rows = "id,text,brand,date\nNA,dead,NA,NA\nNA,bad bill,NULL,\n7,NA,VoltLine,2026-03-12\n"

    events, bad = read(tmp_path, rows)

    assert [event.brand for event in events] == [None, None]
    assert len({event.id for event in events}) == 2
    assert [(row.line, row.reason) for row in bad] == [(4, "has no text")]


def test_the_midnight_after_a_day_may_be_its_24_oclock():
    assert written_time("2026-03-12 24:00:00") == datetime(2026, 3, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "header",
    [
        *("Datum;Nachricht", "Eingangsdatum;Beschreibung", "Date de création;Commentaire"),
        *("Fecha;Comentario", "data;mensagem", "Data;Testo del reclamo", "Datum;Klacht"),
        *("Data zgłoszenia;Treść", "Review Created (UTC);Review Content", "ts;Case Comments"),
    ],
)
def test_columns_are_found_in_other_languages_and_by_a_part_of_their_names(tmp_path, header):
    [event], bad = read(tmp_path, f"{header}\n12.03.2026;The line is dead.\n")

    assert (event.text, event.occurred_at.date().isoformat()) == ("The line is dead.", "2026-03-12")
    assert bad == []


@pytest.mark.parametrize("above", ["\n\n", "Complaints of March\n", "Complaints\n\n"])
def test_a_title_and_empty_lines_above_a_table_are_no_rows(tmp_path, above):
    events, bad = read(tmp_path, f"{above}id,text\n1,dead\n2,bad bill\n")

    assert ([event.text for event in events], bad) == (["dead", "bad bill"], [])


def test_quotes_after_a_backslash_are_those_of_a_database(tmp_path):
    rows = '"id","text"\n"1","She said \\"no\\", then left."\n"2","Fine."\n'

    events, bad = read(tmp_path, rows)

    assert ([event.text for event in events], bad) == (['She said "no", then left.', "Fine."], [])


def test_markup_in_a_table_is_its_text(tmp_path):
    [event], _ = read(tmp_path, "id,text\n1,<p>The line<br>is dead.</p>\n")

    assert event.text == "The line\nis dead."


def test_a_text_whose_date_cannot_be_read_is_kept_and_named(tmp_path):
    [event], bad = read(tmp_path, "id,text,date\n1,dead,last week\n")

    assert event.text == "dead"
    assert "'last week' is no date" in bad[0].reason


def test_the_column_of_the_texts_can_be_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("when,What can we do better?\n2026-03-12,Answer the phone.\n")

    with pytest.raises(FormatError, match="--text"):
        open_file(path, on_bad_row=pytest.fail)
    with pytest.raises(FormatError, match="no column more; its columns are when, What can we"):
        open_file(path, text="more", on_bad_row=pytest.fail)
    [(event, _)] = open_file(path, text="What can we do better?", on_bad_row=pytest.fail)

    assert event.text == "Answer the phone."


def test_a_table_of_a_header_alone_is_not_read_in_silence(tmp_path):
    events, bad = read(tmp_path, "id,text,date\n\n")

    assert events == []
    assert [row.reason for row in bad] == ["no message follows the first line"]


def test_files_of_a_folder_that_are_no_calls_are_counted(tmp_path):
    (tmp_path / "a.txt").write_text("Customer: dead\nAgent: sorry\n")
    for name in ("a.wav", "b.wav", "c.docx"):
        (tmp_path / name).write_text("")
    bad = []

    assert len(list(open_file(tmp_path, on_bad_row=bad.append))) == 1
    assert [row.reason for row in bad] == ["3 files are no text with turns: .wav (2), .docx (1)"]


LABELLED = "Text;Label\nit\u2019s dead, again;negative\nthank you;positive\n"


@pytest.mark.parametrize(
    "content",
    [
        LABELLED.encode(),
        ("sep=;\n" + LABELLED).encode("utf-8-sig"),
        LABELLED.encode("cp1252"),
        LABELLED.encode("utf-16"),
        LABELLED.encode("utf-16-le"),
        LABELLED.replace("\n", "\r").encode(),
        LABELLED.replace("Text", "Tweet").replace("Label", "Sentiment").encode(),
    ],
)
def test_a_labelled_table_is_read_like_any_other(tmp_path, content):
    path = tmp_path / "labelled.csv"
    path.write_bytes(content)

    with LabelledFile(path) as file:
        [(texts, labels)] = file.parts()
    assert texts == ["it\u2019s dead, again", "thank you"]
    assert labels.tolist() == [0, 2]
    assert read_labelled(path, ["text"]).rows[0]["text"] == "it\u2019s dead, again"

"""Tables at first sight: what stands in the cells decides where names are unknown, or several fit;
a table whose texts may be two columns says so in a line.
"""

from __future__ import annotations

import json

import pytest

from connectors.base import FormatError
from connectors.files import open_file

A = "The lift is stuck between two floors and nobody picks up."
B = "Your courier threw the box over our fence again."
C = "We have spoken to the driver about this today."
ROWS = (("7", "Lift stuck", "Jane Roe", "j@post.example", A), ("8", "Box thrown", "Sam Poe", "", B))


def opened(tmp_path, content, name="a.csv", **options):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return open_file(path, on_bad_row=pytest.fail, **options)


def read(tmp_path, header, *rows, **options):
    lines = [";".join(cells) for cells in (header.split(";"), *rows)]
    source = opened(tmp_path, "\n".join([*lines, ""]), **options)
    return [event for event, _ in source], source.note


def all_of(events, field):
    return [getattr(event, field) for event in events]


@pytest.mark.parametrize(
    ("header", "first", "second", "authors"),
    [
        ("Author;From name;Text", ";Jane Roe;", ";Sam Poe;", ["Jane Roe", "Sam Poe"]),
        ("Customer participation;Remote;Text", "YES;Jane;", "NO;Sam;", ["Jane", "Sam"]),
        ("Customer score;Respondent;Text", "1;Jane;", "5;Sam;", ["Jane", "Sam"]),
        ("user;from;to;Text", "Tom;+4411;+4499;", "Ann;+4412;+4499;", ["+4411", "+4412"]),
        ("Vorname;Nachname;Text", "Jane;Roe;", "Sam;Poe;", ["Jane Roe", "Sam Poe"]),
        ("First;Last;Text", "Jane;Roe;", "Sam;Poe;", ["Jane Roe", "Sam Poe"]),
        ("ชื่อ;Text", "@jane;", "@sam;", ["@jane", "@sam"]),
        ("Pareiškėjas;Text", "Jane Roe;", "Sam Poe;", ["Jane Roe", "Sam Poe"]),
        ("Πελάτης;Text", "jane;", "sam;", ["jane", "sam"]),
        ("CUST_NM;CMPLT_TXT", "ROE;", "POE;", ["ROE", "POE"]),
        ("customername;messagebody", "Roe;", "Poe;", ["Roe", "Poe"]),
        ("Case[Id];Case[UserEmail];Case[Text]", "1;j@a.example;", "2;s@a.example;", None),
        ("Actor;Text", "https://a.example/u/1;", "https://a.example/u/2;", None),
        ("Kontaktname;Text", "Jane;", "Sam;", ["Jane", "Sam"]),
    ],
)
def test_who_wrote_is_found_by_the_cells_where_names_say_little(
    tmp_path, header, first, second, authors
):
    rows = [(*first.split(";")[:-1], A), (*second.split(";")[:-1], B)]
    events, _ = read(tmp_path, header, *rows)

    column = -2
    assert all_of(events, "text") == [A, B]
    assert all_of(events, "author") == (authors or [row[column] for row in rows])


@pytest.mark.parametrize(
    "other", ["Volt Motors;Volt Motors", "Open;Closed", "1;2", "YES;NO", "kettle 3;cable 5"]
)
def test_what_is_no_name_makes_nobody_an_author(tmp_path, other):
    first, second = other.split(";")
    events, _ = read(tmp_path, "Kolumna;Text", (first, A), (second, B))

    assert all_of(events, "author") == [None, None]


@pytest.mark.parametrize(
    ("header", "titles"),
    [
        ("Id;Subject;Full name;Email;Text", ["Lift stuck", "Box thrown"]),
        ("Id;Asunto;Cliente;Correo;Texto", ["Lift stuck", "Box thrown"]),
        ("Id;Nome del ticket;Contatto;Mail;Testo", ["Lift stuck", "Box thrown"]),
        ("Nr;Ticketname;Kontakt;Mail;Text", ["Lift stuck", "Box thrown"]),
    ],
)
def test_a_subject_is_found_by_its_name(tmp_path, header, titles):
    events, _ = read(tmp_path, header, *ROWS)

    assert all_of(events, "title") == titles


@pytest.mark.parametrize("header", ["Nr;Teema;Sisu", "Nr;หัวข้อ;รายละเอียด", "Nr;Dalykas;Turinys"])
def test_phrases_before_the_text_are_its_subject(tmp_path, header):
    events, _ = read(tmp_path, header, ("7", "Lift stuck", A), ("8", "Box thrown", B))

    assert all_of(events, "title") == ["Lift stuck", "Box thrown"]


def test_the_answer_to_another_question_is_no_subject(tmp_path):
    header = "Nr;How satisfied are you with us;What should we do better"
    events, _ = read(tmp_path, header, ("7", "Very unhappy", A), ("8", "Quite happy", B))

    assert all_of(events, "title") == [None, None]


def test_the_title_of_a_person_is_no_subject(tmp_path):
    rows = [("1", A, "Jane Roe", "Head of Sales", "j@a.example"), ("2", B, "Sam Poe", "", "")]
    events, _ = read(tmp_path, "Ticket ID;Subject;Full name;Title;Email", *rows)

    assert [(event.text, event.title) for event in events] == [(A, None), (B, None)]


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        ("flight_date;feedback_date;feedback", "2026-01-02", "2026-03-12"),
        ("indexed;published;content", "2026-03-13", "2026-03-12"),
        ("owner_answer_date;review_date;review", "2026-03-14", "2026-03-12"),
        ("timestamp;comment_date;comment", "2026-03-20", "2026-03-12"),
        ("Date of incident;Date reported;Details", "2026-01-02", "2026-03-12"),
        ("date;datetime (UTC);text", "2026-03-12", "2026-03-12 14:05"),
        ("Marca temporal;Birthday;Texto", None, "1990-01-01"),
    ],
)
def test_of_several_dates_the_message_has_its_own(tmp_path, header, first, second):
    written = "2026-03-12 14:05" if first is None or " " in second else "2026-03-12 00:00"
    cells = ("2026-03-12 14:05", second) if first is None else (first, second)
    events, _ = read(tmp_path, header, (*cells, A), (*cells, B))

    assert {f"{event.occurred_at:%Y-%m-%d %H:%M}" for event in events} == {written}
    assert all_of(events, "brand") == [None, None]


def test_a_date_with_the_day_first_is_one_under_any_name(tmp_path):
    rows = [("12/03/2026 14:05", A), ("25/03/2026 09:00", B)]
    events, _ = read(tmp_path, "Sygnatura czasowa;Tekst", *rows)

    assert [event.occurred_at.day for event in events] == [12, 25]


@pytest.mark.parametrize(
    ("header", "first", "second", "ids"),
    [
        ("Universal Message Id;Case Number;Text", ("M1", ""), ("M2", "5"), ["M1", "M2"]),
        ("tweet_id;conversation_id;text", ("1", "9"), ("2", "8"), ["1", "2"]),
        ("name;comment", ("places/1/reviews/a",), ("places/1/reviews/b",), None),
        ("SR #;Text", ("K-1",), ("K-2",), ["K-1", "K-2"]),
        ("レビューID;本文", ("71",), ("72",), ["71", "72"]),
        ("surveyid;text", ("71",), ("72",), ["71", "72"]),
        ("Mã số;Text", ("71",), ("72",), ["71", "72"]),
        ("Liczba;Text", ("A-71",), ("A-72",), ["A-71", "A-72"]),
    ],
)
def test_the_id_is_that_of_the_message(tmp_path, header, first, second, ids):
    events, _ = read(tmp_path, header, (*first, A), (*second, B))
    native = [event.id.removeprefix("complaints:") for event in events]

    assert native == (ids or [first[0], second[0]])


def test_one_id_for_all_is_that_of_a_form_and_joins_nobody(tmp_path):
    events, _ = read(tmp_path, "form_id;text", ("5", A), ("5", B))

    assert len({event.conversation for event in events}) == 2


@pytest.mark.parametrize("header", ["Call ID;Hangup;Agent;Notes", "Nº;Cliente;Atendente;Mensagem"])
def test_a_log_of_calls_with_names_of_both_sides_is_no_call(tmp_path, header):
    rows = [("1", "customer", "Tom Hall", A), ("2", "agent", "Ann Lee", B)]
    events, _ = read(tmp_path, header, *rows)

    assert [(event.kind, event.text) for event in events] == [("complaint", A), ("complaint", B)]


def test_columns_of_the_object_that_holds_the_text_go_by_their_own_names(tmp_path):
    def thread(id, text, name):
        comment = {"textDisplay": text, "authorDisplayName": name, "publishedAt": "2026-03-12"}
        return {"id": id, "snippet": {"topLevelComment": {"snippet": comment}}}

    content = json.dumps({"items": [thread("c1", A, "@jane"), thread("c2", B, "@sam")]})
    events = [event for event, _ in opened(tmp_path, content, "a.json")]

    assert all_of(events, "author") == ["@jane", "@sam"]
    assert all_of(events, "id") == ["complaints:c1", "complaints:c2"]


def test_names_are_found_below_facts_also_where_rows_are_numbered(tmp_path):
    content = f"Post,x.example\nTotal,2\n\n,Name,Date,Comment\n1,Jane,2026-03-12,{A}\n"
    events = [event for event, _ in opened(tmp_path, content)]

    assert [(event.author, event.text) for event in events] == [("Jane", A)]


@pytest.mark.parametrize(
    ("header", "chosen", "other"),
    [
        ("text;text", "text", "text_2"),
        ("comment;review", "comment", "review"),
        ("Positive review;Negative review", "positive_review", "negative_review"),
        ("What went well today;What went wrong today", "", ""),
        ("message;details", "message", "details"),
    ],
)
def test_a_table_whose_texts_may_be_two_columns_says_which_it_took(tmp_path, header, chosen, other):
    rows = [(A, C), (B, A)]
    events, note = read(tmp_path, header, *rows)
    taken, left = (0, 1) if all_of(events, "text") == [A, B] else (1, 0)
    names = header.replace(" ", "_").lower().split(";")
    names = ["text", "text_2"] if names == ["text", "text"] else names

    assert note.startswith(f"the texts are those of the column {names[taken]}, and may as well be")
    assert f"of {names[left]}; --text chooses" in note
    again, note = read(tmp_path, header, *rows, text=names[left])
    assert (all_of(again, "text"), note) == ([row[left] for row in rows], "")


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        ("body;reply", (A, C), (B, C)),
        ("text;category", (A, "lifts"), (B, "boxes")),
        ("text;text_html", (A, f"<p>{A}</p>"), (B, f"<p>{B}</p>")),
        ("text;comment", (A, ""), (B, "")),
    ],
)
def test_nothing_is_said_where_one_column_alone_may_be_the_texts(tmp_path, header, first, second):
    events, note = read(tmp_path, header, first, second)

    assert (all_of(events, "text"), note) == ([A, B], "")


def test_a_column_that_was_taken_for_something_else_can_be_chosen(tmp_path):
    events, _ = read(tmp_path, "id;subject;body", ("1", C, A), ("2", C, B), text="subject")

    assert all_of(events, "text") == [C, C]
    with pytest.raises(FormatError, match="its columns are id, subject, body"):
        read(tmp_path, "id;subject;body", ("1", C, A), text="topic")


@pytest.mark.parametrize("start", ["0.0 4.0", "0 4", "1200 5400"])
def test_where_a_turn_begins_is_no_id_that_makes_messages_of_turns(tmp_path, start):
    first, second = start.split()
    turns = [
        {"start": float(first), "transcript": "Hello, how can I help you?", "speaker": 0},
        {"start": float(second), "transcript": A, "speaker": 1},
    ]
    content = json.dumps({"results": {"utterances": turns}})

    assert [event.kind for event, _ in opened(tmp_path, content, "a.json")] == ["transcript"]


def test_each_choice_is_a_line_of_its_own(tmp_path):
    rows = [("03/04/2026", A, C), ("05/06/2026", B, A)]
    _, note = read(tmp_path, "date;comment;review", *rows)

    choices = note.splitlines()
    assert [line.rpartition("; ")[2] for line in choices] == [
        "--text chooses",
        "--day-first or --month-first chooses",
    ]

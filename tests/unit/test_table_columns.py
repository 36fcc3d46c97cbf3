"""Columns that are told by what stands in them, and tables whose rows are JSON."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from connectors.files import BadRow, open_file

TEXTS = ["My order came broken and nobody answers.", "The app logs me out; again, and again."]
FIRST, SECOND = datetime(2026, 3, 12, 14, 5, tzinfo=UTC), datetime(2026, 3, 25, 9, 0, tzinfo=UTC)


def read(tmp_path, content, name="a.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    bad: list[BadRow] = []
    events = [event for event, _ in open_file(path, on_bad_row=bad.append)]
    return events, [row.reason for row in bad]


def table(*rows, delimiter=","):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize(
    ("names", "first", "second"),
    [
        (("Datum", "Uhrzeit"), ("12.03.2026", "14:05"), ("25.03.2026", "09:00")),
        (("Date", "Time"), ("3/12/2026", "2:05 PM"), ("3/25/2026", "9:00 AM")),
        (("Heure", "Date"), ("14:05:00", "2026-03-12"), ("09:00:00", "2026-03-25")),
        (("date received", "clock"), ("12/03/2026", "14.05"), ("25/03/2026", "09.00")),
        (("day", "at"), ("2026-03-12", "14:05"), ("2026-03-25", "09:00")),
        (("날짜", "시간"), ("2026-03-12", "오후 2:05"), ("2026-03-25", "오전 9:00")),
        (("fecha", "hora"), ("12/03/2026", "2:05 p. m."), ("25/03/2026", "9:00 a. m.")),
    ],
)
def test_a_time_of_day_beside_the_date_is_a_part_of_it(tmp_path, names, first, second):
    rows = [(*names, "comment"), (*first, TEXTS[0]), (*second, TEXTS[1])]
    events, bad = read(tmp_path, table(*rows))

    assert [event.occurred_at for event in events] == [FIRST, SECOND]
    assert bad == []


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("sent_ms", "1773324300000", "1774429200000"),
        ("received_dt", "20260312140500", "20260325090000"),
        ("wann", "12.03.2026 14:05", "25.03.2026 09:00"),
        ("at", "2026-03-12T14:05:00Z", "2026-03-25 10:00+01:00"),
        ("logged", "12 March 2026, 2:05 PM", "25 March 2026, 9:00 AM"),
    ],
)
def test_a_date_is_found_under_a_name_that_says_nothing(tmp_path, name, first, second):
    content = table(("nr", name, "comment"), ("1", first, TEXTS[0]), ("2", second, TEXTS[1]))
    events, _ = read(tmp_path, content)

    assert [event.occurred_at for event in events] == [FIRST, SECOND]


@pytest.mark.parametrize("other", ["createdVersion", "date_format", "time spent", "Timestamp type"])
def test_a_column_that_holds_no_dates_is_not_the_date(tmp_path, other):
    rows = [("id", "content", other, "at"), ("1", TEXTS[0], "1.2", FIRST.isoformat())]
    events, bad = read(tmp_path, table(*rows, ("2", TEXTS[1], "1.3", SECOND.isoformat())))

    assert [event.occurred_at for event in events] == [FIRST, SECOND]
    assert bad == []


@pytest.mark.parametrize("column", ["birthday", "Date closed", "last_modified"])
def test_what_became_of_a_message_is_not_its_date(tmp_path, column):
    content = table((column, "comment"), ("2011-03-12", TEXTS[0]), ("2012-03-12", TEXTS[1]))
    events, _ = read(tmp_path, content)

    assert {event.occurred_at.year for event in events}.isdisjoint({2011, 2012})


@pytest.mark.parametrize(
    "names",
    [
        ("Timestamp", "Score", "What could we do better?"),
        ("Submitted on", "Score", "Response"),
        ("Timestamp", "Score", "Please describe your problem"),
        ("Zeit", "Note", "Was ist passiert?"),
        ("Quand", "Note", "Racontez-nous"),
    ],
)
def test_the_texts_are_the_column_with_sentences(tmp_path, names):
    rows = [names, ("2026-03-12 14:05", "3", TEXTS[0]), ("2026-03-25 09:00", "2", TEXTS[1])]
    events, _ = read(tmp_path, table(*rows))

    assert [(event.text, event.occurred_at) for event in events] == [
        (TEXTS[0], FIRST),
        (TEXTS[1], SECOND),
    ]


@pytest.mark.parametrize("sender", ["From", "Sender", "Author name"])
def test_a_table_of_letters_is_no_call(tmp_path, sender):
    rows = [("Date", sender, "Subject", "Body"), ("2026-03-12 14:05", "a@b.example", "x", TEXTS[0])]
    events, _ = read(tmp_path, table(*rows, ("2026-03-25 09:00", "c@d.example", "y", TEXTS[1])))

    assert [(event.kind, event.author) for event in events] == [
        ("complaint", "a@b.example"),
        ("complaint", "c@d.example"),
    ]


@pytest.mark.parametrize("name", ["name", "user", "Display name"])
def test_a_table_of_two_people_who_take_turns_is_a_call(tmp_path, name):
    people = ["Tom Hall", "Jane Roe", "Tom Hall", "Jane Roe"]
    said = ["Hello, how can I help?", TEXTS[0], "Which order is it, please?", TEXTS[1]]
    rows = [
        ("time", name, "text"),
        *((f"0:0{at}", *turn) for at, turn in enumerate(zip(people, said, strict=True))),
    ]
    [call], _ = read(tmp_path, table(*rows))

    assert [(turn.name, turn.text) for turn in call.turns] == list(zip(people, said, strict=True))


MESSAGES = [
    {"_id": 7, "createdAt": FIRST.isoformat(), "user": {"name": "ann"}, "review_text": TEXTS[0]},
    {"_id": 8, "createdAt": SECOND.isoformat(), "user": {"name": "bob"}, "review_text": TEXTS[1]},
]
REVIEWS = [
    {"id": 7, "author": "ann", "stars": 1, "body": TEXTS[0], "date": "12/03/2026 14:05"},
    {"id": 8, "author": "ann", "stars": 2, "body": TEXTS[1], "date": "25/03/2026 09:00"},
]


@pytest.mark.parametrize("messages", [MESSAGES, REVIEWS], ids=["nested", "reviews"])
@pytest.mark.parametrize("form", ["lines", "list", "list of many lines", "under a name"])
def test_messages_in_json_are_rows_of_a_table(tmp_path, messages, form):
    content = {
        "lines": "\n".join(map(json.dumps, messages)),
        "list": json.dumps(messages),
        "list of many lines": json.dumps(messages, indent=2),
        "under a name": json.dumps({"meta": {"page": 1}, "items": messages}, indent=1),
    }[form]
    events, bad = read(tmp_path, content, "a.json")

    assert [(event.text, event.occurred_at) for event in events] == [
        (TEXTS[0], FIRST),
        (TEXTS[1], SECOND),
    ]
    assert bad == []


def test_reading_of_messages_in_json_goes_on_where_it_stopped(tmp_path):
    for content in ("\n".join(map(json.dumps, MESSAGES)), json.dumps(MESSAGES)):
        path = tmp_path / "a.json"
        path.write_text(content)
        cursors = [cursor for _, cursor in open_file(path, on_bad_row=pytest.fail)]
        rest = open_file(path, after=list(cursors[0]), on_bad_row=pytest.fail)

        assert [event.text for event, _ in rest] == [TEXTS[1]]


def test_an_entry_that_is_no_object_is_named(tmp_path):
    events, [reason] = read(tmp_path, json.dumps([*MESSAGES, "junk"]), "a.json")

    assert len(events) == 2
    assert reason == "entry 3 is no JSON object"


@pytest.mark.parametrize("dates", [("03/04/2026", "05/06/2026"), ("3-4-26", "9-11-26 10:00")])
def test_dates_that_may_be_read_both_ways_are_told_in_a_line(tmp_path, dates):
    path = tmp_path / "a.csv"
    path.write_text(table(("date", "comment"), *zip(dates, TEXTS, strict=True)))
    open_one = open_file(path, on_bad_row=pytest.fail)
    chosen = open_file(path, day_first=True, on_bad_row=pytest.fail)

    first = dates[0].split()[0]
    assert open_one.note.startswith(f"dates such as {first} are read with the month first")
    assert next(event.occurred_at.month for event, _ in open_one) == 3
    assert chosen.note == ""
    assert next(event.occurred_at.month for event, _ in chosen) == 4


@pytest.mark.parametrize("dates", [("03/04/2026", "13/06/2026"), ("03.04.2026", "05.06.2026")])
def test_nothing_is_told_where_the_order_is_certain(tmp_path, dates):
    path = tmp_path / "a.csv"
    path.write_text(table(("date", "comment"), *zip(dates, TEXTS, strict=True)))
    source = open_file(path, on_bad_row=pytest.fail)

    assert source.note == ""
    assert [event.occurred_at.month for event, _ in source] == [4, 6]


@pytest.mark.parametrize(
    ("flag", "yes", "no", "side"),
    [
        ("is_agent", "true", "false", "agent"),
        ("isCustomer", "1", "0", "customer"),
        ("is bot", "yes", "no", "agent"),
        ("from_customer", "Y", "N", "customer"),
        ("Is Staff", "TRUE", "", "agent"),
    ],
)
def test_a_column_that_says_whose_turn_it_is_names_both_sides(tmp_path, flag, yes, no, side):
    rows = [("call_id", "turn", flag, "text"), ("c", "1", yes, TEXTS[0]), ("c", "2", no, TEXTS[1])]
    [call], _ = read(tmp_path, table(*rows))

    other = {"agent": "customer", "customer": "agent"}[side]
    assert [turn.speaker for turn in call.turns] == [side, other]


@pytest.mark.parametrize(
    "names",
    [
        ("tweet_id", "author_id", "inbound", "created_at", "text"),
        ("id", "author_id", "incoming", "date", "text"),
        ("id", "name", "outgoing", "date", "message"),
        ("number", "user_name", "from_me", "date", "body"),
        ("id", "author", "is_guest", "date", "comment"),
        ("conversation_id", "author", "inbound", "date", "text"),
    ],
)
def test_a_flag_of_messages_each_of_its_own_makes_them_no_call(tmp_path, names):
    rows = [
        ("1", "ann", "True", "2026-03-12", TEXTS[0]),
        ("2", "bob", "False", "2026-03-13", TEXTS[1]),
    ]
    events, _ = read(tmp_path, table(names, *rows))

    assert [(event.kind, event.text) for event in events] == [
        ("complaint", text) for text in TEXTS[:2]
    ]


@pytest.mark.parametrize(
    ("names", "first", "second"),
    [
        (
            ("日時", "評価", "レビュー"),
            "配達が遅すぎます。連絡もありません。",
            "アプリがすぐ落ちます。直してください。",
        ),
        (("时间", "评分", "留言"), "快递太慢了，没有人接电话。", "应用程序总是闪退，请尽快修复。"),
        (("เวลา", "คะแนน", "ข้อความ"), "ส่งของช้ามากและไม่มีใครรับสาย", "แอปเด้งตลอดเวลากรุณาแก้ไข"),
    ],
)
def test_sentences_without_blanks_are_sentences(tmp_path, names, first, second):
    rows = [names, ("2026/03/12 14:05", "1", first), ("2026/03/25 09:00", "2", second)]
    events, _ = read(tmp_path, table(*rows))

    assert [event.text for event in events] == [first, second]


@pytest.mark.parametrize(
    ("name", "is_time"), [("epoch", True), ("sent_utc", True), ("order", False)]
)
def test_ten_digits_are_a_time_where_the_name_allows_it(tmp_path, name, is_time):
    rows = [("nr", name, "comment"), ("1", "1773324300", TEXTS[0]), ("2", "1774429200", TEXTS[1])]
    events, _ = read(tmp_path, table(*rows))

    assert ([event.occurred_at for event in events] == [FIRST, SECOND]) == is_time


def test_a_listing_of_a_forum_is_a_table_of_its_posts(tmp_path):
    posts = [
        {"kind": "t1", "data": {"id": f"p{at}", "author": "ann", "body": text, "created_utc": when}}
        for at, (text, when) in enumerate(zip(TEXTS, [1773324300, 1774429200], strict=True))
    ]
    events, _ = read(tmp_path, json.dumps({"kind": "l", "data": {"children": posts}}), "a.json")

    assert [(event.text, event.occurred_at) for event in events] == [
        (TEXTS[0], FIRST),
        (TEXTS[1], SECOND),
    ]


OBJECTS = [{"id": str(at), "date": "2026-03-12T14:05:00Z", "text": t} for at, t in enumerate(TEXTS)]


@pytest.mark.parametrize("between", ["", " ", "\n\n", ",\n"])
@pytest.mark.parametrize("indent", [None, 1])
def test_objects_one_after_another_are_messages_as_streams_store_them(tmp_path, between, indent):
    if indent and "," in between:
        between = "\n"  # a list without its brackets has a line an object
    content = between.join(json.dumps(entry, indent=indent) for entry in OBJECTS)

    events, bad = read(tmp_path, content, "a.json")

    assert ([event.text for event in events], bad) == (TEXTS, [])


def test_an_address_that_is_none_is_no_author(tmp_path):
    rows = [
        ("anonymous", name, text) for name, text in zip(("Olga B", "Uwe C"), TEXTS, strict=True)
    ]

    events, _ = read(tmp_path, table(("Email", "Name", "Comment"), *rows))

    assert [event.author for event in events] == ["Olga B", "Uwe C"]

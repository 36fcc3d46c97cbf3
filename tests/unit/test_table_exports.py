"""Exports of programs for help desks, surveys and reviews: text, author, time, subject, id and
brand are found under the names that those programs give them.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from connectors.base import FormatError
from connectors.files import BadRow, open_file

A = "The lift is stuck between two floors and nobody picks up."
B = "Your courier threw the box over our fence again."
FIRST, SECOND = "2026-03-12 14:05", "2026-03-13 09:30"
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC).timestamp()


def read(tmp_path, content, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (NOON, NOON))
    bad: list[BadRow] = []
    return [event for event, _ in open_file(path, on_bad_row=bad.append)], bad


def facts(event, *names):
    every = {
        "id": event.id.partition(":")[2],
        "time": f"{event.occurred_at:%Y-%m-%d %H:%M}",
        "author": event.author,
        "title": event.title,
        "brand": event.brand,
    }
    return tuple(every[name] for name in names)


# The header, and the cells of a row but for its text, which stands where `{}` is.
EXPORTS = {
    "help desk": (
        "Group,Id,Subject,Description,Requester,Requester id,Brand,Assigned at,Created at,Updated",
        "Care,7,Lift,{},Jane Roe,9,VoltLine,2026-03-14 08:00,2026-03-12 14:05,2026-03-15 08:00",
        ("7", FIRST, "Jane Roe", "Lift", "VoltLine"),
    ),
    "the company and the job of a contact": (
        "Ticket ID,Subject,Description,Agent,Created time,Full name,Title,Email,Company",
        "7,Lift,{},Sam,2026-03-12 14:05:00,Jane Roe,Head of Sales,j@post.example,Roe Ltd",
        ("7", FIRST, "Jane Roe", "Lift", None),
    ),
    "ticket names": (
        "Ticket ID,Ticket name,Ticket description,Create date,Ticket owner,Associated Contact",
        "7,Lift,{},2026-03-12 14:05,Sam Poe,Jane Roe",
        ("7", FIRST, "Jane Roe", "Lift", None),
    ),
    "tracker": (
        "Summary,Issue key,Status,Reporter,Created,Updated,Description,Comment,Comment",
        "Lift,CARE-1,Open,jroe,12/Mar/26 2:05 PM,15/Mar/26 2:05 PM,{},We called her.,",
        ("CARE-1", FIRST, "jroe", "Lift", None),
    ),
    "survey": (
        "#,What is your name?,How happy are you?,What should we do better?,Submit Date (UTC)",
        "k3,Jane Roe,1,{},2026-03-12 14:05:50",
        ("k3", FIRST, "Jane Roe", None, None),
    ),
    "reviews of an app": (
        "Package Name,Review Submit Date and Time,Review Last Update Date and Time,Star Rating,"
        "Review Title,Review Text,Developer Reply Text",
        "x.y,2026-03-12T14:05:33Z,2026-03-13T14:05:33Z,1,Lift,{},We are sorry to hear all of this.",
        (FIRST, "Lift"),
    ),
    "posts with their numbers of comments": (
        "id,title,selftext,author,created_utc,score,num_comments",
        "p1,Lift,{},u_jane,1773324333,12,3",
        ("p1", FIRST, "u_jane", "Lift", None),
    ),
    "comments of a page": (
        "#,Nickname,Profile ID,Date,Likes,Comment,(view) source",
        "1,Jane Roe,991,2026-03-12 (14:05:33),3,{},https://x.example/1",
        ("1", FIRST, "Jane Roe", None, None),
    ),
    "abbreviated": (
        "CASE_REF|RCVD_DT|CUST_NM|CMPLT_TXT|CLSD_DT",
        "C1|20260312 14:05|ROE JANE|{}|20260320",
        ("C1", FIRST, "ROE JANE", None, None),
    ),
    "two dates of which one is a stay's": (
        "reviewer,review_title,review,date_of_stay,date_of_review",
        "JaneR,Lift,{},2026-02-01,2026-03-12 14:05",
        (FIRST, "JaneR", "Lift"),
    ),
    "two columns that are called complaint": (
        "Reference No.;Received On;Complainant Name;Nature of Complaint;Details of Complaint",
        "R/7;12-Mar-2026 14:05;Jane Roe;Lift;{}",
        ("R/7", FIRST, "Jane Roe", None, None),
    ),
    "a serial day beside a clock": (
        "No.;Complaint Date;Time;Customer;Customer Comments",
        "7;46093;14:05;A-1;{}",
        ("7", FIRST, "A-1", None, None),
    ),
    "letters from two people": (
        "Ticket Number,Date Created,Subject,From,From Email,Department,Thread Entry",
        "7,3/12/26 2:05 PM,Lift,Jane Roe,jane@post.example,Care,{}",
        ("7", FIRST, "Jane Roe", "Lift", None),
    ),
    "mails with their direction": (
        "Message ID,Conversation ID,Date,Direction,From,To,Subject,Body",
        "m7,c7,2026-03-12 14:05:33,Inbound,j@post.example,care@voltline.example,Lift,{}",
        ("m7", FIRST, "j@post.example", "Lift", None),
    ),
    "a sentence that names a column": (
        "Response ID,Time Started,Status,How happy are you?,Please tell us why you said so.",
        "r7,2026-03-12 14:05:33,Complete,2,{}",
        ("r7", FIRST, None, None, None),
    ),
    "German": (
        "Lfd. Nr.;Eingang;Absender;Betreff;Nachricht;Marke;Wert",
        "7;46093,5868056;Jörg Weiß;Lift;{};VoltLine;12,50",
        ("7", FIRST, "Jörg Weiß", "Lift", "VoltLine"),
    ),
    "French": (
        "N° de réclamation;Date de réception;Nom du client;Objet;Commentaire;Date de clôture",
        "7;2026-03-12 14:05;Jeanne Roux;Lift;{};2026-03-20",
        ("7", FIRST, "Jeanne Roux", "Lift", None),
    ),
    "Spanish": (
        "Folio;Fecha de registro;Cliente;Asunto;Descripción de la queja;Fecha de cierre",
        "7;2026-03-12 14:05;Juana Ruiz;Lift;{};2026-03-20",
        ("7", FIRST, "Juana Ruiz", "Lift", None),
    ),
    "Portuguese": (
        "ID;Data;Título;Reclamação;Consumidor;Nota",
        "7;2026-03-12 14:05;Lift;{};Joana Reis;1,5",
        ("7", FIRST, "Joana Reis", "Lift", None),
    ),
    "Danish": (
        "Sagsnr;Dato;Kunde;Emne;Besked",
        "7;2026-03-12 14:05;Søren Møller;Lift;{}",
        ("7", FIRST, "Søren Møller", "Lift", None),
    ),
}
EVERY = ("id", "time", "author", "title", "brand")
SOME = {"reviews of an app": ("time", "title"), "two dates of which one is a stay's": EVERY[1:4]}


@pytest.mark.parametrize("export", EXPORTS)
def test_the_columns_of_an_export_are_found_by_their_names(tmp_path, export):
    header, row, right = EXPORTS[export]
    quote = "" if "|" in header or ";" in header else '"'
    id = right[0] if export not in SOME else ""
    first = row.replace("{}", f"{quote}{A}{quote}")
    second = row.replace("{}", f"{quote}{B}{quote}").replace(id, f"{id}9", 1)

    (event, _), bad = read(tmp_path, "\n".join((header, first, second, "")))

    assert (event.text, facts(event, *SOME.get(export, EVERY)), bad) == (A, right, [])


@pytest.mark.parametrize(
    ("encoding", "header", "text", "author"),
    [
        ("cp1250", "Numer;Klient;Treść", "Dźwig stoi, a nikt nie odbiera. Proszę!", "Łucja Żak"),
        ("cp1251", "Номер;Клиент;Отзыв", "Лифт застрял, и никто не отвечает.", "Анна Орлова"),
        ("cp1254", "No;Müşteri;Şikayet", "Asansör durdu, kimse açmıyor. Çok kötü.", "Ayşe Işık"),
        ("cp932", "番号;お客様名;内容", "エレベーターが止まりました。", "山田花子"),
        ("euc-kr", "번호;작성자;내용", "엘리베이터가 멈췄는데 아무도 받지 않아요.", "김영희"),
        ("big5", "編號;客戶;內容", "電梯停了，熱線沒有人接，等了很久。", "王芳"),
        ("gb18030", "编号;客户;投诉内容", "电梯停了，热线没有人接。", "王芳"),
        ("cp1252", "Nr;Kunde;Beschwerdetext", "Der Aufzug hängt, für Stunden. Übel!", "Jörg Groß"),
    ],
)
def test_letters_of_other_languages_are_read_in_the_encoding_of_their_programs(
    tmp_path, encoding, header, text, author
):
    content = f"{header}\r\n1;{author};{text}\r\n2;{author};{text}\r\n"
    events, bad = read(tmp_path, content.encode(encoding))

    assert [(event.text, event.author) for event in events] == [(text, author)] * 2
    assert bad == []


TABLE = f'id,date,text,note\n1,{FIRST},"{A}",\n2,{SECOND},"{B}",\n'


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (f"Report:,Mentions\nBrand:,VoltLine\nFrom:,12 March\n\n{TABLE}", []),
        (f"# by a tool\n# 2 records, UTC\n{TABLE}", []),
        (f"{TABLE}Total,,,\n", ["sums up the rows above it"]),
        (f"{TABLE}\nTotal complaints: 2\n", ["has 1 columns, not 4"]),
        (f"{TABLE}id,date,text,note\n", ["names the columns again"]),
        (TABLE.replace("note\n", "note\n,,Open-Ended Response,\n"), ["names the columns again"]),
        (TABLE.replace("note\n", 'note\n"{""x"":1}","{""x"":2}",,\n'), ["names the columns again"]),
        (TABLE.replace("note\n", "note\n--,--,----,--\n"), ["is a line between rows"]),
        (TABLE.replace('",\n', '"\n'), ["has 3 columns, not 4"] * 2),
        (f'id,text,date,note\n1,"{A}",{FIRST}\n2,"{B}",{SECOND},,,\n', []),
        (f'{FIRST},j@post.example,"{A}"\n{SECOND},t@post.example,"{B}"\n', []),
    ],
)
def test_what_stands_around_the_rows_is_no_message_and_is_named(tmp_path, content, reasons):
    events, bad = read(tmp_path, content)

    cut = reasons == ["has 3 columns, not 4"] * 2  # a row that ends with its text may be cut
    assert [event.text for event in events] == ([] if cut else [A, B])
    assert [row.reason for row in bad] == reasons


def test_a_message_that_begins_like_a_sum_is_one(tmp_path):
    events, bad = read(tmp_path, "title,text,date\nTotal rubbish,,2026-03-12\nTotal,dead,\n")

    assert [event.text for event in events] == ["Total rubbish"]
    assert [row.reason for row in bad] == ["sums up the rows above it"]


def test_a_subject_alone_is_what_somebody_wrote_and_a_class_is_not(tmp_path):
    subject, _ = read(tmp_path, f"id,subject,body\n1,{A},\n2,Box,{B}\n")
    issue, bad = read(tmp_path, f"id,issue,narrative\n1,Lifts,\n2,Boxes,{B}\n", "b.csv")

    assert [(event.text, event.title) for event in subject] == [(A, None), (B, "Box")]
    assert ([event.text for event in issue], [row.reason for row in bad]) == ([B], ["has no text"])


def test_an_id_that_several_texts_share_is_that_of_their_conversation(tmp_path):
    rows = f'7,71,Jane,"{A}"\n7,72,Jane,"{B}"\n8,81,Tom,"{B}"\n'
    events, _ = read(tmp_path, f"ticket_id,comment_id,requester,body\n{rows}")

    assert [event.id for event in events] == ["complaints:71", "complaints:72", "complaints:81"]
    assert [event.conversation for event in events] == [
        "complaints:7",
        "complaints:7",
        "complaints:8",
    ]


TICKET = {
    "id": 7,
    "subject": "Lift",
    "description": A,
    "created_at": "2026-03-12T14:05:00Z",
    "requester": {"name": "Jane Roe"},
    "custom_fields": [{"id": 1, "value": None}, {"id": 2, "value": "floor"}],
    "tags": ["lift"],
}
HITS = [{"_id": text, "_source": {"message": text, "@timestamp": FIRST}} for text in (A, B)]
OTHER = TICKET | {"id": 8, "description": B}


COLUMNS, ROWS = ["id", "date", "text"], [[1, FIRST, A], [2, FIRST, B]]


@pytest.mark.parametrize(
    ("document", "texts"),
    [
        ([TICKET], [A]),
        (TICKET, [A]),
        ({"ticket": TICKET}, [A]),
        ({"tickets": [TICKET, OTHER], "count": 2}, [A, B]),
        ({"data": {"page": 1, "tickets": [TICKET, OTHER]}}, [A, B]),
        ({"t1": TICKET, "t2": OTHER}, [A, B]),
        ({key: {"0": TICKET[key], "1": OTHER[key]} for key in TICKET}, [A, B]),
        ({"hits": {"hits": HITS}}, [A, B]),
        ([["id", "date", "text"], ["1", FIRST, A], ["2", FIRST, B]], [A, B]),
        ({"columns": ["id", "date", "text"], "rows": [[1, FIRST, A], [2, FIRST, B]]}, [A, B]),
        ({"columns": COLUMNS, "index": [0, 1], "data": ROWS}, [A, B]),
        ({"cols": [{"name": name} for name in COLUMNS], "rows": ROWS}, [A, B]),
        ({"meta": {"fields": [{"name": name} for name in COLUMNS]}, "data": ROWS}, [A, B]),
        ({"query": ["x"], "header": COLUMNS, "values": ROWS}, [A, B]),
    ],
    ids=[
        "list of one",
        "object",
        "named",
        "page",
        "deeper",
        "by key",
        "by column",
        "hits",
        "lists",
        "columns apart",
        "columns, index and data",
        "columns with names",
        "columns in another object",
        "columns behind another list",
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_messages_are_found_wherever_they_stand_in_a_document(tmp_path, document, texts, indent):
    events, bad = read(tmp_path, json.dumps(document, indent=indent), "a.json")

    assert [event.text for event in events] == texts
    assert {facts(event, "time") for event in events} == {(FIRST,)}
    assert bad == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "is a workbook or an archive; save its sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook or an archive; save its sheet as CSV"),
        (b"PAR1\x15\x04\x15\x00", "is a Parquet file; export its table as CSV or JSON Lines"),
        (b"SQLite format 3\x00\x10\x00", "is a database; export its table as CSV"),
        (b"<rows><row><text>The lift is stuck.</text></row></rows>", "save its table as CSV"),
        (b"<html><table><tr><td>text</td></tr></table></html>", "XML or HTML without turns"),
    ],
)
def test_a_table_that_is_no_text_says_in_one_line_what_to_do(tmp_path, content, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, content)


def test_a_call_in_json_stays_a_call(tmp_path):
    turns = [{"speaker": "agent", "text": "Hello?"}, {"speaker": "customer", "text": A}]
    for document in (turns, {"id": 1, "date": "2026-03-12", "turns": turns}):
        [event], _ = read(tmp_path, json.dumps(document), "a.json")

        assert event.kind == "transcript"

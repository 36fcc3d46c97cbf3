import os
import shutil
from array import array
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replayed import SAMPLES, Replayed, sample, written

from connectors.base import FormatError
from connectors.events import Deleted, Transcript, encode
from connectors.files import BadRow, open_file
from connectors.formats.speakers import turns
from connectors.formats.twcs import Threads


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


@pytest.mark.parametrize(
    ("stored", "written_by_a_person"),
    [
        ("bags &amp; wi-fi", "bags & wi-fi"),
        ("I &lt;3 you &gt; them", "I <3 you > them"),
        ("I &amp;lt;3 you", "I <3 you"),
        ("it&#39;s &quot;late&quot; &#x2014; again", 'it\'s "late" \u2014 again'),
        ("AT&T, Q&A; see ?a=1&copy=2&lt=3", "AT&T, Q&A; see ?a=1&copy=2&lt=3"),
        ("see ?a=1&amp;copy=2", "see ?a=1&copy=2"),
        ("&amp", "&amp"),
    ],
)
def test_texts_of_tweets_are_as_a_person_wrote_them_in_every_set(
    tmp_path, stored, written_by_a_person
):
    quoted = stored.replace('"', '""')
    when = "Tue Oct 31 22:10:47 +0000 2017"
    rows = {
        "airline.csv": "tweet_id,airline,name,text,tweet_created\n"
        f'1,Delta,ada,"{quoted}",2015-02-24 11:35:52 -0800\n',
        "sentiment140.csv": f'"0","1","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","ada","{quoted}"\n',
        "twcs.csv": "tweet_id,author_id,inbound,created_at,text,response_tweet_id,"
        f'in_response_to_tweet_id\n1,ada,True,{when},"{quoted}",,\n',
    }
    for name, content in rows.items():
        [event] = Replayed(written(tmp_path, content, name)).events
        assert event.text == written_by_a_person, name


def test_a_repeated_row_gives_the_same_event_again():
    repeated = sample("airline.csv").events[2:]

    assert len(repeated) == 2
    assert repeated[0] == repeated[1]


def test_sentiment140_as_published_has_no_header_and_is_latin_1():
    replayed = sample("sentiment140.csv")

    assert replayed.source.format == "sentiment140"
    assert [event.id for event in replayed.events] == [
        "x:1500000001",
        "x:1500000002",
        "x:1500000003",
    ]
    assert replayed.events[0].occurred_at == datetime(2009, 4, 7, 5, 19, 45, tzinfo=UTC)
    assert replayed.events[1].text == "a café in the sun "
    assert replayed.events[1].author == "bo"
    assert replayed.events[1].brand is None


def test_sentiment140_with_a_header_is_the_same():
    replayed = sample("sentiment140_header.csv")

    assert replayed.source.format == "sentiment140"
    assert [event.text for event in replayed.events] == [
        "my train is late, again",
        "a café in the sun",
    ]
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

    assert (twcs["x:3"].direction, twcs["x:3"].brand, twcs["x:3"].author) == (
        "outbound",
        "VoltCare",
        "VoltCare",
    )
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
    assert [event.id.partition("~")[0] for event in calls.events] == [
        "call:first%20call",
        "call:second",
    ]
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
    [call] = sample("calls/second.txt").events

    assert call.id.startswith("call:second~")


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


def test_a_call_of_which_no_part_was_read_yet_is_read_where_its_customer_speaks(tmp_path):
    content = "call_id,speaker,text\nc1,agent,hello\nc2,customer,late again\nc1,customer,no line\n"
    path = written(tmp_path, content, "calls.csv")

    whole = Replayed(path)
    [rest] = open_file(path, after=whole.cursors[0], on_bad_row=lambda _: None)

    assert [(event.id, event.text) for event in whole.events] == [
        ("call:c2", "late again"),
        ("call:c1", "no line"),
    ]
    assert rest.event == whole.events[1]


@pytest.mark.parametrize("format", [None, "complaints"])
def test_keys_of_json_in_another_encoding_are_found_again(tmp_path, format):
    rows = '{"\u20acdata": {"tickets": [{"number": 1, "body": "line down", "caf\u00e9": "x"},'
    rows += ' {"number": 2, "body": "late", "caf\u00e9": "y"}]}}'
    path = tmp_path / "calls.json"
    path.write_bytes(rows.encode("cp1252"))

    events = open_file(path, format, on_bad_row=lambda _: None)

    assert [event.text for event, _ in events] == ["line down", "late"]


def test_a_table_that_somebody_calls_sentiment140_says_what_it_lacks(tmp_path):
    path = written(tmp_path, "author,user,text\nada,a,late again\nbob,b,no line\n")

    with pytest.raises(FormatError, match="the column id, date is missing"):
        open_file(path, "sentiment140", on_bad_row=lambda _: None)


def test_a_table_of_turns_without_ids_is_one_call(tmp_path):
    path = written(tmp_path, "speaker,text\ncustomer,hello\nagent,hi\n", "monday.csv")

    [call] = Replayed(path).events

    assert call.id.startswith("call:monday~")


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
    assert [event.kind for event in replayed.events] == [
        "tweet",
        "deleted",
        "complaint",
        "transcript",
    ]
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

    assert (
        Replayed(written(tmp_path, b"\n".join(map(encode, events)), "copy.jsonl")).events == events
    )

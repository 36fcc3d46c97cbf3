import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.events import (
    DELETED_REVISION,
    Complaint,
    Deleted,
    Transcript,
    Turn,
    Tweet,
    decode,
    encode,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)

texts = st.text()
short = st.none() | st.text(max_size=300)
ids = st.from_regex(r"[a-z][a-z0-9_-]{0,31}:[!-~]{1,200}", fullmatch=True)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
record = {
    "id": ids,
    "conversation": ids,
    "occurred_at": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones),
    "brand": short,
}
said = record | {
    "revision": st.integers(0, DELETED_REVISION - 1),
    "direction": st.sampled_from(["inbound", "outbound"]),
    "author": short,
    "language": st.none() | st.just("pt-BR"),
    "followers": st.none() | st.integers(0, 2**31 - 1),
    "in_reply_to": st.none() | ids,
}
turns = st.builds(Turn, speaker=st.sampled_from(["customer", "agent"]), text=texts)
events = st.one_of(
    st.builds(Tweet, text=texts, **said),
    st.builds(Complaint, text=texts, title=short, **said),
    st.builds(
        Transcript, turns=st.lists(turns, max_size=4).map(tuple), complete=st.booleans(), **said
    ),
    st.builds(Deleted, of=st.sampled_from(["tweet", "complaint", "transcript"]), **record),
)


def tweet(**fields: object) -> Tweet:
    return Tweet.model_validate(
        {"id": "x:1", "conversation": "x:1", "occurred_at": NOON, "text": "where is my bag"}
        | fields
    )


def wire(**fields: object) -> bytes:
    return json.dumps(json.loads(encode(tweet())) | fields).encode()


@given(events)
def test_what_is_encoded_is_decoded_again(event):
    assert decode(encode(event)) == event


@given(events)
def test_every_time_is_in_utc(event):
    assert event.occurred_at.tzinfo is UTC


def test_the_schema_version_travels_with_the_event():
    assert json.loads(encode(tweet()))["schema_version"] == 1


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_version_is_refused(version):
    with pytest.raises(ValidationError, match="schema_version"):
        decode(wire(schema_version=version))


def test_fields_of_a_later_minor_change_are_ignored():
    assert decode(wire(mood="grim")) == tweet()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"kind": "rumour"}',
        b'"x:1"',
        b"\0",
        b"[" * 100_000,
    ],
)
def test_bytes_that_are_no_event_are_refused(value):
    with pytest.raises(ValidationError):
        decode(value)


@pytest.mark.parametrize(
    "id",
    [
        "123",
        "x:",
        ":1",
        "X:1",
        "x 1",
        "x:1 2",
        "x:1\n",
        "x:\0",
        "x:é",
        "1x:2",
        "x:" + "1" * 201,
        "",
    ],
)
def test_an_id_names_its_network_and_has_no_blanks(id):
    with pytest.raises(ValidationError, match="id"):
        decode(wire(id=id))


@pytest.mark.parametrize(
    "id", ["x:123", "bluesky:at://did:plc:abc/app.bsky.feed.post/3k", "call:first%20call"]
)
def test_the_ids_of_the_networks_fit(id):
    assert decode(wire(id=id)).id == id


def test_the_network_is_read_from_the_id():
    assert tweet(id="bluesky:at://x").network == "bluesky"


@pytest.mark.parametrize(
    "field",
    [
        {"occurred_at": "2026-05-04T12:00:00"},
        {"occurred_at": "10000-01-01T00:00:00Z"},
        {"occurred_at": 1e18},
        {"occurred_at": True},
        {"revision": -1},
        {"revision": DELETED_REVISION},
        {"direction": "sideways"},
        {"followers": -1},
        {"followers": 2**31},
        {"author": "a" * 301},
        {"text": None},
        {"text": 5},
    ],
)
def test_a_field_that_cannot_be_is_refused(field):
    with pytest.raises(ValidationError):
        decode(wire(**field))


def test_a_time_in_the_year_9999_is_kept():
    assert decode(wire(occurred_at="9999-12-31T23:59:59Z")).occurred_at.year == 9999


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-08:00", "0001-01-01T00:00:00+05:00"])
def test_a_time_that_leaves_the_calendar_in_utc_is_refused(moment):
    with pytest.raises(ValidationError, match="outside the calendar"):
        decode(wire(occurred_at=moment))


def test_half_a_character_becomes_a_question_mark_on_the_wire():
    event = tweet(text="my bag \ud83d is gone", author="adà")

    assert decode(encode(event)) == tweet(text="my bag ? is gone", author="adà")


def test_half_a_character_in_a_call_becomes_a_question_mark_too():
    call = Transcript(
        id="call:1",
        conversation="call:1",
        occurred_at=NOON,
        turns=(Turn(speaker="customer", text="\ud83d"),),
    )

    assert decode(encode(call)).text == "?"


def test_half_a_character_leaves_an_event_the_form_of_any_other():
    value = encode(tweet(text="my bag \ud83d is gone"))

    assert encode(decode(value)) == value


def test_half_a_character_on_the_wire_is_replaced():
    value = encode(tweet(text="MARK my words")).replace(b"MARK", b"\\ud83d")

    assert decode(value).text == "? my words"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("I can&#39;t breathe &amp; it&#x2019;s gas", "I can't breathe & it\u2019s gas"),
        ("x &amp;amp; y &lt; z", "x & y < z"),
        ("?a=1&copy=2 AT&T fish & chips; &nosuch;", "?a=1&copy=2 AT&T fish & chips; &nosuch;"),
    ],
)
def test_entities_of_an_export_are_the_letters_that_they_stand_for(text, plain):
    assert tweet(text=text).text == plain
    assert decode(encode(tweet(text=text))).text == plain


@pytest.mark.parametrize(
    "text", ["", "\0", "😡" * 5000, "أين حقيبتي؟", "a" * 300_000, "\u202eback\u202c"]
)
def test_any_text_travels(text):
    assert decode(encode(tweet(text=text))).text == text


def test_a_deletion_outranks_every_edit_and_has_no_text():
    deleted = decode(
        b'{"kind":"deleted","id":"x:1","conversation":"x:1","occurred_at":"2026-05-04T12:00:00Z"}'
    )

    assert deleted.revision > tweet(revision=DELETED_REVISION - 1).revision
    assert not hasattr(deleted, "text")


def test_the_text_of_a_call_is_the_customers_side():
    said = (Turn(speaker="customer", text="my router"), Turn(speaker="agent", text="yes?"))
    call = Transcript(
        id="call:1",
        conversation="call:1",
        occurred_at=NOON,
        turns=(*said, Turn(speaker="customer", text="is dead")),
    )

    assert call.text == "my router\nis dead"
    assert decode(encode(call)) == call


def test_an_event_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        tweet().text = "nothing happened"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0", "\x0b", "\x1b[2J", "\x85", "\u2028", "\u2029"])
def test_a_brand_and_an_author_are_one_line_wherever_they_come_from(end):
    """They stand in alerts, mails, logs and on terminals, where a line says whose it is."""
    name = f"Volt{end}Line{end}"
    event = tweet(brand=name, author=name)

    for told in (event, decode(encode(event)), decode(wire(brand=name, author=name))):
        assert told.brand == told.author
        assert told.brand is not None
        assert told.brand.startswith("Volt ")
        assert told.brand.splitlines() == [told.brand]
        assert not {"\0", "\x1b"} & set(told.brand)


def test_a_name_of_several_words_stays_as_it_is():
    for name in ("Sky North", "نیم\u200cفاصله", "", None):
        assert tweet(brand=name).brand == name

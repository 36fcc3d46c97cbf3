"""The demo day is a believable, reproducible day: quiet morning, outage at noon, fog, spam, quiet
end.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.demo import DAY, demo_day
from connectors.events import (
    Complaint,
    Deleted,
    Event,
    TextEvent,
    Transcript,
    Tweet,
    decode,
    encode,
)

SHARED = Path(os.environ.get("EARSHOT_SHARED", Path(__file__).parents[3] / "shared"))
AIRLINE = SHARED / "data" / "tweets" / "airline" / "Tweets.csv"


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [sourced.event for sourced in demo_day()]


@pytest.fixture(scope="module")
def said(events) -> list[TextEvent]:
    return [event for event in events if not isinstance(event, Deleted)]


def heard(said: list[TextEvent], brand: str, start: time, end: time) -> int:
    """How many inbound messages about `brand` came in [start, end)."""
    return sum(
        e.brand == brand and e.direction == "inbound" and start <= e.occurred_at.time() < end
        for e in said
    )


def test_the_day_has_a_few_hundred_events_and_each_revision_comes_once(events):
    assert 350 <= len(events) <= 450
    assert len({(event.id, event.revision) for event in events}) == len(events)


def test_cursors_count_the_events_and_time_never_goes_back():
    day = list(demo_day())

    assert [sourced.cursor for sourced in day] == list(range(len(day)))
    assert all(one.event.occurred_at <= other.event.occurred_at for one, other in pairwise(day))


def test_every_event_survives_the_wire_and_carries_nothing_the_records_do_not_know(events):
    assert [decode(encode(event)) for event in events] == events


def test_the_day_can_be_moved_and_keeps_its_ids_and_hours(events):
    moved = [sourced.event for sourced in demo_day(date(2027, 1, 31))]

    assert [event.id for event in moved] == [event.id for event in events]
    assert {event.occurred_at.date() for event in moved} == {date(2027, 1, 31)}
    assert [event.occurred_at.time() for event in moved] == [
        event.occurred_at.time() for event in events
    ]
    assert events[0].occurred_at == datetime.combine(DAY, events[0].occurred_at.time(), UTC)


def test_conversations_start_with_their_root_and_answers_come_after_what_they_answer(events):
    position: dict[str, int] = {}
    for index, event in enumerate(events):
        position.setdefault(event.id, index)

    for event in events:
        root = events[position[event.conversation]]
        assert root.id == root.conversation
        assert position[root.id] <= position[event.id]
        if isinstance(event, Tweet) and event.in_reply_to:
            answered = events[position[event.in_reply_to]]
            assert answered.conversation == event.conversation
            assert position[answered.id] < position[event.id]


def test_what_a_brand_says_is_outbound_and_only_that(said):
    accounts = {"SkyNorthAir", "VoltLineCare"}

    assert all((event.author in accounts) == (event.direction == "outbound") for event in said)
    assert Counter(event.brand for event in said if event.direction == "outbound").keys() == {
        "SkyNorth",
        "VoltLine",
    }


def test_every_kind_of_event_is_there(events, said):
    kinds = Counter(type(event) for event in events)
    turns = Counter(event.conversation for event in said)

    assert kinds[Complaint] >= 15
    assert kinds[Transcript] >= 4
    assert kinds[Deleted] in (1, 2)
    assert sum(isinstance(event, Tweet) and event.revision == 1 for event in events) >= 2
    assert sum(event.text.startswith("RT @") for event in said) >= 5
    assert sum(count >= 4 for count in turns.values()) >= 8


def test_the_outage_at_noon_stands_out_from_the_morning(said):
    morning_half_hours = heard(said, "VoltLine", time(7), time(11, 30)) / 9

    assert heard(said, "VoltLine", time(12), time(12, 30)) >= 80
    assert morning_half_hours < 5


def test_the_brand_answers_the_outage_from_twenty_past_twelve(said):
    answers = [
        event.occurred_at.time()
        for event in said
        if event.brand == "VoltLine"
        and event.direction == "outbound"
        and event.occurred_at.time() >= time(11, 58)
    ]

    assert time(12, 20) <= answers[0] < time(12, 21)
    assert sum(moment < time(13) for moment in answers) >= 10


def test_no_two_messages_say_the_same_but_edits_and_spam(said):
    texts = Counter(event.text for event in said if not event.text.startswith("RT @"))
    repeated = [text for text, count in texts.items() if count > 1]

    assert all("voltline-refunds.example" in text for text in repeated), repeated


def test_retweets_repeat_what_was_said_before_them(said):
    for index, event in enumerate(said):
        if quoted := re.match(r"RT @([\w.]+): (.+)", event.text, re.S):
            before = {(earlier.author, earlier.text) for earlier in said[:index]}
            assert quoted.groups() in before


def test_no_message_comes_from_the_airline_data_set(said):
    if not AIRLINE.exists():
        pytest.skip(f"the data set is not there: {AIRLINE} (set EARSHOT_SHARED)")
    with AIRLINE.open(newline="", encoding="utf-8") as file:
        foreign = {plain(row["text"]) for row in csv.DictReader(file)}

    assert not [
        event.text
        for event in said
        if len(plain(event.text).split()) > 3 and plain(event.text) in foreign
    ]


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", re.sub(r"@\w+", "", text.lower())))

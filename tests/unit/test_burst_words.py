"""Bursts in words: the counts decide what is said, and everybody says the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stream.alerts.burst_words import duration, length, sentence, subject
from stream.alerts.notifier import facts, title
from stream.cli.show import alert_line
from stream.desk.alert_book import Listed
from stream.records import AlertRecord
from stream.web.console.alerts_page import alert_for_browser
from stream.web.console.monitor_page import headline

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def burst(topics: dict[str, int], *, negative: int = 46, over: bool = False) -> AlertRecord:
    end = NOON + timedelta(minutes=34)
    return AlertRecord.model_validate(
        {
            "id": "burst:VoltLine:network:2026-03-12T12:00Z",
            "kind": "burst",
            "brand": "VoltLine",
            "topic": "network",
            "severity": 9,
            "started_at": NOON,
            "peak_at": NOON + timedelta(minutes=5),
            "ended_at": end,
            "recovered_at": end + timedelta(minutes=45) if over else None,
            "evidence": {"negative": negative, "expected": 4.2, "topics": topics},
            "version": 1,
            "created_at": NOON,
            "updated_at": NOON,
        }
    )


def listed(alert: AlertRecord) -> Listed:
    return Listed(alert, "open", None, None, None, None, None, ())


@pytest.mark.parametrize(
    ("topics", "negative", "about"),
    [
        ({"other": 27, "network": 19}, 46, "19 of them about network"),
        ({"network": 23, "other": 23}, 46, "mostly about network"),
        ({"network": 40, "billing": 6}, 46, "mostly about network"),
        ({"other": 40, "network": 6}, 46, ""),
        ({"other": 46}, 46, ""),
        ({"billing": 12, "network": 12, "other": 22}, 46, "12 of them about billing"),
        ({"network": 20}, 69, "20 of them about network"),  # the first topics alone are kept
    ],
)
def test_a_burst_is_about_what_its_counts_say(topics, negative, about):
    assert subject(negative, topics, "network") == about


def test_without_counts_it_is_about_the_topic_of_its_alert():
    assert subject(46, {}, "network") == "mostly about network"
    assert subject(46, {}, "other") == subject(46, {}, None) == ""


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "1 min"), (34, "35 min"), (59, "1 h 00 min"), (124, "2 h 05 min")]
)
def test_a_burst_lasts_to_the_end_of_its_last_minute(minutes, words):
    assert length(NOON, NOON + timedelta(minutes=minutes)) == words


@pytest.mark.parametrize("topics", [{"other": 27, "network": 19}, {"network": 40, "other": 6}])
def test_console_terminal_and_message_say_the_same_of_a_burst(topics):
    alert = burst(topics)
    shown = listed(alert)
    words = f"VoltLine: {sentence(alert)}"

    assert words.startswith("VoltLine: 46 negative messages where 4.2 were usual, ")
    assert headline(shown) == title(alert) == alert_for_browser(shown)["title"] == words
    assert words in alert_line(alert).plain


def test_everybody_says_how_long_it_lasted():
    for over, words in ((False, "goes on for 35 min"), (True, "lasted 35 min")):
        alert = burst({"network": 40}, over=over)
        assert duration(alert) == words
        assert ("Duration", words) in facts(alert)
        assert alert_for_browser(listed(alert))["duration"] == words
    assert title(alert, recovered=True) == (
        "VoltLine: the burst of 46 negative messages, mostly about network, is over; "
        "it lasted 35 min"
    )

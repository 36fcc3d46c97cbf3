"""`earshot evaluate conversations`: what last words do to tickets, on a labelled file."""

from __future__ import annotations

import json

import pytest

from stream.triage.conversations import End, evaluate_conversations, measured
from stream.triage.evaluate import UnusableLabels
from stream.triage.ticket import Message


def unread(events):
    """Events as a store holds them that no model read."""
    return [
        Message(
            id=event.id,
            conversation=event.conversation,
            kind="tweet",
            direction=event.direction,
            occurred_at=event.occurred_at,
            text=event.text,
            author=event.author,
            brand=event.brand,
        )
        for event in events
    ]


def turn(speaker, text):
    return {"speaker": speaker, "text": text}


DOWN = turn("customer", "my internet is down since Monday and nobody answers me")
SORRY = turn("agent", "Sorry! Glad if it is back now?")
LINES = [
    {"turns": [DOWN, SORRY, turn("customer", "All works again, thanks!")], "state": "settled"},
    {"turns": [DOWN, SORRY, turn("customer", "still down, any update?")], "state": "open"},
    {"turns": [DOWN, SORRY, turn("customer", "It's fixed now, thank you!")], "state": "open"},
]


def test_what_became_of_the_tickets_is_counted_by_the_labelled_state(tmp_path):
    file = tmp_path / "conversations.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in LINES) + "\n")

    figures = evaluate_conversations(file, unread)

    assert figures["n"] == 3
    assert figures["settled_closed_or_lowered_by_two"]["share"] == 1.0
    assert figures["open_wrongly_closed"]["count"] == 1
    assert figures["open_wrongly_closed"]["n"] == 2
    assert figures["ends"]["settled"]["closed"] == 1


def test_shares_stand_with_an_interval_that_holds_them():
    ends = [End("settled", "P2", "P4", "closed")] * 9 + [End("settled", "P2", "P2", "kept")]

    figures = measured([*ends, End("settled", "none", "none", None)])

    share = figures["settled_closed_or_lowered_by_two"]
    low, high = share["interval_95"]
    assert (share["share"], share["n"]) == (0.9, 10)
    assert 0.5 < low < 0.9 < high < 1
    assert figures["settled_without_a_ticket_or_closed_or_lowered_by_two"]["n"] == 11
    assert figures["open_wrongly_closed"] == {"share": None, "n": 0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "line 2 is no JSON"),
        ("[]", "line 2"),
        (json.dumps({"turns": [], "state": "open"}), "line 2: turns"),
        (json.dumps({"turns": [DOWN], "state": "fine"}), "line 2: state"),
        (json.dumps({"turns": [DOWN, SORRY], "state": "open"}), "the last turn is not"),
        (json.dumps({"turns": [turn("robot", "hi")], "state": "open"}), "line 2: turns"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path, line, reason):
    file = tmp_path / "conversations.jsonl"
    file.write_text(json.dumps(LINES[0]) + "\n" + line + "\n")

    with pytest.raises(UnusableLabels, match=reason):
        evaluate_conversations(file, unread)


def test_an_empty_file_is_refused(tmp_path):
    file = tmp_path / "conversations.jsonl"
    file.write_text("\n")

    with pytest.raises(UnusableLabels, match="holds no conversation"):
        evaluate_conversations(file, unread)

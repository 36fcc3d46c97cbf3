"""A message is weighed once: folding its conversation again reads it neither anew nor otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.triage import inbound
from stream.triage.cues import thesaurus
from stream.triage.fold import fold
from stream.triage.ticket import Message

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
TEXTS = [
    "there is smoke in the cabin, somebody help",
    "third time I write, nobody answers",
    "switching to another airline",
    "thank you so much, all sorted",
    "was für ein Saftladen",
]
LEVELS = [None, (0.9, 0.8, 0.6, 0.3), (0.9, 0.5, 0.1, 0.01), (0.1, 0.05, 0.01, 0.0)]


def post(number: int, text: str, **fields: Any) -> Message:
    given = {"kind": "tweet", "direction": "inbound", "author": "mia", **fields}
    at = NOON + timedelta(minutes=number)
    return Message(id=f"x:{number}", conversation="x:0", occurred_at=at, text=text, **given)


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the messages that were weighed, each time that they were."""
    ids: list[str] = []
    by_model = inbound.by_model

    def counted(message: Message, cues: Any) -> Any:
        ids.append(message.id)
        return by_model(message, cues)

    monkeypatch.setattr(inbound, "by_model", counted)
    return ids


def test_a_further_message_weighs_no_other_again(weighed: list[str]) -> None:
    texts = [f"smoke in cabin {number}, nobody answers" for number in range(30)]
    history = [post(number, text, levels=LEVELS[1]) for number, text in enumerate(texts)]
    fold(history)
    weighed.clear()

    # Read from the database again they are equal, and other objects.
    fold([*(replace(message) for message in history), post(99, "a last word", levels=LEVELS[1])])

    assert weighed == ["x:99"]


def test_a_message_that_was_edited_is_weighed_again(weighed: list[str]) -> None:
    before = [post(1, "still no answer from anybody", levels=LEVELS[2])]
    fold(before)
    weighed.clear()

    made = fold([replace(before[0], levels=LEVELS[1], reasons={"danger": 0.9})])

    assert weighed == ["x:1"]
    assert made is not None
    assert made.level == "P1"


def test_a_long_letter_is_not_kept(weighed: list[str]) -> None:
    letter = post(1, "nobody answers. " * 1_000, levels=LEVELS[2])

    fold([letter])
    fold([letter])

    assert len(weighed) > 1


@settings(deadline=None)
@given(st.data())
def test_a_revision_that_differs_in_anything_is_another_message(data: st.DataObject) -> None:
    """Messages of one id and one text, with other scores: each is weighed by its own."""
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(3):
        message = post(
            1,
            text,
            levels=data.draw(st.sampled_from(LEVELS)),
            reasons=data.draw(
                st.dictionaries(st.sampled_from(["danger", "delay"]), st.floats(0, 1))
            ),
            direction=data.draw(st.sampled_from(["inbound", "outbound"])),
            abstained=data.draw(st.booleans()),
            language=data.draw(st.sampled_from([None, "en", "de"])),
            dissatisfaction=data.draw(st.none() | st.floats(0, 100)),
        )
        kept = inbound.read(message)

        assert kept.message == message
        assert kept == inbound.read.__wrapped__(message)


def test_the_cues_of_a_message_are_those_of_its_text() -> None:
    message = post(1, TEXTS[0])

    assert inbound.read(message).cues == thesaurus().find(TEXTS[0])

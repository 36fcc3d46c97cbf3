"""Long conversations: a message is searched for cues once, however often its conversation is
folded.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from stream.triage.cues import Cues, _Index, thesaurus
from stream.triage.fold import fold
from stream.triage.settlement import _lexicon, needs_person, settlement
from stream.triage.ticket import Message

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


class Counter:
    """How many texts were searched, and how many were asked for words of settlement."""

    def __init__(self) -> None:
        self.searches = 0
        self.questions = 0


@pytest.fixture
def counter(monkeypatch) -> Counter:
    """From here on, with nothing cached."""
    thesaurus.cache_clear()
    _lexicon.cache_clear()
    counter, matches, find = Counter(), _Index.matches, Cues.find

    def counted_matches(index, words):
        counter.searches += 1
        return matches(index, words)

    def counted_find(cues, text):
        counter.questions += cues is _lexicon()
        return find(cues, text)

    monkeypatch.setattr(_Index, "matches", counted_matches)
    monkeypatch.setattr(Cues, "find", counted_find)
    return counter


def wrote(number: int, text: str | None = None, **given: object) -> Message:
    """The brand answers every third message."""
    is_brand = number % 3 == 2
    values: dict[str, object] = {
        "id": f"x:{number}",
        "conversation": "x:0",
        "kind": "tweet",
        "direction": "outbound" if is_brand else "inbound",
        "author": "brand" if is_brand else f"a{number % 7}",
        "occurred_at": NOON + timedelta(minutes=number),
        "text": text or f"no internet since {number} days, and you charged me {number} times",
        "negative": 0.9,
        "need": 0.8,
    }
    return Message(**{**values, **given})  # type: ignore[arg-type]


def by_heads(number: int, text: str | None = None, **given: object) -> Message:
    heads = {"levels": (0.9, 0.8, 0.1, 0.0), "reasons": {"outage": 0.9}, "settled": 0.05}
    return wrote(number, text, **{**heads, **given})


@pytest.mark.parametrize("message", [wrote, by_heads])
def test_each_save_of_a_conversation_searches_its_new_message_alone(counter, message):
    history: list[Message] = []
    for number in range(300):
        history.append(message(number))
        before = counter.searches
        fold(list(history))
        needs_person(history[-1])

        assert counter.searches - before <= 2, (
            "once for the thesaurus, once for the words of settlement"
        )


@pytest.mark.parametrize("message", [wrote, by_heads])
def test_the_two_thousandth_message_costs_as_many_searches_as_the_hundredth(counter, message):
    costs = []
    for length in (100, 2_000):
        fold([message(number) for number in range(length - 1)])
        before = counter.searches
        fold([message(number) for number in range(length)])
        costs.append(counter.searches - before)

    assert costs[0] <= 2
    assert costs[1] <= 2


@pytest.mark.parametrize("words", ["thank you, it works again", "thanks!", "still nothing, thanks"])
def test_a_last_word_looks_at_what_was_said_since_the_brands_answer_alone(counter, words):
    """By the heads. Before, it read the whole conversation again."""
    counts = []
    for length in (102, 2_001):
        talk = [by_heads(number) for number in range(length)]
        talk.append(by_heads(length, words, author="a1", direction="inbound", settled=0.9))
        before = counter.questions
        fold(talk)
        counts.append(counter.questions - before)

    assert counts[0] == counts[1] <= 10


def test_a_thousand_authors_are_looked_through_once():
    """Before, each author's last word was looked for in the whole conversation."""
    visits = 0

    class Counted(list[Message]):
        def __iter__(self):
            nonlocal visits
            visits += len(self)
            return super().__iter__()

    talk = Counted(by_heads(number, author=f"b{number}") for number in range(2_000))
    settlement(talk, {message.id for message in talk})

    assert visits <= 5 * len(talk)


def test_kept_cues_are_the_cues_and_nobody_can_change_them():
    cues = Cues({"loss": {"says": "lost my bag", "unless": "lost my bag of tricks"}}, {})
    text = "they lost my bag"

    first = cues.find(text)
    assert cues.find(text) is first
    assert [cue.quote for cue in first["loss"]] == ["lost my bag"]
    assert isinstance(first, MappingProxyType)
    with pytest.raises(TypeError):
        first["loss"] = ()  # type: ignore[index]
    assert cues.find(text + " of tricks") == {}


def test_a_letter_that_is_too_long_to_keep_is_searched_all_the_same():
    cues = Cues({"loss": {"says": "lost my bag"}}, {})
    letter = "word " * 2_000 + "they lost my bag"

    assert cues.find(letter) == cues.find(letter)
    assert [cue.quote for cue in cues.find(letter)["loss"]] == ["lost my bag"]
    assert cues._cached.cache_info().currsize == 0

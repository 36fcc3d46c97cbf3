"""No text, whatever is in it, may stop a step that reads it."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.language import UNDECIDED, detect
from models.redact import redact
from models.text import normalize
from models.training.corpus.data import shared_data, text_hash
from models.training.corpus.keyed import public_texts
from models.urgency import LEVELS, REASONS
from stream.triage.cues import thesaurus
from stream.triage.danger_words import danger_words
from stream.triage.fold import fold
from stream.triage.footer import judged_words
from stream.triage.ticket import Message

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data"
OWN = ("triage_gold_dev.csv", "triage_urgent_kept.csv", "triage_contrasts_kept.csv")
# Seconds in which the public texts are read, in an order of chance. An idle core reads some 100,000
# of them, a busy machine far fewer: how many is printed.
LONGEST, FEWEST = 540, 1_000

# Any string, and the scraps that texts are written in: what a pattern begins to match and is then
# left alone with.
SCRAPS = (
    *("n't", "'s", "'m", "'re", "'ve", "'ll", "'d", "N’T", "did", "not", "no", "RT @", "#", "@"),
    *("$", "£", "%", "?", "!", "...", "--", "http://", "www.", "&", "0", "1,000.50", "+44 20"),
    *("\u0660\u0661", "²", "\u2160", "İ", "ß", "ǅ", "ﬁ", "\u0301", "\ud800", "\x00", "\u200d"),
    *("😡", "日本", "ไทย", "עברית", "12:30", "a@b.c"),
)
TEXTS = st.one_of(
    st.text(st.characters(), max_size=200),
    st.lists(st.sampled_from(SCRAPS), max_size=30).map(" ".join),
    st.lists(st.sampled_from(SCRAPS), max_size=30).map("".join),
)
# What the model may say of a message: probabilities of levels, never rising, or nothing at all.
PROBABILITIES = st.floats(0, 1)
READINGS = st.fixed_dictionaries(
    {
        "levels": st.none()
        | st.lists(PROBABILITIES, min_size=len(LEVELS), max_size=len(LEVELS)).map(
            lambda values: tuple(sorted(values, reverse=True))
        ),
        "reasons": st.dictionaries(st.sampled_from(REASONS), PROBABILITIES, max_size=6),
        "settled": st.none() | PROBABILITIES,
        "abstained": st.booleans(),
        "language": st.sampled_from([None, "en", "de", UNDECIDED]),
    }
)


@pytest.mark.parametrize("text", ["did n't", "n't", "N’T", "it was n't n't"])
def test_a_lone_contraction_is_a_negation(text):
    cues = thesaurus().find(f"{text} help me")

    assert all(cue.quote for found in cues.values() for cue in found)


def test_a_lone_contraction_negates_what_it_stands_before():
    assert "danger" in thesaurus().find("they smell smoke")
    assert "danger" not in thesaurus().find("it is n't smoke")


@given(TEXTS)
@example("did n't")
def test_any_text_is_redacted_normalised_and_given_a_language(text):
    assert detect(redact(text))
    normalize(redact(text))


@given(st.lists(st.tuples(TEXTS, READINGS), min_size=1, max_size=4))
@example([("did n't", {})])
@example([("did n't", {"levels": (1.0, 1.0, 1.0, 1.0), "settled": 1.0})])
def test_any_conversation_is_folded(texts):
    history = [
        Message(
            id=f"x:{number}",
            conversation="x:0",
            kind="tweet",
            direction="outbound" if number == 2 else "inbound",
            occurred_at=NOON,
            text=text,
            **reading,
        )
        for number, (text, reading) in enumerate(texts)
    ]

    ticket = fold(history)

    assert ticket is None or ticket.id == "x:0"
    assert ticket is None or 0 <= ticket.priority <= 100


def stepped(text: str) -> None:
    """Every pure step of one message, with what a model could say of it drawn by its hash."""
    chance = random.Random(text_hash(text))
    redacted = redact(text)
    normalize(judged_words(redacted))
    language = detect(redacted)
    thesaurus().find(redacted)
    danger_words().find(redacted)
    message = Message(
        id="x:0",
        conversation="x:0",
        kind="tweet",
        direction="inbound",
        occurred_at=NOON,
        text=redacted,
        language=chance.choice([language, "en", UNDECIDED]),
        abstained=chance.random() < 0.1,
        levels=tuple(sorted((chance.random() for _ in LEVELS), reverse=True)),
        reasons={code: chance.random() for code in chance.sample(REASONS, chance.randrange(6))},
        settled=chance.random(),
    )
    ticket = fold([message])
    assert ticket is None or 0 <= ticket.priority <= 100


def faults(texts: Iterable[str], seconds: float) -> tuple[int, list[str]]:
    """How many texts were read in so many seconds, and which of them, by hash, raised what."""
    end = time.monotonic() + seconds
    count, raised = 0, []
    for text in texts:
        try:
            stepped(text)
        except Exception as error:  # whatever it is: every text that raises is named
            raised.append(f"{text_hash(text)}: {error!r}")
        count += 1
        if time.monotonic() > end:
            break
    return count, raised


def test_every_text_of_our_own_goes_through_every_step():
    texts: list[str] = []
    for name in OWN:
        with (DATA / name).open(encoding="utf-8", newline="") as file:
            texts += [row["text"] for row in csv.DictReader(file)]

    assert faults(texts, LONGEST) == (len(texts), [])


@pytest.mark.long
def test_every_public_text_goes_through_every_step():
    texts = sorted(set(public_texts(shared_data())), key=text_hash)
    if not texts:
        pytest.skip(f"no public set below {shared_data()}: EARSHOT_SHARED says where they are")

    count, raised = faults(texts, LONGEST)
    print(f"{count:,} of {len(texts):,} texts")

    assert raised == []
    assert count >= min(FEWEST, len(texts))

"""No text, whatever is in it, may stop a step that reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.language import detect
from models.redact import redact
from models.text import normalize
from stream.triage.cues import thesaurus
from stream.triage.fold import fold
from stream.triage.ticket import Message

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)

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


@given(st.lists(TEXTS, min_size=1, max_size=4), st.booleans())
@example(["did n't"], False)
def test_any_conversation_is_folded(texts, abstained):
    history = [
        Message(
            id=f"x:{number}",
            conversation="x:0",
            kind="tweet",
            direction="outbound" if number == 2 else "inbound",
            occurred_at=NOON,
            text=text,
            abstained=abstained,
        )
        for number, text in enumerate(texts)
    ]

    ticket = fold(history)

    assert ticket is None or ticket.id == "x:0"

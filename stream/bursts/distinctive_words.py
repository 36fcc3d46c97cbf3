"""Distinctive words: the words that set some messages apart from others, and examples of them.

Log-odds of `models.log_odds`, in standard errors. Each author counts once for a word, so that one
loud voice is no crowd.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.log_odds import WordOdds, log_odds
from models.stop_words import is_stop_word
from models.text import LONGEST

FEWEST_AUTHORS = 3  # a word that fewer use tells of them, not of the crowd
SURE = 2.33  # standard errors; thousands of words are compared, so less would be chance
WORDS = 5  # that are shown

_PRIOR, _FLOOR = 10.0, 0.5  # pseudo-messages that speak as all do; of each word, besides
_NEARLY = 0.8  # a pair with so much of a word's strength stands for the word
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|@\w+|\[\w+\]|&\w+;|^rt\b")
_WORD = re.compile(
    r"[^\W\d_]+(?:['’][^\W\d_]+)?|(?<!\d)\d{1,6}(?=[ -]?(?:hours?|hrs?|minutes?|mins?|days?)\b)"
)


@dataclass(frozen=True, slots=True)
class AuthoredText:
    """A message. author: who counts as one voice; the conversation, where no author is known."""

    id: str
    text: str
    author: str
    weight: float = 0.0  # of two that show the same, the heavier is the better example


def distinctive_words(
    messages: Sequence[AuthoredText], usual: Sequence[AuthoredText], *, exclude: Sequence[str] = ()
) -> list[str]:
    """The words and pairs of words that set `messages` apart, the surest first.

    Each is used by FEWEST_AUTHORS at least, so none quotes a single person. exclude: names that
    say nothing here.
    """
    names = [_words(name) for name in exclude]
    excluded = {word for name in names for word in (*name, "".join(name))}
    counts = _author_counts(messages)
    known = {
        term: count
        for term, count in counts.items()
        if count >= FEWEST_AUTHORS and excluded.isdisjoint(term.split())
    }
    odds = log_odds(
        Counter(known),
        _author_counts(usual, known),
        (max(1, len(messages)), max(1, len(usual))),
        prior=_PRIOR,
        floor=_FLOOR,
    )
    return _to_show([row for row in odds if row.z >= SURE])


def examples(
    messages: Sequence[AuthoredText], words: Sequence[str], *, limit: int = 3
) -> list[str]:
    """The ids of the messages with the most of these words, each of another author."""

    def order(message: AuthoredText) -> tuple[int, float, str]:
        terms = _terms(message.text)
        return -sum(word in terms for word in words), -message.weight, message.id

    ids: dict[str, str] = {}  # by author
    texts: set[str] = set()
    for message in sorted(messages, key=order):
        plain = " ".join(_words(message.text))
        if message.author not in ids and plain not in texts:
            ids[message.author] = message.id
            texts.add(plain)
        if len(ids) == limit:
            break
    return list(ids.values())


def _author_counts(
    messages: Sequence[AuthoredText], known: Mapping[str, int] | None = None
) -> Counter[str]:
    """How many authors use a term. known: the terms to count; None counts all."""
    uses: set[tuple[str, str]] = set()
    for message in messages:
        terms = _terms(message.text)
        if known is not None:
            terms &= known.keys()
        uses.update((message.author, term) for term in terms)
    return Counter(term for _, term in uses)


def _terms(text: str) -> set[str]:
    words = _words(text)
    full = {word for word in words if len(word) > 1 and not is_stop_word(word)}
    pairs = {f"{first} {second}" for first, second in pairwise(words) if {first, second} <= full}
    return full | pairs


def _words(text: str) -> list[str]:
    plain = _NOT_WORDS.sub(" ", text[:LONGEST].lower())
    return [word.replace("’", "'") for word in _WORD.findall(plain)]


def _to_show(sure: Sequence[WordOdds]) -> list[str]:
    """The terms to show: a pair in place of its words, where it is nearly as strong. No word comes
    twice.
    """
    terms: list[str] = []
    words: set[str] = set()
    for row in sure:
        pairs = (
            pair.word
            for pair in sure
            if " " in pair.word and row.word in pair.word.split() and pair.z >= _NEARLY * row.z
        )
        term = next(pairs, row.word)
        if words.isdisjoint(term.split()):
            terms.append(term)
            words.update(term.split())
        if len(terms) == WORDS:
            break
    return terms

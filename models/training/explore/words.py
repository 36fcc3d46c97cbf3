"""Words of texts: their frequencies, and the log-odds that set one group apart from another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

# words of everyone that each group is taken to have said already; of little text, a tenth of its
# words
PRIOR = 500.0
CERTAIN = 1.96  # standard deviations

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_PLACEHOLDER = re.compile(r"\[[a-z]{2,10}\]|@\w+|https?://\S+|www\.\S+|&\w{1,8};")
_MASKED = re.compile(r"x{2,}", re.IGNORECASE)  # how public records black names out
_EMPTY = ENGLISH_STOP_WORDS | frozenset(
    """
    im ive id dont didnt doesnt cant wont isnt wasnt youre thats theyre couldnt wouldnt http https
    www amp rt via don't didn't doesn't can't won't isn't wasn't i'm i've i'd i'll you're that's
    they're it's he's she's couldn't wouldn't haven't hasn't hadn't aren't weren't we're we've
    they've you've let's there's what's also just would could said told say says saying get got
    getting like really one two still even yes yeah okay ok oh um uh hi hello pause thank thanks
    will going want know make made think did does
    """.split()  # noqa: SIM905 (a list of a hundred lines reads worse)
)


@dataclass(frozen=True, slots=True)
class WordOdds:
    """A word of a group. odds: log-odds ratio to the other texts. z: in standard deviations."""

    word: str
    odds: float
    z: float
    inside: int  # texts of the group that hold it
    outside: int


def words(text: str) -> list[str]:
    """The words that carry something, in lower case and order; no links, handles, placeholders."""
    plain = _PLACEHOLDER.sub(" ", text.replace("’", "'"))
    tokens = [word.casefold() for word in _WORD.findall(plain)]
    return [
        word
        for word in tokens
        if len(word) > 2 and word not in _EMPTY and not _MASKED.fullmatch(word)
    ]


def pairs(text_words: Sequence[str]) -> list[str]:
    """Neighbours: `slow internet`."""
    return [f"{first} {second}" for first, second in pairwise(text_words) if first != second]


def texts_with(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """In how many texts each word stands; a text that says it ten times counts once."""
    counts: Counter[str] = Counter()
    for tokens in texts:
        counts.update(set(tokens))
    return counts


def log_odds(inside: Counter[str], outside: Counter[str]) -> list[WordOdds]:
    """The words by how much they set the first group apart, the most distinctive first.

    Log-odds ratios with an informative Dirichlet prior, the words of both groups (Monroe, Colaresi
    & Quinn, 2008, equations 16 to 22): a rare word that only one group has is not taken for a
    discovery.
    """
    both = inside + outside
    total = sum(both.values())
    if len(both) < 2:  # a word is told from the others
        return []
    prior = min(PRIOR, total / 10)
    in_all, out_all = sum(inside.values()) + prior, sum(outside.values()) + prior
    rows = []
    for word, count in both.items():
        expected = prior * count / total
        ours, theirs = inside[word] + expected, outside[word] + expected
        odds = np.log(ours / (in_all - ours)) - np.log(theirs / (out_all - theirs))
        spread = np.sqrt(1 / ours + 1 / theirs)
        rows.append(WordOdds(word, float(odds), float(odds / spread), inside[word], outside[word]))
    return sorted(rows, key=lambda row: (-row.z, row.word))


def distinctive_words(
    inside: Sequence[Sequence[str]], outside: Sequence[Sequence[str]], count: int
) -> list[str]:
    """At most `count` words that set the first texts apart from the second with some certainty."""
    ranked = log_odds(texts_with(inside), texts_with(outside))
    return [row.word for row in ranked[:count] if row.z > CERTAIN]

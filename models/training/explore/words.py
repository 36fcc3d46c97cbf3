"""Words of texts: their frequencies, and the log-odds that set one group apart from another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from models.log_odds import WordOdds
from models.log_odds import log_odds as log_odds_of
from models.stop_words import is_stop_word

# words of everyone that each group is taken to have said already; of little text, a tenth of its
# words
PRIOR = 500.0
CERTAIN = 1.96  # standard deviations

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_PLACEHOLDER = re.compile(r"\[[a-z]{2,10}\]|@\w+|https?://\S+|www\.\S+|&\w{1,8};")
_MASKED = re.compile(r"x{2,}", re.IGNORECASE)  # how public records black names out


def words(text: str) -> list[str]:
    """The words that carry something, in lower case and order; no links, handles, placeholders."""
    plain = _PLACEHOLDER.sub(" ", text.replace("’", "'"))
    tokens = [word.casefold() for word in _WORD.findall(plain)]
    return [
        word
        for word in tokens
        if len(word) > 2 and not is_stop_word(word) and not _MASKED.fullmatch(word)
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
    """The words that tell the first group from the second, the surest of the first group first."""
    sizes = sum(inside.values()), sum(outside.values())
    if len(inside + outside) < 2:  # a word is told from other words
        return []
    return log_odds_of(inside, outside, sizes, prior=min(PRIOR, sum(sizes) / 10))


def distinctive_words(
    inside: Sequence[Sequence[str]], outside: Sequence[Sequence[str]], count: int
) -> list[str]:
    """At most `count` words that set the first texts apart from the second with some certainty."""
    ranked = log_odds(texts_with(inside), texts_with(outside))
    return [row.word for row in ranked[:count] if row.z > CERTAIN]

"""Log-odds of words with an informative Dirichlet prior: which words set one group of texts apart.

After Monroe, Colaresi & Quinn, "Fightin' Words", Political Analysis 16 (2008) 372, equations 16 to
22. The prior holds the words of both groups, so that a rare word that only one group has is not
taken for a discovery.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import log, sqrt


@dataclass(frozen=True, slots=True)
class WordOdds:
    """odds: log-odds ratio of the word between the groups. z: the same in standard deviations."""

    word: str
    odds: float
    z: float
    inside: int  # how often the first group has it
    outside: int


def log_odds(
    inside: Counter[str],
    outside: Counter[str],
    sizes: tuple[float, float],
    *,
    prior: float,
    floor: float = 0.0,
) -> list[WordOdds]:
    """The log-odds of every word, the ones that set the first group apart first.

    sizes: what the counts of each group are shares of, words or texts. prior: how much of both
    groups each is assumed to hold already. floor: added to each count, so that a word may be in
    every text or in none. Without it no word may be all that both groups have.
    """
    total = sum(sizes)
    odds_of_words = []
    for word, count in (inside + outside).items():
        expected = prior * count / total + floor
        counts = inside[word] + expected, outside[word] + expected
        rests = tuple(
            size + prior + 2 * floor - own for size, own in zip(sizes, counts, strict=True)
        )
        odds = log(counts[0] / rests[0]) - log(counts[1] / rests[1])
        z = odds / sqrt(1 / counts[0] + 1 / counts[1])
        odds_of_words.append(WordOdds(word, odds, z, inside[word], outside[word]))
    return sorted(odds_of_words, key=lambda row: (-row.z, row.word))

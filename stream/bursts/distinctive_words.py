"""The words that set some messages apart from others, and the messages that show it best. Pure.

Log-odds with an informative Dirichlet prior, after Monroe, Colaresi & Quinn, "Fightin' Words",
Political Analysis 16 (2008) 372: words of one corpus against another's, shrunk towards how often
they occur at all, in standard errors. Messages are counted, not occurrences, and each author once a
word, so that one loud voice is no crowd.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

FEWEST_AUTHORS = 3  # a word that fewer use tells of them, not of what happened
SURE = 2.33  # standard errors; thousands of words are asked, so less would be chance

_PRIOR = 10.0  # pseudo-messages that speak as all do
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|@\w+|\[\w+\]|&\w+;|^rt\b")
_WORD = re.compile(
    r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?=[ -]?(?:hours?|hrs?|minutes?|mins?|days?)\b)"
)
_GRAMMAR = """
    a about after again all also am an and any are as at back be because been before being but by can can't cannot
    could did didn't do does doesn't doing don't down for from get getting go going got had has have haven't having he
    her here him his how i i'm i've if in into is isn't it it's its just let like me more most much my need never no not
    now of off on one only or other our out over please really same she should so some still such than thank thanks
    that that's the their them then there they they're this those to today too u up us very want was wasn't we we're
    were what what's when where which while who why will with won't would you you're your yours yet
"""
_EMPTY = frozenset(_GRAMMAR.split())


@dataclass(frozen=True, slots=True)
class Said:
    """A message. author: whoever counts as one voice; a conversation, where no author is known."""

    id: str
    text: str
    author: str
    weight: float = 0.0  # of two that show the same, the heavier is the better example


def words_apart(
    apart: Sequence[Said], usual: Sequence[Said], *, without: str = "", most: int = 5
) -> list[str]:
    """The words and pairs of words that set `apart` off, the surest first. without: a name that
    says nothing here.

    Each is used by FEWEST_AUTHORS at least, so none quotes a single person.
    """
    silent = set(_words(without)) | {"".join(_words(without))}
    here, there = _counts(apart, silent), _counts(usual, silent)
    n_here, n_there = max(1, len(apart)), max(1, len(usual))
    sure: list[tuple[float, str]] = []
    for term, count in here.items():
        if count < FEWEST_AUTHORS:
            continue
        prior = _PRIOR * (count + there[term]) / (n_here + n_there) + 0.5
        k, m = count + prior, there[term] + prior
        rest_k, rest_m = max(n_here + _PRIOR + 1 - k, 0.5), max(n_there + _PRIOR + 1 - m, 0.5)
        z = (log(k / rest_k) - log(m / rest_m)) / sqrt(1 / k + 1 / m)
        if z >= SURE:
            sure.append((z, term))
    return _told(sorted(sure, key=lambda each: (-each[0], each[1])), most)


def examples(apart: Sequence[Said], words: Sequence[str], *, most: int = 3) -> list[str]:
    """The ids of the messages that hold the most of these words, each of another author."""
    ranked = sorted(
        apart,
        key=lambda said: (-sum(word in _terms(said.text) for word in words), -said.weight, said.id),
    )
    chosen: dict[str, str] = {}
    texts: set[str] = set()
    for said in ranked:
        plain = " ".join(_words(said.text))
        if said.author not in chosen and plain not in texts:
            chosen[said.author] = said.id
            texts.add(plain)
        if len(chosen) == most:
            break
    return list(chosen.values())


def _counts(said: Sequence[Said], silent: set[str]) -> Counter[str]:
    """How many authors use a term."""
    pairs = {(each.author, term) for each in said for term in _terms(each.text)}
    return Counter(term for _, term in pairs if not silent.intersection(term.split()))


def _terms(text: str) -> set[str]:
    words = _words(text)
    full = {word for word in words if word not in _EMPTY and len(word) > 1}
    pairs = {f"{one} {two}" for one, two in pairwise(words) if one in full and two in full}
    return full | pairs


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(_NOT_WORDS.sub(" ", text.lower()))]


def _told(sure: Sequence[tuple[float, str]], most: int) -> list[str]:
    """A pair is told instead of its words, where it says nearly as much."""
    strength = {term: z for z, term in sure}
    told: list[str] = []
    for z, term in sure:
        pair = next(
            (p for p in strength if " " in p and term in p.split() and strength[p] >= 0.8 * z), None
        )
        name = pair or term
        if name not in told and not any(name in each.split() for each in told):
            told.append(name)
        if len(told) == most:
            break
    return told

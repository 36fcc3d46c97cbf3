"""Mistyped words, read as the words that were meant: one slip of the fingers away from a word that
people use a lot.

After Norvig (How to Write a Spelling Corrector, 2007), with the slips of Damerau (1964): a letter
left out, put in, taken for another, or two swapped. Only words that next to nobody uses are
changed, and never in their first letter. Names and acronyms stay, as far as capitals tell them. How
many texts have which words: words.txt (training/words.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from models.text import normalize

WORDS = Path(__file__).with_name("words.txt")

SHORTEST = 4  # letters
USED = 20  # texts that have the word that was meant
USED_SHORT = 300  # of four letters: the shorter, the more words are near by chance
ACRONYM = 5  # letters, all of them capitals
REMEMBERED = 65_536  # words, a few megabytes

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ENDINGS = ("s", "es", "ed", "ing", "ly", "er", "ers", "y", "ness", "est")
_AFTER_E = ("d", "r", "rs")
_WORD = re.compile(rf"(?<![@\w'\\])[A-Za-z]{{{SHORTEST},}}(?![\w'])")
_SENTENCE_ENDS = (".", "!", "?")


class Spelled(NamedTuple):
    """A text in known words. changes: where in it (start, end), and where the writer's word was
    (start, end).
    """

    text: str
    changes: list[tuple[int, int, int, int]]

    def written(self, start: int, end: int) -> tuple[int, int]:
        """Where in the writer's text that is which stands at (start, end): of a changed word, all
        of it.
        """
        return self._place(start, at_end=False), self._place(end, at_end=True)

    def _place(self, at: int, *, at_end: bool) -> int:
        moved = 0
        for start, end, was, until in self.changes:
            if at <= start:
                break
            if at < end:
                return until if at_end else was
            moved = until - end
        return at + moved


def as_read(text: str) -> str:
    """`text` as the encoder's tokenizer gets to see it, in training and in serving."""
    return spelled(normalize(text)).text


def spelled(text: str) -> Spelled:
    """A normalised text with its mistyped words as they were meant, in small letters."""
    changes: list[tuple[int, int, int, int]] = []
    parts: list[str] = []
    done = moved = 0
    loud = text.isupper()
    for match in _WORD.finditer(text):
        word = match[0]
        meant = _meant(word.lower())
        if meant == word.lower() or _is_name(word, text, match.start(), loud):
            continue
        start, end = match.span()
        parts += [text[done:start], meant]
        changes.append((start + moved, start + moved + len(meant), start, end))
        done, moved = end, moved + len(meant) - len(word)
    return Spelled("".join([*parts, text[done:]]), changes)


def _is_name(word: str, text: str, start: int, loud: bool) -> bool:
    """Whether its capitals make it a name or an acronym."""
    if word.islower():
        return False
    if word.isupper():
        return not loud and len(word) <= ACRONYM
    before = text[:start].rstrip()
    return not word[1:].islower() or not (not before or before.endswith(_SENTENCE_ENDS))


@lru_cache(REMEMBERED)
def _meant(word: str) -> str:
    """The word that was meant by `word`, in small letters; the same where it is known or nobody can
    tell.
    """
    used = _words()
    if word in used or any(stem in used for stem in _stems(word)):
        return word
    enough = USED_SHORT if len(word) <= SHORTEST else USED
    likely = max(slips(word), key=lambda other: used.get(other, 0), default=word)
    return likely if used.get(likely, 0) >= enough else word


def _stems(word: str) -> Iterator[str]:
    """What `word` could be a form of: a word of three letters or more."""
    for end in _ENDINGS:
        if word.endswith(end) and len(word) - len(end) >= 3:
            yield word.removesuffix(end)
    for end in _AFTER_E:
        if word.endswith("e" + end) and len(word) > 4:
            yield word.removesuffix(end)


def slips(word: str) -> Iterator[str]:
    """Every word that is one slip away from `word` and begins alike, some of them twice."""
    for place in range(1, len(word) + 1):
        before, after = word[:place], word[place:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in _LETTERS:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]


@cache
def _words() -> Mapping[str, int]:
    lines = WORDS.read_text(encoding="ascii").splitlines()
    return {word: int(texts) for word, texts in (line.split() for line in lines)}

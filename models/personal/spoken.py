"""Numbers that are told digit by digit in words: "oh seven double nine", in seven languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_DIGITS = {
    "0": "zero oh o nought nil null nul zéro cero nulla nula",
    "1": "one eins ein un une uno uma um een één",
    "2": "two zwei zwo deux dos due dois duas twee",
    "3": "three drei trois tres tre três drie",
    "4": "four vier quatre cuatro quattro quatro",
    "5": "five fünf fuenf cinq cinco cinque vijf",
    "6": "six sechs seis sei zes meia",
    "7": "seven sieben sept siete sette sete zeven",
    "8": "eight acht huit ocho otto oito",
    "9": "nine niner neun neuf nueve nove negen",
}
_DIGIT_OF = {word: digit for digit, words in _DIGITS.items() for word in words.split()}
_TIMES = {"double": 2, "doppel": 2, "triple": 3, "treble": 3}
_WORD = "|".join(sorted([*_DIGIT_OF, *_TIMES], key=len, reverse=True))
_TOKEN = re.compile(rf"(?<!\w)(?:{_WORD}|\d{{1,4}})(?!\w)", re.IGNORECASE)
_PUNCTUATION = str.maketrans(dict.fromkeys(",.-–…\n", " "))
_PLUS = re.compile(r"(?<!\w)plus[ ,]{1,2}\Z", re.IGNORECASE)
# what may stand between two digits
_BETWEEN = re.compile(
    r"[ \t,.\-–…]{1,3}(?:(?:and|then|uh+|um+|eh+|er+|erm|und|dann|et|y|e)[ \t,.…]{1,3})?"
    r"|[ \t]?[,.]?\r?\n[ \t]{0,2}",
    re.IGNORECASE,
)
_LEAST_WORDS = 4


class SpokenNumber(NamedTuple):
    """A number that is told in words. words: how many of its digits are."""

    start: int
    end: int
    digits: str
    words: int


def has_spoken_digits(text: str) -> bool:
    """Whether a text in small letters has as many digits in words as a number needs."""
    words = text.translate(_PUNCTUATION).split()
    return sum(word in _DIGIT_OF for word in words) >= _LEAST_WORDS - 1


def spoken_numbers(text: str) -> Iterator[SpokenNumber]:
    """Each run of digits in words, with figures among them, in order."""
    run: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text):
        if run and not _BETWEEN.fullmatch(text, run[-1].end(), token.start()):
            yield from _number(text, run)
            run = []
        run.append(token)
    yield from _number(text, run)


def _number(text: str, run: list[re.Match[str]]) -> Iterator[SpokenNumber]:
    words = sum(not token[0].isdecimal() for token in run)
    if words < _LEAST_WORDS:
        return
    digits, times = "", 1
    for token in run:
        word = token[0].lower()
        if word in _TIMES:
            times = _TIMES[word]
        else:
            digits += word if word.isdecimal() else _DIGIT_OF[word] * times
            times = 1
    plus = _PLUS.search(text, max(0, run[0].start() - 8), run[0].start())
    start = plus.start() if plus else run[0].start()
    yield SpokenNumber(start, run[-1].end(), digits, words)

"""Augmentation of tweets: other wordings, each a pure function of the text and of chance."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from models.evaluation.typos import misprinted
from models.training.errors import TrainingError

Way = Callable[[str, random.Random], str]

TOGETHER = 2  # ways on one text, at most
MISPRINTED = 0.15  # share of the longer words
_TABLE = Path(__file__).with_name("wordings.toml")

_WORD = re.compile(r"(?<![\w@#/.:])[^\W\d_]{2,}(?![\w@/:])")
_VOWEL = re.compile(r"([aeiou])(?=[^aeiou\W]*\b)", re.IGNORECASE)
_LONG = re.compile(r"([^\W\d_])\1{2,}")
_HASHTAG = re.compile(r"#(\w+)")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|_+|(?<=[A-Z])(?=[A-Z][a-z])")


class AugmentError(TrainingError):
    """There is no such way to change a text."""


def augmented(text: str, chance: random.Random, ways: Sequence[str] = ()) -> str:
    """`text` in another wording: one or two of the ways that change it, drawn by chance.

    ways: of WAYS, or all. Raises AugmentError naming an unknown way.
    """
    unknown = [name for name in ways if name not in WAYS]
    if unknown:
        raise AugmentError(
            f"augment_ways: there is no {', '.join(unknown)}; there are {', '.join(WAYS)}"
        )
    order = chance.sample(sorted(ways or WAYS), len(ways or WAYS))
    remaining = chance.randint(1, TOGETHER)
    for name in order:
        changed = WAYS[name](text, chance)
        if changed != text:
            text, remaining = changed, remaining - 1
        if not remaining:
            break
    return text


def casing(text: str, chance: random.Random) -> str:
    """All in capitals, all small, or one word shouted."""
    words = list(_WORD.finditer(text))
    kind = chance.choice(("small", "small", "shout", "capitals"))
    if kind == "shout" and words:
        return _replaced(text, chance.choice(words), str.upper)
    return _outside_names(text, str.lower if kind == "small" else str.upper)


def elongation(text: str, chance: random.Random) -> str:
    """A word drawn out (`so` -> `sooo`), or the drawn out ones as they are written."""
    if _LONG.search(text):
        return _LONG.sub(r"\1\1" if chance.random() < 0.3 else r"\1", text)
    words = [word for word in _WORD.finditer(text) if _VOWEL.search(word[0])]
    if not words:
        return text
    more = chance.randint(2, 4)
    return _replaced(
        text,
        chance.choice(words),
        lambda word: _VOWEL.sub(lambda vowel: vowel[1] * more, word, count=1),
    )


def typos(text: str, chance: random.Random) -> str:
    """Some letters of longer words wrong, left out, doubled or exchanged."""
    return misprinted(text, chance, share=MISPRINTED)


def emoticons(text: str, chance: random.Random) -> str:
    """`:)` as an emoji or as a word, and the other way round, wherever one of them stands."""
    table = _moods()
    moods = [mood for mood in table if mood in text]
    for mood in sorted(moods, key=len, reverse=True):
        group = [other for other in table[mood] if other != mood]
        # Neither within a word nor within a link.
        pattern = rf"(?<![\w/-]){re.escape(mood)}(?![\w/-])"
        text = re.sub(pattern, partial(_any_of, group, chance), text)
    return text


def hashtags(text: str, chance: random.Random) -> str:
    """A hashtag as its words (`#LoveThis` -> `love this`), or a word as a hashtag."""
    if _HASHTAG.search(text):
        return _HASHTAG.sub(lambda tag: " ".join(_HUMP.sub(" ", tag[1]).split()).lower(), text)
    words = [word for word in _WORD.finditer(text) if len(word[0]) > 4]
    return _replaced(text, chance.choice(words), lambda word: "#" + word) if words else text


def synonyms(text: str, chance: random.Random) -> str:
    """One or two words by others of the same meaning and strength."""
    table = _synonyms()
    words = [word for word in _WORD.finditer(text) if word[0].lower() in table]
    for word in sorted(chance.sample(words, min(len(words), 2)), key=lambda match: -match.start()):
        small = word[0].lower()
        other = chance.choice([synonym for synonym in table[small] if synonym != small])
        text = _replaced(text, word, partial(_cased, other))
    return text


WAYS: Mapping[str, Way] = {
    "casing": casing,
    "elongation": elongation,
    "typos": typos,
    "emoticons": emoticons,
    "hashtags": hashtags,
    "synonyms": synonyms,
}


@cache
def _moods() -> dict[str, list[str]]:
    """By emoticon, emoji or word: all that say the same mood."""
    groups = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["moods"]
    return {member: group for group in groups for member in group}


@cache
def _synonyms() -> dict[str, list[str]]:
    groups = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["synonyms"]
    return {member: group for group in groups for member in group}


def _replaced(text: str, match: re.Match[str], change: Callable[[str], str]) -> str:
    return text[: match.start()] + change(match[0]) + text[match.end() :]


def _outside_names(text: str, change: Callable[[str], str]) -> str:
    """Changed, but links and handles, which name something."""
    return " ".join(
        word if word.startswith(("@", "http", "www.")) else change(word) for word in text.split(" ")
    )


def _any_of(group: Sequence[str], chance: random.Random, _: re.Match[str]) -> str:
    return chance.choice(group)


def _cased(new: str, old: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new.capitalize() if old[:1].isupper() else new

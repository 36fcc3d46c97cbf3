"""Words of a problem: the stretch of a message that a person would underline for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from models.stop_words import is_stop_word

MAX_WORDS = 6  # words with a meaning in a stretch, at most
_LONGEST = 24  # words of a stretch, little ones too
FEW_WORDS = 3  # so many are shown, at most, where no stretch shows the problem

Token = tuple[int, int, float]  # start, end, and how clearly it shows the problem: from 0 up

# A word's score, from which the best stretch follows; a gap's is taken off. They were chosen on the
# half `dev` of tests/data/problem_words.csv (`make bench-words`).
_OF_PHRASE = 1.5  # an inflection of it is in a phrase of the problem
_OF_NAME = 0.5  # in its name, besides
_OF_OTHER = -0.6
_OF_LITTLE = -0.3  # "the", "of", "my": they join what stands on both sides
_OF_TURNING = 0.3
_PER_STRENGTH, _MOST_STRENGTH = 0.6, 1.5
_SENTENCE, _COMMA, _CLAUSE = 2.0, 0.7, 0.9

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:[.,:]\d+)*")
_SENTENCE_END = re.compile(r"[.!?;:](?:\s|\Z)")
_COMMA_OR_DASH = re.compile(r",| - ")
_CLAUSE_WORDS = frozenset(
    """
    although and because but cause if since so then though when which while who
    """.split()  # noqa: SIM905
)
# Little words that turn the word that follows round ("no reply", "isn't working"), or the word
# before ("is down").
_NEGATIONS = frozenset("cannot nobody none never no not nothing without".split())  # noqa: SIM905
_NEGATION = re.compile(
    r"n['’]t\Z|\A(?:are|ca|could|did|do|does|had|has|have|is|was|were|wo|would)nt\Z"
)
_PARTICLES = frozenset(("down", "off", "out"))
_NEAR = 3  # words, within which a negation has its word: "not been answered"

_STEM = 5  # letters that make two words the same: delay, delayed, delays
_SHORT, _LONGEST_ENDING = 4, 3  # of shorter ones: rude, rudest; late, lately
_IRREGULAR = {
    **dict.fromkeys(("lost", "losing", "loses", "loss"), "lose"),
    **dict.fromkeys(("broke", "broken", "breaks"), "break"),
    **dict.fromkeys(("stole", "stolen"), "steal"),
    **dict.fromkeys(("hr", "hrs"), "hour"),
    **dict.fromkeys(("min", "mins"), "minute"),
    **dict.fromkeys(("wait", "waits", "waited"), "waiting"),
    "sent": "send",
    "paid": "pay",
}
_Y = re.compile(r"(?<=[a-z]{3})(?:ies|ied)\Z")
_PLURAL = re.compile(r"(?<=[a-z]{3})(?<!s)s\Z")


class _Word(NamedTuple):
    text: str  # in small letters
    start: int
    end: int


class _Scored(NamedTuple):
    """Of each word of a message its score, what it costs to go on to it from the word before, and
    whether it says something (no "the").
    """

    scores: list[float]
    gaps: list[float]
    counts: list[bool]


def telling_words(
    text: str, phrases: Sequence[str], tokens: Sequence[Token] = ()
) -> tuple[str, ...]:
    """The few words of `text` that a person would underline for the problem, in its order.

    They stand together: those of the stretch with the most of the problem's phrases, of which the
    first is its name, and of the tokens that the model points at. A negation and a number come with
    the word that they belong to, "not working", "45 minutes". tokens: in the order of the text.
    """
    words = [_Word(match[0].lower(), *match.span()) for match in _WORD.finditer(text)]
    strengths = _strengths(words, tokens)
    scored = _scored(text, words, strengths, phrases)
    first, last = _best_stretch(scored)
    if first == last:
        return _clearest(words, strengths)
    return tuple(dict.fromkeys(_joined(text, words[first:last], scored.counts[first:last])))


def _scored(
    text: str, words: Sequence[_Word], strengths: Sequence[float], phrases: Sequence[str]
) -> _Scored:
    stems, of_name = _stems(tuple(phrases)), _stems(tuple(phrases[:1]))
    scored = _Scored([], [], [])
    before = 0
    for (word, start, end), strength in zip(words, strengths, strict=True):
        score, counts = _worth(word, stems, of_name)
        more = strength if strength < _MOST_STRENGTH else _MOST_STRENGTH
        scored.scores.append(score + _PER_STRENGTH * more)
        scored.gaps.append(_gap(text[before:start]) + (_CLAUSE if word in _CLAUSE_WORDS else 0.0))
        scored.counts.append(counts)
        before = end
    return scored


@lru_cache(1 << 14)  # a message has most of its words in common with others
def _worth(word: str, stems: frozenset[str], of_name: frozenset[str]) -> tuple[float, bool]:
    """The score of a word by itself, and whether it says something."""
    if not _carries_meaning(word):
        return (_OF_TURNING, True) if _turns(word) else (_OF_LITTLE, False)
    if not _is_one_of(word, stems):
        return _OF_OTHER, True
    return _OF_PHRASE + (_OF_NAME if _is_one_of(word, of_name) else 0.0), True


def _gap(between: str) -> float:
    if between == " ":
        return 0.0
    if _SENTENCE_END.search(between):
        return _SENTENCE
    return _COMMA if _COMMA_OR_DASH.search(between) else 0.0


def _strengths(words: Sequence[_Word], tokens: Sequence[Token]) -> list[float]:
    """Of each word the strength of its clearest token; the least of all where it has none."""
    if not tokens:
        return [0.0] * len(words)
    lowest = min([strength for _, _, strength in tokens])
    strengths: list[float] = []
    place, count = 0, len(tokens)
    for _, start, end in words:
        while place < count and tokens[place][1] <= start:
            place += 1
        strongest, inside = lowest, place
        while inside < count and tokens[inside][0] < end:
            strength = tokens[inside][2]
            strongest = strength if strength > strongest else strongest
            inside += 1
        strengths.append(strongest)
    return strengths


def _best_stretch(scored: _Scored) -> tuple[int, int]:
    """Where the words in a row with the highest sum start and end; both 0 where none is above 0.

    At most MAX_WORDS of them count.
    """
    scores, gaps, counts = scored
    best, first, last = 0.0, 0, 0
    for start, score in enumerate(scores):
        if score <= 0:
            continue
        total, counted = gaps[start], 0
        for end in range(start, min(start + _LONGEST, len(scores))):
            counted += counts[end]
            total += scores[end] - gaps[end]
            if counted > MAX_WORDS or total <= 0:  # what follows is better without what is before
                break
            if total > best and counted:
                best, first, last = total, start, end + 1
    return first, last


def _joined(text: str, stretch: Sequence[_Word], counts: Sequence[bool]) -> list[str]:
    """The words of a stretch that count, each with what turns or counts it."""
    parts: list[str] = []
    place = 0
    while place < len(stretch):
        last = _end_of_part(text, stretch, counts, place)
        if counts[last] or counts[place]:
            parts.append(text[stretch[place].start : stretch[last].end].lower())
        place = last + 1
    return parts


def _end_of_part(text: str, stretch: Sequence[_Word], counts: Sequence[bool], place: int) -> int:
    """The last place of the words that are shown together from `place` on."""
    reach = _reach(stretch[place].text)
    for after in range(place + 1, min(place + reach + 1, len(stretch))):
        if text[stretch[after - 1].end : stretch[after].start].strip():
            break  # "no. Hello"
        if counts[after] and not _is_number(stretch[after].text):
            return _end_of_part(text, stretch, counts, after)
    after = place + 1
    is_turned = after < len(stretch) and stretch[after].text in _PARTICLES
    return after if counts[place] and not reach and is_turned else place


@lru_cache(1 << 12)
def _reach(word: str) -> int:
    """How many words on the one that it turns or counts may be: of a negation or a number."""
    if word in _NEGATIONS or _NEGATION.search(word):
        return _NEAR
    return 1 if _is_number(word) else 0


def _is_number(word: str) -> bool:
    return word[0].isdigit()


def _clearest(words: Sequence[_Word], strengths: Sequence[float]) -> tuple[str, ...]:
    """The words with a meaning that the model points at most clearly, in the order of the text."""
    marked = [
        (strength, place)
        for place, strength in enumerate(strengths)
        if strength > 0 and _carries_meaning(words[place].text)
    ]
    clearest = sorted(marked, key=lambda row: -row[0])[:FEW_WORDS]
    return tuple(dict.fromkeys(words[place].text for place in sorted(row[1] for row in clearest)))


def _is_one_of(word: str, stems: frozenset[str]) -> bool:
    same = _same(word)
    is_longer = _SHORT < len(same) <= _SHORT + _LONGEST_ENDING
    return same[:_STEM] in stems or (is_longer and same[:_SHORT] in stems)


@lru_cache(1024)
def _stems(phrases: tuple[str, ...]) -> frozenset[str]:
    words = [match[0].lower() for phrase in phrases for match in _WORD.finditer(phrase)]
    return frozenset(_same(word)[:_STEM] for word in words if _carries_meaning(word))


def _same(word: str) -> str:
    """The form that stands for the others of a word."""
    return _IRREGULAR.get(word) or _PLURAL.sub("", _Y.sub("y", word))


def _turns(word: str) -> bool:
    return word in _NEGATIONS or word in _PARTICLES or bool(_NEGATION.search(word))


def _carries_meaning(word: str) -> bool:
    return len(word) > 2 and not is_stop_word(word)

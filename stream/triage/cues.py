"""Word cues of a message ("smell of gas", "switching to"), searched in time linear in its length.

A cue is written as a phrase of words, lower case, contractions spelt out ("can not", "i am"):

    smell* of gas|smoke     `a|b` either word; `smell*` any word that begins so; `@` any handle
    $ #200                  `#` any number, `#200` any from 200; `$` a sign of money; `url` a link;
    `?` `%` as they are
    [really] bad            brackets: may be missing
    fire .. cabin           `..` up to six words between, within one sentence
    KIN .. missing          capitals: any word of that list
    = switch* to            `=`: also when a negation stands right before it

A match is dropped where an idiom of its group covers part of it ("fire sale"), or a negation stands
right before it ("no smoke", "not a scam").
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import takewhile

from models.time_limit import check

GAP = 6  # the words that `..` may skip
_STOPS = frozenset({".", "?"})
_NEGATIONS = frozenset({"not", "no", "never", "without", "nor", "nothing", "neither", "hardly"})
# Little words between a negation and what it negates.
_BETWEEN = frozenset(
    """
    a an any the my our your this that really even going to be been planning in on of want
    """.split()  # noqa: SIM905 (a list of twenty lines reads worse)
)

_NUMBER = "#"
_COMMON = frozenset(  # words of nearly every text: poor signs of a phrase
    """
    a an and are as at be been by can do for from had has have he her his i if in into is it me my
    not now of off on or our out she so still that the their them they this to up us was we were
    when who will with you your . ? , @
    """.split()  # noqa: SIM905 (a list of eighty lines reads worse)
)

_TOKEN = re.compile(
    r"(?P<url>https?://\S+|www\.\S+)|(?P<handle>@\w+)|(?P<tag>#\w+)|(?P<number>\d+(?:[.,:]\d+)*)"
    r"|(?P<word>[^\W\d_]&[^\W\d_]\b|[^\W\d_][^\W_]*(?:['’ʼ`][^\W_]+)*)|(?P<stop>[.!?;\n\r…]+)"
    r"|(?P<pause>[,:()–—]|(?<=\s)-+(?=\s)|--+)|(?P<sign>[$£€%])"
)
_FIXED = {"url": "url", "handle": "@", "pause": ","}
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_APOSTROPHES = str.maketrans("’ʼ`", "'''")
_LONG_DRAWN = re.compile(r"(.)\1{2,}")
_SPELT_OUT = {
    "cannot": "can not", "cant": "can not", "can't": "can not", "wont": "will not",
    "won't": "will not", "dont": "do not", "doesnt": "does not", "didnt": "did not",
    "isnt": "is not", "arent": "are not", "wasnt": "was not", "werent": "were not",
    "havent": "have not", "hasnt": "has not", "hadnt": "had not", "wouldnt": "would not",
    "couldnt": "could not", "shouldnt": "should not", "aint": "is not", "ain't": "is not",
    "im": "i am", "ive": "i have", "youre": "you are", "theyre": "they are", "youve": "you have",
    "thats": "that is", "whats": "what is", "wheres": "where is", "hows": "how is",
    "theres": "there is", "let's": "let us", "gonna": "going to", "wanna": "want to",
    "gotta": "got to", "u": "you", "ur": "your", "r": "are", "pls": "please", "plz": "please",
    "plse": "please", "thx": "thanks", "tks": "thanks", "thnx": "thanks", "ty": "thanks",
    "thanx": "thanks", "nvr": "never", "hrs": "hours", "hr": "hour", "mins": "minutes",
    "min": "minute", "ppl": "people", "acct": "account", "cuz": "because", "tmrw": "tomorrow",
    "yrs": "years", "yr": "year", "tho": "though", "cancelled": "canceled",
    "cancelling": "canceling", "luv": "love",
}  # fmt: skip
_ENDINGS = (
    ("n't", "not"),
    ("'m", "am"),
    ("'re", "are"),
    ("'ve", "have"),
    ("'ll", "will"),
    ("'d", "would"),
)
_IS = frozenset("it that there what where how who here he she when why this".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Token:
    """A word in its plain form, and where it stands in the text."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase of `group` that was found: `quote` is the text's own words."""

    group: str
    phrase: str
    quote: str
    start: int


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a phrase: what it takes there, how many words it may skip before it, whether it
    may be missing.
    """

    signs: frozenset[str]  # what it takes: words, beginnings (`smell*`), _NUMBER
    beginnings: tuple[str, ...]
    minimum: float  # of its numbers
    skips: int
    optional: bool

    def takes(self, word: str) -> bool:
        if word in self.signs or (self.beginnings and word.startswith(self.beginnings)):
            return True
        return _NUMBER in self.signs and word[0].isdecimal() and _number(word) >= self.minimum


@dataclass(frozen=True, slots=True)
class Phrase:
    group: str
    written: str
    elements: tuple[Element, ...]
    negatable: bool  # a negation before it takes its meaning away
    needed: tuple[Element, ...]  # those that may not be missing
    openers: tuple[Element, ...]  # those that a match can begin with

    def end(self, words: Sequence[str], at: int, element: int = 0) -> int | None:
        """The index after the last word when the phrase stands in `words` from index `at`; None
        when it does not.
        """
        if element == len(self.elements):
            return at
        place = self.elements[element]
        for index in range(at, min(at + place.skips + 1, len(words))):
            if place.takes(words[index]):
                end = self.end(words, index + 1, element + 1)
                if end is not None:
                    return end
            if words[index] in _STOPS:
                break
        return self.end(words, at, element + 1) if place.optional else None


class Cues:
    """The phrases of all groups, ready to be searched for."""

    def __init__(self, groups: Mapping[str, Mapping[str, str]], lists: Mapping[str, str]) -> None:
        """groups: name -> `says`, its phrases, and `unless`, its idioms, one a line; `//` opens a
        remark.

        lists: NAME -> its words, with spaces between.
        """
        phrases: list[Phrase] = []
        idioms: list[Phrase] = []
        for name, group in groups.items():
            phrases += _parsed(name, group["says"], lists)
            idioms += _parsed(name, group.get("unless", ""), lists)
        self._index = _Index([*phrases, *idioms])
        self._idioms = frozenset(map(id, idioms))

    def find(self, text: str) -> dict[str, tuple[Cue, ...]]:
        """Group -> its cues in the order of the text. A group without a cue is absent."""
        tokens = list(_tokens(text))
        words = [token.word for token in tokens]
        matches = self._index.matches(words)
        excused: dict[str, set[int]] = {}
        for start, end, phrase in matches:
            if id(phrase) in self._idioms:
                excused.setdefault(phrase.group, set()).update(range(start, end))
        cues: dict[str, list[Cue]] = {}
        for start, end, phrase in matches:
            group = phrase.group
            if id(phrase) in self._idioms:
                continue
            if not excused.get(group, set()).isdisjoint(range(start, end)):
                continue
            if phrase.negatable and _negated(words, start):
                continue
            begin = tokens[start].start
            quote = " ".join(text[begin : tokens[end - 1].end].split())
            cues.setdefault(group, []).append(Cue(group, phrase.written, quote, begin))
        return {group: tuple(of_group) for group, of_group in cues.items()}


@cache
def thesaurus() -> Cues:
    """The cues that come with earshot."""
    groups = tomllib.loads(
        resources.files("stream.triage").joinpath("thesaurus.toml").read_text("utf-8")
    )
    return Cues(groups, lists=groups.pop("lists"))


class _Index:
    """Phrases by the rarest of their places: a text calls up only those that may stand in it."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._by_sign: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            rarest = min(
                phrase.needed,
                key=lambda element: len(element.signs & _COMMON) * 20 + len(element.signs),
            )
            for sign in rarest.signs:
                self._by_sign.setdefault(sign, []).append(phrase)
        self._signs = frozenset(
            sign for phrase in phrases for element in phrase.elements for sign in element.signs
        )
        self._lengths = sorted({len(sign) - 1 for sign in self._signs if sign.endswith("*")})

    def matches(self, words: Sequence[str]) -> list[tuple[int, int, Phrase]]:
        """Every phrase that stands in `words`: the index of its first word and that after its last,
        in that order.
        """
        places = self._places(words)
        candidates = {
            id(phrase): phrase for sign in places for phrase in self._by_sign.get(sign, ())
        }
        matches: list[tuple[int, int, Phrase]] = []
        for phrase in candidates.values():
            check()
            if any(places.keys().isdisjoint(element.signs) for element in phrase.needed):
                continue
            for start in _starts(phrase, places):
                end = phrase.end(words, start)
                if end is not None:
                    matches.append((start, end, phrase))
        return sorted(matches, key=lambda match: (match[0], -match[1], match[2].written))

    def _places(self, words: Sequence[str]) -> dict[str, list[int]]:
        """Sign -> where it stands."""
        places: dict[str, list[int]] = {}
        for at, word in enumerate(words):
            signs = [word]
            signs += [word[:length] + "*" for length in self._lengths if length <= len(word)]
            if word[0].isdecimal():
                signs.append(_NUMBER)
            for sign in signs:
                if sign in self._signs:
                    places.setdefault(sign, []).append(at)
        return places


def _starts(phrase: Phrase, places: Mapping[str, Sequence[int]]) -> set[int]:
    """Where a match of the phrase may begin."""
    signs = {sign for opener in phrase.openers for sign in opener.signs}
    return {at for sign in signs for at in places.get(sign, ())}


def _parsed(group: str, text: str, lists: Mapping[str, str]) -> Iterator[Phrase]:
    for line in text.splitlines():
        written = line.partition("//")[0].strip()
        if written:
            elements = tuple(_elements(written.removeprefix("=").split(), lists))
            needed = tuple(element for element in elements if not element.optional)
            openers = elements[: elements.index(needed[0]) + 1]
            yield Phrase(group, written, elements, not written.startswith("="), needed, openers)


def _elements(parts: Sequence[str], lists: Mapping[str, str]) -> Iterator[Element]:
    skips = 0
    for part in parts:
        if part == "..":
            skips = GAP
            continue
        choices: list[str] = []
        for choice in part.strip("[]").split("|"):
            choices += lists[choice].split() if choice.isupper() else [choice]
        yield _element(choices, skips, optional=part.startswith("["))
        skips = 0


def _element(choices: Sequence[str], skips: int, *, optional: bool) -> Element:
    numbers = [choice for choice in choices if choice.startswith(_NUMBER)]
    words = [choice for choice in choices if not choice.startswith(_NUMBER)]
    return Element(
        signs=frozenset([*words, _NUMBER] if numbers else words),
        beginnings=tuple(word[:-1] for word in words if word.endswith("*")),
        minimum=min((float(number[1:] or 0) for number in numbers), default=0.0),
        skips=skips,
        optional=optional,
    )


def _number(word: str) -> float:
    """The number that the digits of `word` write: separators of thousands are dropped, decimals too
    (`1,240.50`).
    """
    whole = re.sub(r"[.,:](?=\d{3}(?!\d))", "", word)
    return float("".join(takewhile(str.isdecimal, whole)))


def _negated(words: Sequence[str], start: int) -> bool:
    """Whether a negation stands right before index `start`, little words aside."""
    at = start - 1
    while at >= 0 and words[at] in _BETWEEN:
        at -= 1
    return at >= 0 and words[at] in _NEGATIONS and words[at + 1 : at + 2] != ["only"]


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        for word in _plain(match.lastgroup or "", match.group()):
            yield Token(word, match.start(), match.end())


def _plain(kind: str, text: str) -> Sequence[str]:
    """The plain words of one token: contractions spelt out, hashtags taken apart, long-drawn
    letters shortened.
    """
    if kind == "word":
        return _spelt_out(_LONG_DRAWN.sub(r"\1", text.lower().translate(_APOSTROPHES)))
    if kind == "tag":
        return [part.lower() for part in _CAMEL.findall(text)] or [text[1:].lower()]
    if kind == "stop":
        return ("?",) if "?" in text else (".",)
    if kind == "sign":
        return ("%",) if text == "%" else ("$",)
    return (_FIXED.get(kind, text),)


def _spelt_out(word: str) -> Sequence[str]:
    if word in _SPELT_OUT:
        return _SPELT_OUT[word].split()
    for ending, meaning in _ENDINGS:
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            # "did n't", as treebanks write it: the contraction stands alone
            return (stem, meaning) if stem else (meaning,)
    if word.endswith("'s"):
        stem = word.removesuffix("'s")
        return (stem, "is") if stem in _IS else (stem,)
    return (word,)

"""Word cues: what a message says outright ("smell of gas", "switching to"), found in time linear in its length.

A cue is written as a phrase of words, lower case, contractions spelt out ("can not", "i am"):

    smell* of gas|smoke     `a|b` either word; `smell*` any word that begins so; `@` any handle
    $ #200                  `#` any number, `#200` any from 200; `$` a sign of money; `url` a link; `?` `%` as they are
    [really] bad            brackets: may be missing
    fire .. cabin           `..` up to six words between, within one sentence
    KIN .. missing          capitals: any word of that list
    = switch* to            `=`: also when a negation stands right before it

A match is dropped where an idiom of its group covers part of it ("fire sale"), or a negation stands right before it
("no smoke", "not a scam").
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

GAP = 6  # the words that `..` may skip
_STOPS = frozenset({".", "?"})
_NEGATIONS = frozenset({"not", "no", "never", "without", "nor", "nothing", "neither", "hardly"})
_BETWEEN = frozenset("a an any the my our your this that really even going to be been planning in on of want".split())  # noqa: SIM905

_TOKEN = re.compile(
    r"(?P<url>https?://\S+|www\.\S+)|(?P<handle>@\w+)|(?P<tag>#\w+)|(?P<number>\d+(?:[.,:]\d+)*)"
    r"|(?P<word>[^\W\d_]&[^\W\d_]\b|[^\W\d_][^\W_]*(?:['’ʼ`][^\W_]+)*)|(?P<stop>[.!?;\n\r…]+)|(?P<pause>[,:()–—]|(?<=\s)-+(?=\s)|--+)|(?P<sign>[$£€%])"
)
_FIXED = {"url": "url", "handle": "@", "pause": ","}
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_APOSTROPHES = str.maketrans("’ʼ`", "'''")
_LONG_DRAWN = re.compile(r"(.)\1{2,}")
_SPELT_OUT = {
    "cannot": "can not", "cant": "can not", "can't": "can not", "wont": "will not", "won't": "will not",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "isnt": "is not", "arent": "are not",
    "wasnt": "was not", "werent": "were not", "havent": "have not", "hasnt": "has not", "hadnt": "had not",
    "wouldnt": "would not", "couldnt": "could not", "shouldnt": "should not", "aint": "is not", "ain't": "is not",
    "im": "i am", "ive": "i have", "youre": "you are", "theyre": "they are", "youve": "you have", "thats": "that is",
    "whats": "what is", "wheres": "where is", "hows": "how is", "theres": "there is", "let's": "let us",
    "gonna": "going to", "wanna": "want to", "gotta": "got to", "u": "you", "ur": "your", "r": "are",
    "pls": "please", "plz": "please", "plse": "please", "thx": "thanks", "tks": "thanks", "thnx": "thanks",
    "ty": "thanks", "thanx": "thanks", "nvr": "never", "hrs": "hours", "hr": "hour", "mins": "minutes",
    "min": "minute", "ppl": "people", "acct": "account", "cuz": "because", "tmrw": "tomorrow", "yrs": "years",
    "yr": "year", "tho": "though", "cancelled": "canceled", "cancelling": "canceling", "luv": "love",
}  # fmt: skip
_ENDINGS = (("n't", "not"), ("'m", "am"), ("'re", "are"), ("'ve", "have"), ("'ll", "will"), ("'d", "would"))
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
    """One place of a phrase: what it takes there, how many words it may skip before it, whether it may be missing."""

    words: frozenset[str]
    beginnings: tuple[str, ...]
    least: float | None  # any number from here on
    skips: int
    optional: bool

    def takes(self, word: str) -> bool:
        if word in self.words or (self.beginnings and word.startswith(self.beginnings)):
            return True
        return self.least is not None and word[:1].isdecimal() and _number(word) >= self.least


@dataclass(frozen=True, slots=True)
class Phrase:
    group: str
    written: str
    elements: tuple[Element, ...]
    negatable: bool  # a negation before it takes its meaning away

    def openers(self) -> Sequence[Element]:
        """The places that a match can begin with."""
        first = next(index for index, element in enumerate(self.elements) if not element.optional)
        return self.elements[: first + 1]

    def end(self, words: Sequence[str], at: int, element: int = 0) -> int | None:
        """The index after the last word when the phrase stands in `words` from index `at`; None when it does not."""
        if element == len(self.elements):
            return at
        place = self.elements[element]
        for index in range(at, min(at + place.skips + 1, len(words))):
            if place.takes(words[index]) and (end := self.end(words, index + 1, element + 1)) is not None:
                return end
            if words[index] in _STOPS:
                break
        return self.end(words, at, element + 1) if place.optional else None


class Cues:
    """The phrases of all groups, ready to be searched for."""

    def __init__(self, groups: Mapping[str, Mapping[str, str]], lists: Mapping[str, str]) -> None:
        """groups: name -> `says`, its phrases, and `unless`, its idioms, one a line; `//` opens a remark.

        lists: NAME -> its words, with spaces between.
        """
        said = {name: group["says"] for name, group in groups.items()}
        excused = {name: group.get("unless", "") for name, group in groups.items()}
        self._phrases = _Index([one for name, text in said.items() for one in _parsed(name, text, lists)])
        self._idioms = _Index([one for name, text in excused.items() for one in _parsed(name, text, lists)])

    def find(self, text: str) -> dict[str, tuple[Cue, ...]]:
        """Group -> its cues in `text`, in the order of the text. A group without a cue is absent."""
        tokens = list(_tokens(text))
        words = [token.word for token in tokens]
        excused: dict[str, set[int]] = {}
        for phrase, start, end in self._idioms.matches(words):
            excused.setdefault(phrase.group, set()).update(range(start, end))
        found: dict[str, list[Cue]] = {}
        for phrase, start, end in self._phrases.matches(words):
            if not excused.get(phrase.group, set()).isdisjoint(range(start, end)):
                continue
            if phrase.negatable and _negated(words, start):
                continue
            quote = " ".join(text[tokens[start].start : tokens[end - 1].end].split())
            found.setdefault(phrase.group, []).append(Cue(phrase.group, phrase.written, quote, tokens[start].start))
        return {group: tuple(cues) for group, cues in found.items()}


@cache
def thesaurus() -> Cues:
    """The cues that come with earshot."""
    groups = tomllib.loads(resources.files("stream").joinpath("thesaurus.toml").read_text("utf-8"))
    return Cues(groups, lists=groups.pop("lists"))


class _Index:
    """Phrases by their first word, so that a text is walked once."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._by_word: dict[str, list[Phrase]] = {}
        self._by_beginning: dict[str, list[Phrase]] = {}
        self._by_number: list[Phrase] = []
        for phrase in phrases:
            for opener in phrase.openers():
                for word in opener.words:
                    self._by_word.setdefault(word, []).append(phrase)
                for beginning in opener.beginnings:
                    self._by_beginning.setdefault(beginning, []).append(phrase)
                if opener.least is not None:
                    self._by_number.append(phrase)
        self._lengths = sorted({len(beginning) for beginning in self._by_beginning})

    def matches(self, words: Sequence[str]) -> Iterator[tuple[Phrase, int, int]]:
        """Every phrase that stands in `words`, with the indices of its first word and after its last."""
        for start, word in enumerate(words):
            for phrase in self._starting_with(word):
                if (end := phrase.end(words, start)) is not None:
                    yield phrase, start, end

    def _starting_with(self, word: str) -> Iterator[Phrase]:
        yield from self._by_word.get(word, ())
        for length in self._lengths:
            if length > len(word):
                break
            yield from self._by_beginning.get(word[:length], ())
        if word[:1].isdecimal():
            yield from self._by_number


def _parsed(group: str, text: str, lists: Mapping[str, str]) -> Iterator[Phrase]:
    for line in text.splitlines():
        written = line.partition("//")[0].strip()
        if written:
            yield Phrase(group, written, tuple(_elements(written.removeprefix("=").split(), lists)), written[0] != "=")


def _elements(parts: Sequence[str], lists: Mapping[str, str]) -> Iterator[Element]:
    skips = 0
    for part in parts:
        if part == "..":
            skips = GAP
            continue
        choices = [
            word
            for choice in part.strip("[]").split("|")
            for word in (lists[choice].split() if choice.isupper() else [choice])
        ]
        numbers = [float(choice[1:] or 0) for choice in choices if choice.startswith("#")]
        yield Element(
            words=frozenset(choice for choice in choices if not choice.startswith("#") and not choice.endswith("*")),
            beginnings=tuple(choice[:-1] for choice in choices if choice.endswith("*")),
            least=min(numbers, default=None),
            skips=skips,
            optional=part.startswith("["),
        )
        skips = 0


def _number(word: str) -> float:
    """The number that the digits of `word` write: separators of thousands are dropped, decimals too (`1,240.50`)."""
    whole = re.sub(r"[.,:](?=\d{3}(?!\d))", "", word)
    return float(re.match(r"\d+", whole)[0])  # type: ignore[index]


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


def _plain(kind: str, said: str) -> Sequence[str]:
    """The plain words of one token: contractions spelt out, hashtags taken apart, long-drawn letters shortened."""
    if kind == "word":
        return _spelt_out(_LONG_DRAWN.sub(r"\1", said.lower().translate(_APOSTROPHES)))
    if kind == "tag":
        return [part.lower() for part in _CAMEL.findall(said)] or [said[1:].lower()]
    if kind == "stop":
        return ("?",) if "?" in said else (".",)
    if kind == "sign":
        return ("%",) if said == "%" else ("$",)
    return (_FIXED.get(kind, said),)


def _spelt_out(word: str) -> Sequence[str]:
    if plain := _SPELT_OUT.get(word):
        return plain.split()
    for ending, meaning in _ENDINGS:
        if word.endswith(ending):
            return (word.removesuffix(ending), meaning)
    if word.endswith("'s"):
        stem = word.removesuffix("'s")
        return (stem, "is") if stem in _IS else (stem,)
    return (word,)

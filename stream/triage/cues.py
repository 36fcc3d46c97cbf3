"""Word cues of a message ("smell of gas", "switching to"), searched in time linear in its length.

A cue is written as a phrase of words, lower case, contractions spelt out ("can not", "i am"):

    smell* of gas|smoke     `a|b` either word; `smell*` any word that begins so
    $ #200                  `#` a number, `#200` an amount from 200; `$` a sign of money;
                            `@` any handle; `url` a link; `?` `%` as they are
    ~ years old             `~` a number before its unit: a time, an age, a heat, a length
    in the ^er              `^`: an abbreviation, in capitals alone
    [really] bad            brackets: may be missing
    fire .. cabin           `..` up to three words between, within one sentence
    KIN .. missing          capitals: any word of that list
    = switch* to            `=`: also when a negation stands right before it
    ! gas leak              `!`: where the message says nothing else

A match is dropped where an idiom of its group, or of `everywhere`, covers part of it ("fire sale"),
or a negation stands right before it ("no smoke", "not a scam"). Footers and signatures are not
searched.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import accumulate, takewhile
from types import MappingProxyType

from models.time_limit import check
from stream.triage.footer import own_words
from stream.triage.words import ABBREVIATION, MEASURE, Reader, plain_word

EVERYWHERE = "everywhere"  # the table whose idioms excuse cues of every group
GAP = 3  # the words that `..` may skip
_STOPS = frozenset({".", "?"})
_NEGATIONS = frozenset({"not", "no", "never", "without", "nor", "nothing", "neither", "hardly"})
# Little words between a negation and what it negates.
_BETWEEN = frozenset(
    """
    a an any the my our your this that really even going to be been planning in on of want
    """.split()  # noqa: SIM905 (a list of twenty lines reads worse)
)
# What may stand around a cue that is all that a message says.
_ASIDE = frozenset(
    """
    . , ? @ _ please help now urgent hi hello hey oh omg god guys quick quickly hurry
    """.split()  # noqa: SIM905 (a list of twenty lines reads worse)
)

_NUMBER = "#"
# Texts whose cues are cached, about a kilobyte each; a longer letter is searched anew each time.
_CACHED_TEXTS, _LONGEST_CACHED = 1 << 14, 4_000
_COMMON = frozenset(  # words of nearly every text: poor signs of a phrase
    """
    a an and are as at be been by can do for from had has have he her his i if in into is it me my
    not now of off on or our out she so still that the their them they this to up us was we were
    when who will with you your . ? , @
    """.split()  # noqa: SIM905 (a list of eighty lines reads worse)
)


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

    signs: frozenset[str]  # what it takes: words, beginnings (`smell*`), _NUMBER, MEASURE
    beginnings: tuple[str, ...]
    minimum: float  # of its numbers
    skips: int
    optional: bool

    def takes(self, word: str) -> bool:
        if word in self.signs or (self.beginnings and word.startswith(self.beginnings)):
            return True
        if word[0] == MEASURE:
            return MEASURE in self.signs or (_NUMBER in self.signs and not self.minimum)
        return _NUMBER in self.signs and word[0].isdecimal() and _number(word) >= self.minimum


@dataclass(frozen=True, slots=True)
class Phrase:
    group: str
    written: str
    elements: tuple[Element, ...]
    negatable: bool  # a negation before it takes its meaning away
    whole: bool  # it counts where nothing else is said
    openers: tuple[Element, ...]  # those that a match can begin with
    rarest: Element  # of those that may not be missing, the one that is in fewest texts
    companions: tuple[frozenset[str], ...]  # the signs of each other one that may not be missing

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


_NONE: Mapping[str, tuple[Cue, ...]] = MappingProxyType({})


class Cues:
    """The phrases of all groups, ready to be searched for."""

    def __init__(self, groups: Mapping[str, Mapping[str, str]], lists: Mapping[str, str]) -> None:
        """groups: name -> `says`, its phrases, and `unless`, its idioms, one a line; `//` opens a
        remark.

        lists: NAME -> its words, with spaces between, and names of other lists.
        """
        phrases: list[Phrase] = []
        idioms: list[Phrase] = []
        for name, group in groups.items():
            phrases += _parsed(name, group.get("says", ""), lists)
            idioms += _parsed(name, group.get("unless", ""), lists)
        self._index = _Index([*phrases, *idioms])
        self._idioms = frozenset(map(id, idioms))
        self._reader = Reader(self._index.is_known, self._index.abbreviations)
        self._cached = lru_cache(_CACHED_TEXTS)(self._search)

    def find(self, text: str) -> Mapping[str, tuple[Cue, ...]]:
        """Group -> its cues in the order of the text. A group without a cue is absent.

        A text that was searched lately is not searched again: each save weighs every message of its
        conversation anew.
        """
        return self._cached(text) if len(text) <= _LONGEST_CACHED else self._search(text)

    def _search(self, text: str) -> Mapping[str, tuple[Cue, ...]]:
        words, spans = self._reader.read(own_words(text))
        matches = self._index.matches(words)
        if not matches:
            return _NONE
        unrelated = list(accumulate((word not in _ASIDE for word in words), initial=0))
        excused = self._excused(matches)
        cues: dict[str, list[Cue]] = {}
        for start, end, phrase in matches:
            group = phrase.group
            if id(phrase) in self._idioms:
                continue
            places = range(start, end)
            if not excused.get(group, excused[EVERYWHERE]).isdisjoint(places):
                continue
            if not _is_meant(phrase, words, unrelated, start, end):
                continue
            begin = spans[start][0]
            quote = " ".join(text[begin : spans[end - 1][1]].split())
            cues.setdefault(group, []).append(Cue(group, phrase.written, quote, begin))
        if not cues:
            return _NONE
        return MappingProxyType({group: tuple(of_group) for group, of_group in cues.items()})

    def _excused(self, matches: Sequence[tuple[int, int, Phrase]]) -> dict[str, set[int]]:
        """Group -> the places that its idioms, and those of `everywhere`, cover."""
        excused: dict[str, set[int]] = {EVERYWHERE: set()}
        for start, end, phrase in matches:
            if id(phrase) in self._idioms:
                excused.setdefault(phrase.group, set()).update(range(start, end))
        for places in excused.values():
            places |= excused[EVERYWHERE]
        return excused


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
            for sign in phrase.rarest.signs:
                self._by_sign.setdefault(sign, []).append(phrase)
        self._signs = frozenset(
            sign for phrase in phrases for element in phrase.elements for sign in element.signs
        )
        self._lengths = sorted({len(sign) - 1 for sign in self._signs if sign.endswith("*")})
        self._read: dict[str, tuple[str, ...]] = {}  # a word -> its signs, of words seen already

    @property
    def abbreviations(self) -> Iterator[str]:
        return (sign[1:] for sign in self._signs if sign.startswith(ABBREVIATION))

    def is_known(self, word: str) -> bool:
        return bool(self._signs_of(word)) or ABBREVIATION + word in self._signs

    def matches(self, words: Sequence[str]) -> list[tuple[int, int, Phrase]]:
        """Every phrase that stands in `words`: the index of its first word and that after its last,
        in that order.
        """
        places = self._places(words)
        by_sign = self._by_sign
        candidates = {
            id(phrase): phrase for sign in places if sign in by_sign for phrase in by_sign[sign]
        }
        present = frozenset(places)
        matches: list[tuple[int, int, Phrase]] = []
        for phrase in candidates.values():
            if phrase.companions and not _has_each(present, phrase.companions):
                continue
            check()
            for start in _starts(phrase, places):
                end = phrase.end(words, start)
                if end is not None:
                    matches.append((start, end, phrase))
        return sorted(matches, key=lambda match: (match[0], -match[1], match[2].written))

    def _places(self, words: Sequence[str]) -> dict[str, list[int]]:
        """Sign -> where it stands."""
        places: dict[str, list[int]] = {}
        read = self._read
        for at, word in enumerate(words):
            signs = read.get(word)
            for sign in self._signs_of(word) if signs is None else signs:
                if sign in places:
                    places[sign].append(at)
                else:
                    places[sign] = [at]
        return places

    def _signs_of(self, word: str) -> tuple[str, ...]:
        signs = self._read.get(word)
        if signs is None:
            possible = [word]
            possible += [word[:length] + "*" for length in self._lengths if length <= len(word)]
            if word[0] == MEASURE:
                possible += [MEASURE, _NUMBER]
            elif word[0].isdecimal():
                possible.append(_NUMBER)
            signs = tuple(sign for sign in possible if sign in self._signs)
            if len(self._read) >= _MOST_READ:
                self._read.clear()
            if len(word) <= _LONGEST_READ:
                self._read[word] = signs
        return signs


_MOST_READ, _LONGEST_READ = 1 << 16, 40  # words kept with their signs, and their letters


def _has_each(present: frozenset[str], needed: Sequence[frozenset[str]]) -> bool:
    """Whether of each of the needed places a sign is there."""
    for signs in needed:  # noqa: SIM110  a generator takes twice as long
        if present.isdisjoint(signs):
            return False
    return True


def _starts(phrase: Phrase, places: Mapping[str, Sequence[int]]) -> set[int]:
    """Where a match of the phrase may begin."""
    present = places.keys()
    return {
        at for opener in phrase.openers for sign in opener.signs & present for at in places[sign]
    }


def _rarity(element: Element) -> int:
    """In how many texts an element is, about."""
    return len(element.signs & _COMMON) * 20 + len(element.signs)


def _parsed(group: str, text: str, lists: Mapping[str, str]) -> Iterator[Phrase]:
    for line in text.splitlines():
        written = line.partition("//")[0].strip()
        if written:
            marks, places = _split(written)
            elements = tuple(_elements(places.split(), lists))
            needed = tuple(element for element in elements if not element.optional)
            openers = elements[: elements.index(needed[0]) + 1]
            rarest = min(needed, key=_rarity)
            companions = tuple(element.signs for element in needed if element is not rarest)
            yield Phrase(
                group,
                written,
                elements,
                "=" not in marks,
                "!" in marks,
                openers,
                rarest,
                companions,
            )


def _split(written: str) -> tuple[str, str]:
    """The marks that a phrase begins with, and its places."""
    places = written.lstrip("=! ")
    return written[: len(written) - len(places)], places


def _elements(parts: Sequence[str], lists: Mapping[str, str]) -> Iterator[Element]:
    skips = 0
    for part in parts:
        if part == "..":
            skips = GAP
            continue
        choices = [
            word for choice in part.strip("[]").split("|") for word in _listed(choice, lists)
        ]
        yield _element(choices, skips, optional=part.startswith("["))
        skips = 0


def _listed(choice: str, lists: Mapping[str, str]) -> Iterator[str]:
    """The words of a list, and of the lists that it names; or the word itself."""
    if not choice.isupper():
        yield plain_word(choice)
        return
    for word in lists[choice].split():
        yield from _listed(word, lists)


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


def _is_meant(
    phrase: Phrase, words: Sequence[str], unrelated: Sequence[int], start: int, end: int
) -> bool:
    """Whether neither a negation before it nor other words around it speak against a match.

    unrelated: of each place, how many words before it say something else than a call for help.
    """
    if phrase.negatable and _negated(words, start):
        return False
    return not phrase.whole or unrelated[start] == 0 == unrelated[-1] - unrelated[end]


def _negated(words: Sequence[str], start: int) -> bool:
    """Whether a negation stands right before index `start`, little words aside."""
    at = start - 1
    while at >= 0 and words[at] in _BETWEEN:
        at -= 1
    return at >= 0 and words[at] in _NEGATIONS and words[at + 1 : at + 2] != ["only"]

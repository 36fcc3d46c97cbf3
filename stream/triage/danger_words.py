"""Words of danger in twenty languages that no model of ours reads, searched in linear time.

danger_words.toml lists them, a phrase a line, in the notation of the thesaurus as far as it goes:

    fuga|olor .. gas        `a|b` either word; `..` up to three words between (eight letters in a
                            language without spaces), within one sentence
    suicid*                 any word that begins so
    il y a [eu] un feu      brackets: may be missing
    = no puedo respirar     `=`: also when a negation stands right before it
    ! feu                   `!`: where the message says nothing else
    // a remark

Of each language: `says`; `unless`, idioms that excuse what they touch; `no`, its negations;
`spaceless` where words stand without spaces; `marks` where accents tell words apart, so that a
text must have them. Every list is searched, whatever the language was taken for: a short cry is
what a detector knows least. So an idiom excuses the words of every language.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from stream.triage.ticket import shortened

Span = tuple[int, int]  # of a text: where a piece of it begins and ends

MOST_QUOTED = 2  # phrases that are shown
_READ = 4_000  # characters: who is in danger says so early
_ASIDE_WORDS, _ASIDE_LETTERS = 1, 4  # that may stand beside a phrase that is all that is said
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|[@＠]\w+|\[[a-z]{2,10}\]", re.IGNORECASE)
_STOPS = frozenset('.!?,;:…\n\r।॥؟،؛。、·¡¿()«»"“”—–')
_SAME = str.maketrans(
    {"ی": "ي", "ى": "ي", "ک": "ك", "ـ": "", "ँ": "ं", "ı": "i", "đ": "d", "\u200c": "", "\u200d": ""}
)
_BARE_SCRIPTS = ("LATIN", "ARABIC", "CYRILLIC")  # whose accents may be missing


@dataclass(frozen=True, slots=True)
class _Phrase:
    pattern: re.Pattern[str]
    negatable: bool
    whole: bool
    spaceless: bool


@dataclass(frozen=True, slots=True)
class _Language:
    phrases: tuple[_Phrase, ...]
    idioms: tuple[_Phrase, ...]
    negations: frozenset[str]
    marks: bool


class DangerWords:
    """The phrases of all languages, ready to be searched for."""

    def __init__(self, languages: Mapping[str, Mapping[str, object]]) -> None:
        self._languages = tuple(map(_language, languages.values()))

    def find(self, text: str) -> tuple[str, ...]:
        """The words of danger as the text has them, in its order; () where there are none."""
        plain = {marks: _Plain(text, marks) for marks in (False, True)}
        spans: set[Span] = set()
        for language in self._languages:
            spans.update(_dangers(language, plain[language.marks]))
        if not spans:
            return ()
        excused = [
            span
            for language in self._languages
            for span in _idioms(language, plain[language.marks])
        ]
        spans = {span for span in spans if not any(_touch(span, idiom) for idiom in excused)}
        quotes: list[str] = []
        end = -1
        for start, stop in sorted(spans, key=lambda span: (span[0], -span[1])):
            if start >= end and len(quotes) < MOST_QUOTED:
                quotes.append(shortened(" ".join(text[start:stop].split()), 60))
                end = stop
        return tuple(quotes)


@cache
def danger_words() -> DangerWords:
    """The words that come with earshot."""
    file = resources.files("stream.triage").joinpath("danger_words.toml")
    return DangerWords(tomllib.loads(file.read_text("utf-8")))


class _Plain:
    """A text as the phrases are written: small letters, single spaces, a stop for what parts
    sentences. `places`: of each letter in the text itself.
    """

    def __init__(self, text: str, marks: bool) -> None:
        text = _NOT_WORDS.sub(lambda match: "." * len(match.group()), text[:_READ])
        letters: list[str] = [" "]
        places = [0]
        for place, letter in enumerate(text):
            for plain in _plain(letter, marks) if letter not in _STOPS else " . ":
                if plain == " " and letters[-1] == " ":
                    continue
                letters.append(plain)
                places.append(place)
        self.text = "".join([*letters, " "])
        self.places = [*places, max(len(text) - 1, 0)]

    def span(self, start: int, end: int) -> Span:
        return self.places[start], self.places[end - 1] + 1


def _plain(text: str, marks: bool) -> Iterator[str]:
    """The letters, marks and digits of a text in the form that is compared; blanks for others."""
    base = ""
    for letter in unicodedata.normalize("NFKD", text.casefold()).translate(_SAME):
        kind = unicodedata.category(letter)[0]
        if kind == "M":
            is_bare = not base or unicodedata.name(base, "").startswith(_BARE_SCRIPTS)
            if marks or not is_bare or _is_joined(letter):
                yield letter
        elif kind in "LN":
            base = letter
            yield letter
        else:
            yield " "


def _is_joined(mark: str) -> bool:
    """Whether a mark belongs to a script that cannot be read without its marks."""
    return not unicodedata.name(mark, "").startswith(("COMBINING", "ARABIC"))


def _dangers(language: _Language, plain: _Plain) -> Iterator[Span]:
    """Where words of danger stand in the text itself."""
    for phrase in language.phrases:
        for start, end in _spans(phrase, plain.text):
            if not (phrase.negatable and _is_negated(language, plain.text, start)):
                yield plain.span(start, end)


def _idioms(language: _Language, plain: _Plain) -> Iterator[Span]:
    for idiom in language.idioms:
        for start, end in _spans(idiom, plain.text):
            yield plain.span(start, end)


def _touch(left: Span, right: Span) -> bool:
    return left[0] < right[1] and right[0] < left[1]


def _spans(phrase: _Phrase, text: str) -> Iterator[Span]:
    for match in phrase.pattern.finditer(text):
        start, end = match.span()
        if not phrase.whole or _is_all(text[:start] + " " + text[end:], phrase.spaceless):
            yield start, end


def _is_all(rest: str, spaceless: bool) -> bool:
    words = [word for word in rest.split() if word != "."]
    return sum(map(len, words)) <= _ASIDE_LETTERS if spaceless else len(words) <= _ASIDE_WORDS


def _is_negated(language: _Language, text: str, start: int) -> bool:
    """Whether one of the two words before, in the same sentence, is a negation."""
    before = text[max(start - 40, 0) : start].rpartition(".")[2].split()[-2:]
    return not language.negations.isdisjoint(before)


def _language(table: Mapping[str, object]) -> _Language:
    marks, spaceless = bool(table.get("marks")), bool(table.get("spaceless"))
    return _Language(
        phrases=tuple(_phrases(str(table["says"]), marks, spaceless)),
        idioms=tuple(_phrases(str(table.get("unless", "")), marks, spaceless)),
        negations=frozenset("".join(_plain(str(table.get("no", "")), marks)).split()),
        marks=marks,
    )


def _phrases(lines: str, marks: bool, spaceless: bool) -> Iterator[_Phrase]:
    for line in lines.splitlines():
        written = line.partition("//")[0].strip()
        if written:
            places = written.lstrip("=! ")
            opening = written[: len(written) - len(places)]
            joined = spaceless and not places.isascii()
            pattern = _pattern(places.split(), marks, joined)
            yield _Phrase(re.compile(pattern), "=" not in opening, "!" in opening, joined)


def _pattern(parts: Sequence[str], marks: bool, spaceless: bool) -> str:
    """The regular expression of a phrase. Every gap is bounded: it takes linear time."""
    blank, gap = (" ?", "[^.]{0,8}?") if spaceless else (" ", "(?: [^ .]+){0,3}?")
    pattern = ""
    between = ""
    for part in parts:
        if part == "..":
            between = gap
            continue
        words = "|".join(_word(word, marks, spaceless) for word in part.strip("[]").split("|"))
        place = f"{between}{blank if pattern else ''}(?:{words})"
        pattern += f"(?:{place})?" if part.startswith("[") else place
        between = ""
    return pattern if spaceless else f"(?<= ){pattern}(?= )"


def _word(word: str, marks: bool, spaceless: bool) -> str:
    plain = re.escape("".join(_plain(word.rstrip("*"), marks)).strip())
    return plain + "[^ .]*" if word.endswith("*") and not spaceless else plain

"""Evidence for people: the words of a message that carry a reason which the model gave it.

They are quoted and never weighed. Phrases of the reason's cues come first; then the words of
evidence.toml, which say more of a delay or a damage than the cues of triage do; then a message so
short that it is its own evidence. What stands in a footer or in a mail quoted below is not quoted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from operator import itemgetter
from typing import Final

from stream.triage.cues import Cue
from stream.triage.footer import own_words
from stream.triage.ticket import shortened

LONGEST: Final = 60  # letters of a quote
TERSE: Final = 12  # words of a message that is quoted whole
ENOUGH: Final = 3  # words of a cue's phrase that says enough without those around it
# Groups of cues that show trouble of any kind, or have many words for one thing: the reason's own
# words come before theirs.
LOOSE: Final = frozenset(("grievance", "money", "missing", "leaving", "fraud"))

# A sentence ends at marks before a blank or a capital, a semicolon, a dash between blanks. The
# pattern begins with one set of signs: a search for that is five times as fast.
_SENTENCE = re.compile(
    r"[.!?…;\n–—|-](?:(?<=[;\n])"
    r"|(?<=[.!?…])(?<![.!?…].)[.!?…]*+(?=\s|\Z)|(?<=[a-z][.!?])[.!?]*+(?=[A-Z])"
    r"|(?<=\s[–—|-])[–—|-]*+(?=\s))"
)
_CLAUSE = re.compile(
    r"(?<![,():])[,():]++(?=\s|\Z)|\s\("
    r"|\s(?=(?:and|but|because|so|while|then|after|as|since|which|who|amp|&)\s)",
    re.IGNORECASE,
)
# What is no words of theirs in front: handles, links, faces.
_ASIDE = re.compile(r"(?:\.?@\w+[\s,:.]*|RT\s|https?://\S+\s*|[^\w\s\"“‘'(#$£€\[]+\s+)+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[$£€]")
_SIGNS = frozenset("$£€")
_CACHED, _LONGEST_CACHED = 1 << 14, 40  # words with what can begin there, and their letters
_MOST_PLACES = 500  # where a reason's phrases are tried, so that a list of numbers takes no second
# Where a quoted mail begins: a program wrote this line.
_BELOW = re.compile(
    r"^[ \t>*]*(?:-{2,} ?(?:original|forwarded) message\b.*"
    r"|on\b[^\n]{6,200}\bwrote:[ \t]*$"
    r"|from:[^\n]*\n[ \t>*]*(?:sent|date|to|subject):)",
    re.IGNORECASE | re.MULTILINE,
)
_MARKED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)


class Evidence:
    """A message's words for its reasons; nothing is searched before a reason is asked for."""

    def __init__(self, text: str, cues: Mapping[str, Sequence[Cue]]) -> None:
        self._text = text
        self._cues = cues

    def quote(self, reason: str, groups: Sequence[str]) -> str | None:
        """At most LONGEST letters of the text that carry the reason. groups: of its cues."""
        firm = [group for group in groups if group not in LOOSE]
        loose = [group for group in groups if group in LOOSE]
        return (
            self._phrase(firm)
            or self._words(reason)
            or self._phrase(loose)
            or self._whole()
            or None
        )

    @cached_property
    def _own(self) -> str:
        """The text with blanks for what its author did not write in it; every place stays."""
        if "\n" not in self._text:
            return self._text
        own = _MARKED.sub(lambda line: " " * len(line[0]), own_words(self._text))
        below = _BELOW.search(own)
        return own[: below.start()] if below else own

    def _phrase(self, groups: Sequence[str]) -> str | None:
        """The first phrase of these cues; one of few words with those around it."""
        for group in groups:
            for cue in self._cues.get(group, ()):
                end = cue.start + len(cue.quote)
                if end > len(self._own) or self._own[cue.start] == " ":
                    continue
                if len(cue.quote.split()) >= ENOUGH:
                    return shortened(cue.quote, LONGEST)
                end = cue.start + len(cue.quote.rstrip(" .?!"))
                # Of a question by its mark alone the words before it say most.
                return self._around(cue.start, end, by_clause=end > cue.start)
        return None

    @cached_property
    def _beginnings(self) -> list[_Place]:
        """Where the words stand that phrases of the table begin with, with these by reason."""
        places: list[_Place] = []
        table, text, at = _table(), self._own, 0
        for token in text.split():
            at = text.find(token, at)
            is_short = len(token) <= _LONGEST_CACHED
            for start, end, phrases in table.cached(token) if is_short else table.of_token(token):
                places.append((at + start, at + end, phrases))
            at += len(token)
        return places

    def _words(self, reason: str) -> str | None:
        """The first of the clearest words of the table."""
        possible = [
            (phrase.line, start, word_end, phrase)
            for start, word_end, phrases in self._beginnings
            for phrase in phrases.get(reason, ())
        ]
        possible.sort(key=itemgetter(0))
        for _, start, word_end, phrase in possible[:_MOST_PLACES]:
            if end := phrase.end(self._own, start, word_end):
                return self._around(start, end)
        return None

    def _whole(self) -> str:
        """All of it where it is one clause of few words."""
        low, high = _trimmed(self._own, 0, len(self._own), len(self._own))
        words = self._own[low:high]
        is_terse = len(_WORD.findall(words)) <= TERSE
        is_clause = is_terse and not _SENTENCE.search(words.rstrip(" .?!…"))
        return shortened(" ".join(words.split()), LONGEST) if is_clause else ""

    @cached_property
    def _sentences(self) -> list[tuple[int, int]]:
        return list(_parts(_SENTENCE, self._own, 0, len(self._own)))

    def _around(self, start: int, end: int, *, by_clause: bool = True) -> str:
        """The sentence around a place; of a long one the clause, of that the words nearby."""
        text = self._own
        low, high = _trimmed(text, *_part(self._sentences, start, end), start)
        if by_clause and high - low > LONGEST:
            clauses = list(_parts(_CLAUSE, text, low, high))
            low, high = _trimmed(text, *_part(clauses, start, end), start)
        if high - low <= LONGEST:
            return " ".join(text[low:high].split())
        return _window(text, low, high, start, end)


def _parts(stop: re.Pattern[str], text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """What stands between stops; a mark of a question or a cry belongs to what it ends."""
    for gap in stop.finditer(text, low, high):
        yield low, gap.start() + (gap[0][0] in "?!")
        low = gap.end()
    yield low, high


def _part(parts: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """The part around a place, or the parts that it reaches over."""
    low, high = parts[0]
    for begin, high in parts:
        if begin <= start:
            low = begin
        if high >= end:
            break
    return low, high


def _trimmed(text: str, low: int, high: int, start: int) -> tuple[int, int]:
    """The same without handles, links and blanks at its ends."""
    while low < start and text[low].isspace():
        low += 1
    if (aside := _ASIDE.match(text, low, high)) and aside.end() <= start:
        low = aside.end()
    return low, low + len(text[low:high].rstrip(" \t\n,-–—"))


def _window(text: str, low: int, high: int, start: int, end: int) -> str:
    """Whole words of text[low:high] around text[start:end], as many on its left as on its right."""
    room = max(LONGEST - 2 - (end - start), 0)
    left = max(low, start - room // 2)
    right = min(high, left + LONGEST - 2)
    left = max(low, right - LONGEST + 2)
    if left > low:
        left = min(text.find(" ", left, start) + 1 or start, start)
    if right < high:
        right = max(text.rfind(" ", end, right), min(end, right))
    words = " ".join(text[left:right].split())
    return "…" * (left > low) + words + "…" * (right < high)


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase of the table. line: of its reason, the clearest is 0."""

    reason: str
    line: int
    written: str
    is_word: bool

    def end(self, text: str, start: int, word_end: int) -> int | None:
        """Where the phrase ends in a text that has its first word at `start`."""
        if self.is_word:
            return word_end
        match = _pattern(self.written).match(text, start)
        return match and match.end()


def _phrase(reason: str, line: int, written: str) -> _Phrase:
    return _Phrase(reason, line, written, is_word=not re.search("[ #-]", written))


# A word: where it begins and ends, and the phrases that can begin with it, by reason.
_Place = tuple[int, int, Mapping[str, tuple[_Phrase, ...]]]


class _Table:
    """The phrases by the word that they begin with."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.by_word: dict[str, list[_Phrase]] = {}
        self.by_beginning: dict[str, list[_Phrase]] = {}
        for reason, lines in reasons.items():
            for line, phrases in enumerate(lines.strip().splitlines()):
                for written in phrases.split(","):
                    self._add(_phrase(reason, line, written.strip()))
        self._lengths = sorted({len(beginning) for beginning in self.by_beginning})
        self.cached = lru_cache(_CACHED)(self.of_token)

    def _add(self, phrase: _Phrase) -> None:
        for choice in phrase.written.split()[0].split("|"):
            first = choice.partition("-")[0]
            if first.startswith("#"):
                self.by_word.setdefault("#", []).append(phrase)
            elif first.endswith("*"):
                self.by_beginning.setdefault(first[:-1], []).append(phrase)
            else:
                self.by_word.setdefault(first, []).append(phrase)

    def of_token(self, token: str) -> tuple[_Place, ...]:
        """The words between two blanks that phrases can begin with: place, and these by reason."""
        words = [(*word.span(), self._of_word(word[0])) for word in _WORD.finditer(token)]
        return tuple(word for word in words if word[2])

    def _of_word(self, word: str) -> Mapping[str, tuple[_Phrase, ...]]:
        """The phrases that can begin with the word, by reason."""
        word = word.lower().replace("’", "'")
        phrases = list(self.by_word.get("#" if word[0].isdecimal() else word, ()))
        phrases += self.by_word.get(word, ()) if word[0].isdecimal() else ()
        for length in self._lengths:
            phrases += self.by_beginning.get(word[:length], ()) if length <= len(word) else ()
        by_reason: dict[str, list[_Phrase]] = {}
        for phrase in dict.fromkeys(phrases):
            by_reason.setdefault(phrase.reason, []).append(phrase)
        return {reason: tuple(of_one) for reason, of_one in by_reason.items()}


@cache
def _table() -> _Table:
    file = resources.files("stream.triage").joinpath("evidence.toml")
    return _Table(tomllib.loads(file.read_text("utf-8")))


@lru_cache(None)
def _pattern(written: str) -> re.Pattern[str]:
    """What the phrase matches where its first word begins."""
    pattern = ""
    for place in written.split():
        if place == "..":
            pattern += r"(?:[^\w.!?;\n]++\w++(?:['’]\w++)*+){0,3}?"
            continue
        between = r"[^\w.!?;\n$£€]*+(?<!\w)" if pattern else ""
        pattern += between + "(?:" + "|".join(map(_choice, place.split("|"))) + ")"
    return re.compile(pattern, re.IGNORECASE)


def _choice(word: str) -> str:
    if word in _SIGNS:
        return re.escape(word)
    written = re.escape(word).replace("'", "['’]") + r"(?!\w)"
    return written.replace(r"\#", r"\d[\d.,]{0,14}").replace(r"\*", r"\w*+(?:['’]\w++)*+")

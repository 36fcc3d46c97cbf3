"""Search for tickets in one line: words, phrases and operators such as `is:late brand:volt`. Pure.

REST's `q=`, the console's search box and `earshot tickets --search` read it alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

from stream.errors import UserError
from stream.records import Level

LONGEST = 500  # characters of a search
MOST_PARTS = 16  # words, phrases and operators of one
SLIPPED = re.compile(r"[^\W\d_]{4,24}")  # words in which a slip of one letter is allowed
STATES = {
    "open": "in the queue",
    "new": "nobody has touched it",
    "waiting": "for the customer",
    "snoozed": "until a moment",
    "resolved": "by a person",
    "settled": "by the customer's last word",
    "late": "past its promised time",
    "unread": "in a language that no model reads",
    "mine": "yours",
    "unassigned": "nobody's",
}
HOLDS = {
    "incident": "it belongs to one",
    "link": "the customer sent one",
    "note": "a colleague wrote one",
    "draft": "an answer waits for a person",
    "picture": "an answer has one",
}
OPERATORS = (
    *("is", "has", "author", "brand", "topic", "level", "tag", "network", "owner"),
    *("since", "until", "before"),
)
_MOMENTS = ("since", "until", "before")
_TOKEN = re.compile(r'(-?)(?:([^\W\d_]+):(?=\S))?("[^"]*"?|\S+)')
_AGO = re.compile(r"([0-9]{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class BadSearch(UserError):
    """The search cannot be read: one line that says which part, and what there is."""


@dataclass(frozen=True, slots=True)
class Words:
    """What has to be said: any of these alternatives, part words or a phrase as they were typed.

    excluded: it must not be said. exact: in quotes, no slip of a letter is forgiven.
    """

    alternatives: tuple[str, ...]
    excluded: bool = False
    exact: bool = False

    @property
    def query(self) -> str:
        """As Postgres's `websearch_to_tsquery` reads it."""
        return " or ".join(f'"{part}"' for part in self.alternatives)

    @property
    def names(self) -> list[str]:
        """As an author, a tag or the id of a ticket may be written."""
        lowered = [part.lower().lstrip("@#") for part in self.alternatives]
        return list(dict.fromkeys([*self.alternatives, *lowered]))

    @property
    def word(self) -> str | None:
        """The one word that it is, where a slip of a letter in it may be forgiven."""
        alone = self.alternatives[0]
        is_plain = len(self.alternatives) == 1 and not self.excluded and not self.exact
        return alone.lower() if is_plain and SLIPPED.fullmatch(alone) else None


@dataclass(frozen=True, slots=True)
class Term:
    """An operator with its values, any of which fits; in lower case. moment: of since and until."""

    operator: str
    values: tuple[str, ...]
    excluded: bool = False
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """All of these have to fit."""

    words: tuple[Words, ...] = ()
    terms: tuple[Term, ...] = ()

    @property
    def asks_mine(self) -> bool:
        return any(term.operator == "is" and "mine" in term.values for term in self.terms)


def parse(line: str, now: datetime) -> Search:
    """The search that a person typed. now: what `since:7d` counts from. Raises BadSearch."""
    if len(line) > LONGEST:
        raise BadSearch(f"a search has {LONGEST} characters at most")
    words: list[Words] = []
    terms: list[Term] = []
    joins = False
    for token in _tokens(line):
        if token.operator:
            terms.append(_term(token, now))
        elif token.value.lower() == "or" and words and not token.excluded and not token.quoted:
            joins = True
            continue
        elif joins and not words[-1].excluded and not token.excluded:
            words[-1] = Words((*words[-1].alternatives, token.value))
        else:
            words.append(Words((token.value,), token.excluded, token.quoted))
        joins = False
    if len(words) + len(terms) > MOST_PARTS:
        raise BadSearch(f"a search has {MOST_PARTS} words and operators at most")
    return Search(tuple(words), tuple(terms))


def slips(word: str) -> list[str]:
    """The words that differ from it by one letter: left out, added, changed, or two exchanged.

    word: in lower case, as SLIPPED has it. About 54 for part of its letters.
    """
    letters = "".join(dict.fromkeys(_LETTERS + word))
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    words = [head + tail[1:] for head, tail in halves if tail]
    words += [head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1]
    words += [head + letter + tail[1:] for head, tail in halves if tail for letter in letters]
    words += [head + letter + tail for head, tail in halves for letter in letters]
    return list(dict.fromkeys(words))


@dataclass(frozen=True, slots=True)
class _Token:
    operator: str  # of OPERATORS, or empty
    value: str
    excluded: bool
    quoted: bool


def _tokens(line: str) -> Iterator[_Token]:
    plain = line.replace("\u201c", '"').replace("\u201d", '"').replace("\x00", " ")
    for match in _TOKEN.finditer(plain):
        token = _token(match)
        if any(letter.isalnum() or not letter.isascii() for letter in token.value):
            yield token
        elif token.operator:
            raise BadSearch(f"{token.operator}: needs a value right behind it")


def _token(match: re.Match[str]) -> _Token:
    name, typed = match[2] or "", match[3]
    quoted = typed.startswith('"')
    value = typed.replace('"', " ").strip()
    operator = name.lower()
    if not operator and value.endswith(":") and value[:-1].lower() in OPERATORS:
        raise BadSearch(f"{value} needs a value right behind it")
    if operator and operator not in OPERATORS:
        if quoted or not re.search(r"[0-9/]", value):
            raise _no_operator(operator, value)
        operator, value = "", f"{name}:{value}"  # the id of a ticket
    return _Token(operator, value if quoted else value.rstrip(",;"), bool(match[1]), quoted)


def _no_operator(name: str, value: str) -> BadSearch:
    existing = ", ".join(f"{operator}:" for operator in OPERATORS)
    return BadSearch(
        f"{name}: is no operator; there is {existing}; "
        f'to search for the words, quote them: "{name}:{value}"'
    )


def _term(token: _Token, now: datetime) -> Term:
    operator, value, excluded = token.operator, token.value, token.excluded
    if operator in _MOMENTS:
        return Term(operator, (value,), excluded, _moment(operator, value, now))
    parts = [value] if token.quoted else value.split(",")
    values = tuple(part.strip().lower().lstrip("@#") for part in parts if part.strip())
    levels = tuple(level.lower() for level in get_args(Level))
    known = {"is": tuple(STATES), "has": tuple(HOLDS), "level": levels}
    for part in values:
        if operator in known and part not in known[operator]:
            existing = [name.upper() if operator == "level" else name for name in known[operator]]
            raise BadSearch(f"{operator}:{part}: there is {', '.join(existing)}")
    return Term(operator, values, excluded)


def _moment(operator: str, value: str, now: datetime) -> datetime:
    """until: a day is meant to its end."""
    typed = value.lower()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    ago = _AGO.fullmatch(typed)
    try:
        if ago:
            return now - int(ago[1]) * _UNITS[ago[2]]
        if typed in days:
            moment, is_day = days[typed], True
        else:
            moment = datetime.fromisoformat(value)
            # In UTC, where a zone may lead out of the years that there are.
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            is_day = len(value) <= len("2026-03-12")
        return moment + timedelta(days=1) if is_day and operator == "until" else moment
    except (ValueError, OverflowError):
        raise BadSearch(
            f"{operator}:{value} is no time; write a day (2026-03-12), today, yesterday, "
            "or how long ago: 12h, 7d, 2w"
        ) from None

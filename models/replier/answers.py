"""Answers of our own by the kind of message: the first kind that fits answers it."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.replier.conditions import traits
from models.replier.draft import ReplyRequest
from models.replier.rules import needs, speaks_of
from models.replier.slots import Slotted, brand_names
from models.replier.templates import private_endings

_TABLE = Path(__file__).with_name("answers.toml")
_FLIGHT = "<flight>"
_ASKS_FLIGHT = re.compile(r"\b(?:which|what|your|the) (?:is your )?flight\b", re.IGNORECASE)
_VAGUE = frozenset({"danger", "injury", "emergency_service", "urgent"})  # which harm is unsure
_ADDRESSES = re.compile(r"[@<][\w>]+")


@dataclass(frozen=True)
class Answer:
    """What is said to one kind of message. See the head of `answers.toml` for its fields."""

    name: str
    example: str
    moods: frozenset[str]
    topics: frozenset[str] | None
    trades: frozenset[str]
    gravity: frozenset[str]
    reasons: frozenset[str]
    unless: frozenset[str]
    pattern: re.Pattern[str] | None
    barred: re.Pattern[str] | None
    words: int | None
    minimum: int
    severe: frozenset[int] | None
    slots: frozenset[str]
    opening: tuple[str, ...]
    sorry: tuple[str, ...]
    ending: tuple[str, ...]
    private: tuple[str, ...]

    def fits(self, request: ReplyRequest, message: Slotted) -> bool:
        """message: of the request, its particulars taken out."""
        if request.sentiment not in self.moods or not self.slots <= set(message.values):
            return False
        if not self._fits_trade(request) or request.reason in self.unless:
            return False
        if self.topics is not None and request.topic not in self.topics:
            return False
        if self.severe is not None and request.severity not in self.severe:
            return False
        return self._fits_words(unaddressed(request), request.reason)

    def _fits_trade(self, request: ReplyRequest) -> bool:
        """Whether the brand trades in what is asked; an unknown one must be spoken of as if."""
        if not self.trades:
            return True
        if request.trade is not None:
            return request.trade in self.trades
        return speaks_of(request, self.trades)

    def _fits_words(self, text: str, reason: str | None) -> bool:
        count = len(_ADDRESSES.sub("", text).split())
        if count < self.minimum or (self.words is not None and count > self.words):
            return False
        if self.barred is not None and self.barred.search(text):
            return False
        if self.pattern is None:
            return not self.reasons or reason in self.reasons
        return reason in self.reasons or bool(self.pattern.search(text))

    def wordings(self, request: ReplyRequest, message: Slotted) -> Iterator[str]:
        """Every combination, with slots. It apologises to who is upset, where it can, and asks for
        nothing that the message says.
        """
        need = needs(request)
        openings = self.opening if need.calm else self.sorry or self.opening
        endings = self._in_private() if need.handover else self.ending
        questions = endings
        if _FLIGHT in message.values:
            endings = tuple(text for text in endings if not _ASKS_FLIGHT.search(text))
        endings = _unanswered(endings, request.text) or _nothing_to_ask(questions)
        for opening, ending in itertools.product(openings, endings):
            yield f"{opening} {ending}"

    def _in_private(self) -> tuple[str, ...]:
        """The endings that ask for a direct message."""
        endings = self.private or self.ending
        return tuple(text for text in endings if traits(text)["handover"]) or private_endings()


def unaddressed(request: ReplyRequest) -> str:
    """The message with the brand's handles, and its name at the beginning, as `@brand`."""
    names = "|".join(re.escape(name) for name in brand_names(request.brand))
    if not names:
        return request.text
    return re.sub(rf"\A(?:{names})(?= )|@(?:{names}|company)\b", "@brand", request.text)


def answers_to(request: ReplyRequest, message: Slotted) -> Iterator[Answer]:
    """The kinds that fit the message, the most special first."""
    if request.gravity is not None:
        return iter(_grave(request.gravity, request.text))
    return (answer for answer in answers() if answer.fits(request, message))


def _grave(gravity: str, text: str) -> list[Answer]:
    """The kinds for what is grave: where triage tells one harm from another less surely, the words
    of the message choose first.
    """
    kinds = [answer for answer in answers() if answer.gravity]
    of_it = [answer for answer in kinds if gravity in answer.gravity]
    if gravity not in _VAGUE:
        return of_it
    return [answer for answer in kinds if answer.pattern and answer.pattern.search(text)] + of_it


@lru_cache(maxsize=1)
def answers() -> tuple[Answer, ...]:
    return tuple(_answer(row) for row in _table()["answer"])


def _unanswered(endings: tuple[str, ...], message: str) -> tuple[str, ...]:
    """The endings that ask for nothing that the message says."""
    for question, evidence in repetitions():
        if evidence.search(message):
            endings = tuple(text for text in endings if not question.search(text))
    return endings


@lru_cache(maxsize=1)
def repetitions() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    """What an ending may ask for, and how a message says that already."""
    flags = re.IGNORECASE
    return tuple(
        (re.compile(row["asks"], flags), re.compile(row["heard"], flags))
        for row in _table()["said"]
    )


def _nothing_to_ask(endings: tuple[str, ...]) -> tuple[str, ...]:
    """What ends an answer where the message says all that these endings ask."""
    if any(traits(text)["handover"] for text in endings):
        return private_endings()
    return endings_without_question()


@lru_cache(maxsize=1)
def endings_without_question() -> tuple[str, ...]:
    return tuple(_table()["no_question"]["ending"])


def _table() -> Any:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(
        name=row["name"],
        example=row["example"],
        moods=frozenset(row.get("moods", ["negative"])),
        topics=frozenset(row["topics"]) if "topics" in row else None,
        trades=frozenset(row.get("trades", [])),
        gravity=frozenset(row.get("gravity", [])),
        reasons=frozenset(row.get("reasons", [])),
        unless=frozenset(row.get("unless", [])),
        pattern=_pattern(row.get("heard")),
        barred=_pattern(row.get("unheard")),
        words=row.get("words"),
        minimum=row.get("least", 0),
        severe=frozenset(row["severe"]) if "severe" in row else None,
        slots=frozenset(row.get("slots", [])),
        opening=tuple(row["opening"]),
        sorry=tuple(row.get("sorry", [])),
        ending=tuple(row["ending"]),
        private=tuple(row.get("private", [])),
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text, re.IGNORECASE)

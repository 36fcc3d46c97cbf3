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
from models.replier.rules import needs
from models.replier.slots import Slotted
from models.replier.templates import private_endings

_TABLE = Path(__file__).with_name("answers.toml")
_FLIGHT = "<flight>"
_ASKS_FLIGHT = re.compile(r"\b(?:which|what|your|the) (?:is your )?flight\b", re.IGNORECASE)
_ADDRESSES = re.compile(r"[@<][\w>]+")


@dataclass(frozen=True)
class Answer:
    """What is said to one kind of message. See the head of `answers.toml` for its fields."""

    name: str
    example: str
    moods: frozenset[str]
    topics: frozenset[str] | None
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
        if self.topics is not None and request.topic not in self.topics:
            return False
        if self.severe is not None and request.severity not in self.severe:
            return False
        return self._fits_words(request.text)

    def _fits_words(self, text: str) -> bool:
        count = len(_ADDRESSES.sub("", text).split())
        if count < self.minimum or (self.words is not None and count > self.words):
            return False
        if self.barred is not None and self.barred.search(text):
            return False
        return self.pattern is None or bool(self.pattern.search(text))

    def wordings(self, request: ReplyRequest, message: Slotted) -> Iterator[str]:
        """Every combination, with slots. It apologises to who is upset, where it can, and asks for
        no flight that the message names.
        """
        need = needs(request)
        openings = self.opening if need.calm else self.sorry or self.opening
        endings = self._in_private() if need.handover else self.ending
        if _FLIGHT in message.values:
            endings = tuple(text for text in endings if not _ASKS_FLIGHT.search(text))
        for opening, ending in itertools.product(openings, endings or private_endings()):
            yield f"{opening} {ending}"

    def _in_private(self) -> tuple[str, ...]:
        """The endings that ask for a direct message."""
        endings = self.private or self.ending
        return tuple(text for text in endings if traits(text)["handover"]) or private_endings()


def answers_to(request: ReplyRequest, message: Slotted) -> Iterator[Answer]:
    """The kinds that fit the message, the most special first."""
    return (answer for answer in answers() if answer.fits(request, message))


@lru_cache(maxsize=1)
def answers() -> tuple[Answer, ...]:
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(_answer(row) for row in table["answer"])


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(
        name=row["name"],
        example=row["example"],
        moods=frozenset(row.get("moods", ["negative"])),
        topics=frozenset(row["topics"]) if "topics" in row else None,
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

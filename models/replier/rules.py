"""Rules of the policy gate as its table has them, and what a reply to a message must have."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from models.replier.draft import ReplyRequest

_FILE = Path(__file__).with_name("policy.toml")

SEVERE = 3  # from this severity on, 0 to 4, a reply apologises


@dataclass(frozen=True, slots=True)
class Needs:
    """What a reply to a message must have.

    apology: the message is severe or grave. handover: it is about a person's account. calm: the
    customer is not upset, so that nothing needs to be said to the matter.
    """

    apology: bool
    handover: bool
    calm: bool


@lru_cache(maxsize=64)  # every text written for a message asks for them
def needs(request: ReplyRequest) -> Needs:
    rules = table()
    account = request.topic in rules.private_topics or bool(rules.private.search(request.text))
    positive = request.sentiment == "positive" and not request.severity
    apology = request.gravity is not None or (request.severity or 0) >= SEVERE
    return Needs(
        apology=apology,
        handover=account and not positive,
        calm=request.sentiment in ("neutral", "positive") and not apology,
    )


@dataclass(frozen=True)
class Domain:
    """A field of business. words: of an answer about it. signs: of a message about it."""

    name: str
    words: re.Pattern[str]
    signs: re.Pattern[str]
    topics: frozenset[str]
    brands: re.Pattern[str] | None
    trades: frozenset[str]

    def covers(self, request: ReplyRequest, *, drafted: bool = False) -> bool:
        """Whether the message, its topic or its brand has to do with it.

        drafted: no person wrote the answer. A topic of a trade may be misjudged, so it proves
        nothing by itself; the trade of the brand does, where it is known.
        """
        if drafted and self.trades:
            if request.trade is not None:
                return request.trade in self.trades
            return self.is_spoken_of(request)
        return request.topic in self.topics or self.is_spoken_of(request)

    def is_spoken_of(self, request: ReplyRequest) -> bool:
        """Whether the message itself or the brand's name speaks of it."""
        if self.signs.search(request.text):
            return True
        return self.brands is not None and bool(self.brands.search(request.brand or ""))


@dataclass(frozen=True)
class Table:
    phrases: tuple[tuple[str, str, re.Pattern[str]], ...]
    limits: Mapping[str, int]
    private: re.Pattern[str]
    private_topics: frozenset[str]
    cheer: re.Pattern[str]
    trouble: re.Pattern[str]
    goodbye: re.Pattern[str]
    waiting: re.Pattern[str]
    waits: re.Pattern[str]
    domains: tuple[Domain, ...]


def speaks_of(request: ReplyRequest, trades: Set[str]) -> bool:
    """Whether the message or the brand's name speaks of one of these trades; so it does of a trade
    without words of its own.
    """
    domains = [domain for domain in table().domains if domain.trades & trades]
    return not domains or any(domain.is_spoken_of(request) for domain in domains)


@lru_cache(maxsize=1)
def table() -> Table:
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return Table(
        phrases=tuple(
            (row["rule"], row["why"], _pattern(*row["patterns"])) for row in rows["forbidden"]
        ),
        limits=rows["limits"],
        private=_pattern(*rows["account"]["patterns"]),
        private_topics=frozenset(rows["account"]["topics"]),
        cheer=_pattern(*rows["mood"]["cheer"]),
        trouble=_pattern(*rows["mood"]["trouble"]),
        goodbye=_pattern(*rows["need"]["goodbye"]),
        waiting=_pattern(*rows["need"]["waiting"]),
        waits=_pattern(*rows["need"]["waits"]),
        domains=tuple(
            Domain(
                name=row["name"],
                words=_pattern(row["words"]),
                signs=_pattern(row.get("heard", row["words"])),
                topics=frozenset(row["topics"]),
                brands=_pattern(row["brands"]) if "brands" in row else None,
                trades=frozenset(row.get("trades", [])),
            )
            for row in rows["domain"]
        ),
    )


def _pattern(*choices: str) -> re.Pattern[str]:
    return re.compile("|".join(choices), re.IGNORECASE)

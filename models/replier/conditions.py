"""Conditions of a reply besides the message: brand, topic, mood and needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SENTIMENTS = ("negative", "neutral", "positive")
FIELDS = ("brand", "topic", "sentiment", "clean", "apology", "handover")

_APOLOGY = re.compile(r"\bsorry\b|\bapolog|\bregret\b|\bforgive\b", re.IGNORECASE)
_HANDOVER = re.compile(
    r"\bDMs?\b|\b(?:direct|private) messag\w*|\bmessage us (?:privately|directly)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """None: not known, or no matter.

    clean: holds only facts of the message and breaks no rule of the table.
    """

    brand: str | None = None
    topic: str | None = None
    sentiment: str | None = None
    clean: bool | None = None
    apology: bool | None = None
    handover: bool | None = None


def traits(reply: str) -> dict[str, bool]:
    """Whether a reply apologises, and whether it asks the customer to write privately."""
    return {"apology": bool(_APOLOGY.search(reply)), "handover": bool(_HANDOVER.search(reply))}


@dataclass(frozen=True)
class Vocabulary:
    """The values that the network knows of each condition; 0 is any other and unknown."""

    brands: Sequence[str]
    topics: Sequence[str]

    @property
    def sizes(self) -> tuple[int, ...]:
        return len(self.brands) + 1, len(self.topics) + 1, len(SENTIMENTS) + 1, 3, 3, 3

    def ids(self, conditions: Sequence[Conditions]) -> NDArray[np.int64]:
        """(rows, fields), in the order of FIELDS."""
        brands, topics, sentiments = _places(self.brands), _places(self.topics), _places(SENTIMENTS)
        rows = [
            (
                brands.get(row.brand or "", 0),
                topics.get(row.topic or "", 0),
                sentiments.get(row.sentiment or "", 0),
                _flag(row.clean),
                _flag(row.apology),
                _flag(row.handover),
            )
            for row in conditions
        ]
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(FIELDS))


def _flag(value: bool | None) -> int:
    return 0 if value is None else 1 + value


def _places(values: Sequence[str]) -> Mapping[str, int]:
    return {value: place for place, value in enumerate(values, start=1)}

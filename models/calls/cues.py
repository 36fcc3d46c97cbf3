"""Cues of calls: groups of words in cues.toml that show how a call went."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["customer", "agent"]

_TABLE = Path(__file__).with_name("cues.toml")
_SENTENCE_END = re.compile(r"[.!?;](?=\s|\Z)|\n")
_APOSTROPHES = str.maketrans("\u2018\u2019", "''")


@dataclass(frozen=True)
class Cues:
    """customer, agent: the pattern of each group in that side's turns. digest: of the table."""

    customer: dict[str, re.Pattern[str]]
    agent: dict[str, re.Pattern[str]]
    anger: re.Pattern[str]
    digest: str

    def hits(self, side: Side, turns: Sequence[str]) -> NDArray[np.bool_]:
        """(turns, groups): which groups each turn has."""
        groups = self._groups(side).values()
        rows = [[group.search(_plain(turn)) is not None for group in groups] for turn in turns]
        return np.array(rows, bool).reshape(len(turns), len(groups))

    def quote(self, side: Side, groups: Sequence[str], turn: str) -> str | None:
        """The words of the first of the groups that the turn has, to the end of their sentence."""
        patterns, plain = self._groups(side), _plain(turn)
        for group in groups:
            match = patterns[group].search(plain)
            if match:
                return turn[match.start() : _end(turn, match.end())]
        return None

    def _groups(self, side: Side) -> dict[str, re.Pattern[str]]:
        return self.customer if side == "customer" else self.agent

    def angry(self, turn: str) -> bool:
        return self.anger.search(_plain(turn)) is not None


@cache
def read_cues() -> Cues:
    """The table that comes with the package."""
    raw = _TABLE.read_bytes()
    table = tomllib.loads(raw.decode())
    customer = {name: _any(words) for name, words in sorted(table["customer"].items())}
    agent = {name: _any(words) for name, words in sorted(table["agent"].items())}
    # Only the groups whose counts are learned from: the words of anger may change without training.
    groups = [*customer.items(), *agent.items()]
    patterns = repr([(name, pattern.pattern) for name, pattern in groups])
    digest = hashlib.sha256(patterns.encode())
    return Cues(customer, agent, _any(table["anger"]["words"]), digest.hexdigest()[:12])


def _any(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(
        "|".join(word if word[0] in "^!" else rf"\b(?:{word})\b" for word in words), re.IGNORECASE
    )


def _end(text: str, start: int) -> int:
    match = _SENTENCE_END.search(text, start)
    return match.start() if match else len(text)


def _plain(text: str) -> str:
    return text.translate(_APOSTROPHES)

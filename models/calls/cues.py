"""The words of a call that tell how it went: how often each group of call_cues.toml is heard, and
where.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TABLE = Path(__file__).with_name("cues.toml")
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)|\n")
_APOSTROPHES = str.maketrans("\u2018\u2019", "''")


@dataclass(frozen=True)
class Cues:
    """customer, agent: name of a group -> what its words look like, in each side's turns. digest:
    of the table.
    """

    customer: dict[str, re.Pattern[str]]
    agent: dict[str, re.Pattern[str]]
    anger: re.Pattern[str]
    digest: str

    def counts(self, side: str, turns: Sequence[str]) -> Floats:
        """(2 x groups,): log(1 + turns that have the group), in the first half of this side's turns
        and the second.
        """
        half = len(turns) // 2
        found = [
            [
                sum(group.search(_plain(turn)) is not None for turn in part)
                for part in (turns[:half], turns[half:])
            ]
            for group in getattr(self, side).values()
        ]
        return np.log1p(np.array(found, dtype=np.float32)).reshape(-1)

    def quote(self, side: str, groups: Sequence[str], turns: Sequence[str]) -> str | None:
        """The last words of the groups in the second half of these turns, to the end of their
        sentence.
        """
        for turn in reversed(turns[len(turns) // 2 :]):
            for group in groups:
                if found := getattr(self, side)[group].search(_plain(turn)):
                    return turn[found.start() : _end(turn, found.end())]
        return None

    def angry(self, turn: str) -> bool:
        return self.anger.search(_plain(turn)) is not None


@cache
def read_cues() -> Cues:
    """The table that comes with the package."""
    raw = _TABLE.read_bytes()
    table = tomllib.loads(raw.decode())
    customer, agent = (
        {name: _any(words) for name, words in sorted(table[side].items())}
        for side in ("customer", "agent")
    )
    # only what is learned from counts: the words of anger may change without training
    digest = hashlib.sha256(
        repr([(g, p.pattern) for side in (customer, agent) for g, p in side.items()]).encode()
    )
    return Cues(customer, agent, _any(table["anger"]["words"]), digest.hexdigest()[:12])


def _any(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(
        "|".join(word if word[0] in "^!" else rf"\b(?:{word})\b" for word in words), re.IGNORECASE
    )


def _end(text: str, start: int) -> int:
    found = _SENTENCE_END.search(text, start)
    return found.start() if found else len(text)


def _plain(text: str) -> str:
    return text.translate(_APOSTROPHES)

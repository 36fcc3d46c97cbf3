"""Answers for messages that no drafted text suits: our own sentences, put together for the topic
and the need.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.replier.draft import ReplyRequest
from models.replier.policy import needs

_TABLE = Path(__file__).with_name("templates.toml")


class Templates:
    """Every combination of the table that fits a request, in an order that its seed decides."""

    def __call__(self, request: ReplyRequest, seed: int, fits: Callable[[str], bool]) -> str:
        """The first combination that `fits`, or the first of all if none does."""
        combinations = list(wordings(request, seed))
        return next((text for text in combinations if fits(text)), combinations[0])


def words() -> set[str]:
    """The words of the table, in lower case: none of them is a name."""
    parts = [
        *_table()["opening"].values(),
        *_table()["ending"].values(),
        *_table()["matter"].values(),
    ]
    return {
        word for texts in parts for text in texts for word in re.findall(r"[a-z']+", text.lower())
    }


def wordings(request: ReplyRequest, seed: int = 0, *, say: str | None = None) -> Iterator[str]:
    """Every way in which the table answers `request`, in an order that its text and the seed
    decide.

    say: what is said to the matter, in place of the table's sentences.
    """
    table, must = _table(), needs(request)
    if request.sentiment == "positive" and not must.apology and not must.handover:
        parts = [table["opening"]["glad"], [""], table["ending"]["glad"]]
    else:
        calm = request.sentiment in ("neutral", "positive") and not must.apology
        topic = table["alias"].get(request.topic, request.topic)
        matter = table["matter"].get(topic, table["matter"]["other"])
        parts = [
            table["opening"]["plain" if calm else "sorry"],
            [say] if say else [""] if calm else matter,
            table["ending"]["private" if must.handover else "public"],
        ]
    texts = [" ".join(part for part in chosen if part) for chosen in itertools.product(*parts)]
    yield from sorted(
        texts,
        key=lambda text: hashlib.sha256(
            f"{seed}:{request.text}:{text}".encode("utf-8", "replace")
        ).digest(),
    )


@lru_cache(maxsize=1)
def _table() -> Any:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))

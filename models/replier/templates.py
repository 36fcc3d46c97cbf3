"""Template replies: sentences of our own for the topic and the need, where no draft passes."""

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
from models.replier.rules import needs

_TABLE = Path(__file__).with_name("templates.toml")


def template_reply(request: ReplyRequest, seed: int, fits: Callable[[str], bool]) -> str:
    """The first wording that `fits`, or the first of all if none does."""
    texts = list(wordings(request, seed))
    return next((text for text in texts if fits(text)), texts[0])


def table_words() -> set[str]:
    """The words of the table, in lower case: none of them is a name."""
    table = _table()
    words: set[str] = set()
    for part in ("opening", "ending", "matter"):
        for texts in table[part].values():
            words.update(re.findall(r"[a-z']+", " ".join(texts).lower()))
    return words


def private_endings() -> tuple[str, ...]:
    """What ends an answer where the matter is about a person's account."""
    return tuple(_table()["ending"]["private"])


def wordings(request: ReplyRequest, seed: int = 0, *, say: str | None = None) -> Iterator[str]:
    """Every way in which the table answers `request`, in an order of its text and the seed.

    say: a sentence to the matter, in place of the table's sentences.
    """
    texts = [
        " ".join(part for part in parts if part)
        for parts in itertools.product(*_parts(request, say))
    ]

    def place(text: str) -> bytes:
        key = f"{seed}:{request.text}:{text}"
        return hashlib.sha256(key.encode("utf-8", "replace")).digest()

    yield from sorted(texts, key=place)


def _parts(request: ReplyRequest, say: str | None) -> list[list[str]]:
    """Opening, matter and ending, with the choices of each."""
    table, need = _table(), needs(request)
    if request.sentiment == "positive" and need.calm and not need.handover:
        return [table["opening"]["glad"], [""], table["ending"]["glad"]]
    if say:
        matter = [say]
    elif request.gravity is not None:
        matter = table["matter"]["grave"]
    elif need.calm:
        matter = [""]
    else:
        topic = table["alias"].get(request.topic, request.topic)
        matter = table["matter"].get(topic, table["matter"]["other"])
    openings = table["opening"]["plain" if need.calm else "sorry"]
    endings = table["ending"][
        "private" if need.handover or request.gravity is not None else "public"
    ]
    if say:  # to many at once: no two of them get the same words
        openings = [*openings, *table["opening"]["news"]]
        endings = [*table["ending"]["private"], *table["ending"]["news"]]
    return [openings, matter, endings]


@lru_cache(maxsize=1)
def _table() -> Any:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))

"""Skipped parts of what is read: counted by kind, so that nothing is left out in silence.

A reader that leaves something out adds it to TALLY; commands say it in one line at their end, and
/metrics tells it as `earshot_skipped_total{kind="..."}`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import Literal, get_args

Kind = Literal[
    "row",
    "date",
    "file",
    "other_brand",
    "note",
    "words",
    "mail",
    "mail_part",
    "post",
    "hook_event",
    "event",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_IN_WORDS: Mapping[Kind, tuple[str, str]] = {  # of one, of several
    "row": ("row that could not be read", "rows that could not be read"),
    "date": ("date that cannot be right", "dates that cannot be right"),
    "file": ("file that could not be read", "files that could not be read"),
    "other_brand": ("message of another brand", "messages of other brands"),
    "note": ("note that nobody said", "notes that nobody said"),
    "words": ("word without a speaker", "words without a speaker"),
    "mail": ("mail that is no message of a person", "mails that are no messages of a person"),
    "mail_part": ("attached file", "attached files"),
    "post": ("post that could not be read", "posts that could not be read"),
    "event": ("event that was refused", "events that were refused"),
    "hook_event": ("event of a webhook that was refused", "events of webhooks that were refused"),
}


class Tally:
    """Counts by kind, from any thread; they only rise."""

    def __init__(self) -> None:
        self._counts: Counter[Kind] = Counter()
        self._lock = Lock()

    def add(self, kind: Kind, count: int = 1) -> None:
        with self._lock:
            self._counts[kind] += count

    def counts(self, since: Mapping[Kind, int] | None = None) -> Counter[Kind]:
        """What was left out, or what was besides an earlier answer of this method."""
        with self._lock:
            return self._counts - Counter(since or {})


TALLY = Tally()  # of this process


def in_words(counts: Mapping[Kind, int]) -> str:
    """`skipped: 3 rows that could not be read, 1 attached file`; empty where nothing was."""
    parts = [
        f"{counts[kind]:,} {_IN_WORDS[kind][counts[kind] > 1]}"
        for kind in KINDS
        if counts.get(kind)
    ]
    return f"skipped: {', '.join(parts)}" if parts else ""

"""Columns of turns, told by what stands in them where no name says who speaks, and the words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from itertools import pairwise
from typing import Any, NamedTuple

from connectors.formats.labels import is_name, is_numbered, is_phone, is_role, speaker

_MOSTLY = 0.8  # of the entries have a value there
_BOTH_SIDES = 3
_TURNS_A_SPEAKER = 2
_SPEAKERS = 8
_WORDS = 2.5  # a turn, on average
_UNSPACED = re.compile(
    "[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]{3}"
)  # writes no blanks between words


class Columns(NamedTuple):
    side: str
    text: str


def inferred(entries: Sequence[Mapping[str, Any]], *, need_sides: bool = False) -> Columns | None:
    """The column of few short values that come again and take turns, and that of the words.

    need_sides: the values must name both sides: in a table, a rating takes turns as well.
    """
    names = dict.fromkeys(name for entry in entries for name in entry)
    words = {name: word_count([entry.get(name) for entry in entries]) for name in names}
    text = max(words, key=lambda name: words[name], default="")
    if not words.get(text):
        return None
    turns = [entry for entry in entries if _short(entry.get(text))]
    del words[text]
    ranks = {name: _rank([turn.get(name) for turn in turns]) for name in words}
    side = max(ranks, key=lambda name: ranks[name], default="")
    if ranks.get(side, 0) < (_BOTH_SIDES if need_sides else 1):
        return None
    return Columns(side, text)


def word_count(values: Sequence[Any]) -> int:
    """How many words a column has; 0 for one that holds no sentences."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    words = sum(len(text.split()) + len(_UNSPACED.findall(text)) for text in texts)
    differ = 2 * len(set(texts)) > len(texts)
    is_whole_call = any(text.count("\n") > 1 for text in texts)
    is_long = bool(texts) and words >= _WORDS * len(texts)
    return words if differ and is_long and not is_whole_call else 0


def _short(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _rank(values: Sequence[Any]) -> int:
    """How plainly the values name speakers: 3 by both sides, 2 by names, 1 by what comes again."""
    labels = [label for value in values if (label := _short(value))]
    kinds = set(labels)
    if not _may_be_labels(values) or len(labels) < _MOSTLY * len(values):
        return 0
    if _are_roles(kinds):
        return _BOTH_SIDES if len(set(map(speaker, kinds))) == 2 else 0
    comes_again = len(labels) >= _TURNS_A_SPEAKER * len(kinds)
    changes = sum(before != after for before, after in pairwise(labels))
    if not comes_again or 3 * changes < len(labels):
        return 0
    return 2 if all(map(_is_named, kinds)) else 1


def _may_be_labels(values: Sequence[Any]) -> bool:
    """Are they a few short texts or whole numbers?"""
    kinds = {_short(value) for value in values} - {""}
    are_plain = not any(isinstance(value, bool | float | list | dict) for value in values)
    return (
        are_plain and 1 < len(kinds) <= _SPEAKERS and all(len(kind.split()) <= 6 for kind in kinds)
    )


def _are_roles(kinds: Set[str]) -> bool:
    return all(is_role(kind[:1].upper() + kind[1:]) for kind in kinds)


def _is_named(kind: str) -> bool:
    return not kind.isdigit() and (is_name(kind) or is_numbered(kind) or is_phone(kind))

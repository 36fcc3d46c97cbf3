"""Columns of turns, told by what stands in them where no name says who speaks, and the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from connectors.formats.labels import is_name, is_numbered, is_phone, is_role, speaker

_MOST = 0.8  # of the entries have a value there
_BOTH_SIDES = 3
_TURNS_A_SPEAKER = 2
_SPEAKERS = 8
_WORDS = 2.5  # a turn, on average


class Columns(NamedTuple):
    side: str
    text: str


def inferred(entries: Sequence[Mapping[str, Any]], *, need_sides: bool = False) -> Columns | None:
    """The column of few short values that come again and take turns, and that of the words.

    need_sides: the values must name both sides: in a table, a rating takes turns as well.
    """
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    columns = {name: [entry.get(name) for entry in entries] for name in names}
    texts = {name: words for name, values in columns.items() if (words := _words(values))}
    if not texts:
        return None
    text = max(texts, key=lambda name: texts[name])
    spoken = [bool(_short(value)) for value in columns[text]]
    sides = {
        name: rank
        for name, values in columns.items()
        if name != text
        and (rank := _rank([value for value, has in zip(values, spoken, strict=True) if has]))
    }
    side = max(sides, key=lambda name: sides[name], default=None)
    if side is None or (need_sides and sides[side] < _BOTH_SIDES):
        return None
    return Columns(side, text)


def _words(values: Sequence[Any]) -> int:
    """How many words a column has; 0 for one that holds no sentences."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    words = sum(len(text.split()) for text in texts)
    differ = 2 * len(set(texts)) > len(texts)
    is_whole_call = any(text.count("\n") > 1 for text in texts)
    is_long = bool(texts) and words >= _WORDS * len(texts)
    return words if differ and is_long and not is_whole_call else 0


def _short(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _rank(values: Sequence[Any]) -> int:
    """How plainly the values name speakers: 3 by both sides, 2 by names, 1 by what comes again."""
    if any(isinstance(value, bool | float | list | dict) for value in values):
        return 0
    labels = [label for value in values if (label := _short(value))]
    if not labels or len(labels) < _MOST * len(values):
        return 0
    kinds = set(labels)
    if len(kinds) < 2 or len(kinds) > _SPEAKERS or any(len(kind.split()) > 6 for kind in kinds):
        return 0
    if all(map(is_role, (kind[:1].upper() + kind[1:] for kind in kinds))):
        return _BOTH_SIDES if len(set(map(speaker, kinds))) == 2 else 0
    comes_again = len(labels) >= _TURNS_A_SPEAKER * len(kinds)
    changes = sum(a != b for a, b in pairwise(labels))
    if not comes_again or 3 * changes < len(labels):
        return 0
    are_names = all(is_name(kind) or is_numbered(kind) or is_phone(kind) for kind in kinds)
    return 2 if are_names and not any(kind.isdigit() for kind in kinds) else 1

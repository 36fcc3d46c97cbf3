"""Messages as JSON, an object each: its lines, or the entries of a list, are rows of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from connectors.base import FormatError
from connectors.formats.call_json import is_document
from connectors.formats.calls import SPEAKER
from connectors.formats.complaints import AUTHOR, DATE, ID, TEXT, TITLE, recognises
from connectors.formats.rows import (
    START,
    BadRow,
    OnBadRow,
    Position,
    Row,
    TextFile,
    column_name,
    first_of,
)
from connectors.formats.table_columns import by_content
from connectors.formats.turn_lists import SIDES

_LARGEST = 1 << 24  # bytes of one document
_LOOKED_AT = 200  # objects that tell the columns
_BEGINNING = 1 << 20  # bytes of lines that are looked at for them
_DEEPEST = 2
_RATINGS = ("rating", "stars", "score", "review_stars")
_IDS = (*ID, "id_str", "message_id", "post_id", "uuid")


class JsonTable(NamedTuple):
    """keys: as the objects have them. names: of the same columns, ours where we know them."""

    keys: tuple[str, ...]
    names: tuple[str, ...]

    def with_text(self, column: str, path: Path) -> JsonTable:
        """With this column for that of the texts. Raises FormatError where it has none."""
        key = column_name(column)
        if key not in self.keys:
            columns = ", ".join(self.keys)
            raise FormatError(f"{path}: there is no column {column}; its columns are {columns}")
        names = ["" if name in TEXT else name for name in self.names]
        names[self.keys.index(key)] = TEXT[0]
        return JsonTable(self.keys, tuple(names))

    def rows(self, file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[Row]:
        """The objects as rows, from `start` on."""
        for message, end in _objects(file, start, on_bad_row):
            cells = _flat(message)
            yield Row(end.line, [cells.get(key, "") for key in self.keys], end)


def json_table(file: TextFile) -> JsonTable | None:
    """The columns of the messages of a file; None where it holds none: objects without a text and
    an id, a date or a subject, with lists of objects within, or said by few who come again.
    """
    first = _objects(file, START, lambda bad: None, beginning=True)
    objects = [message for message, _ in islice(first, _LOOKED_AT)]
    cells = list(map(_flat, objects))
    keys = tuple(dict.fromkeys(key for row in cells for key in row))
    rows = [[row.get(key, "") for key in keys] for row in cells]
    if len(rows) < 2 or any(map(_lists, objects)) or _take_turns(keys, rows):
        return None
    names = by_content([_our_name(key, keys) for key in keys], rows)
    is_message = first_of(names, (*DATE, *ID, *TITLE)) is not None
    return JsonTable(keys, names) if is_message and recognises(names) else None


def _our_name(key: str, keys: Sequence[str]) -> str:
    if key in _IDS[len(ID) :] and "id" not in keys:
        return "id"
    return AUTHOR[0] if key in SPEAKER else key


def _take_turns(keys: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Does the same come to speak again and again, as in a call?"""
    if first_of(keys, (*TITLE, *_RATINGS)) is not None:
        return False
    columns = (keys.index(key) for key in SIDES if key in keys)
    kinds = (len({row[column].casefold() for row in rows} - {""}) for column in columns)
    return any(count > 1 and 2 * count <= len(rows) for count in kinds)


def _objects(
    file: TextFile, start: Position, on_bad_row: OnBadRow, *, beginning: bool = False
) -> Iterator[tuple[dict[str, Any], Position]]:
    """The objects after `start`, each with where it ends: in a list, how many there are before.
    beginning: those of the first lines alone.
    """
    head = file.head().decode("utf-8", "replace")
    is_one = is_document(head) or "\n" not in head.strip()
    entries = _entries(_document(file)) if is_one else None
    if entries is not None:
        yield from _dicts(entries, start, on_bad_row)
        return
    for line in file.lines(start):
        if beginning and (line.number > _LOOKED_AT or line.end > _BEGINNING):
            return
        entry = _json(line.text)
        if isinstance(entry, dict):
            yield entry, Position(line.number, line.end)
        elif line.text.strip():
            on_bad_row(BadRow(line.number, line.damage or "is no JSON object"))


def _dicts(
    entries: Sequence[Any], start: Position, on_bad_row: OnBadRow
) -> Iterator[tuple[dict[str, Any], Position]]:
    """The objects of a list after `start`, each with how many entries end with it."""
    for number, entry in enumerate(entries[start.line :], start.line + 1):
        if isinstance(entry, dict):
            yield entry, Position(number, 0)
        else:
            on_bad_row(BadRow(number, f"entry {number} is no JSON object"))


def _entries(document: Any, depth: int = 0) -> list[Any] | None:
    """The list of a document: itself, or the first list of objects within."""
    if isinstance(document, list):
        return document
    for value in document.values() if isinstance(document, dict) and depth < _DEEPEST else ():
        entries = _entries(value, depth + 1)
        if entries and isinstance(entries[0], dict):
            return entries
    return None


def _document(file: TextFile) -> Any:
    if file.is_longer_than(_LARGEST):
        return None
    return _json("".join(line.text for line in file.lines()))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _flat(message: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """The values by the names of their columns; `{"user": {"name": ...}}` has a `user_name`."""
    cells: dict[str, str] = {}
    for key, value in message.items():
        name = column_name(f"{above} {key}")
        if isinstance(value, dict) and not above:
            cells |= _flat(value, key)
        elif isinstance(value, str):
            cells[name] = value
        elif value is not None:
            cells[name] = json.dumps(value, ensure_ascii=False)
    return cells


def _lists(message: Mapping[str, Any]) -> bool:
    """Has the object lists of objects, as a call has turns?"""
    lists = (value for value in message.values() if isinstance(value, list))
    return any(isinstance(entry, dict) for entries in lists for entry in entries)

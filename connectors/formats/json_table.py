"""Messages as JSON, an object each: its lines, or the entries of a list, are rows of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Any, NamedTuple

from connectors.formats.call_json import BETWEEN, is_document, whole_document
from connectors.formats.call_people import ROLE, with_speakers
from connectors.formats.calls import SPEAKER
from connectors.formats.columns import DATE, ID, TEXT, TITLE
from connectors.formats.complaints import recognises
from connectors.formats.labels import is_role, speaker
from connectors.formats.rows import BadRow, OnBadRow
from connectors.formats.speakers import turns
from connectors.formats.table_columns import MessageColumns, Rows, by_content
from connectors.formats.turn_lists import SIDES, begin_of, is_turn
from connectors.tabular.rows import Row, column_name, first_of
from connectors.tabular.text_file import START, Position, TextFile

_LARGEST = 1 << 24  # bytes of one document
_LOOKED_AT = 200  # objects that tell the columns
_BEGINNING = 1 << 20  # bytes of lines that are looked at for them
_FEWEST = 2  # objects within an object that are entries
_DEEPEST = 3
_SIDES = {"agent", "customer"}
_RATINGS = ("rating", "stars", "score", "review_stars")

_PLACES_IN_CALL = (
    *("start", "start_time", "begin", "begin_time", "offset", "offset_seconds", "start_ms"),
    *("start_time_ms", "begin_offset_millis", "offset_ms", "offset_in_ticks", "timestamp"),
)

Place = tuple[str, ...]


class JsonTable(NamedTuple):
    """keys: as the objects have them. names: of the same columns, ours where we know them. place:
    the keys that lead to the objects in one document; None where each line is one.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    place: Place | None = None
    rivals: tuple[int, ...] = ()  # columns that may be the texts as well

    def rows(self, file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[Row]:
        """The objects as rows, from `start` on."""
        objects = _of_lines(file, start, on_bad_row)
        if self.place is not None:
            objects = _dicts(_entries(_document(file), self.place), start, on_bad_row)
        for message, end in objects:
            cells = _flat(message)
            yield Row(end.line, [cells.get(key, "") for key in self.keys], end)


def json_table(file: TextFile) -> JsonTable | None:
    """The columns of the messages of a file; None where it holds none: objects without a text and
    an id, a date or a subject, with turns within, or said by few who come again.
    """
    head = file.head().decode("utf-8", "replace")
    is_one = is_document(head) or "\n" not in head.strip()
    document = _document(file) if is_one else None
    if document is None:
        lines = _of_lines(file, START, lambda bad: None, beginning=True)
        return _table_of([message for message, _ in islice(lines, _LOOKED_AT)], None)
    labelled = with_speakers(document)
    tables = (
        _table_of([entry for entry in entries[:_LOOKED_AT] if isinstance(entry, dict)], place)
        for place, entries in _places(document)
        if not _are_labelled_turns(_entries(labelled, place)[:_LOOKED_AT])
    )
    return next((table for table in tables if table), None)


def _are_labelled_turns(entries: Sequence[Any]) -> bool:
    """Are these turns, or calls with turns within? entries: with the labels of their speakers.
    Customers who write again have names as well: of messages with a date only sides count.
    """
    objects = list(filter(_is_dict, entries))
    keys, rows = _keys_and_rows(objects)
    if DATE.place(keys) is None:
        return _is_talk(objects)
    return any(map(_has_turns, objects)) or (_may_be_turns(keys) and _are_placed(keys, rows))


def _is_talk(entries: Sequence[Any]) -> bool:
    """Are these turns, or calls with turns within?"""
    objects = list(filter(_is_dict, entries))
    return any(map(_has_turns, objects)) or _take_turns(*_keys_and_rows(objects))


def _keys_and_rows(objects: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], Rows]:
    cells = list(map(_flat, objects))
    keys = tuple(dict.fromkeys(chain.from_iterable(cells)))
    return keys, [[row.get(key, "") for key in keys] for row in cells]


def _table_of(objects: Sequence[Mapping[str, Any]], place: Place | None) -> JsonTable | None:
    keys, rows = _keys_and_rows(objects)
    if not rows or _is_talk(objects):
        return None
    columns = _columns(keys, rows, objects)
    names = columns.names
    is_message = _is_told_apart(keys, names)
    is_table = len(rows) > 1 or _is_message(_flat(objects[0]))
    is_table = is_table and not _are_calls(columns, rows)
    if not (is_table and is_message and recognises(names)):
        return None
    return JsonTable(keys, names, place, columns.rivals)


def _is_told_apart(keys: Sequence[str], names: Sequence[str]) -> bool:
    """Have the objects a date, an id or a subject? Where a turn begins counts up as an id does, so
    that id and subject are named as such here.
    """
    roles = (role for role in (ID, TITLE) if role.name in names)
    return DATE.place(names) is not None or any(role.place(keys) is not None for role in roles)


def _columns(
    keys: Sequence[str], rows: Sequence[Sequence[str]], objects: Sequence[Mapping[str, Any]]
) -> MessageColumns:
    """What the columns are. Those of the object that holds the text go by their names within it:
    `comment_author_name` beside `comment_text` is the author's name, and no comment.
    """
    columns = by_content(keys, rows)
    if columns.text is None:
        return columns
    above = _above(keys[columns.text], objects)
    return by_content([key.removeprefix(above) for key in keys], rows) if above else columns


def _above(key: str, objects: Sequence[Mapping[str, Any]]) -> str:
    """What the names of the columns of an object within have before their own."""
    cells = chain.from_iterable(map(_cells, objects))
    above = next(above for name, _, above in cells if name == key)
    return f"{column_name(above)}_" if above else ""


def _is_message(cells: Mapping[str, str]) -> bool:
    """Is this one object a message by its keys, and no call that stands in one text?"""
    has_id, has_text, has_date, has_title = (
        first_of(tuple(cells), role.known) is not None for role in (ID, TEXT, DATE, TITLE)
    )
    is_side = any(is_role(cells[key]) for key in SPEAKER if key in cells)
    is_plain = has_text and has_id and (has_date or has_title)
    return is_plain and not is_side and not any(map(_is_call, cells.values()))


def _are_calls(columns: MessageColumns, rows: Rows) -> bool:
    """Do an agent and a customer speak in each text?"""
    texts = [row[columns.text] for row in rows] if columns.text is not None else []
    speakers = ({turn.speaker for turn in turns(text.split("\n"))} for text in texts)
    return bool(texts) and all(sides >= _SIDES for sides in speakers)


def _is_call(text: str) -> bool:
    """Do two speak in one text, a line each?"""
    return len({turn.name or turn.speaker for turn in turns(text.split("\n"))}) > 1


def _places(document: Any) -> Iterator[tuple[Place, list[Any]]]:
    """The objects of a document that may be its messages, each with the keys that lead to them: one
    that is a message by itself, before the lists of objects within.
    """
    nodes = list(_nodes(document))
    alone = [(place, node) for place, node in nodes if _is_dict(node) and _is_message(_own(node))]
    if alone and all(place[: len(alone[0][0])] == alone[0][0] for place, _ in alone):
        yield alone[0][0], [alone[0][1]]
    for place, node in nodes:
        entries = _listed(node)
        if entries is not None and any(map(_is_dict, entries)):
            yield place, entries


def _own(message: Mapping[str, Any]) -> dict[str, str]:
    """The cells of the object itself, without those of objects and lists within."""
    return _flat(
        {key: value for key, value in message.items() if not isinstance(value, dict | list)}
    )


def _nodes(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    yield place, value
    if isinstance(value, dict) and len(place) < _DEEPEST:
        for key, inner in value.items():
            yield from _nodes(inner, (*place, key))


def _entries(document: Any, place: Sequence[str]) -> list[Any]:
    for key in place:
        document = document[key]
    entries = _listed(document)
    return [document] if entries is None else entries


def _listed(node: Any) -> list[Any] | None:
    """The entries of a list; of an object of objects its values, or its rows where it is written
    column by column; None of anything else.
    """
    if isinstance(node, list):
        return _with_names(node[:1], node[1:]) or node
    if not isinstance(node, dict):
        return None
    return _names_and_rows(node) or _of_objects(node)


def _of_objects(node: Mapping[str, Any]) -> list[Any] | None:
    if len(node) < _FEWEST or not all(map(_is_dict, node.values())):
        return None
    rows = {tuple(column) for column in node.values()}
    if len(rows) == 1 and recognises(tuple(map(column_name, node))):
        return [{key: column[row] for key, column in node.items()} for row in rows.pop()]
    return list(node.values())


def _names_and_rows(node: Mapping[str, Any]) -> list[Any] | None:
    """Of an object that has the names of the columns apart from the rows, as databases answer."""
    values = list(node.values())
    within = [inner for value in values if isinstance(value, dict) for inner in value.values()]
    lists = [value for value in (*values, *within) if isinstance(value, list) and value]
    rows = next((rows for rows in lists if all(isinstance(row, list) for row in rows)), None)
    tables = (_with_names([_column_names(names)], rows) for names in lists if rows)
    return next(filter(None, tables), None)


def _column_names(entries: list[Any]) -> list[Any]:
    """`["id", "text"]` and `[{"name": "id"}, {"name": "text"}]`."""
    return [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]


def _with_names(header: list[Any], rows: list[Any]) -> list[Any] | None:
    """Rows that are lists as objects; None where they are not, or the names are none of columns.
    header: the list of the names, if there is one.
    """
    lists = [*header, *rows]
    if not header or not rows or not all(isinstance(entry, list) for entry in lists):
        return None
    names = [name for name in header[0] if isinstance(name, str)]
    if len(names) < len(header[0]) or not recognises(tuple(map(column_name, names))):
        return None
    return [dict(zip(names, row, strict=False)) for row in rows]


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _are_timed(keys: Sequence[str], rows: Rows) -> bool:
    place = first_of(keys, _PLACES_IN_CALL)
    return place is not None and None not in [begin_of(row[place]) for row in rows]


def _name_both_sides(keys: Sequence[str], rows: Rows) -> bool:
    return ROLE in keys and {speaker(row[keys.index(ROLE)]) for row in rows} == _SIDES


def _may_be_turns(keys: Sequence[str]) -> bool:
    return first_of(keys, (*TITLE.known, *_RATINGS)) is None


def _are_placed(keys: Sequence[str], rows: Rows) -> bool:
    """Have the rows speakers and places in a call, or are they labelled of both sides?"""
    has_speaker = not set(SIDES).isdisjoint(keys)
    return has_speaker and (_are_timed(keys, rows) or _name_both_sides(keys, rows))


def _take_turns(keys: Sequence[str], rows: Rows) -> bool:
    """Does the same come to speak again and again, as in a call; or, however short it is, has each
    a place in the call?
    """
    if not _may_be_turns(keys):
        return False
    if _are_placed(keys, rows):
        return True
    columns = [keys.index(key) for key in SIDES if key in keys]
    kinds = (len({row[column].casefold() for row in rows} - {""}) for column in columns)
    return any(count > 1 and 2 * count <= len(rows) for count in kinds)


def _of_lines(
    file: TextFile, start: Position, on_bad_row: OnBadRow, *, beginning: bool = False
) -> Iterator[tuple[dict[str, Any], Position]]:
    """The objects after `start`, a line each, with where it ends. beginning: of the first lines
    alone.
    """
    for line in file.lines(start):
        if beginning and (line.number > _LOOKED_AT or line.end > _BEGINNING):
            return
        entry = _json(line.text.strip(BETWEEN).removesuffix(","))  # of a list without its brackets
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


def _document(file: TextFile) -> Any:
    if file.is_longer_than(_LARGEST):
        return None
    with suppress(ValueError):
        return whole_document("".join(line.text for line in file.lines()))
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _flat(message: Mapping[str, Any]) -> dict[str, str]:
    """The values by the names of their columns; `{"user": {"name": ...}}` has a `user_name`."""
    return {name: cell for name, cell, _ in _cells(message)}


def _cells(
    message: Mapping[str, Any], above: str = "", depth: int = 0
) -> Iterator[tuple[str, str, str]]:
    """Each value with the name of its column before it, and what stands above it after it."""
    for key, value in message.items():
        path = f"{above} {key}"
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _cells(value, path, depth + 1)
        elif value is not None:
            cell = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield column_name(path), cell, above


def _has_turns(message: Mapping[str, Any]) -> bool:
    """Has the object a list of turns, as a call has?"""
    lists = (value for value in message.values() if isinstance(value, list))
    return any(isinstance(entry, dict) and is_turn(entry) for entries in lists for entry in entries)

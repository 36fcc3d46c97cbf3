"""Calls: texts with a speaker before each turn, captions, JSON, and tables of turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from connectors.events import SourcedEvent, Transcript, Turn
from connectors.formats.captions import captions, is_captions
from connectors.formats.complaints import TEXT, native_id
from connectors.formats.rows import BadRow, OnBadRow, Position, Row, TextFile, first_of, reason
from connectors.formats.speakers import (
    NO_CUSTOMER,
    NO_SPEAKER,
    Utterance,
    seconds,
    speaker,
    to_turns,
    turns,
)
from connectors.formats.times import written_time

SPEAKER = (
    "speaker",
    "role",
    "participant",
    "participant_role",
    "speaker_role",
    "speaker_label",
    "speaker_name",
    "from",
)
WORDS = ("text", "utterance", "message", "turn", "content", "transcript", "body")
BEGIN = ("at", "start", "start_time", "begin", "offset", "offset_seconds", "time")
TURNS = (
    "turns",
    "transcript",
    "utterances",
    "messages",
    "segments",
    "dialogue",
    "dialog",
    "conversation",
)
CALLS = ("calls", "conversations", "transcripts", "dialogues", "dialogs", "data")
CALL = (
    "call_id",
    "conversation_id",
    "call",
    "conversation",
    "transcript_id",
    "dialogue_id",
    "contact_id",
    "id",
)
WHEN = ("occurred_at", "started_at", "date", "timestamp", "created_at")
BRAND = ("brand", "company")
MAX_FILE = 1 << 20
SUFFIXES = (".txt", ".vtt", ".srt")


def transcript(
    name: str, call: tuple[Turn, ...], occurred_at: datetime, brand: str | None = None
) -> Transcript:
    """Raises ValueError when neither side speaks, or no id can be made of `name`."""
    if not call:
        raise ValueError(NO_SPEAKER)
    if all(turn.speaker == "agent" for turn in call):
        raise ValueError(NO_CUSTOMER)
    id = f"call:{native_id(name)}"
    return Transcript(id=id, conversation=id, occurred_at=occurred_at, turns=call, brand=brand)


def file_time(path: Path) -> datetime:
    """The time of the last change: the latest that the call can have been, and always the same."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)


def of_folder(
    paths: Sequence[Path], after: str | None, on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    """One call a text file, in the order of names. The cursor is the name of the file."""
    for path in paths:
        if after is None or path.name > after:
            yield from of_text(TextFile(path, otherwise="cp1252"), on_bad_row)


def of_text(file: TextFile, on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
    path = file.path
    try:
        if file.is_longer_than(MAX_FILE):
            raise ValueError(f"is larger than {MAX_FILE:,} bytes, the most that one call may have")
        lines = [line.text for line in file.lines()]
        if not "".join(lines).strip():
            raise ValueError(f"is empty; {NO_SPEAKER.partition('; ')[2]}")
        call = captions(lines) if is_captions("".join(lines[:3])) else turns(lines)
        event = transcript(path.name.partition(".")[0], call, file_time(path))
    except ValueError as error:
        on_bad_row(BadRow(1, f"{path.name}: {reason(error)}"))
    else:
        yield SourcedEvent(event, path.name)


def of_json(file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
    """One call a line: `turns` with speaker and text, or `content` with a speaker a line."""
    undated = file_time(file.path)
    stem = file.path.name.partition(".")[0]
    for line in file.lines(start):
        if not line.text.strip():
            continue
        try:
            if line.damage:
                raise ValueError(line.damage)
            event = _of_object(_json(line.text), f"{stem}-{line.number}", undated)
        except ValueError as error:
            on_bad_row(BadRow(line.number, reason(error)))
        else:
            yield SourcedEvent(event, Position(line.number, line.end))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is no JSON") from None


def of_document(file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
    """The calls of one JSON document: an object, or a list. The cursor counts calls."""
    path = file.path
    try:
        if file.is_longer_than(16 * MAX_FILE):
            raise ValueError(
                f"is larger than {16 * MAX_FILE:,} bytes; write a call a line (JSON Lines)"
            )
        document = _json("".join(line.text for line in file.lines()))
    except ValueError as error:
        on_bad_row(BadRow(1, reason(error)))
        return
    stem, undated = path.name.partition(".")[0], file_time(path)
    calls = _calls(document)
    for number, call in enumerate(calls[start.line :], start.line + 1):
        try:
            event = _of_object(call, stem if len(calls) == 1 else f"{stem}-{number}", undated)
        except ValueError as error:
            on_bad_row(BadRow(number, f"call {number}: {reason(error)}"))
        else:
            yield SourcedEvent(event, Position(number, 0))


def is_document(text: str) -> bool:
    """Is JSON that begins like this one document, and not an object a line?"""
    first, _, rest = text.lstrip("\ufeff").lstrip().partition("\n")
    try:
        return isinstance(json.loads(first), list)
    except (json.JSONDecodeError, RecursionError):
        has_more_lines = first.rstrip() in ("{", "[") or bool(rest.strip())
        return first.startswith(("{", "[")) and has_more_lines


def _calls(document: Any) -> list[Any]:
    if isinstance(document, list):
        if document and all(isinstance(turn, dict) and _first(turn, SPEAKER) for turn in document):
            return [{"turns": document}]
        return document
    if isinstance(document, dict):
        calls = _first(document, CALLS)
        if isinstance(calls, list) and _first(document, TURNS) is None:
            return calls
    return [document]


def _of_object(call: Any, name: str, undated: datetime) -> Transcript:
    if not isinstance(call, dict):
        raise ValueError("is no JSON object with `turns`, each with `speaker` and `text`")
    call_turns = _turns_of_object(call)
    if not call_turns:
        raise ValueError(
            "does not say who speaks; each of `turns` has `speaker` (customer or agent) and `text`"
        )
    date, brand = _first(call, WHEN), _first(call, BRAND)
    return transcript(
        str(_first(call, CALL) or name),
        call_turns,
        written_time(str(date)) if date else undated,
        str(brand) if brand else None,
    )


def _turns_of_object(call: dict[str, Any]) -> tuple[Turn, ...]:
    entries = _first_of_type(call, TURNS, list) or []
    types = {type(entry) for entry in entries}
    if types == {dict}:
        return to_turns(_utterance(entry) for entry in entries)
    if types == {str}:
        return turns(entries)
    text = _first_of_type(call, ("content", *TURNS), str) or ""
    return turns(text.splitlines())


def _first_of_type(call: dict[str, Any], names: Sequence[str], kind: type) -> Any:
    """The first of these values that is of the type and not empty."""
    values = [call[name] for name in names if isinstance(call.get(name), kind)]
    return next((value for value in values if value), None)


def _utterance(turn: dict[str, Any]) -> Utterance:
    return Utterance(
        str(_first(turn, SPEAKER) or ""),
        str(_first(turn, WORDS) or ""),
        _begin(_first(turn, BEGIN)),
    )


def _begin(value: Any) -> float | None:
    """Seconds from the start: of a number, `1:02`, or a number as text; None of another value."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return seconds(value) if isinstance(value, str) else None
    return number if 0 <= number < 1e6 else None  # a date in seconds is no place within a call


def _first(values: dict[str, Any], names: Sequence[str]) -> Any:
    return next((values[name] for name in names if values.get(name) not in (None, "")), None)


def recognises(names: Sequence[str]) -> bool:
    """A turn a row (`speaker,text`), or an exchange a row (`customer,agent`)."""
    has_turns = first_of(names, SPEAKER) is not None and first_of(names, WORDS) is not None
    return has_turns or _is_exchange(names)


def _is_exchange(names: Sequence[str]) -> bool:
    sides = {_side(name) for name in names} - {None}
    return len(sides) == 2 and first_of(names, (*SPEAKER, *TEXT)) is None


def _side(column: str) -> str | None:
    """The side of a column of words, `customer` or `agent_text`; None for `customer_since`."""
    role, _, rest = column.partition("_")
    return speaker(role) if rest in ("", "text", "turn", "message", "utterance", "said") else None


def of_table(
    path: Path, names: Sequence[str]
) -> Callable[[Iterator[Row], OnBadRow], Iterator[SourcedEvent]]:
    """A turn or an exchange a row; a call's rows stand together. Without a column for the call, the
    file is one.
    """
    call, date = first_of(names, CALL), first_of(names, WHEN)
    turns_of = _exchange(names) if _is_exchange(names) else _turn(names)
    stem = path.name.partition(".")[0]
    undated = file_time(path)

    def name_of(row: Row) -> str:
        return stem if call is None else row.values[call].strip()

    def utterances(rows: Sequence[Row], on_bad_row: OnBadRow) -> Iterator[Utterance]:
        for row in rows:
            row_turns = turns_of(row.values)
            if not row_turns:
                on_bad_row(BadRow(row.line, "does not say who speaks, a customer or an agent"))
            yield from row_turns

    def calls(rows: Iterator[Row], on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
        seen: set[str] = set()
        for name, group in groupby(rows, key=name_of):
            call_rows, last, is_whole = _of_one_call(group)
            first = call_rows[0]
            try:
                if not is_whole:
                    raise ValueError(
                        f"is longer than {MAX_FILE:,} characters, the most that one call may have"
                    )
                _check_name(name, seen)
                seen.add(name)
                call_turns = to_turns(utterances(call_rows, on_bad_row))
                day = first.values[date] if date is not None else ""
                event = transcript(name, call_turns, written_time(day) if day else undated)
            except ValueError as error:
                on_bad_row(BadRow(first.line, reason(error)))
            else:
                yield SourcedEvent(event, last.end)

    return calls


def _of_one_call(group: Iterator[Row]) -> tuple[list[Row], Row, bool]:
    """The rows of a call, its last row, and whether they are all: an endless call is read to its
    end and not kept.
    """
    rows: list[Row] = []
    size = 0
    for row in group:
        size += sum(len(value) + 1 for value in row.values)
        if size <= MAX_FILE or not rows:
            rows.append(row)
        last = row
    return rows, last, size <= MAX_FILE


def _check_name(name: str, seen: set[str]) -> None:
    if not name:
        raise ValueError("has no call id")
    if name in seen:
        raise ValueError(f"the turns of call {name[:40]!r} do not stand together")


def _turn(names: Sequence[str]) -> Callable[[Sequence[str]], list[Utterance]]:
    label_column, words = first_of(names, SPEAKER) or 0, first_of(names, WORDS) or 0
    begin = first_of(names, BEGIN)

    def turn(row: Sequence[str]) -> list[Utterance]:
        label = row[label_column].strip()
        at = _begin(row[begin]) if begin is not None else None
        return [Utterance(label, row[words], at)] if label else []

    return turn


def _exchange(names: Sequence[str]) -> Callable[[Sequence[str]], list[Utterance]]:
    columns = [(column, name) for column, name in enumerate(names) if _side(name)]

    def turns_of(row: Sequence[str]) -> list[Utterance]:
        return [Utterance(name, row[column], None) for column, name in columns]

    return turns_of

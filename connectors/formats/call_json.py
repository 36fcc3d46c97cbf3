"""Calls as JSON: our own form, and the exports of programs that transcribe and score calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.events import SourcedEvent, Transcript, Turn
from connectors.formats.calls import (
    BRAND,
    CALL,
    MAX_FILE,
    SPEAKER,
    WHEN,
    WORDS,
    content_name,
    file_time,
    stem,
    transcript,
)
from connectors.formats.labels import seconds, speaker
from connectors.formats.rows import BadRow, OnBadRow, Position, TextFile, column_name, reason
from connectors.formats.speakers import Utterance, merged, to_turns, turns
from connectors.formats.times import written_time

TURNS = (
    *("turns", "transcript", "utterances", "messages", "segments", "dialogue", "dialog"),
    *("conversation", "phrases", "monologues", "recognized_phrases", "sentences", "items"),
)
CALLS = ("calls", "conversations", "transcripts", "dialogues", "dialogs", "data")
SIDES = (
    *("participant_role", "participant_purpose", "role", *SPEAKER, "speaker_tag"),
    *("participant_id", "channel", "media_channel", "channel_label", "channel_tag"),
)
TEXTS = (
    *(*WORDS, "display", "punctuated_word", "word", "value"),
    *("sentences", "elements", "alternatives", "n_best", "items", "words"),
)
ALTERNATIVES = ("alternatives", "n_best")  # the first is the likeliest
# Where a turn begins, and how many of it are a second.
BEGIN: Mapping[str, float] = {
    **dict.fromkeys(("at", "start", "start_time", "begin", "begin_time"), 1.0),
    **dict.fromkeys(("offset", "offset_seconds", "time", "ts"), 1.0),
    **dict.fromkeys(("begin_offset_millis", "start_ms", "start_time_ms", "offset_ms"), 1e3),
    "offset_in_ticks": 1e7,
}
DEEPEST = 8
_FEW = 2  # words an entry
_SLOWEST = 100  # seconds a word: a call of more is counted in milliseconds


def of_json(file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
    """One call a line: `turns` with speaker and text, or `content` with a speaker a line."""
    undated, before = file_time(file.path), start
    for line in file.lines(start):
        end = Position(line.number, line.end)
        try:
            if line.damage:
                raise ValueError(line.damage)
            calls = _calls(_json(line.text)) if line.text.strip() else []
        except ValueError as error:
            on_bad_row(BadRow(line.number, reason(error)))
            calls = []
        for number, call in enumerate(calls, 1):
            name = f"{stem(file.path)}-{line.number}" + (f"-{number}" if len(calls) > 1 else "")
            try:
                event = _of_object(call, name, undated)
            except ValueError as error:
                on_bad_row(BadRow(line.number, reason(error)))
            else:
                yield SourcedEvent(event, end if number == len(calls) else before)
        before = end


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
    undated = file_time(path)
    calls = _calls(document)
    for number, call in enumerate(calls[start.line :], start.line + 1):
        name = stem(path) if len(calls) == 1 else f"{stem(path)}-{number}"
        try:
            event = _of_object(call, name, undated)
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


def has_calls(keys: Sequence[str]) -> bool:
    """Are these keys of JSON those of a call?"""
    return not {*TURNS, *SPEAKER, "content", "speaker_labels"}.isdisjoint(map(column_name, keys))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is no JSON") from None


def _calls(document: Any) -> list[Any]:
    if isinstance(document, list):
        if document and all(_is_turn(entry) for entry in document):
            return [{"turns": document}]
        return document
    if isinstance(document, dict):
        values = _by_column(document)
        calls = _first(values, CALLS)
        is_list = isinstance(calls, list) and all(isinstance(call, dict) for call in calls)
        if is_list and _first(values, TURNS) is None:
            return list(calls)
    return [document]


def _of_object(call: Any, name: str, undated: datetime) -> Transcript:
    if not isinstance(call, dict):
        raise ValueError("is no JSON object with `turns`, each with `speaker` and `text`")
    call_turns = _turns_of_object(call)
    if not call_turns:
        raise ValueError(
            "does not say who speaks; each of `turns` has `speaker` (customer or agent) and `text`"
        )
    values = _by_column(call)
    date, brand = _first(values, WHEN), _first(values, BRAND)
    return transcript(
        str(_first(values, CALL) or content_name(name, json.dumps(call, sort_keys=True))),
        call_turns,
        written_time(str(date)) if date else undated,
        str(brand) if brand else None,
    )


def _turns_of_object(call: dict[str, Any]) -> tuple[Turn, ...]:
    values = _by_column(call)
    for key in TURNS:
        entries = values.get(key)
        if isinstance(entries, list) and entries and all(isinstance(line, str) for line in entries):
            return turns(entries)
    roles = _roles(values)
    readings = [_utterances(entries, roles) for entries in _lists_of_turns(call)]
    if readings:
        # Of words one by one and the same words in turns: the turns.
        readings.sort(key=_size)
        return to_turns(readings[-1])
    texts = (values.get(key) for key in ("content", *TURNS))
    text = next((value for value in texts if value and isinstance(value, str)), "")
    return turns(text.splitlines())


def _lists_of_turns(value: Any, depth: int = 0) -> Iterator[list[dict[str, Any]]]:
    """The lists within a document in which most entries have a speaker and words."""
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for inner in value.values():
            yield from _lists_of_turns(inner, depth + 1)
    elif isinstance(value, list):
        entries = [_by_column(_unwrapped(entry)) for entry in value if isinstance(entry, dict)]
        spoken_turns = [entry for entry in entries if _is_turn(entry)]
        if spoken_turns and 2 * len(spoken_turns) >= len(entries):
            yield spoken_turns
        for entry in value:
            yield from _lists_of_turns(entry, depth + 1)


def _unwrapped(entry: dict[str, Any]) -> dict[str, Any]:
    """`{"Transcript": {...}}` is the turn within."""
    inner = list(entry.values())
    return inner[0] if len(inner) == 1 and isinstance(inner[0], dict) else entry


def _is_turn(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    values = _by_column(entry)
    return _first(values, SIDES) is not None and bool(_text(_first_of(values, TEXTS)))


def _utterances(entries: Sequence[dict[str, Any]], roles: Mapping[str, str]) -> list[Utterance]:
    """In the order of their times where one entry holds all words of a speaker, with their
    times.
    """
    utterances: list[Utterance] = []
    are_interleaved = False
    for entry in entries:
        label, at = _label(entry, roles), _begin(entry)
        key, value = _first_of(entry, TEXTS)
        parts = _timed_parts(value) if key not in ALTERNATIVES else []
        if at is None and parts:
            utterances += [Utterance(label, text, begin) for text, begin in parts]
            are_interleaved = True
        else:
            utterances.append(Utterance(label, _text((key, value)), at))
    utterances = _in_seconds(utterances)
    if are_interleaved:
        utterances.sort(key=lambda utterance: utterance.at or 0.0)
    if _words(utterances) < _FEW * len(utterances):  # a word an entry
        return [turn._replace(text=_closed_up(turn.text)) for turn in merged(utterances)]
    return utterances


def _timed_parts(value: Any) -> list[tuple[str, float]]:
    """(words, begin) of the parts of a speaker; one without a time goes with the one before."""
    parts: list[tuple[str, float]] = []
    at: float | None = None
    for part in value if isinstance(value, list) else []:
        values = _by_column(part) if isinstance(part, dict) else {}
        begin = _begin(values)
        at = at if begin is None else begin
        if at is None:
            return []
        parts.append((_text(_first_of(values, TEXTS)), at))
    return parts


def _in_seconds(utterances: list[Utterance]) -> list[Utterance]:
    """Some programs count milliseconds under the same names."""
    times = [utterance.at for utterance in utterances if utterance.at is not None]
    if not times or max(times) <= _SLOWEST * max(1, _words(utterances)):
        return utterances
    return [turn._replace(at=None if turn.at is None else turn.at / 1e3) for turn in utterances]


def _size(utterances: Sequence[Utterance]) -> tuple[int, int]:
    return _words(utterances), -len(utterances)


def _words(utterances: Sequence[Utterance]) -> int:
    return sum(any(map(str.isalnum, word)) for turn in utterances for word in turn.text.split())


def _closed_up(text: str) -> str:
    """Words and marks of a list, as one writes them: `dead .` is `dead.`"""
    for mark in ".,?!;:":
        text = text.replace(f" {mark}", mark)
    return " ".join(text.split())


def _roles(call: Mapping[str, Any]) -> dict[str, str]:
    """The roles of the participants that turns name by an id."""
    entries = call.get("participants")
    roles = {}
    for entry in entries if isinstance(entries, list) else []:
        values = _by_column(entry) if isinstance(entry, dict) else {}
        id, role = _first(values, ("participant_id", "id")), _first(values, SIDES)
        if id is not None and role is not None and role != id:
            roles[str(id)] = str(role)
    return roles


def _label(turn: Mapping[str, Any], roles: Mapping[str, str]) -> str:
    """The value that names a side, or else the first; a number is `Speaker 0`."""
    sides = [turn[name] for name in SIDES if turn.get(name) not in (None, "")]
    names = [str(_inner_name(side) if isinstance(side, dict) else side) for side in sides]
    labels = [roles.get(name, name) for name in names]
    label = next((label for label in labels if speaker(label)), labels[0] if labels else "")
    return f"Speaker {label}" if label.isdigit() else label


def _inner_name(value: dict[str, Any]) -> Any:
    return _first(_by_column(value), ("role", "name", "label", "id")) or ""


def _text(words: tuple[str, Any]) -> str:
    """The words of a value under its name."""
    key, value = words
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        return _text(_first_of(_by_column(value), TEXTS))
    if isinstance(value, list):
        parts = value[:1] if key in ALTERNATIVES else value
        return " ".join(filter(None, (_text(("", part)) for part in parts)))
    return ""


def _begin(turn: Mapping[str, Any]) -> float | None:
    """Seconds from the start of a call: a number, `1:02`, or a number as text."""
    for name, parts in BEGIN.items():
        if turn.get(name) not in (None, ""):
            at = begin_of(turn[name], parts)
            if at is not None:
                return at
    return None


def begin_of(value: Any, parts: float = 1.0) -> float | None:
    """parts: how many of the value are a second. None of what is no place within a call."""
    try:
        number = float(value) / parts
    except (TypeError, ValueError):
        return seconds(value) if isinstance(value, str) else None
    return number if 0 <= number < 1e8 else None  # 1.7e9 is a date


def _by_column(entry: dict[str, Any]) -> dict[str, Any]:
    """The values by our spelling of their names: `ParticipantRole` is `participant_role`."""
    values: dict[str, Any] = {}
    for name, value in entry.items():
        values.setdefault(column_name(str(name)), value)
    return values


def _first(values: Mapping[str, Any], names: Sequence[str]) -> Any:
    return _first_of(values, names)[1]


def _first_of(values: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    """The first of these names that has a value, and the value."""
    present = ((name, values[name]) for name in names if values.get(name) not in (None, "", []))
    return next(present, ("", None))

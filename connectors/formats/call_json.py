"""Calls as JSON: our own form, and the exports of programs that transcribe and score calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from connectors.events import SourcedEvent, Transcript, Turn
from connectors.formats.call_people import name_within, with_speakers
from connectors.formats.calls import (
    BRAND,
    CALL,
    MAX_FILE,
    SPEAKER,
    WHEN,
    content_name,
    file_time,
    stem,
    transcript,
)
from connectors.formats.labels import side_of_direction, speaker
from connectors.formats.rows import BadRow, OnBadRow, reason
from connectors.formats.speakers import OnNote, Utterance, merged, to_turns, turns
from connectors.formats.times import written_time
from connectors.formats.turn_lists import (
    ALTERNATIVES,
    CHANNELS,
    SIDES,
    TEXTS,
    are_turns,
    begin,
    by_column,
    first,
    first_of,
    is_turn,
    text_of,
    turn_lists,
)
from connectors.skipped import TALLY
from connectors.tabular.rows import column_name
from connectors.tabular.text_file import Position, TextFile

TURNS = (
    *("turns", "transcript", "utterances", "messages", "segments", "dialogue", "dialog"),
    *("conversation", "phrases", "monologues", "recognized_phrases", "sentences", "items"),
    *("conversation_parts", "entries", "transcription", "transcript_text", "full_transcript"),
    *("call_transcript", "conversation_transcript", "transcription_text"),
)
CALLS = ("calls", "conversations", "transcripts", "dialogues", "dialogs", "data")
_OF_CALL = frozenset((*CALL[:-1], *WHEN, *BRAND))  # but `id`, which is the turn's
_DESCRIPTIONS = ("description_text", "description")  # of a ticket, above its `conversations`
_FEW = 2  # words an entry
BETWEEN = " \t\r\n\x1e"  # documents; the last before each of a JSON text sequence
_SLOWEST = 100  # seconds a word: a call of more is counted in milliseconds


def of_json(file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
    """One call a line: `turns` with speaker and text, or `content` with a speaker a line; or a turn
    a line, of which those of a call stand together.
    """
    undated, before = file_time(file.path), start
    for line, end, calls in _in_calls(_lines_of_json(file, start, on_bad_row)):
        for number, call in enumerate(calls, 1):
            name = f"{stem(file.path)}-{line}" + (f"-{number}" if len(calls) > 1 else "")
            try:
                event = _of_object(call, name, undated)
            except ValueError as error:
                on_bad_row(BadRow(line, reason(error)))
            else:
                yield SourcedEvent(event, end if number == len(calls) else before)
        before = end


class _JsonLine(NamedTuple):
    """number: counted from 1. end: after it. calls: those that stand in it."""

    number: int
    end: Position
    calls: list[Any]


def _lines_of_json(file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[_JsonLine]:
    for line in file.lines(start):
        end = Position(line.number, line.end)
        try:
            if line.damage:
                raise ValueError(line.damage)
            calls = _calls(_json(line.text)) if line.text.strip() else []
        except ValueError as error:
            on_bad_row(BadRow(line.number, reason(error)))
            calls = []
        yield _JsonLine(line.number, end, calls)


def _in_calls(lines: Iterator[_JsonLine]) -> Iterator[_JsonLine]:
    """The lines, with those that are turns of one call as one."""
    for id, group in groupby(lines, key=_id_of_turn):
        if id is None:
            yield from group
            continue
        turn_lines = list(group)
        turns = [turn for line in turn_lines for turn in line.calls]
        call = {name: turns[0][name] for name in turns[0] if column_name(name) in _OF_CALL}
        yield _JsonLine(turn_lines[0].number, turn_lines[-1].end, [call | {"turns": turns}])


def _id_of_turn(line: _JsonLine) -> str | None:
    """The call of a line that holds a turn, '' where it names none; None for another line."""
    turn = line.calls[0] if len(line.calls) == 1 else None
    if not isinstance(turn, dict) or not is_turn(turn):
        return None
    values = by_column(turn)
    if _is_whole(values) or first(values, SPEAKER) is None:
        return None
    return str(first(values, CALL[:-1]) or "")


def _is_whole(values: Mapping[str, Any]) -> bool:
    """Is this no turn, but a call whose turns stand in one text, a line each?"""
    return "\n" in text_of(first_of(values, TEXTS))


def of_document(file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
    """The calls of one JSON document: an object, or a list. The cursor counts calls."""
    path = file.path
    try:
        if file.is_longer_than(16 * MAX_FILE):
            raise ValueError(
                f"is larger than {16 * MAX_FILE:,} bytes; write a call a line (JSON Lines)"
            )
        document = whole_document("".join(line.text for line in file.lines()))
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
    line, _, rest = text.lstrip("\ufeff").lstrip().partition("\n")
    try:
        return isinstance(json.loads(line), list)
    except (json.JSONDecodeError, RecursionError):
        has_more_lines = line.rstrip() in ("{", "[") or bool(rest.strip())
        return line.startswith(("{", "[")) and has_more_lines


def begins_json(text: str) -> bool:
    """Does JSON begin here, and no table whose first cell happens to hold a bracket?"""
    return re.match(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])", text) is not None


def has_calls(keys: Sequence[str]) -> bool:
    """Are these keys of JSON those of a call?"""
    known = {*TURNS, *SIDES, *CHANNELS, "content", "speaker_labels"}
    return not known.isdisjoint(map(column_name, keys))


def holds_calls(path: Path) -> bool:
    """Has the JSON of this file turns by what stands in it, under names that we do not know?"""
    document = _short_document(path)
    return any(turn_lists(document)) or has_turns_a_line(path)


def has_turns_a_line(path: Path) -> bool:
    """Are the lines of this file the turns of one call, by what stands in them alone?"""
    document = _short_document(path)
    lines = document if isinstance(document, list) else []
    return len(lines) > 1 and not any(map(is_turn, lines)) and are_turns(lines)


def _short_document(path: Path) -> Any:
    file = TextFile(path)
    try:
        too_long = file.is_longer_than(MAX_FILE)
        text = "" if too_long else "".join(line.text for line in file.lines())
        return with_speakers(whole_document(text)) if text else None
    except ValueError:
        return None


def whole_document(text: str) -> Any:
    """The JSON of a text; of several one after another, a line each or as streams are stored, their
    list. Raises ValueError.
    """
    decoder, documents = json.JSONDecoder(), list[Any]()
    at = len(text) - len(text.lstrip(BETWEEN))
    try:
        while at < len(text):
            document, end = decoder.raw_decode(text, at)
            documents.append(document)
            at = end
            while at < len(text) and text[at] in BETWEEN:
                at += 1
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is no JSON") from None
    if not documents:
        raise ValueError("is no JSON")
    return documents[0] if len(documents) == 1 else documents


def _json(text: str) -> Any:
    try:
        return json.loads(text.strip(BETWEEN))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is no JSON") from None


def _calls(document: Any) -> list[Any]:
    document = with_speakers(document)
    if isinstance(document, list):
        return [{"turns": document}] if document and are_turns(document) else document
    return (_several_calls(document) if isinstance(document, dict) else None) or [document]


def _several_calls(document: dict[str, Any]) -> list[Any] | None:
    """The calls within an object: under a name for them, or each with an id and turns."""
    values = by_column(document)
    calls = first(values, CALLS)
    is_list = isinstance(calls, list) and all(isinstance(call, dict) for call in calls)
    if is_list and first(values, TURNS) is None and not _are_of_one_call(calls):
        return list(calls)
    lists = (value for value in values.values() if isinstance(value, list) and value)
    return next((calls for calls in lists if all(map(_has_id, calls))), None)


def _are_of_one_call(entries: Sequence[dict[str, Any]]) -> bool:
    """Are these turns, and no calls of an id each?"""
    values = list(map(by_column, entries))
    ids = {str(id) for entry in values if (id := first(entry, CALL[:-1])) is not None}
    are_calls = any(map(_is_whole, values)) or 1 < len(ids) == len(entries)
    return not are_calls and all(map(is_turn, entries))


def _has_id(call: Any) -> bool:
    """Is this a whole call among others, with an id and turns of its own?"""
    values = by_column(call) if isinstance(call, dict) else {}
    has_turns = any(isinstance(values.get(key), list) for key in TURNS)
    return has_turns and first(values, CALL) is not None


def _of_object(call: Any, name: str, undated: datetime) -> Transcript:
    if not isinstance(call, dict):
        raise ValueError("is no JSON object with `turns`, each with `speaker` and `text`")
    notes: list[str] = []
    call_turns = _turns_of_object(call, notes.append)
    if not call_turns:
        raise ValueError(
            "does not say who speaks; each of `turns` has `speaker` (customer or agent) and `text`"
        )
    values = by_column(call)
    date, brand = first(values, WHEN), first(values, BRAND)
    TALLY.add("note", len(notes))
    return transcript(
        str(first(values, CALL) or content_name(name, json.dumps(call, sort_keys=True))),
        call_turns,
        written_time(str(date)) if date else undated,
        str(brand) if brand else None,
    )


def _turns_of_object(call: dict[str, Any], on_note: OnNote) -> tuple[Turn, ...]:
    values = by_column(call)
    for key in TURNS:
        entries = values.get(key)
        if isinstance(entries, list) and entries and all(isinstance(line, str) for line in entries):
            return turns(entries, on_note=on_note)
    readings = [_utterances(entries) for entries in turn_lists(call, on_note)]
    if readings:
        # Of words one by one and the same words in turns: the turns; of one text a channel and its
        # turns: the turns.
        readings.sort(key=_size)
        return to_turns(_opening(values, readings[-1]) + readings[-1])
    texts = (values.get(key) for key in ("content", *TURNS))
    text = next((value for value in texts if value and isinstance(value, str)), "")
    return turns(text.splitlines(), on_note=on_note)


def _opening(values: Mapping[str, Any], answers: Sequence[Utterance]) -> list[Utterance]:
    """The first message of a conversation whose answers alone stand in a list; [] where it has none
    or it stands there as well.
    """
    source = values.get("source")
    if isinstance(source, dict) and is_turn(source):
        first_values = by_column(source)
        opening = Utterance(_label(first_values), text_of(first_of(first_values, TEXTS)))
    elif "conversations" in values:
        opening = Utterance("customer", text_of(first_of(values, _DESCRIPTIONS)))
    else:
        return []
    words = " ".join(opening.text.split())
    is_there = any(words in " ".join(answer.text.split()) for answer in answers)
    return [] if is_there else [opening]


def _utterances(entries: Sequence[dict[str, Any]]) -> list[Utterance]:
    """In the order of their times where one entry holds all words of a speaker, with their
    times.
    """
    utterances: list[Utterance] = []
    are_interleaved = False
    for entry in entries:
        label, at = _label(entry), begin(entry)
        key, value = first_of(entry, TEXTS)
        parts = _timed_parts(value) if key not in ALTERNATIVES else []
        if at is None and parts:
            utterances += [Utterance(label, text, begin) for text, begin in parts]
            are_interleaved = True
        else:
            utterances.append(Utterance(label, text_of((key, value)), at))
    utterances = _in_seconds(utterances)
    if are_interleaved or (utterances and all(turn.at is not None for turn in utterances)):
        utterances.sort(key=lambda utterance: utterance.at or 0.0)
    if _words(utterances) < _FEW * len(utterances):  # a word an entry
        return [turn._replace(text=_closed_up(turn.text)) for turn in merged(utterances)]
    return utterances


def _timed_parts(value: Any) -> list[tuple[str, float]]:
    """(words, begin) of the parts of a speaker; one without a time goes with the one before."""
    parts: list[tuple[str, float]] = []
    at: float | None = None
    for part in value if isinstance(value, list) else []:
        values = by_column(part) if isinstance(part, dict) else {}
        begins = begin(values)
        at = at if begins is None else begins
        if at is None:
            return []
        parts.append((text_of(first_of(values, TEXTS)), at))
    return parts


def _in_seconds(utterances: list[Utterance]) -> list[Utterance]:
    """Some programs count milliseconds under the same names."""
    times = [utterance.at for utterance in utterances if utterance.at is not None]
    if not times or max(times) <= _SLOWEST * max(1, _words(utterances)):
        return utterances
    return [turn._replace(at=None if turn.at is None else turn.at / 1e3) for turn in utterances]


def _size(utterances: Sequence[Utterance]) -> tuple[int, int, int]:
    return _words(utterances), len(merged(utterances)), -len(utterances)


def _words(utterances: Sequence[Utterance]) -> int:
    return sum(any(map(str.isalnum, word)) for turn in utterances for word in turn.text.split())


def _closed_up(text: str) -> str:
    """Words and marks of a list, as one writes them: `dead .` is `dead.`"""
    for mark in ".,?!;:":
        text = text.replace(f" {mark}", mark)
    return " ".join(text.split())


def _label(turn: Mapping[str, Any]) -> str:
    """The value that names a side, or else the first; a number is `Speaker 0`."""
    sides = [turn[name] for name in SIDES if turn.get(name) not in (None, "")]
    names = [str(name_within(side) if isinstance(side, dict) else side) for side in sides]
    labels = list(map(side_of_direction, names))
    label = next((label for label in labels if speaker(label)), labels[0] if labels else "")
    return f"Speaker {label}" if label.isdigit() else label

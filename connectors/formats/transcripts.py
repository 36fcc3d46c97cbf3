"""Calls as texts with a speaker before each turn, as captions, and as tables of turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import groupby
from pathlib import Path

from connectors.events import SourcedEvent
from connectors.formats.call_people import OTHER_SIDE, direction_side, flag_side, is_two_sided
from connectors.formats.calls import (
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
from connectors.formats.captions import captions, is_captions
from connectors.formats.columns import TEXT
from connectors.formats.labels import Speaker, seconds, side_of_direction, speaker
from connectors.formats.rows import BadRow, OnBadRow, reason
from connectors.formats.speakers import NO_SPEAKER, Utterance, to_turns, turns
from connectors.formats.times import written_time
from connectors.formats.turn_columns import word_count
from connectors.formats.turn_lists import begin_of
from connectors.skipped import TALLY
from connectors.tabular.rows import Row, first_of, present
from connectors.tabular.text_file import LIKELY, TextFile

BEGIN = (
    *("at", "start", "start_time", "begin", "offset", "offset_seconds", "time", "timestamp"),
    "zeit",
)


_TRUE = frozenset(("1", "true", "t", "yes", "y", "ja", "oui", "x"))
SENDERS = ("from", "sender", "sender_name", "author_name")  # of letters, too


def of_folder(
    root: Path, paths: Sequence[Path], after: str | None, on_bad_row: OnBadRow
) -> Iterator[SourcedEvent]:
    """One call a text file, in the order of names. The cursor is the path of the file below the
    folder.
    """
    for path in paths:
        name = path.relative_to(root).as_posix()
        if after is None or name > after:
            yield from of_text(TextFile(path, otherwise=LIKELY), on_bad_row, name)


def of_text(
    file: TextFile, on_bad_row: OnBadRow, name: str | None = None
) -> Iterator[SourcedEvent]:
    """The call of a file. name: for messages, and the cursor; that of the file."""
    path, name = file.path, name or file.path.name
    loose: list[str] = []
    notes: list[str] = []
    try:
        if file.is_longer_than(MAX_FILE):
            raise ValueError(f"is larger than {MAX_FILE:,} bytes, the most that one call may have")
        lines = [line.text for line in file.lines()]
        text = "".join(lines)
        if not text.strip():
            raise ValueError(f"is empty; {NO_SPEAKER.partition('; ')[2]}")
        read = captions if is_captions("".join(lines[:4])) else turns
        call = read(lines, loose.append, notes.append)
        event = transcript(content_name(stem(path), text), call, file_time(path))
    except ValueError as error:
        on_bad_row(BadRow(1, f"{name}: {reason(error)}", "file"))
    else:
        if loose:
            words = sum(len(part.split()) for part in loose)
            fault = f"{name}: {words} words before the first speaker are nobody's"
            on_bad_row(BadRow(1, fault, "words", words))
        TALLY.add("note", len(notes))
        yield SourcedEvent(event, name)


def recognises(names: Sequence[str]) -> bool:
    """A turn a row (`speaker,text`), or an exchange a row (`customer,agent`)."""
    says_who = first_of(names, SPEAKER) is not None or _is_flagged(names)
    return (says_who and first_of(names, WORDS) is not None) or _is_exchange(names)


def take_turns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Are the rows turns, and not letters of which each is of somebody else? rows: the first."""
    if rows and _is_exchange(names):
        return _are_spoken(names, rows)
    column, call = first_of(names, SPEAKER), first_of(names, CALL)
    if column is None:
        return call is None or not _has_values_apart(call, rows)
    return names[column] not in SENDERS or not rows or _come_again(names, rows, column, call)


def _come_again(
    names: Sequence[str], rows: Sequence[Sequence[str]], column: int, call: int | None
) -> bool:
    """Do senders come again in the rows, or name a side?"""
    labels = {row[column].strip().casefold() for row in rows} - {""}
    calls = {row[call] for row in rows} if call is not None else ()
    come_again = 2 * len(labels) <= len(rows) or 0 < len(calls) < len(rows)
    return any(map(speaker, labels)) or (come_again and "subject" not in names)


def _is_flagged(names: Sequence[str]) -> bool:
    """Says a flag who speaks? A direction says so of a call's rows alone: messages and tweets have
    one, too. Rows with an `id` are no turns by a flag.
    """
    flag = _flag(names)
    if flag is None or first_of(names, CALL[:-1]) is not None:
        return flag is not None
    return "id" not in names and direction_side(names[flag[0]]) is None


def _flag(names: Sequence[str]) -> tuple[int, Speaker] | None:
    """The column that says of each turn whether it is of this side: `is_agent`, `from_customer`."""
    for place, name in enumerate(names):
        side = flag_side(name)
        if side and is_two_sided(name):
            return place, side
    return None


def _is_exchange(names: Sequence[str]) -> bool:
    sides = {_side(name) for name in names} - {None}
    return len(sides) == 2 and first_of(names, (*SPEAKER, *TEXT.known)) is None


def _has_values_apart(column: int, rows: Sequence[Sequence[str]]) -> bool:
    """Has each of several rows a value of its own there, as of an id of its own?"""
    return 1 < len(rows) == len({row[column] for row in rows})


def _are_spoken(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Do the columns of the two sides hold words, and no names?"""
    return any(word_count([row[place] for row in rows]) for place in _places_of_sides(names))


def _places_of_sides(names: Sequence[str]) -> list[int]:
    return [place for place, name in enumerate(names) if _side(name)]


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
    undated = file_time(path)

    def name_of(row: Row) -> str:
        return "" if call is None else present(row.values[call])

    def utterances(rows: Sequence[Row], on_bad_row: OnBadRow) -> Iterator[Utterance]:
        for row in rows:
            row_turns = turns_of(row.values)
            if not row_turns:
                on_bad_row(BadRow(row.line, "does not say who speaks, a customer or an agent"))
            yield from row_turns

    def calls(rows: Iterator[Row], on_bad_row: OnBadRow) -> Iterator[SourcedEvent]:
        seen: set[str] = set()
        for name, group in groupby(rows, key=name_of):
            if call is not None and not name:
                _refuse(group, "has no call id", on_bad_row)
                continue
            call_rows, last, is_whole = _of_one_call(group)
            first = call_rows[0]
            try:
                if call is None:
                    name = content_name(stem(path), _content(call_rows))
                _check(name, seen, is_whole=is_whole)
                call_turns = to_turns(utterances(call_rows, on_bad_row))
                day = first.values[date].strip() if date is not None else ""
                day = "" if seconds(day) is not None else day  # `0:05` is a place in the call
                event = transcript(name, call_turns, written_time(day) if day else undated)
            except ValueError as error:
                on_bad_row(BadRow(first.line, reason(error)))
            else:
                seen.add(name)
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


def _check(name: str, seen: Set[str], *, is_whole: bool) -> None:
    """Raises ValueError for an endless call, and for a part of one that was read before."""
    if not is_whole:
        raise ValueError(f"is longer than {MAX_FILE:,} characters, the most that one call may have")
    if name in seen:
        raise ValueError(f"the turns of call {name[:40]!r} do not stand together")


def _refuse(rows: Iterable[Row], reason: str, on_bad_row: OnBadRow) -> None:
    for row in rows:
        on_bad_row(BadRow(row.line, reason))


def _content(rows: Sequence[Row]) -> str:
    return "\n".join("\t".join(row.values) for row in rows)


def _turn(names: Sequence[str]) -> Callable[[Sequence[str]], list[Utterance]]:
    column, words, flag = first_of(names, SPEAKER), first_of(names, WORDS) or 0, _flag(names)
    begin = first_of(names, BEGIN)

    def label_of(row: Sequence[str]) -> str:
        if column is not None or flag is None:
            return side_of_direction(row[column or 0].strip())
        place, side = flag
        is_side = row[place].strip().casefold() in _TRUE
        return side if is_side else OTHER_SIDE[side]

    def turn(row: Sequence[str]) -> list[Utterance]:
        label = label_of(row)
        at = begin_of(row[begin]) if begin is not None else None
        return [Utterance(label, row[words], at)] if label else []

    return turn


def _exchange(names: Sequence[str]) -> Callable[[Sequence[str]], list[Utterance]]:
    columns = [(column, names[column]) for column in _places_of_sides(names)]

    def turns_of(row: Sequence[str]) -> list[Utterance]:
        return [Utterance(name, row[column], None) for column, name in columns]

    return turns_of

"""Calls: text files with a speaker before each turn, JSON lines with `turns`, and two-column tables of turns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from connectors.events import Sourced, Transcript, Turn
from connectors.formats.complaints import native_id
from connectors.formats.rows import BadRow, OnBadRow, Position, Row, TextFile, first_of, reason
from connectors.formats.times import written_time

CUSTOMER = {"member", "customer", "caller", "client", "consumer", "subscriber", "patient", "passenger", "guest", "user"}
AGENT = {
    *("agent", "support", "representative", "rep", "advisor", "adviser", "operator", "specialist", "supervisor"),
    *("manager", "technician", "assistant", "team", "service", "desk", "helpdesk", "system", "bot"),
}
SPEAKER = ("speaker", "role", "participant")
WORDS = ("text", "utterance", "message", "turn")
CALL = ("call_id", "conversation_id", "call", "conversation", "transcript_id", "dialogue_id", "id")
WHEN = ("occurred_at", "started_at", "date", "timestamp", "created_at")
BRAND = ("brand", "company")
MAX_FILE = 1 << 20

_LABELLED = re.compile(
    r"[\s*_.]*(?P<label>[^\W\d_][\w .'/-]{0,39}?)\s*(?:\([^()]{0,40}\))?\**\s*:\**\s*(?P<text>.*)", re.S
)
_NOTE = re.compile(  # `(pause)`, `02:36`, `Duration: 9 minutes`
    r"[(\[].*[)\]]|[\d:. ]+|\w+\)|(call )?(duration|elapsed time|note)\s*:.*", re.I
)


def speaker(label: str) -> Literal["customer", "agent"] | None:
    """Who speaks under this label; None when it names no role (`Duration: 9 minutes`)."""
    words = re.findall(r"[^\W_]+", label.casefold())
    if any(word in AGENT for word in words):  # first: `Customer Support` is an agent
        return "agent"
    return "customer" if any(word in CUSTOMER for word in words) else None


def turns(lines: Iterable[str]) -> tuple[Turn, ...]:
    """The turns of `Member: Hello` lines. A line without a speaker belongs to the turn before it, notes to none."""
    found: list[tuple[Literal["customer", "agent"], list[str]]] = []
    for line in map(str.strip, lines):
        labelled = _LABELLED.fullmatch(line)
        who = speaker(labelled["label"]) if labelled else None
        if labelled and who:
            found.append((who, [labelled["text"].strip()]))
        elif line and found and not _NOTE.fullmatch(line):
            found[-1][1].append(line)
    return tuple(Turn(speaker=who, text=" ".join(filter(None, texts))) for who, texts in found)


def transcript(name: str, said: Iterable[Turn], occurred_at: datetime, brand: str | None = None) -> Transcript:
    """Raises ValueError when nobody of the two sides speaks, or no id can be made of `name`."""
    said = tuple(said)
    if not any(turn.speaker == "customer" for turn in said):
        raise ValueError("has no turn of a customer; a turn begins with `Customer:` or `Member:`")
    id = f"call:{native_id(name)}"
    return Transcript(id=id, conversation=id, occurred_at=occurred_at, turns=said, brand=brand)


def file_time(path: Path) -> datetime:
    """When the file was last written: the latest that its words can have been said, and the same at every replay."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)


def of_folder(paths: Sequence[Path], after: str | None, on_bad_row: OnBadRow) -> Iterator[Sourced]:
    """One call a text file, in the order of names. The cursor is the name of the file."""
    for path in paths:
        if after is None or path.name > after:
            yield from of_text(TextFile(path, otherwise="cp1252"), on_bad_row)


def of_text(file: TextFile, on_bad_row: OnBadRow) -> Iterator[Sourced]:
    path = file.path
    try:
        if path.stat().st_size > MAX_FILE:
            raise ValueError(f"is larger than {MAX_FILE:,} bytes")
        said = turns(line.text for line in file.lines())
        event = transcript(path.name.partition(".")[0], said, file_time(path))
    except ValueError as error:
        on_bad_row(BadRow(1, f"{path.name}: {reason(error)}"))
    else:
        yield Sourced(event, path.name)


def of_json(file: TextFile, start: Position, on_bad_row: OnBadRow) -> Iterator[Sourced]:
    """One call a line: `turns` with speaker and text, or else `content` with a speaker before each line."""
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
            yield Sourced(event, Position(line.number, line.end))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is no JSON") from None


def _of_object(call: Any, name: str, undated: datetime) -> Transcript:
    if not isinstance(call, dict):
        raise ValueError("is no JSON object")
    given = call.get("turns")
    if given and isinstance(given, list) and all(isinstance(turn, dict) for turn in given):
        pairs = [(str(_first(turn, SPEAKER) or ""), str(_first(turn, WORDS) or "")) for turn in given]
        said = tuple(Turn(speaker=who, text=text) for label, text in pairs if (who := speaker(label)))
    else:
        said = turns(str(call.get("content") or "").splitlines())
    if not said:
        raise ValueError("does not say who speaks")
    when, brand = _first(call, WHEN), _first(call, BRAND)
    occurred_at = written_time(str(when)) if when else undated
    return transcript(str(_first(call, CALL) or name), said, occurred_at, str(brand) if brand else None)


def _first(values: dict[str, Any], wanted: Sequence[str]) -> Any:
    return next((values[name] for name in wanted if values.get(name) not in (None, "")), None)


def recognises(names: Sequence[str]) -> bool:
    return first_of(names, SPEAKER) is not None and first_of(names, WORDS) is not None


def of_table(path: Path, names: Sequence[str]) -> Callable[[Iterator[Row], OnBadRow], Iterator[Sourced]]:
    """One turn a row; the rows of a call stand together. Without a column for the call, the file is one call."""
    speaker_, words, call, date = (first_of(names, wanted) for wanted in (SPEAKER, WORDS, CALL, WHEN))
    stem = path.name.partition(".")[0]
    undated = file_time(path)

    def calls(rows: Iterator[Row], on_bad_row: OnBadRow) -> Iterator[Sourced]:
        seen: set[str] = set()
        for name, group in groupby(rows, key=lambda row: stem if call is None else row.values[call].strip()):
            together = list(group)
            first, last = together[0], together[-1]
            try:
                if not name or name in seen:
                    raise ValueError(
                        "has no call id" if not name else f"the turns of call {name[:40]!r} do not stand together"
                    )
                seen.add(name)
                said: list[Turn] = []
                for row in together:
                    if who := speaker(row.values[speaker_ or 0]):
                        said.append(Turn(speaker=who, text=row.values[words or 0]))
                    else:
                        on_bad_row(BadRow(row.line, "does not say whether a customer or an agent speaks"))
                when = first.values[date] if date is not None else ""
                event = transcript(name, said, written_time(when) if when else undated)
            except ValueError as error:
                on_bad_row(BadRow(first.line, reason(error)))
            else:
                yield Sourced(event, last.end)

    return calls

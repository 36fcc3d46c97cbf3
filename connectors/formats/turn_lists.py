"""Lists of turns within the JSON of programs that transcribe calls, found by the names in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from connectors.formats.calls import SPEAKER, WORDS
from connectors.formats.labels import seconds, speaker
from connectors.formats.speakers import OnNote
from connectors.formats.turn_columns import inferred
from connectors.markup import is_markup, plain
from connectors.tabular.rows import column_name

Entry = dict[str, Any]  # by our spelling of its names

SIDES = (
    *("participant_role", "participant_purpose", "role", *SPEAKER, "speaker_tag"),
    *("participant_id", "channel", "media_channel", "channel_label", "channel_tag", "author"),
)
TEXTS = (
    *(*WORDS, "display", "punctuated_word", "word", "value"),
    *("sentences", "elements", "alternatives", "n_best", "items", "words"),
)
ALTERNATIVES = ("alternatives", "n_best")  # the first is the likeliest
CHANNELS = ("channels", "tracks")  # a side each
# Where a turn begins, and how many of it are a second.
BEGIN: Mapping[str, float] = {
    **dict.fromkeys(("at", "start", "start_time", "begin", "begin_time"), 1.0),
    **dict.fromkeys(("offset", "offset_seconds", "time", "ts"), 1.0),
    **dict.fromkeys(("begin_offset_millis", "start_ms", "start_time_ms", "offset_ms"), 1e3),
    "offset_in_ticks": 1e7,
}
DEEPEST = 8


def turn_lists(document: Any, on_note: OnNote | None = None) -> list[list[Entry]]:
    """Lists of which most entries have a speaker and words. Those of one kind, such as the words of
    every result, are one list; those of two channels are in the order of their times. on_note: gets
    what stands among turns, and nobody said: `Jane joined the chat`.
    """
    lists: dict[tuple[str, ...], list[Entry]] = {}
    for path, entries in _lists(document, (), None, on_note):
        lists.setdefault(path, []).extend(entries)
    for path, entries in lists.items():
        if not set(path).isdisjoint(CHANNELS):
            entries.sort(key=lambda entry: begin(entry) or 0.0)
    apart = _with_labels_apart(document) or _with_segments_apart(document)
    return [*lists.values(), *filter(None, [apart])] or list(_inferred(document))


def are_turns(values: Sequence[Any]) -> bool:
    """Is each of these values a turn, by its names or by what stands in it?"""
    entries = [entry for entry in map(_as_entry, values) if entry]
    return all(map(is_turn, entries)) or inferred(entries) is not None


def _inferred(value: Any, depth: int = 0) -> Iterator[list[Entry]]:
    """The lists whose entries are turns by what they hold, under whatever names."""
    inner: list[Any] = _rows(value) if isinstance(value, dict) else _list(value)
    entries = [entry for entry in map(_as_entry, inner) if entry]
    columns = inferred(entries) if len(entries) > 1 else None
    if columns:
        turns = (
            {"speaker": turn.get(columns.side), "text": turn.get(columns.text)} | turn
            for turn in entries
        )
        yield [turn for turn in turns if turn["speaker"] not in (None, "") and turn["text"]]
    elif depth < DEEPEST:
        for entry in inner:
            yield from _inferred(entry, depth + 1)


def _rows(value: dict[str, Any]) -> list[Any]:
    """The values; of lists of one length, such as `{"who": [...], "said": [...]}`, their rows."""
    columns = {name: cells for name, cells in value.items() if isinstance(cells, list)}
    lengths = {len(cells) for cells in columns.values()}
    plain = not any(isinstance(cell, list | dict) for cells in columns.values() for cell in cells)
    if len(columns) < 2 or len(lengths) > 1 or not plain:
        return list(value.values())
    return [[dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]]


def _as_entry(value: Any) -> Entry:
    """`{"agent": "Hello"}` and `["agent", "Hello"]` are a speaker and words."""
    if (
        isinstance(value, list)
        and value
        and not any(isinstance(part, list | dict) for part in value)
    ):
        return {str(place): part for place, part in enumerate(value)}
    entry = value if isinstance(value, dict) else {}
    if len(entry) == 1:
        [(label, words)] = entry.items()
        return {"speaker": label, "text": words} if isinstance(words, str) else {}
    return by_column(entry)


def _lists(
    value: Any, path: tuple[str, ...], channel: int | None, on_note: OnNote | None
) -> Iterator[tuple[tuple[str, ...], list[Entry]]]:
    """(names above it, entries) of each list."""
    if isinstance(value, dict) and len(path) <= DEEPEST:
        for key, inner in by_column(value).items():
            yield from _lists(inner, (*path, key), channel, on_note)
    elif isinstance(value, list) and len(path) <= DEEPEST:
        parent = path[-1] if path else ""
        if parent in ALTERNATIVES:
            value = value[:1]
        elif turns := _turns_among(value, channel, on_note):
            yield path, turns
        has_channels = parent in CHANNELS and len(value) > 1
        for place, entry in enumerate(value):
            within = place if has_channels else channel
            yield from _lists(entry, (*path, ""), within, on_note)


def _turns_among(values: Sequence[Any], channel: int | None, on_note: OnNote | None) -> list[Entry]:
    """The turns of a list of which they are the most."""
    entries = [_unwrapped(value, channel) for value in values if isinstance(value, dict)]
    turns = [entry for entry in entries if is_turn(entry)]
    if not turns or 2 * len(turns) < len(entries):
        return []
    if on_note and len(turns) < len(entries):
        _tell_notes(entries, on_note)
    return turns


def _tell_notes(entries: Sequence[Entry], on_note: OnNote) -> None:
    """What nobody said of a list of turns; a full stop between a program's words is no note."""
    for entry in entries:
        words = "" if is_turn(entry) else text_of(first_of(entry, TEXTS))
        if " " in words:
            on_note(words)


def _unwrapped(entry: dict[str, Any], channel: int | None) -> Entry:
    """`{"Transcript": {...}}` is the turn within. A speaker may stand beside the words alone."""
    inner = list(entry.values())
    entry = inner[0] if len(inner) == 1 and isinstance(inner[0], dict) else entry
    values = by_column(entry)
    likeliest = next((values[key] for key in ALTERNATIVES if values.get(key)), None)
    if first(values, SIDES) is None and isinstance(likeliest, list) and _is_dict(likeliest[0]):
        values |= by_column(likeliest[0])
    if channel is not None and speaker(str(first(values, SIDES))) is None:
        values["participant_role"] = f"Channel {channel}"
    return values


def _with_labels_apart(document: Any) -> list[Entry]:
    """The words of a document that tells apart from them who spoke when, as Watson's does."""
    document = by_column(document) if _is_dict(document) else {}
    labels, results = document.get("speaker_labels"), document.get("results")
    if not isinstance(labels, list) or not isinstance(results, list):
        return []
    speakers = {str(label.get("from")): label.get("speaker") for label in filter(_is_dict, labels)}
    words = []
    for result in filter(_is_dict, results):
        likeliest = next(iter(_list(result.get("alternatives"))), None)
        timed = _list(likeliest.get("timestamps")) if _is_dict(likeliest) else []
        for word, start, *_ in (part for part in timed if len(_list(part)) > 1):
            words.append({"speaker": speakers.get(str(start)), "text": word, "start": start})
    return [word for word in words if is_turn(word)]


def _with_segments_apart(document: Any) -> list[Entry]:
    """The words of Amazon Transcribe, whose speakers stand in segments beside them."""
    results = by_column(document).get("results") if _is_dict(document) else None
    results = by_column(results) if _is_dict(results) else {}
    labels = results.get("speaker_labels")
    segments = _list(labels.get("segments")) if _is_dict(labels) else []
    speakers = {
        str(item.get("start_time")): item.get("speaker_label")
        for segment in filter(_is_dict, segments)
        for item in filter(_is_dict, _list(segment.get("items")))
    }
    words: list[Entry] = []
    label = None
    for item in filter(_is_dict, _list(results.get("items"))):
        label = speakers.get(str(item.get("start_time")), label)  # a full stop has no time
        words.append({"speaker": label, **by_column(item)})
    return [word for word in words if is_turn(word)] if speakers else []


def _is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def is_turn(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    values = by_column(entry)
    return first(values, SIDES) is not None and bool(text_of(first_of(values, TEXTS)))


def text_of(words: tuple[str, Any]) -> str:
    """The words of a value under its name."""
    key, value = words
    if isinstance(value, str):
        return (plain(value) if is_markup(value) else value).strip()
    if isinstance(value, dict):
        return text_of(first_of(by_column(value), TEXTS))
    if isinstance(value, list):
        parts = value[:1] if key in ALTERNATIVES else value
        return " ".join(filter(None, (text_of(("", part)) for part in parts)))
    return ""


def begin(turn: Mapping[str, Any]) -> float | None:
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


def by_column(entry: dict[str, Any]) -> dict[str, Any]:
    """The values by our spelling of their names: `ParticipantRole` is `participant_role`."""
    values: dict[str, Any] = {}
    for name, value in entry.items():
        values.setdefault(column_name(str(name)), value)
    return values


def first(values: Mapping[str, Any], names: Sequence[str]) -> Any:
    return first_of(values, names)[1]


def first_of(values: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    """The first of these names that has a value, and the value."""
    present = ((name, values[name]) for name in names if values.get(name) not in (None, "", []))
    return next(present, ("", None))

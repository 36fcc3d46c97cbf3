"""Captions of calls: WebVTT, SubRip, SBV and TTML, as programs write them and people mend them."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from connectors.events import Turn
from connectors.formats.inline_labels import parted
from connectors.formats.labels import (
    TIME,
    Labelled,
    is_name,
    is_numbered,
    is_role,
    labelled,
    seconds,
)
from connectors.formats.speakers import OnLoose, OnNote, Utterance, merged, to_turns
from connectors.formats.timed_text import is_timed_text, timed_lines

_CUE = re.compile(
    rf"\s*(?P<start>{TIME})\s*-{{1,2}}>\s*{TIME}(?:\s.*)?"
    r"|\s*(?P<sbv>\d+:\d\d:\d\d\.\d{3}),\d+:\d\d:\d\d\.\d{3}\s*"
)
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s++(?P<label>[^<>]+)>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")
_NOTE = re.compile(r"NOTE(?:\s.*)?")
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s.*)?")
_CUE_SPEAKER = re.compile(r"(?:\d{1,6}\s+)?\"(?P<label>[^\"]{1,60})\"(?:\s*\(\d*\))?")
_HEADER = re.compile(r"WEBVTT\b.*|[A-Za-z-]+\s*[:=]\s*\S+")


class Cue(NamedTuple):
    """A caption. at: seconds from the start. speaker: by its name (`1 "Jane Roe" (4711)`)."""

    at: float | None
    lines: list[str]
    speaker: str | None = None


def is_captions(text: str) -> bool:
    return (
        text.lstrip("\ufeff").startswith("WEBVTT")
        or is_styled(text)
        or is_timed_text(text)
        or any(_CUE.fullmatch(line) for line in text.splitlines()[:4])
    )


def names_no_columns(text: str) -> bool:
    """Is the first line of this text never that of a table, whatever stands in it?"""
    return is_styled(text) or is_timed_text(text)


def is_styled(text: str) -> bool:
    """Are these captions of Advanced SubStation, whose lines name their speakers?"""
    return text.lstrip("\ufeff\r\n ").startswith("[Script Info]")


def captions(
    lines: Iterable[str], on_loose: OnLoose | None = None, on_note: OnNote | None = None
) -> tuple[Turn, ...]:
    """The turns of a caption file. A caption without a speaker belongs to the one before it.
    on_note: gets the notes of its makers.
    """
    lines = [line.rstrip("\r\n").strip("\ufeff") for line in lines]
    cues = list(_cues(lines))
    for note in filter(_NOTE.fullmatch, lines):
        if on_note:
            on_note(note)
    labels, headings = _labels(cues), _headings(cues)
    utterances: list[Utterance] = []
    latest = ""
    for at, cue_lines, cue_speaker in cues:
        latest = cue_speaker or latest
        for label, words in _voices(cue_lines, labels, headings):
            latest = label or latest
            if not words:
                continue  # a label alone on its line: the next one is theirs
            if latest:
                utterances.append(Utterance(latest, words, at))
            elif on_loose:
                on_loose(words)
    return to_turns(merged(utterances))


def _cues(lines: Sequence[str]) -> Iterator[Cue]:
    start = "\n".join(lines[:20])
    if is_styled(start):
        return _styled(lines)
    if is_timed_text(start):
        return _one_a_line(Cue(*line) for line in timed_lines("\n".join(lines)))
    return _one_a_line(cues_of(lines))


def cues_of(lines: Sequence[str]) -> Iterator[Cue]:
    """The captions between the time lines: neither a missing blank line nor one too many ends one.
    The header, notes, styles and the names of captions are no text.
    """
    times = [place for place, line in enumerate(lines) if _CUE.fullmatch(line)]
    if not times:
        return
    is_named = _name_before(lines, times[0])
    for place, end in zip(times, [*times[1:], len(lines)], strict=True):
        match = _CUE.fullmatch(lines[place])
        start = match and (match["start"] or match["sbv"])
        last = end - 1 if end < len(lines) and is_named and _is_cue_name(lines, end - 1) else end
        text = list(_text(lines[place + 1 : last]))
        yield Cue(seconds(start or ""), text, _cue_speaker(lines, place))


def _one_a_line(cues: Iterable[Cue]) -> Iterator[Cue]:
    """The captions, with a line for each of the speakers who share one."""
    cues = list(cues)
    parts = iter(parted([line for cue in cues for line in cue.lines]))
    for cue in cues:
        yield cue._replace(lines=[part for _ in cue.lines for part in next(parts)])


def _styled(lines: Sequence[str]) -> Iterator[Cue]:
    """`Dialogue: 0,0:00:03.24,0:00:06.12,Default,Jane,0,0,0,,Hello` by the names of `Format:`."""
    names: list[str] = []
    for line in lines:
        kind, _, values = line.partition(":")
        if kind == "Format":
            names = [name.strip().casefold() for name in values.split(",")]
        elif kind == "Dialogue" and names:
            cells = [cell.strip() for cell in values.split(",", len(names) - 1)]
            cue = dict(zip(names, cells, strict=False))
            text = cue.get("text", "").replace(r"\N", "\n").replace(r"\n", "\n").splitlines()
            style = cue.get("style", "")
            name = cue.get("name") or cue.get("actor") or (style if is_role(style) else None)
            yield Cue(seconds(cue.get("start", "")), text, name)


def _cue_speaker(lines: Sequence[str], time: int) -> str | None:
    match = _CUE_SPEAKER.fullmatch(lines[time - 1].strip()) if time else None
    return match and match["label"]


def _name_before(lines: Sequence[str], time: int) -> bool:
    """Has the first caption a number or a name above its time?"""
    name = lines[time - 1].strip() if time else ""
    return bool(name) and not _HEADER.fullmatch(name)


def _is_cue_name(lines: Sequence[str], place: int) -> bool:
    """Where captions have names: a number, or what stands alone right above a time."""
    line = lines[place].strip()
    is_alone = " " not in line or not lines[place - 1].strip()
    return line.isdigit() or (bool(line) and is_alone) or bool(_CUE_SPEAKER.fullmatch(line))


def _text(lines: Sequence[str]) -> Iterator[str]:
    in_block, after_blank = False, False
    for line in (line.strip() for line in lines):
        in_block = bool(line) and (in_block or bool(after_blank and _BLOCK.fullmatch(line)))
        after_blank = not line
        if line and not in_block:
            yield line


def _labels(cues: Sequence[Cue]) -> frozenset[str]:
    """The labels that name a side, are numbered, or come twice; any name that begins a caption
    where half of them begin with one.
    """
    counts = Counter(match.label for cue in cues for match in _matches(cue.lines))
    begun = [match for cue in cues for match in _matches(cue.lines[:1]) if is_name(match.label)]
    are_usual = 2 * len(begun) >= len(cues)
    labels = {*filter(is_role, counts), *filter(is_numbered, counts)}
    labels |= {label for label, times in counts.items() if times > 1}
    return frozenset(labels | ({match.label for match in begun} if are_usual else set()))


def _matches(lines: Sequence[str]) -> list[Labelled]:
    return [match for match in map(_label, lines) if match]


def _label(line: str) -> Labelled | None:
    return labelled(_TAG.sub("", line))


def _headings(cues: Sequence[Cue]) -> frozenset[str]:
    """Names that stand alone on the first line of their captions, as Teams writes them."""
    firsts = Counter(
        cue.lines[0] for cue in cues if len(cue.lines) > 1 and _is_heading(cue.lines[0])
    )
    names = {name for name, times in firsts.items() if times > 1 or is_role(name)}
    begun = sum(firsts[name] for name in names)
    return frozenset(names if 2 * begun >= len(cues) else ())


def _is_heading(line: str) -> bool:
    return is_name(line) and line[-1] not in ".,:;?!" and _label(line) is None


def _voices(
    lines: Sequence[str], labels: frozenset[str], headings: frozenset[str]
) -> Iterator[tuple[str | None, str]]:
    """(speaker, words) within one caption; None for an unknown speaker."""
    text = "\n".join(lines)
    parts = _VOICE.split(text)  # words, label, words, label, words
    pairs: list[tuple[str | None, str]] = []
    if len(parts) > 1:
        pairs = [(None, parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    elif len(lines) > 1 and lines[0] in headings:
        pairs = [(lines[0], " ".join(lines[1:]))]
    else:
        for line in lines:
            match = _label(line)
            if match and match.label in labels:
                pairs.append((match.label, match.text))
            else:
                pairs.append((None, line))
    for label, words in pairs:
        plain = " ".join(html.unescape(_TAG.sub("", words)).split())
        if plain or label:
            yield label and html.unescape(label).strip(), plain

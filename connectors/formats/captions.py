"""Calls as captions: WebVTT (with `<v Speaker>` or `Speaker:`) and SubRip, which differs in its
commas.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from connectors.events import Turn
from connectors.formats.speakers import Utterance, merged, seconds, speaker, told

_CUE = re.compile(r"\s*(?P<start>[\d:.,]+)\s+-->\s+[\d:.,]+(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+(?P<label>[^>]+)>")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|<[\d:.]+>")
_LABEL = re.compile(r"\s*(?:-\s*)?(?P<label>[^\W\d_][\w .'/-]{0,39}?)\s*:\s+(?P<text>.*)", re.S)
_NUMBERED = re.compile(r"[^\W\d_]+[ _-]?\d{1,2}")


def is_captions(text: str) -> bool:
    return text.lstrip("\ufeff").startswith("WEBVTT") or any(
        _CUE.fullmatch(line) for line in text.split("\n")[:3]
    )


def captions(lines: Iterable[str]) -> tuple[Turn, ...]:
    """The turns of a caption file. A caption without a speaker belongs to the one before it; none,
    to nobody.
    """
    cues = list(_cues(line.rstrip("\r\n") for line in lines))
    labels = [match["label"] for _, text in cues if (match := _LABEL.fullmatch(text))]
    names = {
        label
        for label in labels
        if speaker(label) or _NUMBERED.fullmatch(label) or labels.count(label) > 1
    }
    spoken: list[Utterance] = []
    for at, text in cues:
        for label, words in _voices(text, names):
            known = label or (spoken[-1].label if spoken else "")
            spoken.append(Utterance(known, words, at))
    return told(merged(spoken))


def _cues(lines: Iterable[str]) -> Iterator[tuple[float | None, str]]:
    """(start, text) of each cue; the header, notes, styles and numbers of cues are no text."""
    start: float | None = None
    text: list[str] | None = None
    for line in (*lines, ""):
        if timed := _CUE.fullmatch(line):
            start, text = seconds(timed["start"]), []
        elif line.strip():
            if text is not None:
                text.append(line.strip())
        elif text is not None:
            yield start, " ".join(text)
            text = None


def _voices(text: str, names: set[str]) -> Iterator[tuple[str | None, str]]:
    """(speaker, words) within one cue; None for a speaker who is not told."""
    parts = _VOICE.split(text)  # words, label, words, label, words
    if len(parts) > 1:
        pairs: list[tuple[str | None, str]] = [
            (None, parts[0]),
            *zip(parts[1::2], parts[2::2], strict=True),
        ]
    elif (labelled := _LABEL.fullmatch(text)) and labelled["label"] in names:
        pairs = [(labelled["label"], labelled["text"])]
    else:
        pairs = [(None, text)]
    for label, words in pairs:
        if plain := " ".join(html.unescape(_TAG.sub("", words)).split()):
            yield label and html.unescape(label).strip(), plain

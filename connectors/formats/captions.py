"""Captions of calls: WebVTT (with `<v Speaker>` or `Speaker:`) and SubRip."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from connectors.events import Turn
from connectors.formats.speakers import Utterance, merged, seconds, speaker, to_turns

_CUE = re.compile(r"\A\s*(?P<start>[\d:.,]+)\s+-->\s+[\d:.,]+(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s++(?P<label>[^<>]+)>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[\d:.]+>")
_LABEL = re.compile(r"\A\s*+(?:-\s*+)?(?P<label>[^\W\d_][\w .'/-]{0,39}?)\s*:\s+(?P<text>.*)", re.S)
_NUMBERED = re.compile(r"\A[^\W\d_]{1,40}[ _-]?\d{1,2}")


def is_captions(text: str) -> bool:
    return text.lstrip("\ufeff").startswith("WEBVTT") or any(
        _CUE.fullmatch(line) for line in text.split("\n")[:3]
    )


def captions(lines: Iterable[str]) -> tuple[Turn, ...]:
    """The turns of a caption file. A caption without a speaker belongs to the one before it."""
    cues = list(_cues(line.rstrip("\r\n") for line in lines))
    names = _names(text for _, text in cues)
    utterances: list[Utterance] = []
    for at, text in cues:
        for label, words in _voices(text, names):
            before = utterances[-1].label if utterances else ""
            utterances.append(Utterance(label or before, words, at))
    return to_turns(merged(utterances))


def _names(texts: Iterable[str]) -> set[str]:
    """The labels that name a side, are numbered, or come twice."""
    matches = [_LABEL.fullmatch(text) for text in texts]
    labels = [match["label"] for match in matches if match]
    return {
        label
        for label in labels
        if speaker(label) or _NUMBERED.fullmatch(label) or labels.count(label) > 1
    }


def _cues(lines: Iterable[str]) -> Iterator[tuple[float | None, str]]:
    """(start, text) of each cue; the header, notes, styles and numbers of cues are no text."""
    start: float | None = None
    text: list[str] | None = None
    for line in (*lines, ""):
        cue = _CUE.fullmatch(line)
        if cue:
            start, text = seconds(cue["start"]), []
        elif line.strip():
            if text is not None:
                text.append(line.strip())
        elif text is not None:
            yield start, " ".join(text)
            text = None


def _voices(text: str, names: set[str]) -> Iterator[tuple[str | None, str]]:
    """(speaker, words) within one cue; None for an unknown speaker."""
    parts = _VOICE.split(text)  # words, label, words, label, words
    labelled = _LABEL.fullmatch(text)
    pairs: list[tuple[str | None, str]]
    if len(parts) > 1:
        pairs = [(None, parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    elif labelled and labelled["label"] in names:
        pairs = [(labelled["label"], labelled["text"])]
    else:
        pairs = [(None, text)]
    for label, words in pairs:
        plain = " ".join(html.unescape(_TAG.sub("", words)).split())
        if plain:
            yield label and html.unescape(label).strip(), plain

"""Timed text in XML: TTML and DFXP, and the exports that name a speaker at each element."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.etree import ElementTree

from connectors.formats.labels import seconds

# Entities are declared in a document type alone, and captions need none: a text with one is refused
# before it is parsed, so that nothing is expanded or fetched.
_DECLARES = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.I)
_BEGIN = re.compile(r"\s*+<(?:\?xml\b|!--|!DOCTYPE\b|[A-Za-z])")
_ROOTS = re.compile(
    r"<(?:\w+:)?(?:tt|ttml|timedtext|transcripts?|captions?|call|conversation|dialogu?e|interaction)"
    r"[\s>]",
    re.I,
)
_OFFSET = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|m|s|ms|f|t)?")
_NUMBERS = frozenset(  # of an element, and no words of it
    (
        *("end", "endtime", "stop", "stoptime", "duration", "dur", "length", "confidence", "score"),
        *("id", "index", "turnid", "utteranceid", "segmentid", "sequence", "offset", "channel"),
    )
)
_NUMBER = re.compile(r"\s*[\d.:,%]+\s*")
_PARTS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}
_BEGINS = ("begin", "start", "starttime", "t")
_SPEAKERS = ("agent", "speaker", "role", "participant", "who", "speakername", "participantrole")
_SPEAKER_TAGS = frozenset(_SPEAKERS)
_MARKS = frozenset((*_BEGINS, *_SPEAKERS))
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


class TimedLine(NamedTuple):
    """An element with words. at: seconds from the start. speaker: None where it names nobody."""

    at: float | None
    lines: list[str]
    speaker: str | None


def is_timed_text(text: str) -> bool:
    text = text.lstrip("\ufeff")
    return _BEGIN.match(text) is not None and _ROOTS.search(text[:2000]) is not None


def timed_lines(text: str) -> Iterator[TimedLine]:
    """The words of each innermost element that has a time or a speaker. Raises ValueError."""
    if _DECLARES.search(text):
        raise ValueError("is XML with a document type, which captions do not need; remove it")
    try:
        root = ElementTree.fromstring(text.strip("\ufeff \r\n"))  # noqa: S314 (no entities: above)
    except ElementTree.ParseError as error:
        raise ValueError(f"is no whole XML ({error})") from None
    _take_marks(root)
    names, second, speakers = _agents(root), _seconds_of(root), _speakers(root)
    for element in _innermost(root):
        begin = next(filter(None, map(_plain(element.attrib).get, _BEGINS)), None)
        label = next(filter(None, map(speakers.get, element.iter())), None)
        lines = (" ".join(line.split()) for line in _words(element).split("\n"))
        yield TimedLine(
            None if begin is None else _moment(begin, second),
            [line for line in lines if line],
            names.get(label, label) if label else None,
        )


def _take_marks(root: ElementTree.Element) -> None:
    """Of an element that holds a `<speaker>` and a `<text>`: its marks as its attributes; numbers
    such as where it ends are no words.
    """
    for element in list(root.iter()):
        marks = set(_inner_marks(element))
        if not marks:
            continue
        words = []
        for child in element:
            if child in marks or _is_number(child):
                element.set(_tag(child.tag), (child.text or "").strip())
            else:
                words.append(child)
        element[:] = words


def _inner_marks(element: ElementTree.Element) -> list[ElementTree.Element]:
    """The elements that mark the words beside them, of whom one names a speaker; [] elsewhere."""
    marks = [child for child in element if _tag(child.tag) in _MARKS]
    names_speaker = not _SPEAKER_TAGS.isdisjoint(_tag(mark.tag) for mark in marks)
    is_turn = names_speaker and len(marks) < len(element) and all(map(_is_leaf, element))
    return marks if is_turn else []


def _is_number(element: ElementTree.Element) -> bool:
    has_number = _NUMBER.fullmatch(element.text or "") is not None
    return has_number and _tag(element.tag) in _NUMBERS


def _is_leaf(element: ElementTree.Element) -> bool:
    return len(element) == 0 and not _is_marked(element)


def _innermost(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The elements with a time or a speaker that hold no others; a span is a part of its line."""
    marked = [element for element in root.iter() if _is_marked(element)]
    around = {child: element for element in root.iter() for child in element}
    outer = set()
    for element in marked:
        above = around.get(element)
        while above is not None and above not in outer:
            outer.add(above)
            above = around.get(above)
    return [element for element in marked if element not in outer]


def _is_marked(element: ElementTree.Element) -> bool:
    names = _plain(element.attrib).keys()
    return _tag(element.tag) not in ("span", "agent") and not _MARKS.isdisjoint(names)


def _speakers(root: ElementTree.Element) -> dict[ElementTree.Element, str | None]:
    """The speaker of each element: its own, or that of the element around it."""
    speakers = {root: _own_speaker(root)}
    for element in root.iter():
        for child in element:
            speakers[child] = _own_speaker(child) or speakers[element]
    return speakers


def _own_speaker(element: ElementTree.Element) -> str | None:
    values = _plain(element.attrib)
    return next((values[name] for name in _SPEAKERS if values.get(name)), None)


def _words(element: ElementTree.Element) -> str:
    """The text within, a break as a line feed."""
    for inner in element.iter():
        inner.text = " ".join((inner.text or "").split("\n"))
        if inner is not element:
            tail = " ".join((inner.tail or "").split("\n"))
            inner.tail = f"\n{tail}" if _tag(inner.tag) == "br" else tail
    return "".join(element.itertext())


def _agents(root: ElementTree.Element) -> Mapping[str, str]:
    """The names that the head gives to the agents of the captions."""
    names: dict[str, str] = {}
    for element in root.iter():
        if _tag(element.tag) == "agent" and element.get(_XML_ID):
            name = " ".join("".join(element.itertext()).split())
            names[element.get(_XML_ID, "")] = name or element.get(_XML_ID, "")
    return names


def _seconds_of(root: ElementTree.Element) -> Mapping[str, float]:
    """How long each unit of an offset is, in seconds."""
    values = _plain(root.attrib)
    rates = {"f": values.get("framerate", "30"), "t": values.get("tickrate", "1")}
    return _PARTS | {
        unit: 1 / max(1, int(rate)) for unit, rate in rates.items() if rate.isdecimal()
    }


def _moment(text: str, second: Mapping[str, float]) -> float | None:
    """`00:00:03.5`, `3.5s`, `3500ms`, `90t`; a number alone is in seconds."""
    match = _OFFSET.fullmatch(text)
    if match:
        return float(match[1]) * second.get(match[2] or "s", 1.0)
    return seconds(text)


def _plain(values: Mapping[str, str]) -> dict[str, str]:
    """The attributes without their namespaces, in small letters."""
    return {_tag(name): value.strip() for name, value in values.items()}


def _tag(name: object) -> str:
    """A comment's tag is a function."""
    return str(name).rpartition("}")[2].lower().replace("_", "").replace("-", "")

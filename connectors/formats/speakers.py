"""Speakers of a transcript: lines with a label before each turn, and the side of a label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

from connectors.events import Turn

CUSTOMER = {
    *(
        "member",
        "customer",
        "caller",
        "client",
        "consumer",
        "subscriber",
        "patient",
        "passenger",
        "guest",
        "user",
    ),
    *("policyholder", "claimant", "buyer", "patron", "enduser", "visitor"),
}
AGENT = {
    *(
        "agent",
        "support",
        "representative",
        "rep",
        "advisor",
        "adviser",
        "operator",
        "specialist",
        "supervisor",
    ),
    *("manager", "technician", "assistant", "team", "service", "desk", "helpdesk", "system", "bot"),
}
LONGEST_NAME = 60
NO_CUSTOMER = "has no turn of a customer; a turn begins with `Customer:` or `Member:`"
NO_SPEAKER = (
    "does not say who speaks; a turn begins with its speaker, "
    "such as `Customer:` and `Agent:`, a turn a line"
)

_TIME = r"\d{1,3}(?::[0-5]\d){1,2}(?:[.,]\d{1,3})?"
_LABELLED = re.compile(
    rf"\A[\s*_.]*+(?:[\[(]?(?P<at>{_TIME})[\])]?\s*+[-\u2013]?\s*+)?"
    r"(?P<label>[^\W\d_][\w .'/-]{0,39}?)\s*+"
    r"(?:\((?P<note>[^()]{0,40})\))?\**+\s*+:\**\s*(?P<text>.*)",
    re.S,
)
_NOTE = re.compile(  # `(pause)`, `02:36`, `Duration: 9 minutes`
    r"\A(?:[(\[].*[)\]]|[\d:. ]+|\w+\)|(call )?(duration|elapsed time|note)\s*:.*)", re.I
)
_NUMBERED = re.compile(
    r"(?:speaker|spk|channel|participant|person|party|voice)[ _-]?(?:\d{1,2}|[a-f])", re.I
)


class Utterance(NamedTuple):
    """A turn as its source has it. label: of the speaker. at: seconds from the call's start."""

    label: str
    text: str
    at: float | None = None


def speaker(label: str) -> Literal["customer", "agent"] | None:
    """The side of this label; None when it names no role (`Duration: 9 minutes`)."""
    words = re.findall(r"[^\W_]+", label.casefold())
    if any(word in AGENT for word in words):  # first: `Customer Support` is an agent
        return "agent"
    return "customer" if any(word in CUSTOMER for word in words) else None


def seconds(time: str) -> float | None:
    """`01:02:03.5` or `02:03,5` in seconds from the start; None for another text."""
    if not re.fullmatch(_TIME, time):
        return None
    total = 0.0
    for part in time.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


def to_turns(utterances: Iterable[Utterance]) -> tuple[Turn, ...]:
    """Turns with the side of their label, or else with its name; empty ones are left out."""
    turns = []
    for label, text, at in utterances:
        side = speaker(label)
        name = None if side else " ".join(label.split())[:LONGEST_NAME]
        if text.strip() and (side or name):
            turns.append(Turn(speaker=side or "unknown", text=text.strip(), name=name, at=at))
    return tuple(turns)


def turns(lines: Iterable[str]) -> tuple[Turn, ...]:
    """The turns of `Member: Hello` lines. A line without a speaker belongs to the turn before it,
    notes to none.

    Names without a side (`Anna:`, `Speaker 2:`) count as speakers where a conversation is plainly
    theirs: they come again and again, and there is no speaker, or only one side, without them.
    """
    lines = [line.strip() for line in lines]
    turns = to_turns(_utterances(lines, frozenset()))
    if len({turn.speaker for turn in turns}) < 2:
        names = _names(lines)
        if names:
            return to_turns(_utterances(lines, names))
    return turns


def merged(captions: Iterable[Utterance]) -> list[Utterance]:
    """Captions to turns: those of one speaker in a row are one turn, at its beginning."""
    turns: list[tuple[Utterance, list[str]]] = []
    for caption in captions:
        if turns and turns[-1][0].label == caption.label:
            turns[-1][1].append(caption.text)
        else:
            turns.append((caption, [caption.text]))
    return [_joined(first, texts) for first, texts in turns]


def _joined(first: Utterance, texts: list[str]) -> Utterance:
    """The turn that begins with `first`. Joined once: text by text, long turns would take the
    square of their length.
    """
    return first._replace(text=" ".join(texts).strip()) if len(texts) > 1 else first


def _utterances(lines: Iterable[str], names: frozenset[str]) -> list[Utterance]:
    utterances: list[tuple[Utterance, list[str]]] = []
    for line in lines:
        labelled = _LABELLED.fullmatch(line)
        if labelled and (speaker(labelled["label"]) or labelled["label"] in names):
            at = seconds(labelled["at"] or labelled["note"] or "")
            first = Utterance(labelled["label"], labelled["text"].strip(), at)
            utterances.append((first, [first.text]))
        elif line and utterances and not _NOTE.fullmatch(line):
            utterances[-1][1].append(line)
    return [_joined(first, texts) for first, texts in utterances]


def _names(lines: Iterable[str]) -> frozenset[str]:
    """The labels without a role that come at least twice, or are numbered, if together with the
    roles they begin half of the lines.
    """
    spoken_lines = [line for line in lines if line and not _NOTE.fullmatch(line)]
    labels = _labels(spoken_lines)
    roles = {label for label in labels if speaker(label)}
    names = {label for label in labels.keys() - roles if _may_be_name(label, labels[label])}
    labelled_lines = sum(labels[label] for label in names | roles)
    is_conversation = len(names) + len(roles) > 1 and 2 * labelled_lines >= len(spoken_lines)
    return frozenset(names) if is_conversation else frozenset()


def _labels(lines: Iterable[str]) -> Counter[str]:
    matches = [_LABELLED.fullmatch(line) for line in lines]
    return Counter(match["label"] for match in matches if match)


def _may_be_name(label: str, times: int) -> bool:
    if _NUMBERED.fullmatch(label):
        return True
    return times > 1 and len(label.split()) <= 3

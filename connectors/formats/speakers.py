"""Who says what in a transcript: lines with a speaker before each turn, and names that tell a side
or none.
"""

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
NOBODY = "does not say who speaks; a turn begins with its speaker, such as `Customer:` and `Agent:`, a turn a line"

_TIME = r"\d{1,3}(?::[0-5]\d){1,2}(?:[.,]\d{1,3})?"
_LABELLED = re.compile(
    rf"[\s*_.]*(?:[\[(]?(?P<at>{_TIME})[\])]?\s*[-\u2013]?\s*)?(?P<label>[^\W\d_][\w .'/-]{{0,39}}?)\s*"
    r"(?:\((?P<note>[^()]{0,40})\))?\**\s*:\**\s*(?P<text>.*)",
    re.S,
)
_NOTE = re.compile(  # `(pause)`, `02:36`, `Duration: 9 minutes`
    r"[(\[].*[)\]]|[\d:. ]+|\w+\)|(call )?(duration|elapsed time|note)\s*:.*", re.I
)
_NUMBERED = re.compile(
    r"(?:speaker|spk|channel|participant|person|party|voice)[ _-]?(?:\d{1,2}|[a-f])", re.I
)


class Utterance(NamedTuple):
    """A turn as its source writes it. label: what stands for the speaker. at: seconds from the
    start of the call.
    """

    label: str
    text: str
    at: float | None = None


def speaker(label: str) -> Literal["customer", "agent"] | None:
    """Who speaks under this label; None when it names no role (`Duration: 9 minutes`)."""
    words = re.findall(r"[^\W_]+", label.casefold())
    if any(word in AGENT for word in words):  # first: `Customer Support` is an agent
        return "agent"
    return "customer" if any(word in CUSTOMER for word in words) else None


def seconds(time: str) -> float | None:
    """`01:02:03.5` or `02:03,5` in seconds from the start; None for what is no such time."""
    if not re.fullmatch(_TIME, time):
        return None
    total = 0.0
    for part in time.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


def told(spoken: Iterable[Utterance]) -> tuple[Turn, ...]:
    """Turns, with the side where the label tells it, and otherwise with the name; empty ones are
    left out.
    """
    found = []
    for label, text, at in spoken:
        who = speaker(label)
        name = None if who else " ".join(label.split())[:LONGEST_NAME]
        if text.strip() and (who or name):
            found.append(Turn(speaker=who or "unknown", text=text.strip(), name=name, at=at))
    return tuple(found)


def turns(lines: Iterable[str]) -> tuple[Turn, ...]:
    """The turns of `Member: Hello` lines. A line without a speaker belongs to the turn before it,
    notes to none.

    Names that tell no side (`Anna:`, `Speaker 2:`) count as speakers where a conversation is
    plainly theirs: they come again and again, and there is no one, or only one side, without them.
    """
    lines = [line.strip() for line in lines]
    found = told(_said(lines, frozenset()))
    if len({turn.speaker for turn in found}) < 2 and (names := _names(lines)):
        return told(_said(lines, names))
    return found


def merged(spoken: Iterable[Utterance]) -> list[Utterance]:
    """Captions to turns: what one speaker says in a row is one turn, at the time of its beginning."""
    found: list[Utterance] = []
    for one in spoken:
        if found and found[-1].label == one.label:
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {one.text}".strip())
        else:
            found.append(one)
    return found


def _said(lines: Iterable[str], names: frozenset[str]) -> list[Utterance]:
    found: list[Utterance] = []
    for line in lines:
        labelled = _LABELLED.fullmatch(line)
        if labelled and (speaker(labelled["label"]) or labelled["label"] in names):
            at = seconds(labelled["at"] or labelled["note"] or "")
            found.append(Utterance(labelled["label"], labelled["text"].strip(), at))
        elif line and found and not _NOTE.fullmatch(line):
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {line}".strip())
    return found


def _names(lines: Iterable[str]) -> frozenset[str]:
    """The labels without a role that come at least twice, or are numbered, if they and the roles
    say most of it all.
    """
    written = [line for line in lines if line and not _NOTE.fullmatch(line)]
    labels = Counter(match["label"] for line in written if (match := _LABELLED.fullmatch(line)))
    names = {
        label
        for label, times in labels.items()
        if not speaker(label)
        and (_NUMBERED.fullmatch(label) or (times > 1 and len(label.split()) <= 3))
    }
    roles = {label for label in labels if speaker(label)}
    theirs = sum(labels[label] for label in names | roles)
    return (
        frozenset(names)
        if names and len(names) + len(roles) > 1 and 2 * theirs >= len(written)
        else frozenset()
    )

"""Speakers of a transcript: lines with a label before each turn become the turns of a side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from connectors.events import Turn
from connectors.formats.inline_labels import parted, unwrapped
from connectors.formats.labels import (
    WEAK,
    Labelled,
    Speaker,
    display_name,
    is_name,
    is_numbered,
    is_role,
    labelled,
    speaker,
)
from connectors.markup import has_blocks, plain

LONGEST_NAME = 60
NO_CUSTOMER = "has no turn of a customer; a turn begins with `Customer:` or `Member:`"
NO_SPEAKER = (
    "does not say who speaks; a turn begins with its speaker, "
    "such as `Customer:` and `Agent:`, a turn a line"
)

_NOTE = re.compile(  # `(pause)`, `02:36`, `Duration: 9 minutes`
    r"[(\[].*[)\]]|(?:(?!\d:\d)[\d:. ])*+\d:\d[\d:. ]*|\w+\)"
    r"|(call )?(duration|elapsed time)\s*:.*|transcribed by \S+"
    r"|transcription (?:started|ended).*|[-=*_#~]{4,}|(?:[\[(][^\[\]()]{1,40}[)\]] ?)?"
    r"[-=*_#~]{2,}+[^-=]{0,60}[-=*_#~]{2,}"
    r"|@(?:begin|end|utf8|languages|participants|media)\b.*"
    r"|meeting ended after [\d:]++.*|this editable transcript was computer generated\b.*",
    re.I,
)
_TIMES = re.compile("[\\d:;., >\u2013\u2014-]{3,60}")  # `0:00:03:12 - 0:00:06:02`
_SPELLED = re.compile(r"(?:\d{1,2} hours? )?\d{1,2} minutes? \d{1,2} seconds?(?: ?[\d:]+)?")
_COMING = re.compile(  # `Jane Roe joined the call`
    r"(?!(?:I|We|You|He|She|They|It)\b)(?P<name>[^.,:;?!]{1,60}?) (?:has )?"
    r"(?:(?:joined|left|entered) the (?:chat|call|meeting|conversation|room|session)"
    r"|(?:started|stopped) (?:the )?(?:transcription|recording))"
)
_UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # of chats
_SPEECH = re.compile(r"(?:\S+\s+){3,}\S+[.?!]")  # `Hello, my line is dead.`, and no heading

OnLoose = Callable[[str], None]  # gets words that stand before the first speaker
OnNote = Callable[[str], None]  # gets a line that nobody said: a time, a heading, who joined


class Utterance(NamedTuple):
    """A turn as its source has it. label: of the speaker. at: seconds from the call's start."""

    label: str
    text: str
    at: float | None = None


class _Growing(NamedTuple):
    """A turn that goes on. Its texts are joined once: one by one, they would take the square of
    their length.
    """

    first: Utterance
    texts: list[str]

    @property
    def has_text(self) -> bool:
        return any(self.texts)

    def whole(self) -> Utterance:
        if len(self.texts) == 1:
            return self.first
        return self.first._replace(text=" ".join(self.texts).strip())


def to_turns(utterances: Iterable[Utterance]) -> tuple[Turn, ...]:
    """Turns with the side of their label, or else with its name; empty ones are left out.

    Where nobody seems to be an agent, labels that add words to a role are names: beside `Customer`,
    `Customer Kindness` is somebody else, and so is `Guest Recovery` who picks up the phone.
    """
    utterances = list(utterances)
    sides = _sides(utterances)
    turns = []
    for label, text, at in utterances:
        side = sides[label]
        name = None if side else display_name(label)[:LONGEST_NAME]
        if text.strip() and (side or name):
            turns.append(Turn(speaker=side or "unknown", text=text.strip(), name=name, at=at))
    return tuple(turns)


def _sides(utterances: Sequence[Utterance]) -> dict[str, Speaker | None]:
    sides = {label: speaker(label) for label, *_ in utterances}
    longer = {label for label, side in sides.items() if side and not _is_plain(label)}
    if "agent" in sides.values() or longer == sides.keys():
        return sides
    has_plain = any(side and label not in longer for label, side in sides.items())
    return sides | dict.fromkeys(longer if has_plain else longer & {utterances[0].label}, None)


def _is_plain(label: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", label)) == 1


def turns(
    lines: Iterable[str], on_loose: OnLoose | None = None, on_note: OnNote | None = None
) -> tuple[Turn, ...]:
    """The turns of `Member: Hello` lines. A line without a speaker belongs to the turn before it,
    notes to none: on_note gets them.

    Names without a side (`Anna:`, `Speaker 2:`) count as speakers where a conversation is plainly
    theirs: they come again and again, and there is no speaker, or only one side, without them.
    """
    lines = [_UNSEEN.sub("", line).strip() for line in without_markup(lines)]
    lines = [part for parts in parted(unwrapped(lines)) for part in parts]
    matches = list(map(labelled, lines))
    labels = _labels(lines, matches)
    for form in WEAK if not labels else ():
        matches = [labelled(line, only=form) for line in lines]
        labels = _labels(lines, matches, roles_suffice=False)
        if labels:
            break
    notes: list[str] = []
    utterances = _utterances(lines, matches, labels, on_loose, notes)
    for note in notes:
        if on_note:
            on_note(note)
    return to_turns(utterances)


def without_markup(lines: Iterable[str]) -> Iterable[str]:
    """The lines that a page shows, of a text that is one."""
    lines = list(lines)
    is_page = any(map(has_blocks, lines))
    return plain("<br>".join(lines)).split("\n") if is_page else lines


def _labels(
    lines: Sequence[str], matches: Sequence[Labelled | None], *, roles_suffice: bool = True
) -> frozenset[str]:
    """The labels that begin turns. roles_suffice: one that names a role does wherever it stands;
    else all of them must begin half of the lines.
    """
    counts = Counter(match.label for match in matches if match)
    roles = frozenset(filter(is_role, counts))
    if not roles_suffice and not _are_turns(roles, lines, matches):
        roles = frozenset()
    if len(set(map(speaker, roles))) == 2:
        return roles
    labels = roles | _names(counts, roles)
    return labels if len(labels) > 1 and _are_turns(labels, lines, matches) else roles


def _are_turns(
    labels: frozenset[str], lines: Sequence[str], matches: Sequence[Labelled | None]
) -> bool:
    """Do the labels begin half of the lines? Under a heading (`Anna  0:05`) stands another line."""
    words = sum(1 for line in lines if line and not _is_note(line))
    begun = [match for match in matches if match and match.label in labels]
    headings = [match for match in begun if match.form in ("heading", "alone")]
    return 2 * (len(begun) + len(headings)) >= words


def _is_note(line: str) -> bool:
    coming = _COMING.fullmatch(line)
    is_time = _TIMES.fullmatch(line) and re.search(r"\d:\d", line)
    return bool(_NOTE.fullmatch(line) or _SPELLED.fullmatch(line) or is_time) or (
        coming is not None and is_name(coming["name"])
    )


def _names(counts: Counter[str], roles: frozenset[str]) -> frozenset[str]:
    """The labels without a role that come again, or are numbered; beside a role also a name that
    answers once.
    """
    names = {label for label in counts.keys() - roles if _may_be_name(label, counts[label])}
    if not names and roles:
        names = {label for label in counts.keys() - roles if is_name(label)}
    return frozenset(names)


def _may_be_name(label: str, times: int) -> bool:
    if is_numbered(label):
        return True
    return times > 1 and (is_name(label) or len(label.split()) <= 3)


def merged(captions: Iterable[Utterance]) -> list[Utterance]:
    """Captions to turns: those of one speaker in a row are one turn, at its beginning."""
    turns: list[_Growing] = []
    for caption in captions:
        if turns and turns[-1].first.label == caption.label:
            turns[-1].texts.append(caption.text)
        else:
            turns.append(_Growing(caption, [caption.text]))
    return _whole(turns)


def _utterances(
    lines: Sequence[str],
    matches: Sequence[Labelled | None],
    labels: frozenset[str],
    on_loose: OnLoose | None,
    notes: list[str],
) -> list[Utterance]:
    utterances: list[_Growing] = []
    counts = Counter(match.label for match in filter(None, matches))
    before = ""
    for line, match in zip(lines, matches, strict=True):
        # `My panel shows this:` is followed by what the panel shows.
        goes_on = before.endswith(":") and any(turn.has_text for turn in utterances[-1:])
        if match and match.label in labels and (counts[match.label] > 1 or not goes_on):
            first = Utterance(match.label, match.text, match.at)
            utterances.append(_Growing(first, [match.text]))
        elif line:
            _go_on(utterances, line, on_loose, notes)
        before = line or before
    return _whole(utterances)


def _whole(utterances: Iterable[_Growing]) -> list[Utterance]:
    return [utterance.whole() for utterance in utterances]


def _go_on(
    utterances: list[_Growing], line: str, on_loose: OnLoose | None, notes: list[str]
) -> None:
    if _is_note(line) or not (utterances or _SPEECH.fullmatch(line)):
        notes.append(line)
    elif utterances:
        utterances[-1].texts.append(line)
    elif on_loose:
        on_loose(line)

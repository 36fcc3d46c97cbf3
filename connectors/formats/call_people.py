"""People of a call in JSON: whom an id, an object or a flag beside the words stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.formats.labels import Speaker, is_role, speaker
from connectors.formats.turn_lists import DEEPEST, SIDES, TEXTS, by_column, first, first_of, text_of
from connectors.tabular.rows import column_name

ROLE = "participant_role"  # the first name under which a turn says who speaks
_PEOPLE = ("participants", "speakers", "users", "parties", "members", "attendees")
_IDS = ("participant_id", "speaker_id", "user_id", "id", "email")
_SPEAKERS = (  # beside the words of a turn
    *("speaker", "participant", "author", "sender", "from", "user"),
    *("speaker_id", "participant_id", "author_id", "sender_id", "from_id", "user_id"),
)
_ROLES = (
    *("participant_role", "participant_purpose", "purpose", "role", "type", "affiliation"),
    *("user_type", "speaker_type", "label"),
)
_NAMES = ("name", "display_name", "full_name", "participant_name", "label", "username", "email")
_INCOMING = frozenset(("incoming", "is_incoming", "inbound", "is_inbound"))
_OUTGOING = frozenset(("outgoing", "is_outgoing", "outbound", "is_outbound", "from_me"))
# Who is not this is of the other side; who is no guest may be a member.
_TWO_SIDED = frozenset(("agent", "customer", "client", "user"))
OTHER_SIDE: Mapping[Speaker, Speaker] = {"agent": "customer", "customer": "agent"}


def with_speakers(
    value: Any, people: Mapping[str, str] | None = None, depth: int = 0, *, is_listed: bool = False
) -> Any:
    """The JSON, whose turns that name their speaker by an id, an object or a flag have a label. A
    flag counts only in a list within an object: there the entries are of one conversation.

    people: labels by the ids of those who are named around the value.
    """
    if depth > DEEPEST:
        return value
    if isinstance(value, list):
        listed = is_listed or depth > 0
        return [with_speakers(entry, people, depth + 1, is_listed=listed) for entry in value]
    if not isinstance(value, dict):
        return value
    known = _with_people(people or {}, value)
    inner = {
        key: with_speakers(entry, known, depth + 1, is_listed=is_listed)
        for key, entry in value.items()
    }
    if not known and not any(isinstance(entry, dict | bool) for entry in value.values()):
        return inner  # a word among thousands
    label = _label(by_column(value), known, is_listed=is_listed)
    return {ROLE: label} | inner if label else inner


def _with_people(people: Mapping[str, str], value: Mapping[str, Any]) -> Mapping[str, str]:
    """With those of whom the object tells; most of many objects tell of none, and need no copy."""
    more = _people(value)
    return {**people, **more} if more else people


def direction_side(name: str) -> Speaker | None:
    """The side of those whose messages have this flag, such as `incoming` or `from_me`."""
    return "customer" if name in _INCOMING else "agent" if name in _OUTGOING else None


def flag_side(name: str) -> Speaker | None:
    """The side of those whose flag this is, such as `is_agent` or `from_customer`; a verified buyer
    is a kind of customer, and no side.
    """
    mark, _, role = name.partition("_")
    if direction := direction_side(name):
        return direction
    if "_" in role:
        return None
    is_flag = mark == "is" or (mark == "from" and role in ("agent", "customer", "client"))
    return speaker(role) if is_flag and is_role(role.capitalize()) else None


def is_two_sided(name: str, *, is_named: bool = False) -> bool:
    """Is the side of those without this flag the other one? Beside a speaker's name, who is no bot
    may be an agent. is_named: is there a name?
    """
    is_plain = name.partition("_")[2] in _TWO_SIDED or bool(direction_side(name))
    return is_plain or (flag_side(name) == "agent" and not is_named)


def name_within(value: Mapping[str, Any], depth: int = 0) -> str:
    """Of an object that stands for a speaker: what names a side, or else the name."""
    values = by_column(dict(value))
    names = [str(values[key]) for key in (*_ROLES, *_NAMES) if _is_plain(values.get(key))]
    inner = [value for value in values.values() if isinstance(value, dict)]
    within = [name_within(value, depth + 1) for value in inner] if depth < 2 else []
    own = (str(values[key]) for key in (*_NAMES, *_ROLES, "id") if _is_plain(values.get(key)))
    names += within
    return next(filter(speaker, names), "") or next(filter(None, (*own, *within)), "")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _people(value: Mapping[str, Any]) -> dict[str, str]:
    """The labels of those whom lists such as `participants` tell of, by each of their ids."""
    people: dict[str, str] = {}
    for key, entries in value.items():
        if not isinstance(entries, list | dict) or column_name(key) not in _PEOPLE:
            continue
        if isinstance(entries, dict):
            people |= {str(id): name for id, name in entries.items() if isinstance(name, str)}
            continue
        for entry in entries:
            people |= _ids_of(by_column(entry)) if isinstance(entry, dict) else {}
    return people


def _ids_of(person: Mapping[str, Any]) -> dict[str, str]:
    """The label of a person by each id."""
    label = name_within(person)
    ids = (str(person[name]) for name in _IDS if _is_plain(person.get(name)))
    return {id: label for id in ids if label and label != id}


def _label(turn: Mapping[str, Any], people: Mapping[str, str], *, is_listed: bool) -> str:
    """'' of what is no turn, or says by itself of which side it is."""
    if speaker(str(first(turn, _ROLES))) or not text_of(first_of(turn, TEXTS)):
        return ""
    labels = [_of_speaker(turn[name], people) for name in _SPEAKERS if name in turn]
    names = _plain_names(turn)
    label, column = next(filter(speaker, labels), ""), _column_of_side(names)
    if label or column:
        return label or ("" if column in SIDES else names[column])
    is_named = any((*labels, *names.values()))
    flagged = _flagged(turn, is_named=is_named) if is_listed else None
    return flagged or next(filter(None, labels), "")


def _plain_names(turn: Mapping[str, Any]) -> dict[str, str]:
    """What names a speaker without an object or a list, by column."""
    columns = (column for column in (*SIDES, *_SPEAKERS) if _is_plain(turn.get(column)))
    return {column: str(turn[column]) for column in columns}


def _column_of_side(names: Mapping[str, str]) -> str:
    """The first of the columns whose value names a side; '' where none does."""
    return next((column for column, name in names.items() if speaker(name)), "")


def _flagged(turn: Mapping[str, Any], *, is_named: bool) -> Speaker | None:
    """The side by the flags of a turn: first by those that are set."""
    flags = {name: side for name in turn if (side := flag_side(name))}
    true = (side for name, side in flags.items() if turn[name] is True)
    false = (
        OTHER_SIDE[side]
        for name, side in flags.items()
        if turn[name] is False and is_two_sided(name, is_named=is_named)
    )
    return next(true, None) or next(false, None)


def _of_speaker(value: Any, people: Mapping[str, str]) -> str:
    if isinstance(value, dict):
        id = first(by_column(value), _IDS)
        return people.get(str(id), "") or name_within(value)
    return people.get(str(value), "") if _is_plain(value) else ""

"""Columns of a table of messages, told by what stands in them where their names say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from connectors.formats.cells import (
    are_ids,
    are_people,
    are_phrases,
    are_subjects,
    can_be_read,
    day_of,
    is_handle,
    is_link,
    is_plain_date,
    is_resource,
    is_seconds,
    is_time_of_day,
    is_value,
    may_be_text_too,
    may_be_words,
    mostly,
)
from connectors.formats.columns import (
    AUTHOR,
    BRAND,
    CLASSES,
    CLOCK,
    DATE,
    FIRST_NAMES,
    GIVEN_NAME,
    ID,
    LAST_NAMES,
    ROLES,
    TEXT,
    THREAD,
    TITLE,
    Role,
    brand_column,
    plain_names,
    text_column,
)
from connectors.formats.turn_columns import word_count
from connectors.tabular.rows import first_of

_FEW = 3  # columns
_MANY_MORE = 3  # times as many words
_LONG_QUESTION = 5
_QUESTION = 3  # words of a name, and more, are a question of a survey
_CELLS = 50  # that are looked at
_LONGEST_NAME = 100
_OF_TIME = frozenset(
    ("at", "created", "epoch", "posted", "received", "sent", "unix", "utc", "when")
)
_OF_OTHERS = frozenset(
    (
        *("agent", "answer", "bio", "company", "developer", "internal", "owner", "reply"),
        *("replies", "resolution", "staff", "antwort", "réponse", "respuesta", "risposta"),
        *("resposta", "antwoord", "svar", "odpowiedź", "ответ", "cevap", "browser", "device"),
        *("shop", "shops", "seller", "vendor", "händlers", "vendeur", "vendedor", "venditore"),
    )
)
# Where nothing else tells the time.
_LAST_DATES = frozenset(
    (
        *("updated", "indexed", "crawled", "scraped", "retrieved", "imported", "first"),
        *("incident", "event", "visit", "stay"),
    )
)
_OF_MANY = frozenset(("contact", "conversation", "session", "thread"))  # messages

_OURS = frozenset((*(role.name for role in ROLES), CLOCK, THREAD, GIVEN_NAME))

Rows = Sequence[Sequence[str]]


def may_name_columns(cells: Sequence[str]) -> bool:
    """Can these be the names of columns, and not a row: no numbers, dates, addresses, and no more
    than one sentence, as a survey has it?
    """
    names = [cell.strip() for cell in cells]
    if len(names) > _FEW and not names[0]:
        names = names[1:]  # above the numbers of the rows
    values = list(filter(is_value, names))
    has_one = len(names) > _FEW and len(values) == 1 and values[0].endswith((".", "!"))
    are_short = all(0 < len(name) <= _LONGEST_NAME for name in names)
    return len(names) > 1 and are_short and (not values or has_one)


class MessageColumns(NamedTuple):
    """names: of the columns, ours where we know them. text: the place of the texts. rivals: of the
    columns that may be the texts as well.
    """

    names: tuple[str, ...]
    text: int | None = None
    rivals: tuple[int, ...] = ()


def by_content(names: Sequence[str], rows: Rows) -> MessageColumns:
    """The names, with our own for the text, its author, time, subject and id where no name says
    which column that is, or says what its cells deny. rows: some of the table's, each as wide as
    names.
    """
    columns = [[row[place].strip() for row in rows[:_CELLS]] for place in range(len(names))]
    better = plain_names(names)
    text, rivals = _text(better, columns)
    if text is None:
        return MessageColumns(tuple(names))
    own_name = better[text]
    _rename(better, text, TEXT.name)
    _find_date(better, columns, own_name)
    _find_id(better, rows, text)
    brand = brand_column(better)
    if brand is not None and better[brand] not in _OURS:
        _rename(better, brand, BRAND.name)
    _find(TITLE, _subjects(better, columns, own_name), better, columns)
    _find(AUTHOR, _authors(better, columns), better, columns)
    rivals = [place for place in rivals if better[place] not in _OURS]
    return MessageColumns(tuple(better), text, tuple(rivals))


def _filled(role: Role, names: Sequence[str], columns: Rows) -> list[int]:
    """The columns that may be it, the likelier first; those without a value last."""
    return sorted(role.places(names), key=lambda place: not any(columns[place]))


def _text(names: Sequence[str], columns: Rows) -> tuple[int | None, list[int]]:
    """The column of texts: by a name that we know, by the words of its name, by its sentences; and
    rivals of which the same can be said.
    """
    words = [word_count(cells) for cells in columns]
    candidates = _named_texts(names, columns, words)
    text = candidates[0] if candidates else _of_sentences(names, columns)
    if text is None:
        return None, []
    rivals = [place for place in candidates or range(len(names)) if _is_written(names[place])]
    return text, [
        place
        for place in rivals
        if place != text and may_be_text_too(columns[place], columns[text])
    ]


def _named_texts(names: Sequence[str], columns: Rows, words: Sequence[int]) -> list[int]:
    """The columns that are named like texts, the likeliest first; none where the texts stand in
    another column.
    """
    places = [place for place in _filled(TEXT, names, columns) if may_be_words(columns[place])]
    places = [place for place in places if _is_written(names[place])] or places
    are_empty = all(columns[place].count("") == len(columns[place]) for place in places)
    known = [place for place in places if names[place] in TEXT.known]
    unknown = sorted(set(places) - set(known), key=lambda place: (-words[place], place))
    is_elsewhere = any(words) if are_empty else not known and _are_outdone(names, words, unknown)
    return [] if is_elsewhere else known + unknown


def _are_outdone(names: Sequence[str], words: Sequence[int], places: Sequence[int]) -> bool:
    """Has a column of an unknown name many more words than these?"""
    free = (words[place] for place, name in enumerate(names) if _may_be_anything(name))
    return _MANY_MORE * max((words[place] for place in places), default=0) < max(free, default=0)


def _of_sentences(names: Sequence[str], columns: Rows) -> int | None:
    """The wordiest of the columns with sentences; what was answered only where nothing else is."""
    words = [word_count(cells) for cells in columns]
    if not words:  # objects without a member, or of members alone that are no cells
        return None
    own = [_is_written(name) for name in names]
    best = max(range(len(names)), key=lambda place: (own[place] and words[place] > 0, words[place]))
    return best if words[best] and len(columns[best]) > 1 else None


def _is_written(name: str) -> bool:
    """By whom the message is of, and not by who answers it?"""
    words = set(name.split("_"))
    if len(words) > _LONG_QUESTION:
        words.discard("answer")
    return bool(name) and _OF_OTHERS.isdisjoint(words)


def _subjects(names: Sequence[str], columns: Rows, text_name: str) -> list[int]:
    """The columns that may be the subject: where the text itself is named like one, only what is
    rather called so, and no title that is a person's. Last, phrases that stand before the text.
    """
    ranks = [[*names, text_name][place] for place in TITLE.places([*names, text_name])]
    rather = set(ranks[: ranks.index(text_name)] if text_name in ranks else ranks)
    if {"first_name", "last_name", "full_name", "surname"} & set(names) and "email" in names:
        rather.discard("title")
    places = [place for place in _filled(TITLE, names, columns) if names[place] in rather]
    before = names.index(TEXT.name) - 1
    if text_name not in ranks and before >= 0 and _is_plain_name(names[before]):
        places += [before] * are_subjects(columns[before])
    return places


def _is_plain_name(name: str) -> bool:
    return name.count("_") < _QUESTION and _may_be_anything(name)


def _authors(names: list[str], columns: Rows) -> list[int]:
    """The columns that may be the author: by their names; then the two parts of a name; then, by
    their cells, names of people before the text, addresses and handles. Who a message is from is
    named before somebody's user, where it also says to whom.
    """
    places = sorted(
        _filled(AUTHOR, names, columns),
        key=lambda place: "mail" in names[place] and not any(map(is_handle, columns[place])),
    )
    if {"from", "to"} <= set(names):
        places.insert(0, names.index("from"))
    places = places or _two_parts(names)
    free = [place for place, name in enumerate(names) if _may_be_anything(name)]
    text = names.index(TEXT.name)
    places += (place for place in free if place < text and are_people(columns[place]))
    return places + [place for place in free if mostly(columns[place], is_handle)]


def _two_parts(names: list[str]) -> list[int]:
    """The column of family names, beside which the given one gets our name."""
    first, last = first_of(names, FIRST_NAMES), first_of(names, LAST_NAMES)
    if first is None or last is None:
        return []
    names[first] = GIVEN_NAME
    return [last]


def _may_be_anything(name: str) -> bool:
    """Does no word of the name say what else it is?"""
    return bool(name) and name not in _OURS and TEXT.allows(name) and AUTHOR.allows(name)


def _find(role: Role, places: Sequence[int], names: list[str], columns: Rows) -> None:
    """Give the likeliest of these columns with short cells the role's name. Where there is none,
    no column keeps a name that says so.
    """
    links = [place for place in places if any(map(is_link, columns[place]))]
    last = links if role is AUTHOR else []
    for place in [*(place for place in places if place not in links), *last]:
        if names[place] not in _OURS - {role.name} and are_phrases(columns[place]):
            if names[place] not in CLASSES:
                _rename(names, place, role.name)
            return
    for place in role.places(names):
        if names[place] not in _OURS - {role.name}:
            names[place] = ""


def _find_id(names: list[str], rows: Rows, text: int) -> None:
    """The first column of ids that each name one message. One that several texts share is the
    name of their conversation.
    """
    columns = [[row[place].strip() for row in rows] for place in range(len(names))]
    for place in _ids(names, columns):
        pairs = set(zip(columns[place], columns[text], strict=True)) - {("", "")}
        ids = [id for id, _ in pairs if id]
        differ = len(set(ids))
        if differ and differ == len(ids):
            _rename(names, place, ID.name)
            return
        # one id for all is that of a form
        names[place] = THREAD if differ > 1 and THREAD not in names else ""


def _ids(names: Sequence[str], columns: Rows) -> list[int]:
    """The columns of ids by their names. One that is missing in some rows, or names a conversation,
    is second to others. Else a first column that counts.
    """
    places = [place for place in ID.places(names) if names[place] not in _OURS - {ID.name}]
    places += _resources(names, columns)
    if not places and names[0] not in _OURS and ID.allows(names[0]) and are_ids(columns[0]):
        return [0]
    return sorted(
        places,
        key=lambda place: (not _OF_MANY.isdisjoint(names[place].split("_")), "" in columns[place]),
    )


def _resources(names: Sequence[str], columns: Rows) -> list[int]:
    """The column `name`, where it holds paths to resources."""
    return [
        at for at, name in enumerate(names) if name == "name" and mostly(columns[at], is_resource)
    ]


def _find_date(names: list[str], columns: Rows, text_name: str) -> None:
    date = next(_times(names, columns, text_name), None)
    if date is None:
        return
    date = _exact(names, columns, date)
    _rename(names, date, DATE.name)
    if any(":" in cell for cell in columns[date]):
        return
    for place, cells in enumerate(columns):
        if place != date and mostly(cells, is_time_of_day) and _is_own(names[place]):
            _rename(names, place, CLOCK)
            return


def _exact(names: Sequence[str], columns: Rows, date: int) -> int:
    """The column that gives these days with their time, where this one does not."""
    days = list(map(day_of, columns[date]))
    if any(":" in cell for cell in columns[date]):
        return date
    for place in _dates(names, columns):
        if ":" in "".join(columns[place]) and list(map(day_of, columns[place])) == days:
            return place
    return date


def _times(names: Sequence[str], columns: Rows, text_name: str) -> Iterator[int]:
    """The columns that may tell when a message was written, the likelier first, such as
    `feedback_date` beside `feedback_text`.
    """
    words = set(text_name.split("_"))
    candidates = sorted(
        DATE.places(names), key=lambda place: words.isdisjoint(names[place].split("_"))
    )
    yield from (place for place in candidates if mostly(columns[place], can_be_read))
    yield from _dates(names, columns)
    yield from candidates
    last = (place for place, name in enumerate(names) if _LAST_DATES & set(name.split("_")))
    yield from (place for place in last if mostly(columns[place], is_plain_date))


def _dates(names: Sequence[str], columns: Rows) -> Iterator[int]:
    """The columns whose cells are dates, but for the text's. An order has ten digits as Unix time
    has.
    """
    text = text_column(names)
    for place, cells in enumerate(columns):
        is_time = not _OF_TIME.isdisjoint(names[place].split("_"))
        are_dates = mostly(cells, is_plain_date) or (is_time and mostly(cells, is_seconds))
        if place != text and _is_own(names[place]) and are_dates:
            yield place


def _is_own(name: str) -> bool:
    """Is it no column of what became of a message, or of somebody's birth?"""
    return DATE.excluded.isdisjoint(name.split("_"))


def _rename(names: list[str], place: int, name: str) -> None:
    names[:] = ["" if other == name else other for other in names]
    names[place] = name

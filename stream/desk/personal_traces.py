"""Traces of a person outside their own messages: in notes, answers, history, audit and letters."""

from __future__ import annotations

import asyncio
import html
import json
import quopri
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.desk.named_columns import TABLES

NAME, WORDS = "[name]", "[removed]"
PIECE = 8  # words in a row that are theirs; of a shorter text, all of it
SHORT = 4  # letters; a shorter name counts with @ or in quotes alone
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_BATCH = 500


class Traces:
    """What tells of one person. names: handles, as stored; texts: their messages.

    near: where they wrote themselves, so that a plain word that is their name is their name, and a
    short message that is theirs is no phrase of anybody's.
    """

    def __init__(
        self, names: Collection[str], texts: Collection[str] = (), *, near: bool = False
    ) -> None:
        self.names = sorted({name.strip().lstrip("@") for name in names} - {""})
        self._patterns = [_pattern(name, near=near) for name in self.names]
        every = (piece for words in texts for piece in _pieces(_words(words)))
        self._pieces = {piece for piece in every if near or len(piece) == PIECE}

    @property
    def like(self) -> list[str]:
        """Patterns of `ilike` for whatever may name them."""
        return [f"%{literal(form)}%" for name in self.names for form in _forms(name)]

    def names_in(self, words: str) -> bool:
        return any(pattern.search(words) for pattern in self._patterns)

    def quoted_in(self, words: str) -> bool:
        """Whether as many words in a row are theirs as are nobody else's."""
        sequence = _words(words)
        return any(
            tuple(sequence[at : at + PIECE]) in self._pieces
            for at in range(len(sequence) - PIECE + 1)
        )

    def named_in_bytes(self, value: bytes | None) -> bool:
        """Whether bytes that nobody could read name the person, however they are escaped."""
        return value is not None and any(self.names_in(view) for view in _views(value))

    def without(self, value: Any) -> Any:
        """The text, list or JSON without the person's name and pieces of what they wrote."""
        if isinstance(value, str):
            return self._without(value)
        if isinstance(value, list):
            return [self.without(item) for item in value]
        if isinstance(value, dict):
            return {self.without(name): self.without(item) for name, item in value.items()}
        return value

    def _without(self, words: str) -> str:
        for pattern in self._patterns:
            words = pattern.sub(NAME, words)
        spans = [(match.start(), match.end(), match[0].casefold()) for match in _places(words)]
        theirs = [False] * len(spans)
        for size in {len(piece) for piece in self._pieces}:
            for at in range(len(spans) - size + 1):
                if tuple(word for *_, word in spans[at : at + size]) in self._pieces:
                    theirs[at : at + size] = [True] * size
        for at in reversed(range(len(spans))):
            if theirs[at]:
                begin = at
                while begin and theirs[begin - 1]:
                    begin -= 1
                words = words[: spans[begin][0]] + WORDS + words[spans[at][1] :]
                theirs[begin : at + 1] = [False] * (at + 1 - begin)
        return words


async def remove_traces(
    connection: AsyncConnection,
    traces: Traces,
    conversations: Sequence[str] | None = None,
    *,
    network: str | None = None,
) -> set[str]:
    """Take the person's name and words out of what others wrote; returns the conversations of the
    messages that this changed.

    conversations: look at these alone, and at everything in them; None: wherever the name stands.
    network: of the messages that are looked at.
    """
    changed: set[str] = set()
    for table in TABLES:
        if conversations is not None and table not in _IN_CONVERSATION:
            continue
        changed |= await _clean(connection, table, traces, conversations, network)
    return changed


async def remove_quotes(
    engine: AsyncEngine, traces: Traces, own: Collection[str], *, network: str | None = None
) -> set[str]:
    """Take what others quote of the person out of every table, whether it says whose words they
    are or not; returns the conversations of the messages that this changed.

    own: ids of the person's messages, which stay. network: of the messages that are looked at.
    """
    changed: set[str] = set()
    for table in TABLES:
        keys = await _quoting(engine, table, traces, network)
        keys -= set(own) if table == "events" else set()
        ordered = sorted(keys)
        for at in range(0, len(ordered), _BATCH):
            where = f"{TABLES[table][0][0]}::text = any(:keys)"
            async with engine.begin() as connection:
                changed |= await _clean_where(
                    connection, table, traces, where, {"keys": ordered[at : at + _BATCH]}
                )
    return changed


async def _quoting(
    engine: AsyncEngine, table: str, traces: Traces, network: str | None
) -> set[str]:
    """The first key of the rows with a quote. Every row is read, once, whatever was written."""
    key, columns = TABLES[table]
    words = " || ' ' || ".join(f"coalesce({name}::text, '')" for name in columns)
    is_of_network = ""
    if table == "events" and network is not None:
        is_of_network = "where network = :network"
    query = text(f"select {key[0]}::text as key, {words} as words from {table} {is_of_network}")  # noqa: S608  our own words
    values = {"network": network} if is_of_network else {}
    keys: set[str] = set()
    async with engine.connect() as connection:
        rows = await connection.stream(query, values, execution_options={"yield_per": _BATCH})
        async for part in rows.partitions():
            keys |= {row.key for row in part if traces.quoted_in(row.words)}
            await asyncio.sleep(0)  # others are served between two parts
    return keys


_IN_CONVERSATION = {
    "events": "conversation = any(:conversations)",
    "replies": "split_part(ticket_id, ' ', 1) = any(:conversations)",
    "tickets": "split_part(id, ' ', 1) = any(:conversations)",
    "ticket_changes": "split_part(ticket_id, ' ', 1) = any(:conversations)",
}


async def _clean(
    connection: AsyncConnection,
    table: str,
    traces: Traces,
    conversations: Sequence[str] | None,
    network: str | None,
) -> set[str]:
    columns = TABLES[table][1]
    columns_text = " || ' ' || ".join(f"coalesce({name}::text, '')" for name in columns)
    where = f"{columns_text} ilike any(:patterns)"
    values: dict[str, Any] = {"patterns": traces.like}
    if conversations is not None:
        where, values = _IN_CONVERSATION[table], {"conversations": list(conversations)}
    elif network is not None and table == "events":
        where, values["network"] = f"network = :network and {where}", network
    return await _clean_where(connection, table, traces, where, values)


async def _clean_where(
    connection: AsyncConnection, table: str, traces: Traces, where: str, values: dict[str, Any]
) -> set[str]:
    key, columns = TABLES[table]
    conversation = "conversation" if table == "events" else "''"
    # JSON is read as text, so that no driver's idea of it stands between.
    read = ", ".join(f"to_jsonb({name})::text as {name}" for name in columns)
    query = f"select {', '.join(key)}, {conversation} as whose, {read} from {table} where {where}"  # noqa: S608  our own words
    changed: set[str] = set()
    for row in (await connection.execute(text(query), values)).mappings().all():
        before = {name: json.loads(row[name] or "null") for name in columns}
        after = traces.without(before)
        if after != before:
            for name, kind in columns.items():
                if kind == "name" and after[name] != before[name]:
                    after[name] = f"removed-{row[key[0]]}"
            await _put(connection, table, row, after)
            changed.add(row["whose"])
    return changed - {""}


async def _put(connection: AsyncConnection, table: str, row: Any, values: dict[str, Any]) -> None:
    key, columns = TABLES[table]
    put = ", ".join(f"{name} = {_cast(name, kind)}" for name, kind in columns.items())
    same = " and ".join(f"{name} = :key_{name}" for name in key)
    new = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    await connection.execute(
        text(f"update {table} set {put} where {same}"),  # noqa: S608  our own words
        new | {f"key_{name}": row[name] for name in key},
    )


def _cast(name: str, kind: str) -> str:
    """The column's value out of its JSON."""
    value = f"cast(:{name} as jsonb)"
    if kind == "jsonb":
        return f"nullif({value}, 'null')"
    if kind in ("text", "name"):
        return f"{value} #>> '{{}}'"
    return f"array(select jsonb_array_elements_text({value}))"


async def letters_of(connection: AsyncConnection, traces: Traces, *, remove: bool) -> int:
    """How many dead letters name the person, in any escape. remove: they are deleted."""
    count, after = 0, 0
    query = text(
        "select id, key, value from dead_letters where id > :after order by id limit :limit"
    )
    while rows := (await connection.execute(query, {"after": after, "limit": _BATCH})).all():
        after = rows[-1].id
        theirs = [
            row.id
            for row in rows
            if traces.named_in_bytes(row.value) or traces.named_in_bytes(row.key)
        ]
        if theirs and remove:
            await connection.execute(
                text("delete from dead_letters where id = any(:ids)"), {"ids": theirs}
            )
        count += len(theirs)
    return count


def _forms(name: str) -> list[str]:
    """The name in small letters, in large ones, and as it is: some letters have several to one, as
    `İ` and `ß`, which no comparison of single letters finds. The longest first.
    """
    forms = {name, name.lower(), name.upper(), name.casefold()}
    return sorted(forms, key=lambda form: (-len(form), form))


def _pattern(name: str, *, near: bool) -> re.Pattern[str]:
    literal = f"(?:{'|'.join(map(re.escape, _forms(name)))})"
    is_word = len(name) < SHORT or (name.isalpha() and not near)
    plain = rf"(?<!\w)@{literal}(?!\w)|(?<=[\"'])@?{literal}(?=[\"'])"
    # An account's number is joined to a message's by `_` on some networks.
    end = r"(?![^\W_])" if name.isdigit() else r"(?!\w)"
    return re.compile(plain if is_word else rf"(?<!\w)@?{literal}{end}", re.IGNORECASE)


def _views(value: bytes) -> Iterator[str]:
    """The bytes as text, and with each escape that JSON, forms, HTML and mails write undone."""
    words = value.decode("utf-8", "replace")
    yield words
    if "\\" in words:
        unescaped = _UNICODE.sub(lambda match: chr(int(match[1], 16)), words)
        yield unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "%" in words:
        yield unquote(words)
    if "&" in words:
        yield html.unescape(words)
    if "=" in words:
        yield quopri.decodestring(value).decode("utf-8", "replace")
    if b"\x00" in value:
        yield value.decode("utf-16", "replace")
        yield value.decode("utf-16-be", "replace")


def _pieces(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if len(words) >= 3:  # one or two words are anybody's
        size = min(PIECE, len(words))
        for at in range(len(words) - size + 1):
            yield tuple(words[at : at + size])


def _words(message: str) -> list[str]:
    return [match[0].casefold() for match in _places(message)]


def _places(message: str) -> Iterator[re.Match[str]]:
    return _WORD.finditer(message)


def literal(name: str) -> str:
    """A name in a pattern of `like`, as it is."""
    return name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

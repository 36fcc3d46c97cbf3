"""Canned answers: texts with slots, a state and tags, which a desk writes once and uses often."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Insert,
    Update,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.accounts.audit import note_within
from stream.accounts.row_security import NotTheirs
from stream.desk.actions import Action, NotAllowed, Resolve, Tag, Wait, checked_tags
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.desk_tables import canned_replies
from stream.replies.known import greeting_of
from stream.store.brand_parts import conversation_of

Row = dict[str, Any]
CannedState = Literal["waiting", "resolved"]

SLOTS = ("name", "ticket", "brand")
LONGEST = 4000  # characters; networks take fewer, and say so when it is used
MAX_ROWS = 500  # canned answers that a desk sees at once
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SLOT = re.compile(r"\s?\{([^{}]*)\}")
_BRACE = re.compile(r"[{}]")


class NoCanned(UserError):
    """There is no such canned answer, or none that this person may see."""


class BadWording(UserError):
    """It cannot be written so: what is wrong, and what would do."""


class LostCanned(UserError):
    """Somebody changed the canned answer meanwhile. row: as it is now."""

    def __init__(self, row: Row) -> None:
        super().__init__(f"{row['changed_by']} changed /{row['name']} meanwhile; look at it again")
        self.row = row


@dataclass(frozen=True, slots=True)
class Wording:
    """A canned answer to be written. brand: None for every brand. Check with `checked`."""

    name: str
    text: str = ""
    brand: str | None = None
    state: CannedState | None = None
    tags: tuple[str, ...] = ()


def checked(wording: Wording) -> Wording:
    """The wording as it is stored. Raises BadWording."""
    name = wording.name.strip().lstrip("/").lower()
    if not _NAME.fullmatch(name):
        raise BadWording(
            f"/{name or '?'} is no name: letters, digits, - and _, 40 at most, as in /refund"
        )
    text = wording.text.strip()
    if len(text) > LONGEST:
        raise BadWording(f"/{name} has {len(text)} characters; {LONGEST} are the most")
    _refuse_slots(name, text)
    _refuse_state(name, wording.state)
    tags = _tags(name, wording.tags)
    if not text and wording.state is None and not tags:
        raise BadWording(f"/{name} does nothing: give it words, a state or tags")
    brand = (wording.brand or "").strip() or None
    return Wording(name, storable(text), brand and storable(brand), wording.state, tags)


def _refuse_state(name: str, state: str | None) -> None:
    if state is not None and state not in get_args(CannedState):
        raise BadWording(f"/{name}: a state is waiting or resolved, not {state}")


def _tags(name: str, tags: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(checked_tags(tags))
    except NotAllowed as error:
        raise BadWording(f"/{name}: {error}") from None


def _refuse_slots(name: str, text: str) -> None:
    known = ", ".join(f"{{{slot}}}" for slot in SLOTS)
    for slot in _SLOT.findall(text):
        if slot not in SLOTS:
            raise BadWording(f"/{name}: {{{slot}}} is no slot; there are {known}")
    if _BRACE.search(_SLOT.sub("", text)):
        raise BadWording(f"/{name}: a brace stands alone; slots are {known}")


def fill(text: str, ticket: Mapping[Any, Any]) -> str:
    """The text for this ticket. A slot that nothing is known for goes, with the space before it."""
    values = {
        "name": greeting_of(ticket["author"], ticket["network"]),
        "ticket": conversation_of(ticket["id"]),
        "brand": ticket["brand"],
    }

    def value(match: re.Match[str]) -> str:
        words = values.get(match[1])
        before = match[0][: match[0].index("{")]
        return f"{before}{words}" if words else ""

    return _SLOT.sub(value, text).strip()


def repeats(text: str) -> bool:
    """Whether each customer would get the same words, which the policy lets go once a week."""
    return bool(text) and not {"name", "ticket"} & set(_SLOT.findall(text))


def actions_with(row: Mapping[Any, Any]) -> list[Action]:
    """What the canned answer does to its ticket when it goes."""
    actions: list[Action] = [Tag(add=tuple(row["tags"]))] if row["tags"] else []
    if row["state"] == "waiting":
        actions.append(Wait())
    elif row["state"] == "resolved":
        actions.append(Resolve())
    return actions


class Canned:
    """The table `canned_replies`. brands: those that a person is bound to; None: all.

    Who is bound may use what is of every brand, and write for their own brands alone.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def every(self, brands: frozenset[str] | None = None) -> list[Row]:
        """Those that this person may use, by name."""
        table = canned_replies
        query = select(table).where(_of(brands)).order_by(table.c.name, table.c.brand, table.c.id)
        async with reachable(), self._engine.connect() as connection:
            return [
                dict(row) for row in (await connection.execute(query.limit(MAX_ROWS))).mappings()
            ]

    async def for_brand(self, brand: str | None) -> list[Row]:
        """Those of one ticket, by name: a brand's own comes in place of one that is everybody's."""
        table = canned_replies
        fits = or_(table.c.brand.is_(None), table.c.brand == brand)
        query = select(table).where(fits).order_by(table.c.name, table.c.brand.nulls_last())
        async with reachable(), self._engine.connect() as connection:
            rows = [
                dict(row) for row in (await connection.execute(query.limit(MAX_ROWS))).mappings()
            ]
        by_name: dict[str, Row] = {}
        for row in rows:
            by_name.setdefault(row["name"], row)
        return list(by_name.values())

    async def find(self, number: int, brands: frozenset[str] | None = None) -> Row:
        """Raises NoCanned."""
        async with reachable(), self._engine.connect() as connection:
            return await _find(connection, number, brands)

    async def add(self, wording: Wording, actor: str, brands: frozenset[str] | None = None) -> Row:
        """Raises BadWording, NotTheirs, and UserError where the name is taken."""
        wording = checked(wording)
        _refuse_foreign(wording.brand, brands)
        put = insert(canned_replies).values(**_values(wording), changed_by=actor)
        try:
            async with reachable(), self._engine.begin() as connection:
                return await _write(connection, put, actor, "canned add")
        except IntegrityError:
            raise _name_exists(wording) from None

    async def change(
        self,
        number: int,
        wording: Wording,
        actor: str,
        *,
        seen: int | None = None,
        brands: frozenset[str] | None = None,
    ) -> Row:
        """All of it anew. seen: the version that the person looked at.

        Raises NoCanned, LostCanned, BadWording, NotTheirs, and UserError.
        """
        wording = checked(wording)
        _refuse_foreign(wording.brand, brands)
        try:
            async with reachable(), self._engine.begin() as connection:
                await _to_change(connection, number, seen, brands)
                put = update(canned_replies).where(canned_replies.c.id == number)
                put = put.values(
                    **_values(wording),
                    changed_by=actor,
                    version=canned_replies.c.version + 1,
                    updated_at=func.now(),
                )
                return await _write(connection, put, actor, "canned change")
        except IntegrityError:
            raise _name_exists(wording) from None

    async def remove(
        self,
        number: int,
        actor: str,
        *,
        seen: int | None = None,
        brands: frozenset[str] | None = None,
    ) -> None:
        """Raises NoCanned, LostCanned and NotTheirs."""
        async with reachable(), self._engine.begin() as connection:
            row = await _to_change(connection, number, seen, brands)
            await connection.execute(delete(canned_replies).where(canned_replies.c.id == number))
            await _note(connection, actor, "canned remove", row)


async def _write(connection: AsyncConnection, put: Insert | Update, actor: str, action: str) -> Row:
    """Write it, with a line of the audit; the row as it is stored."""
    returned = await connection.execute(put.returning(*canned_replies.c))
    row = dict(returned.mappings().one())
    await _note(connection, actor, action, row)
    return row


async def _note(connection: AsyncConnection, actor: str, action: str, row: Row) -> None:
    details = {"name": row["name"], "brand": row["brand"]}
    await note_within(connection, actor, action, f"canned:{row['id']}", details)


def _of(brands: frozenset[str] | None) -> ColumnElement[bool]:
    if brands is None:
        return true()
    brand = canned_replies.c.brand
    return or_(brand.is_(None), brand.in_(sorted(brands)))


async def _find(
    connection: AsyncConnection,
    number: int,
    brands: frozenset[str] | None,
    *,
    lock: bool = False,
) -> Row:
    query = select(canned_replies).where(canned_replies.c.id == number, _of(brands))
    query = query.with_for_update() if lock else query
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NoCanned(f"there is no canned answer {number}")
    return dict(row)


async def _to_change(
    connection: AsyncConnection, number: int, seen: int | None, brands: frozenset[str] | None
) -> Row:
    row = await _find(connection, number, brands)
    _refuse_foreign(row["brand"], brands)
    row = await _find(connection, number, brands, lock=True)
    if seen is not None and seen != row["version"]:
        raise LostCanned(row)
    return row


def _refuse_foreign(brand: str | None, brands: frozenset[str] | None) -> None:
    if brands is None or brand in brands:
        return
    scope = f"of {brand}" if brand else "of every brand"
    raise NotTheirs(f"it is {scope}; you write for {', '.join(sorted(brands)) or 'no brand'} alone")


def _name_exists(wording: Wording) -> UserError:
    scope = wording.brand or "every brand"
    return UserError(f"/{wording.name} exists for {scope} already; change that one")


def _values(wording: Wording) -> Row:
    tags: Sequence[str] = list(wording.tags)
    return {
        "name": wording.name,
        "text": wording.text,
        "brand": wording.brand,
        "state": wording.state,
        "tags": tags,
    }

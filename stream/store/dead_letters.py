"""Dead letters: messages that could not be handled, with their bytes, for 30 days."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Select,
    bindparam,
    delete,
    func,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.postgres.database import reachable, storable
from stream.postgres.tables import dead_letters

RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that is to be buried. replayed_as: the dead letter that it is a second try of."""

    cluster: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
    replayed_as: int | None = None


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A buried message. state: dead, replayed (sent again, no answer yet) or resolved. size: bytes
    of the value.
    """

    id: int
    cluster: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None  # None also in lists, which do not read it
    size: int
    reason: str
    state: str
    attempts: int
    created_at: datetime
    updated_at: datetime
    replayed_at: datetime | None


_LETTER = ("cluster", "topic", "partition", "offset", "key", "value", "reason")
_KEY = ("cluster", "topic", "partition", "offset", "digest")
_BURY = (
    upsert(dead_letters)
    .values({name: bindparam(name, type_=dead_letters.c[name].type) for name in _LETTER})
    # A redelivery of what is buried already changes nothing; the update is there to give the id
    # back.
    .on_conflict_do_update(index_elements=_KEY, set_={"cluster": dead_letters.c.cluster})
    .returning(dead_letters.c.id)
)
# The second failure of a replay; its redelivery finds the letter dead already and counts no third
# attempt.
_FAILED_AGAIN = (
    update(dead_letters)
    .where(dead_letters.c.id == bindparam("letter"))
    .values(
        state="dead",
        attempts=dead_letters.c.attempts + (dead_letters.c.state == "replayed").cast(Integer),
        reason=bindparam("why"),
        updated_at=func.now(),
    )
    .returning(dead_letters.c.id)
)
_these = dead_letters.c.id == func.any(bindparam("ids", type_=ARRAY(BigInteger)))
_UNRESOLVED = ("dead", "replayed")


class DeadLetters:
    """The table `dead_letters`, which the owner role alone can read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def bury(self, letters: Sequence[DeadLetter]) -> list[int]:
        """Keep the letters; returns their ids in order. Burying the same message twice keeps one
        row.
        """
        async with reachable(), self._engine.begin() as connection:
            ids = {at: await _bury(connection, letters[at]) for at in _in_lock_order(letters)}
        return [ids[at] for at in range(len(letters))]

    async def list_dead(
        self, states: Collection[str] = _UNRESOLVED, limit: int = 1000
    ) -> list[StoredLetter]:
        """The letters in these states, oldest first, without their bytes."""
        query = (
            _letters(with_value=False)
            .where(dead_letters.c.state.in_(states))
            .order_by("id")
            .limit(limit)
        )
        async with reachable(), self._engine.connect() as connection:
            return [StoredLetter(**row) for row in (await connection.execute(query)).mappings()]

    async def show_dead(self, letter: int) -> StoredLetter | None:
        """One letter with its bytes; None when there is none."""
        query = _letters(with_value=True).where(dead_letters.c.id == letter)
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else StoredLetter(**row)

    async def mark_replayed(self, ids: Sequence[int]) -> list[int]:
        """Say that these are sent again, before they are; returns those that are not resolved, the
        others stay home.

        A letter that was marked and then not sent stays in the list, and may be replayed again:
        nothing doubles.
        """
        return await self._move(ids, _UNRESOLVED, "replayed")

    async def resolve_dead(self, ids: Sequence[int]) -> list[int]:
        """Say that the replay of these was handled; returns those that it was news for."""
        return await self._move(ids, _UNRESOLVED, "resolved")

    async def prune(self, older_than: timedelta = RETENTION) -> int:
        """Forget the letters that nothing happened to for that long; returns how many."""
        async with reachable(), self._engine.begin() as connection:
            deleted = await connection.execute(
                delete(dead_letters).where(dead_letters.c.updated_at < func.now() - older_than)
            )
            return deleted.rowcount

    async def _move(self, ids: Sequence[int], before: Collection[str], state: str) -> list[int]:
        move = (
            update(dead_letters)
            .where(_these, dead_letters.c.state.in_(before))
            .values(
                state=state,
                updated_at=func.now(),
                **({"replayed_at": func.now()} if state == "replayed" else {}),
            )
            .returning(dead_letters.c.id)
        )
        async with reachable(), self._engine.begin() as connection:
            return sorted((await connection.execute(move, {"ids": list(ids)})).scalars())


async def _bury(connection: AsyncConnection, letter: DeadLetter) -> int:
    reason = storable(letter.reason)
    if letter.replayed_as is not None:
        again = await connection.execute(
            _FAILED_AGAIN, {"letter": letter.replayed_as, "why": reason}
        )
        if (known := again.scalar()) is not None:
            return int(known)
    values = {name: getattr(letter, name) for name in _LETTER} | {"reason": reason}
    values |= {name: storable(values[name]) for name in ("cluster", "topic")}
    return int((await connection.execute(_BURY, values)).scalar_one())


def _in_lock_order(letters: Sequence[DeadLetter]) -> list[int]:
    """Two workers that bury the same letters touch their rows in the same order."""
    keys = [
        (letter.replayed_as or 0, letter.cluster, letter.topic, letter.partition, letter.offset)
        for letter in letters
    ]
    return sorted(range(len(letters)), key=keys.__getitem__)


def _letters(*, with_value: bool) -> Select[Any]:
    size = func.coalesce(func.octet_length(dead_letters.c.value), 0).label("size")
    columns = [column for column in dead_letters.c if column.name not in ("digest", "value")]
    return select(*columns, size, dead_letters.c.value if with_value else null().label("value"))

"""Store of the controls: what admins set, actor changed it when, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.controls.records import EVERYBODY, Control, ControlChange, ControlName, Promises
from stream.errors import UserError
from stream.postgres.database import reachable
from stream.postgres.desk_tables import desk_control_changes, desk_controls, desk_promises

MOST_CHANGES = 200  # of the history at once
_BATCH = 2_000  # tickets whose promise is reckoned anew in one transaction
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('earshot controls', 0))")
# In the order in which a save locks them, so that neither waits for the other for ever.
_RUN_ANEW = text("""
    with picked as (
        select id from tickets
        where id > :after and state not in ('resolved', 'settled')
          and (cast(:brand as text) = '' or brand = :brand)
        order by id limit :limit for update
    ),
    done as (update tickets t set level = t.level from picked where t.id = picked.id returning t.id)
    select max(id) from done
""")


class Stale(UserError):
    """Somebody else changed the setting since it was read."""


class NoChange(UserError):
    """There is no such entry in the history."""


class ControlStore:
    """The tables `desk_controls` and `desk_control_changes`; the owner role alone reads them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def stored(self) -> list[Control]:
        """Everything that was set, with its secrets."""
        query = select(desk_controls).order_by(desk_controls.c.name, desk_controls.c.subject)
        async with reachable(), self._engine.connect() as connection:
            return [Control(**row) for row in (await connection.execute(query)).mappings()]

    async def put(
        self,
        name: ControlName,
        subject: str,
        value: dict[str, Any] | None,
        actor: str,
        *,
        secrets: Mapping[str, str] | None = None,
        typed: Sequence[str] = (),
        seen: int | None = None,
        goes_back_to: int | None = None,
    ) -> None:
        """Set it; None: back to its default. What changes nothing leaves no entry.

        A version is the number of the change in the history, so that none comes twice. secrets: all
        that it has from now on; None: as they are. typed: names of those that are new.
        seen: the version that the person looked at, 0 for none. Raises Stale.
        """
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(_LOCK)
            before = await _stored(connection, name, subject)
            version = 0 if before is None else before.version
            if seen is not None and seen != version:
                by = before.changed_by if before else "somebody"
                raise Stale(f"{by} changed this setting meanwhile; look at it and try again")
            if value == (before and before.value) and not typed:
                return
            entry = insert(desk_control_changes).values(
                actor=actor,
                name=name,
                subject=subject,
                before=before and before.value,
                after=value,
                secrets=sorted(typed),
                goes_back_to=goes_back_to,
            )
            number = await connection.execute(entry.returning(desk_control_changes.c.id))
            await _write(connection, name, subject, value, actor, secrets, number.scalar_one())
            if name == "promises":
                await _promise(connection, subject, value)
        if name == "promises":
            await self._run_anew(subject)

    async def history(
        self, *, before: int | None = None, limit: int = MOST_CHANGES
    ) -> list[ControlChange]:
        """The changes, the latest first. before: only those that came before this one."""
        changes = desk_control_changes
        query = select(changes).order_by(changes.c.id.desc()).limit(min(limit, MOST_CHANGES))
        if before is not None:
            query = query.where(changes.c.id < before)
        async with reachable(), self._engine.connect() as connection:
            return [ControlChange(**row) for row in (await connection.execute(query)).mappings()]

    async def change(self, id: int) -> ControlChange:
        """One entry of the history. Raises NoChange."""
        query = select(desk_control_changes).where(desk_control_changes.c.id == id)
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NoChange(f"the history of the settings has no entry {id}")
        return ControlChange(**row)

    async def _run_anew(self, brand: str) -> None:
        """Reckon the promises of open tickets anew."""
        after: str | None = ""
        while after is not None:
            values = {"after": after, "brand": brand, "limit": _BATCH}
            async with reachable(), self._engine.begin() as connection:
                after = (await connection.execute(_RUN_ANEW, values)).scalar()


async def _stored(connection: AsyncConnection, name: str, subject: str) -> Control | None:
    query = select(desk_controls).where(
        desk_controls.c.name == name, desk_controls.c.subject == subject
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Control(**row)


async def _write(
    connection: AsyncConnection,
    name: str,
    subject: str,
    value: dict[str, Any] | None,
    actor: str,
    secrets: Mapping[str, str] | None,
    version: int,
) -> None:
    if value is None:
        await connection.execute(
            delete(desk_controls).where(
                desk_controls.c.name == name, desk_controls.c.subject == subject
            )
        )
        return
    row: dict[str, Any] = {
        "value": value,
        "version": version,
        "changed_by": actor,
        "changed_at": func.now(),
    }
    if secrets is not None:
        row["secrets"] = dict(secrets)
    statement = upsert(desk_controls).values(name=name, subject=subject, **row)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["name", "subject"], set_=row)
    )


async def _promise(
    connection: AsyncConnection, brand: str, value: Mapping[str, Any] | None
) -> None:
    await connection.execute(delete(desk_promises).where(desk_promises.c.brand == brand))
    minutes = Promises.model_validate(value or {}).minutes()
    if minutes:
        rows = [
            {"brand": brand or EVERYBODY, "level": level, "minutes": count}
            for level, count in minutes.items()
        ]
        await connection.execute(insert(desk_promises), rows)

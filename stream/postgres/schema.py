"""Schema of the database: tables by Alembic, views from views.sql, the reader's role."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.errors import UserError
from stream.postgres.database import connected, open_engine, reachable
from stream.postgres.roles import ensure_reader, reader_works

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy import Connection

# the newest file of migrations/versions; known here so that a start that has nothing to do loads no
# Alembic
HEAD = "0027"
VIEWS = Path(__file__).with_name("views.sql")
MIGRATIONS = Path(__file__).parents[1] / "migrations"

_PARTITIONS = "select ensure_partitions(2)"
_LOCK = "select pg_advisory_xact_lock(hashtextextended('earshot migrate', 0))"
_STATE = """
    select (select version_num from alembic_version) as version,
           (select obj_description(to_regclass('open_tickets'), 'pg_class')) as views
"""


class NewerSchema(UserError):
    """The database was migrated by a newer earshot than this one."""


async def migrate(url: str) -> str:
    """Migrate the database at `url` and return its revision. Safe to call from several commands at
    once, and twice.

    Raises DatabaseAway, and NewerSchema when the database knows revisions that this version does
    not.
    """
    async with reachable():
        async with connected(url, command_seconds=None) as connection:
            current = await _is_current(connection)
            if current:
                await connection.execute(_PARTITIONS)
        if not (current and await reader_works(url)):
            await _bring_up(url, current)
    return HEAD


async def _bring_up(url: str, current: bool) -> None:
    """Make what is missing. current: only the reader is."""
    engine = open_engine(url, pool_size=1, command_seconds=None)
    try:
        if not current:
            async with engine.begin() as connection:
                await connection.exec_driver_sql(_LOCK)
                raw = await connection.get_raw_connection()
                if not await _is_current(raw.driver_connection):  # another command made it
                    await connection.run_sync(_upgrade)
            async with engine.begin() as connection:
                await connection.exec_driver_sql(_PARTITIONS)
        await ensure_reader(engine, url, changed=not current)
    finally:
        await engine.dispose()


async def _is_current(connection: asyncpg.Connection | Any) -> bool:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return False
    state = await connection.fetchrow(_STATE)
    version = state["version"]
    if version is not None and version > HEAD:
        raise NewerSchema(
            f"the database is at revision {version}, this earshot knows {HEAD}: update earshot"
        )
    return bool(version == HEAD and state["views"] == _views_mark())


def _views_mark() -> str:
    """Views are not versioned: they are made anew whenever views.sql differs from what the database
    has.
    """
    return f"views.sql {hashlib.sha256(VIEWS.read_bytes()).hexdigest()[:16]}"


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    run_script(connection, VIEWS.read_text())
    connection.exec_driver_sql(f"comment on view open_tickets is '{_views_mark()}'")


def run_script(connection: Connection, script: str) -> None:
    """Run several statements at once, in the connection's transaction: the prepared protocol takes
    one at a time.
    """
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))

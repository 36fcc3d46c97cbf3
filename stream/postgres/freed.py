"""Freed rows: what was deleted leaves the tables' files, at once where the server is embedded."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.postgres.database import reachable

# Of the embedded server alone: it answers on no network, and its login may do everything.
_IS_EMBEDDED = """
    select current_setting('is_superuser') = 'on' and current_setting('listen_addresses') = ''
"""
_SEGMENTS = 128  # segments of the write-ahead log, 2 GB: more are not kept by an embedded server
_AHEAD = "select count(*) from pg_ls_waldir() where name > pg_walfile_name(pg_current_wal_lsn())"
# A segment that is switched away from is written to its end, with zeros.
_SWITCH = (
    "select pg_logical_emit_message(true, 'earshot', 'forgotten')",
    "select pg_switch_wal()",
)


# In `cursors`: kept until it is done, also where a run broke off.
_MARK = """
    insert into cursors (source, cursor, updated_at) values ('erasure', 'true', now())
    on conflict (source) do nothing
"""
_IS_MARKED = "select exists (select from cursors where source = 'erasure')"
_DONE = "delete from cursors where source = 'erasure'"


async def to_be_freed(connection: AsyncConnection) -> None:
    """Remember that rows were deleted in this transaction, whose places are to be given back."""
    await connection.exec_driver_sql(_MARK)


async def free_marked(engine: AsyncEngine, tables: Collection[str]) -> None:
    """As `free`, where `to_be_freed` was called since: it keeps everybody else waiting."""
    async with reachable(), engine.connect() as connection:
        is_marked = (await connection.exec_driver_sql(_IS_MARKED)).scalar()
    if is_marked:
        await free(engine, tables)
        async with reachable(), engine.begin() as connection:
            await connection.exec_driver_sql(_DONE)


async def free(engine: AsyncEngine, tables: Collection[str]) -> None:
    """Give back the places of deleted rows.

    On a server of one's own, they are written over in time, and readers and writers go on. The
    embedded server writes the tables anew, their statistics too, and drops its old write-ahead log.
    """
    async with reachable(), engine.connect() as connection:
        outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
        names = ", ".join(tables)
        if (await outside.exec_driver_sql(_IS_EMBEDDED)).scalar():
            await outside.exec_driver_sql(f"vacuum (full, analyze) {names}")
            await outside.exec_driver_sql("vacuum full pg_statistic")
            await _renew_log(outside)
        else:
            await outside.exec_driver_sql(f"vacuum {names}")


async def _renew_log(connection: AsyncConnection) -> None:
    """Old segments are removed by a checkpoint that does not rename them to be used again; those
    that were renamed before are written over first.
    """
    await connection.exec_driver_sql("alter system set wal_recycle = off")
    await connection.exec_driver_sql("select pg_reload_conf()")
    for _ in range(2):  # the setting reaches the server's other processes a moment later
        for _ in range(_SEGMENTS):
            for statement in _SWITCH:
                await connection.exec_driver_sql(statement)
            if not (await connection.exec_driver_sql(_AHEAD)).scalar():
                break
        await connection.exec_driver_sql("checkpoint")

"""Engine for people who are bound to brands: reads in a role that row-level security restricts."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.postgres.roles import BOUND

# Holds until the transaction ends. Where the owner could make no such role, the conditions of the
# queries are the only rule: neither can be dropped for the other.
_AS_BOUND = f"""
    select set_config('earshot.brands', $1::text[]::text, true),
           case when to_regrole('{BOUND}') is not null and pg_has_role('{BOUND}', 'member')
               then set_config('role', '{BOUND}', true) end
"""


class BoundEngine(AsyncEngine):
    """The owner's pool. Connections of `connect` see these brands alone; those of `begin` write.

    Writing connections stay the owner's.
    """

    def __init__(self, owner: AsyncEngine, brands: Collection[str]) -> None:
        within = owner.sync_engine.execution_options()
        names = sorted(brands)

        @event.listens_for(within, "begin")
        def bind(connection: Connection) -> None:
            connection.exec_driver_sql(_AS_BOUND, (names,))

        super().__init__(within)
        self._owner = owner

    # SQLAlchemy's own has a type that names a private class of its decorator; under `async with`
    # the two are alike.
    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:  # type: ignore[override]
        return self._owner.begin()

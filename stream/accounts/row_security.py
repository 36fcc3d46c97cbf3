"""Engine for people who are bound to brands: a role that row-level security restricts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.errors import UserError
from stream.postgres.roles import BOUND

_FORBIDDEN = "42501"

# Holds until the transaction ends. Where the owner could make no such role, the conditions of the
# queries are the only rule: neither can be dropped for the other.
_AS_BOUND = f"""
    select set_config('earshot.brands', $1::text[]::text, true),
           case when to_regrole('{BOUND}') is not null and pg_has_role('{BOUND}', 'member')
               then set_config('role', '{BOUND}', true) end
"""


class NotTheirs(UserError):
    """What somebody who is bound to brands would write is another brand's."""


class BoundEngine(AsyncEngine):
    """The owner's pool. Its connections see and change what is of these brands alone."""

    def __init__(self, owner: AsyncEngine, brands: Collection[str]) -> None:
        within = owner.sync_engine.execution_options()
        names = sorted(brands)

        @event.listens_for(within, "begin")
        def bind(connection: Connection) -> None:
            connection.exec_driver_sql(_AS_BOUND, (names,))

        super().__init__(within)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Raises NotTheirs where a write is another brand's."""
        try:
            async with super().begin() as connection:
                yield connection
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _FORBIDDEN:
                raise
            raise NotTheirs("this is another brand's: you may not change it") from error

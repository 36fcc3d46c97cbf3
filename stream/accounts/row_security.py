"""What is read for somebody who is bound to brands is read as a role that Postgres itself keeps
from all the others.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.postgres.roles import BOUND

# Until the transaction ends. Where the owner could make no such role, the queries' own conditions
# are all there is.
_AS_BOUND = f"""
    select set_config('earshot.brands', $1::text[]::text, true),
           case when to_regrole('{BOUND}') is not null and pg_has_role('{BOUND}', 'member')
               then set_config('role', '{BOUND}', true) end
"""


class BoundEngine(AsyncEngine):
    """The same pool: what `connect` gives sees these brands alone. What `begin` gives writes, as
    the owner does.
    """

    def __init__(self, owner: AsyncEngine, brands: Collection[str]) -> None:
        within = owner.sync_engine.execution_options()
        given = sorted(brands)

        @event.listens_for(within, "begin")
        def bind(connection: Connection) -> None:
            connection.exec_driver_sql(_AS_BOUND, (given,))

        super().__init__(within)
        self._owner = owner

    # SQLAlchemy's own has a type that names a private class of its decorator; under `async with`
    # the two are alike.
    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:  # type: ignore[override]
        return self._owner.begin()

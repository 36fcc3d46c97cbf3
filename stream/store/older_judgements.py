"""Messages that another model judged than the one in use, counted on one connection.

Its readers need no SQLAlchemy: loading it is two fifths of the start of a command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stream.postgres.schema import HEAD

if TYPE_CHECKING:
    import asyncpg

# The analysis of a language model names the local one behind its own, and has its levels.
_JUDGED_BY_OTHERS = """
    with others as (
        select t.id as ticket, not coalesce(jsonb_exists(e.scores, 'levels'), false) as is_unread,
            e.received_at > coalesce(
                (select (cursor ->> 'at')::timestamptz from cursors
                    where source = 'rebuilt' and cursor ->> 'model' = $1::text),
                '-infinity'
            ) as is_due
        from tickets t join events e on e.conversation = split_part(t.id, ' ', 1)
        where t.state not in ('resolved', 'settled') and e.direction = 'inbound'
            and e.kind <> 'transcript' and not e.abstained and e.model_version is not null
            and right(e.model_version, length($1::text)) <> $1::text
    )
    select count(*) filter (where is_due) as messages,
        count(distinct ticket) filter (where is_due) as tickets,
        count(*) filter (where is_unread) as unread
    from others
"""
_HAS_VERSION = "select to_regclass('alembic_version') is not null"
_VERSION = "select version_num from alembic_version"


@dataclass(frozen=True, slots=True)
class Older:
    """Messages of open tickets that another model judged. messages, tickets: since the last
    rebuild. unread: messages without the levels of a model.
    """

    messages: int = 0
    tickets: int = 0
    unread: int = 0

    def without_unread(self) -> Older:
        return replace(self, unread=0)


class OlderJudgements:
    """Reads them. connection: of asyncpg; raises what that raises."""

    def __init__(self, connection: asyncpg.Connection | Any) -> None:
        self._connection = connection

    async def are_migrated(self) -> bool:
        """Whether the tables are those of this version."""
        if not await self._connection.fetchval(_HAS_VERSION):
            return False
        return bool(await self._connection.fetchval(_VERSION) == HEAD)

    async def judged_by_others(self, version: str) -> Older:
        """The messages of open tickets that another model judged than this version of one."""
        row = await self._connection.fetchrow(_JUDGED_BY_OTHERS, version)
        return Older(row["messages"], row["tickets"], row["unread"])

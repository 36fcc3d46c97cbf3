"""Rights on events: a sender who is bound to brands writes what is theirs, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.events import Deleted, Event
from stream.accounts.row_security import NotTheirs
from stream.postgres.database import reachable

# A message whose month was dropped is nobody's to write.
_STORED = text("""
    select i.id, coalesce(e.brand = any(:brands), false) as theirs
    from event_ids i left join events e on e.id = i.id and e.occurred_at = i.occurred_at
    where i.id = any(:ids)
""")
# Where a customer named two brands, each may go on.
_CONVERSATIONS = text("""
    select conversation, coalesce(bool_or(brand = any(:brands)), false) as theirs
    from events where conversation = any(:conversations) group by conversation
""")


class EventRights:
    """Looks at what is stored of events before a bound sender's may go into the stream."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def allowed(self, events: Sequence[Event], brands: Collection[str]) -> list[Event]:
        """The events, each with its brand. Raises NotTheirs.

        Each names a brand of theirs, or there is one alone. What is stored under its id or in its
        conversation must not be another brand's, nor nobody's. Only what is stored can be deleted:
        a deletion that came first would keep another brand's message out.
        """
        branded = [_with_brand(event, at, brands) for at, event in enumerate(events)]
        values = {
            "ids": [event.id for event in branded],
            "conversations": [event.conversation for event in branded],
            "brands": sorted(brands),
        }
        async with reachable(), self._engine.connect() as connection:
            stored = {
                row.id: row.theirs
                for row in await connection.execute(
                    _STORED, {"ids": values["ids"], "brands": values["brands"]}
                )
            }
            conversations = {
                row.conversation: row.theirs
                for row in await connection.execute(
                    _CONVERSATIONS,
                    {"conversations": values["conversations"], "brands": values["brands"]},
                )
            }
        for at, event in enumerate(branded):
            is_known = event.id in stored if isinstance(event, Deleted) else True
            is_theirs = stored.get(event.id, True) and conversations.get(event.conversation, True)
            if not (is_known and is_theirs):
                raise NotTheirs(
                    f"event {at}: its id or its conversation is not one of {_listed(brands)}"
                )
        return branded


def _with_brand(event: Event, at: int, brands: Collection[str]) -> Event:
    if event.brand in brands:
        return event
    if event.brand is None and len(brands) == 1:
        return event.model_copy(update={"brand": next(iter(brands))})
    raise NotTheirs(f"event {at}: this key writes for {_listed(brands)}; name it as `brand`")


def _listed(brands: Collection[str]) -> str:
    return " or ".join(sorted(brands)) or "no brand"

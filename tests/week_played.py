"""The made-up week as if it had been lived: its acts done, and every time put where it belongs.

A replay stores a week in a minute. What a picture shows of clocks, histories and reports needs the
times at which a desk would have had the messages and done the work, so they are set here.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from week import Act

from stream.desk.actions import Action, Claim, NotAllowed, Note, Resolve, Tag
from stream.desk.tickets import Desk, NoTicket

SOON = "interval '4 seconds'"  # from said to stored
_ARRIVED = (
    f"update events set received_at = occurred_at + {SOON}",
    f"update event_ids set received_at = occurred_at + {SOON}",
    f"""update tickets set received_at = first_at + {SOON}, created_at = first_at + {SOON},
        updated_at = last_inbound_at + {SOON},
        waiting_since = case when waiting_since is not null then last_inbound_at + {SOON} end""",
    f"""update ticket_changes c set changed_at = t.first_at + {SOON} from tickets t
        where t.id = c.ticket_id and c.kind <> 'edited'""",
    f"""update alerts a set created_at = t.first_at + {SOON}, updated_at = t.first_at + {SOON}
        from tickets t where t.id = a.ticket_id""",
    # What a replay says of a week that is over, no desk that lived through it was told.
    "update alerts set acknowledged_by = 'ada', acknowledged_at = now() where kind = 'backlog'",
)
_EDITED = text("""
    update ticket_changes set changed_at = :at
    where ticket_id = :ticket and version = :version and kind = 'edited'
""")
_CHANGED = text("""
    update tickets set updated_at = :at,
        state_changed_at = case when state_changed_at is not null then cast(:at as timestamptz) end
    where id = :ticket
""")
_NOTED = text("""
    update tickets
    set notes = jsonb_set(notes, array[cast(:place as text), 'at'], to_jsonb(cast(:at as text)))
    where id = :ticket
""")


async def live_through(engine: AsyncEngine, acts: list[Act]) -> int:
    """Do the acts of a week whose events are stored; returns how many fitted their ticket.

    Messages that need nobody made no ticket: what was done with them is left out.
    """
    async with engine.begin() as connection:
        for statement in _ARRIVED:
            await connection.execute(text(statement))
    desk, done = Desk(engine), 0
    notes: dict[str, int] = defaultdict(int)
    for act in acts:
        with suppress(NoTicket, NotAllowed):
            row = await desk.act(act.ticket, _action(act), act.who)
            async with engine.begin() as connection:
                await _dated(connection, act.ticket, row["version"], act.at)
                if act.action == "note":
                    note = {"place": str(notes[act.ticket]), "at": act.at.isoformat()}
                    await connection.execute(_NOTED, note | {"ticket": act.ticket})
                    notes[act.ticket] += 1
            done += 1
    return done


async def _dated(connection: AsyncConnection, ticket: str, version: int, at: datetime) -> None:
    values = {"ticket": ticket, "at": at}
    await connection.execute(_EDITED, values | {"version": version})
    await connection.execute(_CHANGED, values)


def _action(act: Act) -> Action:
    match act.action:
        case "claim":
            return Claim(force=True)
        case "note":
            return Note(text=act.text)
        case "tag":
            return Tag(add=(act.text,))
        case "resolve":
            return Resolve()
    raise ValueError(act.action)

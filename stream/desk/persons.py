"""Persons behind tickets: their handles, tickets and moods on every network that one may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.accounts.audit import note_within
from stream.errors import UserError
from stream.postgres.database import reachable, storable

Row = dict[str, Any]

MOST_TICKETS = 20
MOST_HANDLES = 20
MOST_MOODS = 60  # messages of the chart, the latest
LONGEST_NAME = 300

# A link shows itself to who sees messages of both its handles.
_SEEN = """
    p.undone_at is null and (cast(:brands as text[]) is null or (
        exists (select from events e where e.network = p.network and e.kind <> 'deleted'
            and lower(ltrim(e.author, '@')) = p.handle and e.brand = any(cast(:brands as text[])))
        and exists (select from events e where e.network = p.other_network and e.kind <> 'deleted'
            and lower(ltrim(e.author, '@')) = p.other_handle
            and e.brand = any(cast(:brands as text[])))
    ))
"""
_PAIR = "(p.network, p.handle, p.other_network, p.other_handle)"
# The handles of one person: the ticket's own, those that a colleague linked, each in its turn, and
# the same handle on another network where nobody said that it is somebody else's.
_HANDLES = text(f"""
    with recursive linked (network, handle) as (
        select cast(:network as text), lower(ltrim(cast(:author as text), '@'))
        union
        select t.network, t.handle from linked l cross join lateral (
            select p.other_network as network, p.other_handle as handle from person_links p
            where p.network = l.network and p.handle = l.handle and p.alike and {_SEEN}
            union all
            select p.network, p.handle from person_links p
            where p.other_network = l.network and p.other_handle = l.handle and p.alike and {_SEEN}
        ) t
    ),
    namesakes as (
        select distinct e.network, l.handle
        from linked l join events e on lower(ltrim(e.author, '@')) = l.handle
        where e.kind <> 'deleted' and e.direction = 'inbound'
          and (cast(:brands as text[]) is null or e.brand = any(cast(:brands as text[])))
          and (e.network, l.handle) not in (select network, handle from linked)
    )
    select network, handle, true as linked from linked
    union all
    select n.network, n.handle, false from namesakes n
    where not exists (
        select from linked l join person_links p on {_PAIR} in (
            (l.network, l.handle, n.network, n.handle), (n.network, n.handle, l.network, l.handle)
        ) where not p.alike and {_SEEN}
    )
    order by linked desc, network, handle limit :limit
""")  # noqa: S608  our own words
_THEIRS = """
    lower(ltrim(author, '@')) = any(cast(:handles as text[])) and (
        network, lower(ltrim(author, '@'))
    ) in (select * from unnest(cast(:networks as text[]), cast(:handles as text[])))
    and (cast(:brands as text[]) is null or brand = any(cast(:brands as text[])))
"""
_TICKETS = text(f"""
    select id, network, brand, author, level, state, owner, excerpt, received_at,
           (select e.kind = 'transcript' from events e
            where e.conversation = split_part(tickets.id, ' ', 1)
            order by e.occurred_at, e.id limit 1) as call
    from tickets where {_THEIRS} and id <> :ticket
    order by (state in ('resolved', 'settled')), received_at desc, id limit :limit
""")  # noqa: S608  our own words
_MESSAGES = text(f"""
    select network, lower(ltrim(author, '@')) as handle, max(author) as author,
           min(occurred_at) as first_at, max(occurred_at) as last_at, count(*)::int as messages,
           (count(*) filter (where kind = 'transcript'))::int as calls
    from events where {_THEIRS} and kind <> 'deleted' and direction = 'inbound'
    group by 1, 2
""")  # noqa: S608  our own words
_MOODS = text(f"""
    select id, occurred_at, dissatisfaction from events
    where {_THEIRS} and kind <> 'deleted' and direction = 'inbound' and dissatisfaction is not null
    order by occurred_at desc, id desc limit :limit
""")  # noqa: S608  our own words
_COLUMNS = (
    "p.id, p.network, p.handle, p.other_network, p.other_handle, p.alike, p.who as actor, p.at"
)
_LINKS = text(f"""
    select {_COLUMNS} from person_links p
    where {_SEEN} and (
        (p.network, p.handle) in (
            select * from unnest(cast(:networks as text[]), cast(:handles as text[])))
        or (p.other_network, p.other_handle) in (
            select * from unnest(cast(:networks as text[]), cast(:handles as text[])))
    ) order by p.at, p.id
""")  # noqa: S608  our own words
_KNOWN = text("""
    select network, lower(ltrim(author, '@')) as handle from events
    where lower(ltrim(author, '@')) = lower(ltrim(cast(:author as text), '@'))
      and network = :network and kind <> 'deleted'
      and (cast(:brands as text[]) is null or brand = any(cast(:brands as text[])))
    limit 1
""")
_CLEAR = text("""
    update person_links set undone_by = :who, undone_at = now()
    where (network, handle, other_network, other_handle)
        = (:network, :handle, :other_network, :other_handle) and undone_at is null
""")
_LINK = text("""
    insert into person_links (network, handle, other_network, other_handle, alike, who)
    values (:network, :handle, :other_network, :other_handle, :alike, :who)
""")
_THE_LINK = text(f"""
    select {_COLUMNS} from person_links p
    where {_PAIR} = (:network, :handle, :other_network, :other_handle) and p.undone_at is null
""")  # noqa: S608  our own words
_OF_NUMBER = text(f"select {_COLUMNS} from person_links p where p.id = :number and {_SEEN}")  # noqa: S608  our own words
_UNDO = text("update person_links set undone_by = :who, undone_at = now() where id = :number")


class NoPerson(UserError):
    """There is no such handle or link, or none that this person may see."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wrote. handles: first and last message, how many, and whether a colleague linked
    them or the name alone is the same. moods: oldest first.
    """

    handles: list[Row]
    tickets: list[Row]
    moods: list[Row]
    links: list[Row]


class Persons:
    """Reads people across networks and links their handles. brands: those that the reader is bound
    to; None: all. Nobody sees a handle, a link or a number that rests on another brand's messages.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(self, ticket: Row, brands: frozenset[str] | None = None) -> Person | None:
        """The person behind a ticket; None where it names nobody."""
        if not (ticket["author"] or "").strip().lstrip("@"):
            return None
        bound = None if brands is None else sorted(brands)
        author = {"network": ticket["network"], "author": ticket["author"]}
        async with reachable(), self._engine.connect() as connection:
            handles = await _rows(connection, _HANDLES, **author, brands=bound, limit=MOST_HANDLES)
            theirs = {
                "networks": [row["network"] for row in handles],
                "handles": [row["handle"] for row in handles],
            }
            seen = theirs | {"brands": bound}
            tickets = await _rows(
                connection, _TICKETS, **seen, ticket=ticket["id"], limit=MOST_TICKETS
            )
            messages = await _rows(connection, _MESSAGES, **seen)
            moods = await _rows(connection, _MOODS, **seen, limit=MOST_MOODS)
            links = await _rows(connection, _LINKS, **seen)
        return Person(_counted(handles, messages), tickets, list(reversed(moods)), links)

    async def link(
        self,
        ticket: Row,
        network: str,
        author: str,
        actor: str,
        *,
        alike: bool = True,
        brands: frozenset[str] | None = None,
    ) -> Row:
        """Say that the ticket's author is this one, too; or, with `alike` false, is not.

        The latest word counts; an earlier one about the same two is undone. Raises NoPerson where
        nobody of this name wrote, and UserError for a handle with itself.
        """
        bound = None if brands is None else sorted(brands)
        async with reachable(), self._engine.begin() as connection:
            own = await _known(connection, ticket["network"], ticket["author"] or "", bound)
            other = await _known(connection, network, author, bound)
            if own == other:
                raise UserError("these are the same handle; there is nothing to link")
            (first, second) = sorted([own, other])
            pair = {
                "network": first[0],
                "handle": first[1],
                "other_network": second[0],
                "other_handle": second[1],
            }
            try:
                await connection.execute(_CLEAR, pair | {"who": actor})
                await connection.execute(_LINK, pair | {"who": actor, "alike": alike})
            except IntegrityError:
                raise UserError("somebody links these two at this moment; look again") from None
            [row] = await _rows(connection, _THE_LINK, **pair)
            action = "person link" if alike else "person part"
            await note_within(connection, actor, action, f"person:{row['id']}", _details(row))
        return row

    async def unlink(self, number: int, actor: str, *, brands: frozenset[str] | None = None) -> Row:
        """Take a link, or a parting, back. Raises NoPerson."""
        bound = None if brands is None else sorted(brands)
        async with reachable(), self._engine.begin() as connection:
            rows = await _rows(connection, _OF_NUMBER, number=number, brands=bound)
            if not rows:
                raise NoPerson("there is no such link")
            await connection.execute(_UNDO, {"number": number, "who": actor})
            subject = f"person:{number}"
            await note_within(connection, actor, "person undo", subject, _details(rows[0]))
        return rows[0]


async def _rows(connection: AsyncConnection, query: Any, **values: Any) -> list[Row]:
    return [dict(row) for row in (await connection.execute(query, values)).mappings()]


async def _known(
    connection: AsyncConnection, network: str, author: str, brands: list[str] | None
) -> tuple[str, str]:
    name = storable(author.strip())[:LONGEST_NAME]
    values = {"network": storable(network.strip().lower()), "author": name, "brands": brands}
    row = (await connection.execute(_KNOWN, values)).first()
    if row is None:
        raise NoPerson(f"nobody called {author.strip() or '?'} wrote on {network.strip() or '?'}")
    return row.network, row.handle


def _details(row: Row) -> Row:
    """The handles with @, as erasing looks for names."""
    return {
        "handles": [
            f"@{row['handle']} on {row['network']}",
            f"@{row['other_handle']} on {row['other_network']}",
        ]
    }


def _counted(handles: Sequence[Row], messages: Sequence[Row]) -> list[Row]:
    """The handles with what they wrote; without those of which nothing may be seen."""
    counts = {(row["network"], row["handle"]): row for row in messages}
    keys = [(row["network"], row["handle"]) for row in handles]
    return [row | counts[key] for row, key in zip(handles, keys, strict=True) if key in counts]

"""Right to be forgotten: deletes a person's texts, embeddings, drafts and dead letters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors.events import Deleted
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.store.store import Saved, Store
from stream.triage.judgement import Judgement

BATCH = 200

LISTED = 5  # near names of a name that nobody has

# People write handles with or without @ and in any case; to the networks neither matters. Some
# databases make only ASCII small: a name is compared as typed, too.
_IS_NAMED = """
    kind <> 'deleted' and lower(ltrim(author, '@')) in (:name, lower(:typed))
    and (cast(:network as text) is null or network = :network)
"""
_AUTHORS = text(f"""
    select network, author, count(*)::int as messages from events where {_IS_NAMED}
    group by network, author order by messages desc, network, author
""")  # noqa: S608  our own words
_THEIRS = text(f"""
    select id, conversation, occurred_at from events where {_IS_NAMED} order by id limit :limit
""")  # noqa: S608  our own words
_COUNT_DRAFTS = text(f"""
    select count(*)::int from replies where event_id in (select id from events where {_IS_NAMED})
""")  # noqa: S608  our own words
# Names that share a beginning or an end, or hold one another; the nearest are picked from them.
_CANDIDATES = text("""
    select distinct network, author from events
    where kind <> 'deleted' and author is not null and (
        left(lower(ltrim(author, '@')), 2) = left(:name, 2)
        or right(lower(author), 3) = right(:name, 3)
        or position(:name in lower(author)) > 0
    )
    limit 5000
""")
# Replies quote what was said; corrections hold labels alone, but tell what somebody wrote about.
_DRAFTS = text("delete from replies where event_id = any(:ids)")
_CORRECTIONS = text("delete from corrections where event_id = any(:ids)")
# Bytes that could not be read cannot be asked whose they are: whatever names the author goes. Of
# bytea as text, what is no ASCII is escaped alike on both sides.
_NAMES = """
    exists (
        select from unnest(cast(:marks as bytea[])) as mark
        where position(lower(encode(mark, 'escape')) in lower(encode(value, 'escape'))) > 0
           or position(lower(encode(mark, 'escape')) in lower(encode(key, 'escape'))) > 0
    )
"""
_LETTERS = text(f"delete from dead_letters where {_NAMES}")  # noqa: S608  our own words
_COUNT_LETTERS = text(
    f"select count(*)::int from dead_letters where {_NAMES}"  # noqa: S608  our own words
)
_AUDIT = text(
    "insert into audit (who, action, subject, details) values (:who, 'forget', :subject, :details)"
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much of a person was removed."""

    messages: int
    drafts: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Theirs:
    """What there is of a person. authors: (network, author) as stored."""

    authors: tuple[tuple[str, str], ...]
    messages: int
    drafts: int
    dead_letters: int

    def __str__(self) -> str:
        letters = f", {counted(self.dead_letters, 'dead letter')}" if self.dead_letters else ""
        names = " and ".join(f"{author} on {network}" for network, author in self.authors)
        return (
            f"{counted(self.messages, 'message')}, {counted(self.drafts, 'draft')}{letters}"
            f" of {names}"
        )


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


async def find_theirs(engine: AsyncEngine, author: str, network: str | None = None) -> Theirs:
    """Count what `forget` would remove. Raises UserError with near names where it is no message."""
    selection = _selection(author, network)
    async with reachable(), engine.connect() as connection:
        rows = (await connection.execute(_AUTHORS, selection)).all()
        if not rows:
            raise UserError(await _no_messages(connection, author, selection))
        drafts = (await connection.execute(_COUNT_DRAFTS, selection)).scalar_one()
        marks = _marks(author, [row.author for row in rows])
        letters = (await connection.execute(_COUNT_LETTERS, {"marks": marks})).scalar_one()
    authors = tuple((row.network, row.author) for row in rows)
    return Theirs(authors, sum(row.messages for row in rows), drafts, letters)


def _selection(author: str, network: str | None) -> dict[str, str | None]:
    return {
        "name": storable(_bare(author)),
        "typed": storable(author.strip().lstrip("@")),
        "network": None if network is None else storable(network.strip().lower()),
    }


def _bare(author: str) -> str:
    """The name as it is compared: @ada, Ada and ada are one."""
    return author.strip().lstrip("@").lower()


def _marks(typed: str, authors: Sequence[str]) -> list[bytes]:
    """What names the author in bytes. Of nobody's name, only where it stands alone, in quotes: a
    part of a word is no name of theirs.
    """
    if not authors:
        bare = _bare(typed)
        return [f'"{at}{bare}"'.encode("utf-8", "replace") for at in ("", "@")] if bare else []
    return sorted({author.lstrip("@").encode() for author in authors} - {b""})


async def _no_messages(
    connection: AsyncConnection, author: str, selection: dict[str, str | None]
) -> str:
    """Why nothing is removed, with the names that were perhaps meant."""
    name = selection["name"] or ""
    where = f" on {selection['network']}" if selection["network"] else ""
    rows = (await connection.execute(_CANDIDATES, {"name": name})).all()
    near = _nearest(name, [(row.author, row.network) for row in rows])
    words = f"there are 0 messages of {author}{where}; nothing was removed"
    if not near:
        return words
    return f"{words}. Near names: " + ", ".join(f"{author} on {on}" for author, on in near)


def _nearest(name: str, authors: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    def likeness(author: tuple[str, str]) -> float:
        other = _bare(author[0])
        # The name without its server is the commonest slip.
        alike = max(
            SequenceMatcher(None, name, part).ratio()
            for part in (other, re.split(r"[@.]", other, maxsplit=1)[0])
        )
        return max(alike, 0.7) if len(name) > 2 and name in other else alike

    likely = [(likeness(author), author) for author in authors]
    near = sorted((-share, author) for share, author in likely if share >= 0.6)
    return [author for _, author in near[:LISTED]]


async def forget(
    engine: AsyncEngine,
    author: str,
    *,
    actor: str,
    network: str | None = None,
    publish: Callable[[Saved], Awaitable[object]],
) -> Forgotten:
    """Remove what an author wrote, as if they had deleted each message on the network.

    author: as people write it, with or without @, in any case.
    Each message becomes a tombstone, which a redelivery does not overcome; tickets are folded anew
    without it, and what changed is published. Raw topics keep their bytes until their retention
    ends (7 days): a replay of them meets the tombstones. May be run again: it goes on where it was
    interrupted. The audit keeps a digest of the author, without @ and in small letters.
    """
    store = Store(engine)
    selection = _selection(author, network)
    messages = drafts = 0
    async with reachable(), engine.begin() as connection:
        authors = [row.author for row in await connection.execute(_AUTHORS, selection)]
        # First: a run that breaks off knows the names as stored once more.
        marks = _marks(author, authors)
        letters = (await connection.execute(_LETTERS, {"marks": marks})).rowcount
    while True:
        async with reachable(), engine.connect() as connection:
            rows = (await connection.execute(_THEIRS, selection | {"limit": BATCH})).all()
        if not rows:
            break
        tombstones = [
            Deleted(id=row.id, conversation=row.conversation, occurred_at=row.occurred_at)
            for row in rows
        ]
        ids = {"ids": [row.id for row in rows]}
        # First: afterwards nothing says whose they were.
        async with reachable(), engine.begin() as connection:
            drafts += (await connection.execute(_DRAFTS, ids)).rowcount
            await connection.execute(_CORRECTIONS, ids)
        judgements = [Judgement(tombstone, "", None, None) for tombstone in tombstones]
        await publish(await store.save(judgements))
        messages += len(rows)
    async with reachable(), engine.begin() as connection:
        digest = hashlib.sha256(_bare(author).encode("utf-8", "replace")).hexdigest()
        details = f'{{"messages": {messages}, "drafts": {drafts}, "dead_letters": {letters}}}'
        await connection.execute(_AUDIT, {"who": actor, "subject": digest, "details": details})
    return Forgotten(messages, drafts, letters)

"""Right to be forgotten: deletes a person's texts, embeddings, drafts and dead letters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors.events import Deleted
from stream.desk.accounts_in_ids import Accounts, accounts_of
from stream.desk.exchanged_ids import exchange_ids
from stream.desk.named_columns import TABLES
from stream.desk.personal_traces import (
    Traces,
    letters_of,
    literal,
    remove_quotes,
    remove_traces,
)
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.freed import free_marked, to_be_freed
from stream.store import forgotten_ids
from stream.store.store import Saved, Store
from stream.triage.judgement import Judgement

BATCH = 200

LISTED = 5  # near names of a name that nobody has

# People write handles with or without @ and in any case; to the networks neither matters. Some
# databases make only ASCII small, and some letters (İ, ß) otherwise than Python: a name is compared
# as typed, and as Python finds it among the stored ones, too. What a colleague wrote down is of the
# network where the ticket was when they did.
_IS_NAMED = """
    kind <> 'deleted' and lower(ltrim(author, '@')) = any(cast(:names as text[]))
    and (cast(:network as text) is null or network = :network
        or network = 'note' and split_part(coalesce(
            (select p.said_in from event_places p where p.event_id = events.id), conversation
        ), ':', 1) = :network)
"""
_AUTHORS = text(f"""
    select network, author, count(*)::int as messages from events where {_IS_NAMED}
    group by network, author order by messages desc, network, author
""")  # noqa: S608  our own words
_THEIRS = text(f"""
    select id, conversation, occurred_at from events where {_IS_NAMED} order by id limit :limit
""")  # noqa: S608  our own words
_THEIR_IDS = text(f"select id from events where {_IS_NAMED}")  # noqa: S608  our own words
_WRITTEN = text(f"select id, text from events where {_IS_NAMED} and text is not null")  # noqa: S608  our own words
_COUNT_DRAFTS = text(f"""
    select count(*)::int from replies where event_id in (select id from events where {_IS_NAMED})
""")  # noqa: S608  our own words
# Of names with other letters than ASCII: few stores have many.
_OTHER_LETTERS = text("""
    select distinct author from events
    where kind <> 'deleted' and octet_length(author) > length(author)
    union select distinct author from opted_out where octet_length(author) > length(author)
    union select distinct handle from person_links where octet_length(handle) > length(handle)
    union select distinct other_handle from person_links
    where octet_length(other_handle) > length(other_handle)
""")
_SMALL = text("select lower(ltrim(name, '@')) from unnest(cast(:names as text[])) name")
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
# What people noted of a ticket of theirs is about them, whatever it says.
_NOTES = text("""
    with theirs as (
        update tickets set notes = '[]', tags = '{}'
        where split_part(id, ' ', 1) = any(:conversations)
          and not exists (
            select from events e
            where e.conversation = split_part(tickets.id, ' ', 1) and e.direction = 'inbound'
              and e.kind <> 'deleted' and not (e.id = any(:ids))
          )
        returning id
    ),
    untold as (
        delete from notices where kind = 'mention' and ticket_id in (select id from theirs)
    )
    update ticket_changes set changes = changes - 'notes' - 'tags'
    where ticket_id in (select id from theirs) or split_part(ticket_id, ' ', 1) in (
        select m.conversation from conversation_merges m
        join theirs on m.into_conversation = split_part(theirs.id, ' ', 1))
""")
_TEXTS = text("select text from events where id = any(:ids) and text is not null")
# Who wants no answers gets none, also when they are forgotten: a digest says so from then on.
_OPTED_OUT = text("""
    update opted_out set author = 'sha256:' || encode(sha256(convert_to(author, 'UTF8')), 'hex')
    where lower(ltrim(author, '@')) = any(cast(:names as text[]))
      and (cast(:network as text) is null or network = :network)
""")
# What colleagues said of who else somebody is, also what they took back.
_LINKS = text("""
    delete from person_links
    where handle = any(cast(:names as text[]))
            and (cast(:network as text) is null or network = :network)
       or other_handle = any(cast(:names as text[]))
            and (cast(:network as text) is null or other_network = :network)
""")
# Rows that are gone stay in the table's files until then.
_ONLY_REMOVED = (
    "corrections",
    "cursors",
    "dead_letters",
    "notices",
    "opted_out",
    "person_links",
    "reply_pictures",
)
_FREED = tuple(dict.fromkeys((*TABLES, *forgotten_ids.TABLES, *_ONLY_REMOVED)))
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
    """What there is of a person. authors: (network, author) as stored. also: other names of the
    same accounts, which are to be forgotten one by one.
    """

    authors: tuple[tuple[str, str], ...]
    messages: int
    drafts: int
    dead_letters: int
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        letters = f", {counted(self.dead_letters, 'dead letter')}" if self.dead_letters else ""
        names = " and ".join(f"{author} on {network}" for network, author in self.authors)
        return (
            f"{counted(self.messages, 'message')}, {counted(self.drafts, 'draft')}{letters}"
            f" of {names}" + self._also()
        )

    def _also(self) -> str:
        if not self.also:
            return ""
        return f" (the same account wrote as {' and '.join(self.also)}, too: forget that as well)"


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


async def find_theirs(engine: AsyncEngine, author: str, network: str | None = None) -> Theirs:
    """Count what `forget` would remove. Raises UserError with near names where it is no message."""
    values = await _query(engine, author, network)
    async with reachable(), engine.connect() as connection:
        rows = (await connection.execute(_AUTHORS, values)).all()
        if not rows:
            raise UserError(await _no_author(connection, author, values))
        drafts = (await connection.execute(_COUNT_DRAFTS, values)).scalar_one()
        accounts = await _accounts(connection, [row.author for row in rows], values)
        traces = Traces([*(row.author for row in rows), *accounts.names])
        letters = await letters_of(connection, traces, remove=False)
    authors = tuple((row.network, row.author) for row in rows)
    messages = sum(row.messages for row in rows)
    return Theirs(authors, messages, drafts, letters, accounts.further_names)


async def _accounts(
    connection: AsyncConnection, authors: Sequence[str], values: Mapping[str, Any]
) -> Accounts:
    ids = (await connection.execute(_THEIR_IDS, values)).scalars()
    return await accounts_of(connection, ids.all(), authors)


async def _query(engine: AsyncEngine, author: str, network: str | None) -> dict[str, Any]:
    """What the statements compare with. names: as the database makes them small, and as we do."""
    bare = storable(_bare(author))
    async with reachable(), engine.connect() as connection:
        stored = (await connection.execute(_OTHER_LETTERS)).scalars().all()
        alike = [storable(author.strip()), *(name for name in stored if _is_same(name, author))]
        small = (await connection.execute(_SMALL, {"names": alike})).scalars().all()
    return {
        "name": bare,
        "names": sorted({bare, *small}),
        "network": None if network is None else storable(network.strip().lower()),
    }


def _is_same(name: str, other: str) -> bool:
    """Whether names differ in capitals alone: STRASSE is Straße, but Strasse is another name."""
    name, other = name.strip().lstrip("@"), other.strip().lstrip("@")
    return name.lower() == other.lower() or name.upper() == other or name == other.upper()


def _bare(author: str) -> str:
    """The name as it is compared: @ada, Ada and ada are one."""
    return author.strip().lstrip("@").lower()


async def _no_author(connection: AsyncConnection, author: str, values: Mapping[str, Any]) -> str:
    """Why nothing is removed, with the names that were perhaps meant."""
    name = values["name"] or ""
    where = f" on {values['network']}" if values["network"] else ""
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
    ends (7 days): a replay of them meets the tombstones. Where others name or quote the person, in
    answers, notes, questions to the database or letters that could not be read, the name and the
    words are taken out. Ids that are more than a number, or name the person, are exchanged for
    digests, by which a redelivery is known. May be run again: it goes on where it was interrupted.
    The audit keeps a digest of the author, without @ and in small letters.
    """
    store = Store(engine)
    values = await _query(engine, author, network)
    messages = drafts = 0
    async with reachable(), engine.begin() as connection:
        authors, letters, touched = await _elsewhere(connection, author, values)
    touched |= await _unquoted(engine, authors, values)
    while True:
        async with reachable(), engine.connect() as connection:
            rows = (await connection.execute(_THEIRS, values | {"limit": BATCH})).all()
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
            conversations = sorted({row.conversation for row in rows})
            texts = list((await connection.execute(_TEXTS, ids)).scalars())
            await connection.execute(_NOTES, ids | {"conversations": conversations})
            near = Traces(authors, texts, near=True)
            touched |= await remove_traces(connection, near, conversations)
            personal = filter(forgotten_ids.tells_of_somebody, ids["ids"])
            await forgotten_ids.to_be_exchanged(connection, list(personal))
        judgements = [Judgement(tombstone, "", None, None) for tombstone in tombstones]
        await publish(await store.save(judgements))
        messages += len(rows)
    await publish(await _refolded(store, touched))
    await exchange_ids(engine, publish)
    await free_marked(engine, _FREED)
    async with reachable(), engine.begin() as connection:
        digest = hashlib.sha256(_bare(author).encode("utf-8", "replace")).hexdigest()
        details = f'{{"messages": {messages}, "drafts": {drafts}, "dead_letters": {letters}}}'
        await connection.execute(_AUDIT, {"who": actor, "subject": digest, "details": details})
    return Forgotten(messages, drafts, letters)


async def _elsewhere(
    connection: AsyncConnection, author: str, values: Mapping[str, Any]
) -> tuple[list[str], int, set[str]]:
    """Remove what there is of them beside their messages: their names as stored and as their ids
    tell, how many dead letters went, and the conversations in which others named them.
    """
    authors = [row.author for row in await connection.execute(_AUTHORS, values)]
    accounts = await _accounts(connection, authors, values)
    authors += accounts.names
    # First: a run that breaks off knows the names as stored once more.
    traces = Traces(authors or [author])
    letters = await letters_of(connection, traces, remove=True)
    removed = (await connection.execute(_OPTED_OUT, values)).rowcount
    removed += (await connection.execute(_LINKS, values)).rowcount
    if authors or letters or removed:
        await to_be_freed(connection)
    if not authors:
        return authors, letters, set()
    network = values["network"]
    like = [*traces.like, *(literal(prefix) + "%" for prefix in accounts.prefixes)]
    naming = await forgotten_ids.ids_that_name(
        connection,
        like,
        lambda id: traces.names_in(id) or id.startswith(accounts.prefixes),
        network,
    )
    await forgotten_ids.to_be_exchanged(connection, naming)
    return authors, letters, await remove_traces(connection, traces, network=network)


async def _unquoted(
    engine: AsyncEngine, authors: Collection[str], values: Mapping[str, Any]
) -> set[str]:
    """Take their words out of what others wrote, while it is known what they are."""
    async with reachable(), engine.connect() as connection:
        theirs = (await connection.execute(_WRITTEN, values)).all()
    if not theirs:
        return set()
    traces = Traces(authors, [row.text for row in theirs])
    async with reachable():
        return await remove_quotes(
            engine, traces, [row.id for row in theirs], network=values["network"]
        )


async def _refolded(store: Store, conversations: set[str]) -> Saved:
    """Tickets of others whose messages name the person: an excerpt repeats what was said."""
    folded = await store.refold(sorted(conversations)) if conversations else None
    return Saved([], [] if folded is None else folded.tickets, [])

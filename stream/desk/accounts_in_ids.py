"""Accounts in ids: who wrote, as the ids of their messages tell it beside any display name.

An id may hold the account (`bluesky:did:plc:.../3k`, `facebook:100012345678_55`), while whoever
posted the message gave a display name as its author.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LISTED = 5  # further names of an account
# What stands before the message's own part of an id. `~` begins a brand's name space.
_PREFIX = re.compile(r"[a-z0-9_-]+:(?:([^~/<][^/]*)/|([0-9]{6,})_)(?=.)")
# Of those, what is a name in texts as well: no word, no year, no name of a list.
_IS_NAME = re.compile(r"did:.+|[^@]*@.+|[0-9]{8,}|(?=.*[a-z])(?=.*[0-9._-]).{6,}", re.IGNORECASE)
_IS_ACCOUNT = re.compile(r"did:.+|[^@\n]*@.+", re.IGNORECASE)  # and nobody's server or page

_SHARED = text("""
    select distinct prefix, author from unnest(cast(:prefixes as text[])) prefix
    join events on starts_with(id, prefix)
    where kind <> 'deleted' and lower(ltrim(author, '@')) <> all(
        -- made small here: Python and Postgres do it differently to some letters, such as İ
        select lower(ltrim(name, '@')) from unnest(cast(:names as text[])) name
    )
""")


@dataclass(frozen=True, slots=True)
class Accounts:
    """names: as texts may hold them. prefixes: of ids, which are theirs alone. further_names: whom
    the same accounts wrote as besides, whose messages these names do not reach.
    """

    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    further_names: tuple[str, ...] = ()


async def accounts_of(
    connection: AsyncConnection, ids: Collection[str], authors: Collection[str]
) -> Accounts:
    """The accounts that the ids tell of, as far as nobody else's message is of them: a server or
    a page is everybody's. ids: of a person's messages; authors: their names there.
    """
    prefixes = {match[0]: match[1] or match[2] for id in ids if (match := _PREFIX.match(id))}
    if not prefixes:
        return Accounts()
    values = {"prefixes": sorted(prefixes), "names": list(authors)}
    rows = (await connection.execute(_SHARED, values)).all()
    shared = {row.prefix for row in rows}
    own = sorted(prefixes.keys() - shared)
    further_names = {row.author for row in rows if _IS_ACCOUNT.fullmatch(prefixes[row.prefix])}
    return Accounts(
        tuple(sorted({prefixes[prefix] for prefix in own if _IS_NAME.fullmatch(prefixes[prefix])})),
        tuple(own),
        tuple(sorted(further_names)[:LISTED]),
    )

"""API keys: made, listed, revoked and looked up. The database holds their digests alone."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.accounts.users import USER, User
from stream.errors import UserError
from stream.postgres.database import reachable
from stream.postgres.tables import api_keys, users

Scope = Literal["analyze", "events", "read", "desk"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_MARK = "earshot_"  # what a scanner for leaked secrets looks for
_TOKEN = re.compile(_MARK + r"[A-Za-z0-9_-]{43}")
_PREFIX_LENGTH = (
    len(_MARK) + 6
)  # characters of a token that lists show; 220 of its bits stay secret


@dataclass(frozen=True, slots=True)
class Key:
    """A key as stored, never the token itself. holder: the user it acts for."""

    id: int
    name: str
    prefix: str
    scopes: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    holder: User | None = None


def new_token() -> str:
    """256 random bits in 51 characters."""
    return _MARK + secrets.token_urlsafe(32)


def looks_like_token(token: str) -> bool:
    return _TOKEN.fullmatch(token) is not None


def digest(token: str) -> bytes:
    """The part of a token that the database keeps.

    Plain SHA-256 is right here, a slow password hash is not: there is no dictionary of 256-bit
    random numbers to try, so slowness would protect nothing and cost every request.
    """
    return hashlib.sha256(token.encode()).digest()


_OF_KEY = ("id", "name", "prefix", "scopes", "created_at", "last_used_at", "revoked_at")
_KEY = select(
    *(api_keys.c[name] for name in _OF_KEY), *(users.c[name].label(f"user_{name}") for name in USER)
).select_from(api_keys.outerjoin(users, users.c.id == api_keys.c.user_id))


class ApiKeys:
    """The table `api_keys`, which the owner role alone can read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, name: str, scopes: Collection[Scope], holder: User | None = None) -> str:
        """Make a key and return its token, shown this once. Raises UserError for a taken name."""
        token = new_token()
        values: dict[str, object] = {
            "name": name,
            "prefix": token[:_PREFIX_LENGTH],
            "digest": digest(token),
            "scopes": sorted(set(scopes)),
            "user_id": holder and holder.id,
        }
        try:
            async with reachable(), self._engine.begin() as connection:
                await connection.execute(insert(api_keys).values(values))
        except IntegrityError:
            raise UserError(
                f"there is a key named {name!r} already; revoke it, or choose another name"
            ) from None
        return token

    async def list(self, *, revoked: bool = False) -> list[Key]:
        """The keys in use, oldest first; with `revoked` also the others."""
        query = _KEY.order_by(api_keys.c.id)
        if not revoked:
            query = query.where(api_keys.c.revoked_at.is_(None))
        async with reachable(), self._engine.connect() as connection:
            return [_key(row) for row in (await connection.execute(query)).mappings()]

    async def revoke(self, name: str) -> Key:
        """End the key of this name or prefix. Raises UserError where none is in use."""
        by_name = (api_keys.c.name == name) | (api_keys.c.prefix == name)
        query = (
            update(api_keys)
            .where(by_name, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=func.now())
            .returning(*(api_keys.c[name] for name in _OF_KEY))
        )
        async with reachable(), self._engine.begin() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise UserError(f"there is no key {name!r} in use; see `earshot key list`")
        return _key(row)

    async def find(self, token: str) -> Key | None:
        """The key of this token, unless it was revoked or its user is disabled. Notes the use."""
        query = _KEY.where(
            api_keys.c.digest == digest(token),
            api_keys.c.revoked_at.is_(None),
            users.c.disabled_at.is_(None),
        )
        async with reachable(), self._engine.begin() as connection:
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            await connection.execute(
                update(api_keys).where(api_keys.c.id == row["id"]).values(last_used_at=func.now())
            )
        return _key(row)


def _key(row: Mapping[Any, Any]) -> Key:
    fields = {name: row[name] for name in _OF_KEY} | {"scopes": frozenset(row["scopes"])}
    if row.get("user_id") is None:
        return Key(**fields)
    user = {name: row[f"user_{name}"] for name in USER}
    brands = row["user_brands"]
    user["brands"] = None if brands is None else frozenset(brands)
    return Key(**fields, holder=User(**user))

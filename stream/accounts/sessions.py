"""Login sessions: a random token in a cookie, its digest in the database, and slowed guesses."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.accounts.guesses import Guess, Guesses
from stream.accounts.users import USER, People, User
from stream.postgres.database import reachable, storable
from stream.postgres.tables import audit, sessions, users

LONGEST = timedelta(hours=12)

_TIDY = text("""
    with old as (delete from failed_logins where at < now() - interval '1 day'),
         unused as (delete from login_devices where used_at < now() - interval '180 days')
    delete from sessions where expires_at < now()
""")
log = logging.getLogger(__name__)


class WrongPassword(Exception):
    """The name or the password is wrong; which of them is not told."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is logged in. csrf: must come with their forms; worthless without the cookie."""

    user: User
    csrf: str


@dataclass(frozen=True, slots=True)
class Login:
    """What a browser gets: its session, and by which it is known when it comes again."""

    token: str
    device: str


class Sessions:
    """The table `sessions`, which the owner role alone can read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._people = People(engine)
        self.guesses = Guesses(engine)

    async def log_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session. Raises WrongPassword.

        Raises TooManyGuesses before it has looked at the password.
        """
        return (await self.enter(await self.guesses.begin(name, address), password)).token

    async def enter(self, guess: Guess, password: str) -> Login:
        """Log in from a device that is known afterwards. Raises as log_in does."""
        return await self.begin(await self.verified(guess, password), guess)

    async def verified(self, guess: Guess, password: str) -> User:
        """The user whose password it is. Raises as log_in does."""
        await self.guesses.refuse(guess)
        user = await self._people.verified(guess.name, password)
        if user is None:
            await self.guesses.note(guess)
            # A name that nobody has may be a password that was typed into the wrong field.
            name = guess.name if guess.is_user else "a name that nobody has"
            log.warning("a login was refused: wrong password for %s from %s", name, guess.address)
            raise WrongPassword("the name or the password is wrong")
        return user

    async def begin(self, user: User, guess: Guess) -> Login:
        """A new session of a person whose password was right."""
        async with reachable(), self.engine.begin() as connection:
            device = await self.guesses.forgive(connection, guess, user)
            return Login(await _begin(connection, user, guess.address), device)

    async def vouched(self, name: str, address: str) -> str:
        """The token of a new session for a user of single sign-on. Raises WrongPassword."""
        async with reachable(), self.engine.connect() as connection:
            known = select(users.c.name).where(
                users.c.name == storable(name), users.c.disabled_at.is_(None)
            )
            if (await connection.execute(known)).first() is None:
                log.warning("a login was refused: single sign-on of nobody here, from %s", address)
                raise WrongPassword("nobody of this name may log in")
        user = await self._people.find(name)
        async with reachable(), self.engine.begin() as connection:
            return await _begin(connection, user, address)

    async def session(self, token: str, *, touch: bool = True) -> Session | None:
        """The session of this token; None when it ended, never was, or its user is disabled.

        touch: the session is in use.
        """
        alive = (
            update(sessions)
            .where(
                sessions.c.digest == _digest(token),
                sessions.c.expires_at > func.now(),
                sessions.c.user_id == users.c.id,
                users.c.disabled_at.is_(None),
            )
            .values(seen_at=func.now() if touch else sessions.c.seen_at)
            .returning(*(users.c[name] for name in USER))
        )
        async with reachable(), self.engine.begin() as connection:
            row = (await connection.execute(alive)).mappings().one_or_none()
        if row is None:
            return None
        brands = None if row["brands"] is None else frozenset(row["brands"])
        return Session(User(**{**row, "brands": brands}), csrf_of(token))

    async def alive_of(self, tokens: Collection[str]) -> dict[str, Session]:
        """The sessions of those tokens that are alive; looking does not keep them so."""
        by_digest = {_digest(token): token for token in tokens}
        alive = (
            select(sessions.c.digest, *(users.c[name] for name in USER))
            .join(users, users.c.id == sessions.c.user_id)
            .where(
                sessions.c.digest.in_(list(by_digest)),
                sessions.c.expires_at > func.now(),
                users.c.disabled_at.is_(None),
            )
        )
        async with reachable(), self.engine.connect() as connection:
            rows = (await connection.execute(alive)).mappings().all()
        return {
            (token := by_digest[row["digest"]]): Session(
                User(
                    **{name: row[name] for name in USER if name != "brands"},
                    brands=None if row["brands"] is None else frozenset(row["brands"]),
                ),
                csrf_of(token),
            )
            for row in rows
        }

    async def log_out(self, token: str) -> None:
        async with reachable(), self.engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == _digest(token)))

    async def alive(self) -> dict[int, tuple[int, datetime]]:
        """By user: how many sessions they have, and when one of them was last seen."""
        counted = (
            select(sessions.c.user_id, func.count(), func.max(sessions.c.seen_at))
            .where(sessions.c.expires_at > func.now())
            .group_by(sessions.c.user_id)
        )
        async with reachable(), self.engine.connect() as connection:
            return {user: (count, seen) for user, count, seen in await connection.execute(counted)}

    async def end(self, user_id: int) -> int:
        """Log the user out everywhere; returns how many sessions that were."""
        async with reachable(), self.engine.begin() as connection:
            ended = await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
            return int(ended.rowcount)


async def _begin(connection: AsyncConnection, user: User, address: str) -> str:
    token = secrets.token_urlsafe(32)
    await connection.execute(_TIDY)
    now = {"created_at": func.now(), "seen_at": func.now(), "expires_at": func.now() + LONGEST}
    await connection.execute(insert(sessions).values(digest=_digest(token), user_id=user.id, **now))
    entry = {"who": user.name, "action": "log in", "details": {"address": address}}
    await connection.execute(insert(audit).values(entry))
    return token


def csrf_of(token: str) -> str:
    """Derived from the session's token one way: it needs no storage and ends with the session."""
    return hashlib.sha256(f"csrf {token}".encode()).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

"""Login sessions: a random token in a cookie, its digest in the database, and slowed guesses."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.accounts.users import USER, People, User
from stream.postgres.database import reachable, storable
from stream.postgres.tables import audit, failed_logins, sessions, users

LONGEST = timedelta(days=7)
IDLE = timedelta(hours=12)

FREE_GUESSES = 5  # of one name, within the window, before the next one must wait
FREE_GUESSES_OF_ADDRESS = 20
WINDOW = timedelta(minutes=15)

_TIDY = text("""
    with old as (delete from failed_logins where at < now() - interval '1 day')
    delete from sessions where expires_at < now() or seen_at < now() - interval '12 hours'
""")


class WrongPassword(Exception):
    """The name or the password is wrong; which of them is not told."""


class TooManyGuesses(Exception):
    """seconds: how long until the next guess is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong passwords; try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is logged in. csrf: must come with their forms; worthless without the cookie."""

    user: User
    csrf: str


class Sessions:
    """The table `sessions`, which the owner role alone can read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._people = People(engine)

    async def log_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session. Raises WrongPassword.

        Raises TooManyGuesses before it has looked at the password.
        """
        wait = await self._wait(name, address)
        if wait:
            raise TooManyGuesses(wait)
        user = await self._people.verified(name, password)
        if user is None:
            failure = insert(failed_logins).values(name=name[:200], address=address, at=func.now())
            async with reachable(), self._engine.begin() as connection:
                await connection.execute(failure)
            raise WrongPassword("the name or the password is wrong")
        return await self._begin(user, address)

    async def vouched(self, name: str, address: str) -> str:
        """The token of a new session for a user of single sign-on. Raises WrongPassword."""
        async with reachable(), self._engine.connect() as connection:
            known = select(users.c.name).where(
                users.c.name == storable(name), users.c.disabled_at.is_(None)
            )
            if (await connection.execute(known)).first() is None:
                raise WrongPassword("nobody of this name may log in")
        return await self._begin(await self._people.find(name), address)

    async def _begin(self, user: User, address: str) -> str:
        token = secrets.token_urlsafe(32)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(_TIDY)
            await connection.execute(delete(failed_logins).where(failed_logins.c.name == user.name))
            now = {
                "created_at": func.now(),
                "seen_at": func.now(),
                "expires_at": func.now() + LONGEST,
            }
            await connection.execute(
                insert(sessions).values(digest=_digest(token), user_id=user.id, **now)
            )
            entry = {"who": user.name, "action": "log in", "details": {"address": address}}
            await connection.execute(insert(audit).values(entry))
        return token

    async def session(self, token: str, *, touch: bool = True) -> Session | None:
        """The session of this token; None when it ended, never was, or its user is disabled.

        touch: the session is in use.
        """
        alive = (
            update(sessions)
            .where(
                sessions.c.digest == _digest(token),
                sessions.c.expires_at > func.now(),
                sessions.c.seen_at > func.now() - IDLE,
                sessions.c.user_id == users.c.id,
                users.c.disabled_at.is_(None),
            )
            .values(seen_at=func.now() if touch else sessions.c.seen_at)
            .returning(*(users.c[name] for name in USER))
        )
        async with reachable(), self._engine.begin() as connection:
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
                sessions.c.seen_at > func.now() - IDLE,
                users.c.disabled_at.is_(None),
            )
        )
        async with reachable(), self._engine.connect() as connection:
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
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == _digest(token)))

    async def alive(self) -> dict[int, tuple[int, datetime]]:
        """By user: how many sessions they have, and when one of them was last seen."""
        counted = (
            select(sessions.c.user_id, func.count(), func.max(sessions.c.seen_at))
            .where(sessions.c.expires_at > func.now(), sessions.c.seen_at > func.now() - IDLE)
            .group_by(sessions.c.user_id)
        )
        async with reachable(), self._engine.connect() as connection:
            return {user: (count, seen) for user, count, seen in await connection.execute(counted)}

    async def end(self, user_id: int) -> int:
        """Log the user out everywhere; returns how many sessions that were."""
        async with reachable(), self._engine.begin() as connection:
            ended = await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
            return int(ended.rowcount)

    async def _wait(self, name: str, address: str) -> int:
        """Seconds until the next guess: none for the first few, then doubling up to a minute.

        By the name, so that many addresses do not help; by the address, so that many names do not.
        A minute is short enough that nobody is locked out of their account by others for long.
        """
        recent = failed_logins.c.at > func.now() - WINDOW
        counted = select(
            func.count().filter(failed_logins.c.name == name),
            func.max(failed_logins.c.at).filter(failed_logins.c.name == name),
            func.count().filter(failed_logins.c.address == address),
            func.max(failed_logins.c.at).filter(failed_logins.c.address == address),
            func.now(),
        ).where(recent)
        async with reachable(), self._engine.connect() as connection:
            of_name, name_at, of_address, address_at, now = (
                await connection.execute(counted)
            ).one()
        return max(
            _seconds_left(of_name - FREE_GUESSES, name_at, now),
            _seconds_left(of_address - FREE_GUESSES_OF_ADDRESS, address_at, now),
        )


def _seconds_left(beyond: int, latest: datetime | None, now: datetime) -> int:
    """beyond: guesses after the free ones. latest: the time of the last guess."""
    if latest is None or beyond < 0:
        return 0
    wait = min(60, 2 ** min(6, beyond)) - (now - latest).total_seconds()
    return max(0, int(wait + 0.999))


def csrf_of(token: str) -> str:
    """Derived from the session's token one way: it needs no storage and ends with the session."""
    return hashlib.sha256(f"csrf {token}".encode()).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

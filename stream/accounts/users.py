"""Users of the desk with their roles, and the single-use code that makes the first one."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.tables import Row, sessions, setup_codes, users

Role = Literal["viewer", "agent", "lead", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200  # hashing a novel would be a way to keep the server busy
LONGEST_NAME = 80
SETUP_MINUTES = 15
_ESTIMATED = 72  # characters that zxcvbn reads: within 0.1 s, whatever they are
_UNKNOWN = 3  # of zxcvbn's scores, from 0 to 4

_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that are taken for another
_ONE_AT_A_TIME = func.pg_advisory_xact_lock(func.hashtextextended("earshot setup", 0))

# argon2id with the parameters of RFC 9106 for little memory: 64 MiB, 3 passes
HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True)
class User:
    """A person who may log in. brands: those they are bound to; None: all.

    login: their own role in Postgres, None where they have none. must_change_password: somebody
    else knows it, so that they may do nothing else first.
    """

    id: int
    name: str
    role: Role
    brands: frozenset[str] | None
    login: str | None
    disabled_at: datetime | None = None
    must_change_password: bool = False

    def may(self, role: Role) -> bool:
        """Whether they may do what takes this role."""
        return ROLES.index(self.role) >= ROLES.index(role)


USER = (  # columns of a User
    *("id", "name", "role", "brands", "login", "disabled_at", "must_change_password"),
)
_USER = select(*(users.c[name] for name in USER))


class People:
    """The table `users`, which the owner role alone can read. hasher: of new passwords; a hash says
    how it was made.
    """

    def __init__(self, engine: AsyncEngine, hasher: PasswordHasher = HASHER) -> None:
        self._engine = engine
        self._hasher = hasher

    async def setup_code(self) -> str | None:
        """A fresh code for the first user; None when there are users already.

        Of several servers each prints its own, and each is good until one is used.
        """
        letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(12))  # 60 bits
        code = f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(select(_ONE_AT_A_TIME))
            if await _has_users(connection):
                return None
            await connection.execute(
                delete(setup_codes).where(setup_codes.c.expires_at <= func.now())
            )
            expires = func.now() + timedelta(minutes=SETUP_MINUTES)
            await connection.execute(
                insert(setup_codes).values(digest=_digest(code), expires_at=expires)
            )
        return code

    async def set_up(self, code: str, name: str, password: str) -> User:
        """Make the first user, an admin. Raises UserError for a code wrong, used or too old."""
        await self.refuse_unknown(code)
        refuse_bad(name, password)
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(select(_ONE_AT_A_TIME))
            used = delete(setup_codes).where(
                setup_codes.c.digest == _digest(code), setup_codes.c.expires_at > func.now()
            )
            row = (await connection.execute(used.returning(setup_codes.c.digest))).first()
            if row is None or await _has_users(connection):
                raise _wrong_code()
            await connection.execute(delete(setup_codes))
            return await _insert(connection, name, hashed, "admin", None)

    async def refuse_unknown(self, code: str) -> None:
        """Raises UserError for a code as set_up does, but takes no lock, and hashes nothing."""
        known = select(setup_codes.c.digest).where(
            setup_codes.c.digest == _digest(code), setup_codes.c.expires_at > func.now()
        )
        async with reachable(), self._engine.connect() as connection:
            if (await connection.execute(known)).first() is None:
                raise _wrong_code()

    async def add(
        self,
        name: str,
        password: str,
        role: Role,
        brands: Collection[str] | None = None,
        *,
        temporary: bool = False,
    ) -> User:
        """temporary: they must choose another password when they first log in.

        Raises UserError when the name is taken, or the password too easy to guess.
        """
        refuse_bad(name, password)
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        async with reachable(), self._engine.begin() as connection:
            user = await _insert(connection, name, hashed, role, brands)
            if temporary:
                is_user = users.c.id == user.id
                await connection.execute(
                    update(users).where(is_user).values(must_change_password=True)
                )
            return replace(user, must_change_password=temporary)

    async def any(self) -> bool:
        """Whether anybody may log in, or could once: there is no setting up any more."""
        async with reachable(), self._engine.connect() as connection:
            return await _has_users(connection)

    async def list(self) -> list[User]:
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_USER.order_by(users.c.name))
            return [_user(row) for row in rows.mappings()]

    async def find(self, name: str) -> User:
        """Raises UserError when nobody has the name."""
        async with reachable(), self._engine.connect() as connection:
            rows = await connection.execute(_USER.where(users.c.name == name))
            row = rows.mappings().one_or_none()
        if row is None:
            raise UserError(f"there is no user {name!r}; see `earshot user list`")
        return _user(row)

    async def set_password(self, name: str, password: str, *, temporary: bool = False) -> None:
        """Ends all their sessions. temporary: they must choose another one when they log in."""
        refuse_bad(name, password)
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        await self._change(name, password_hash=hashed, must_change_password=temporary)

    async def set_role(self, name: str, role: Role, brands: Collection[str] | None) -> None:
        """Raises UserError where nobody would be left to administer. Ends all their sessions."""
        await self._change(name, role=role, brands=None if brands is None else sorted(set(brands)))

    async def change_role(self, name: str, role: Role) -> User:
        """As `set_role`; the brands stay what they are. Returns the user as they are then."""
        await self._change(name, role=role)
        return await self.find(name)

    async def change_brands(self, name: str, brands: Collection[str] | None) -> User:
        """Bind them to these brands, None: to none, so that they see all; the role stays."""
        await self._change(name, brands=None if brands is None else sorted(set(brands)))
        return await self.find(name)

    async def disable(self, name: str) -> None:
        """They can log in no more, and their sessions end; what they did stays in the history."""
        await self._change(name, disabled_at=func.now())

    async def enable(self, name: str) -> None:
        await self._change(name, disabled_at=None)

    async def set_login(self, user_id: int, login: str) -> None:
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(update(users).where(users.c.id == user_id).values(login=login))

    async def verified(self, name: str, password: str) -> User | None:
        """The user, if this is their password and they are not disabled.

        Takes as long for an unknown name.
        """
        async with reachable(), self._engine.connect() as connection:
            is_theirs = users.c.name == storable(name)
            query = select(users).where(is_theirs, users.c.disabled_at.is_(None))
            row = (await connection.execute(query)).mappings().one_or_none()
        hashed = _dummy_hash() if row is None else row["password_hash"]
        is_right = await asyncio.to_thread(_matches, hashed, password[:LONGEST_PASSWORD])
        return _user(row) if row is not None and is_right else None

    async def _change(self, name: str, **values: object) -> None:
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(select(_ONE_AT_A_TIME))
            had_admin = await _has_admin(connection)
            changed = update(users).where(users.c.name == name).values(values).returning(users.c.id)
            user_id = (await connection.execute(changed)).scalar_one_or_none()
            if user_id is None:
                raise UserError(f"there is no user {name!r}; see `earshot user list`")
            if had_admin and not await _has_admin(connection):
                raise UserError(
                    f"{name} is the only admin of all brands; make somebody else one first"
                )
            await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))


async def _has_admin(connection: AsyncConnection) -> bool:
    """Whether somebody may make users: an admin who is bound to some brands may not."""
    admins = select(users.c.id).where(
        users.c.role == "admin", users.c.disabled_at.is_(None), users.c.brands.is_(None)
    )
    return (await connection.execute(admins.limit(1))).first() is not None


def refuse_bad(name: str, password: str) -> None:
    """Raises UserError for a name of more than one line, and for a password easily guessed."""
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()):
        raise UserError(
            f"a name has 1 to {LONGEST_NAME} printable characters, without spaces at its ends"
        )
    if name.lower().startswith("key:"):
        raise UserError("a name does not begin with key: - so do those of API keys in the history")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UserError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    is_their_name = name.casefold() in password.casefold()
    if len(set(password)) < 5 or is_their_name or is_known(password, name):
        raise UserError(
            "this password is easily guessed; take several words that have nothing to do with you"
        )


def is_known(password: str, name: str) -> bool:
    """Whether a hundred million guesses find it: known passwords, names, dates, keys in a row.

    Estimated by zxcvbn (Wheeler, USENIX Security 2016), whose first score that withstands guesses
    of an online attack is 3.
    """
    from zxcvbn import zxcvbn  # its lists take a tenth of a second

    beginning = password[:_ESTIMATED]
    return int(zxcvbn(beginning, user_inputs=[name, "earshot"])["score"]) < _UNKNOWN


def _wrong_code() -> UserError:
    return UserError(
        "this code is wrong, used or older than 15 minutes; start `earshot web` for a new one"
    )


async def _insert(
    connection: AsyncConnection, name: str, hashed: str, role: Role, brands: Collection[str] | None
) -> User:
    bound = None if brands is None else sorted(set(brands))
    put = insert(users).values(name=name, password_hash=hashed, role=role, brands=bound)
    put = put.returning(*_USER.selected_columns)
    try:
        async with connection.begin_nested():
            return _user((await connection.execute(put)).mappings().one())
    except IntegrityError:
        raise UserError(f"there is a user {name!r} already; choose another name") from None


async def _has_users(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(users.c.id).limit(1))).first() is not None


def _user(row: Row) -> User:
    fields = {name: row[name] for name in USER if name != "brands"}
    return User(**fields, brands=None if row["brands"] is None else frozenset(row["brands"]))


def _digest(code: str) -> bytes:
    """Of a code as a person types it: small letters, spaces and missing dashes do not matter."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode()).digest()


def _matches(hashed: str, password: str) -> bool:
    try:
        return HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _dummy_hash() -> str:
    """A hash that no password matches: the answer must not come sooner for an unknown name."""
    return HASHER.hash(secrets.token_urlsafe(32))

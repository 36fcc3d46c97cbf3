"""Connections to Postgres: engines, the reader's login, and the errors that mean `away`."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from stream.errors import DatabaseAway

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import AsyncEngine

READER = "earshot_reader"
CONNECT_SECONDS = 10
COMMAND_SECONDS = 60  # a half-open connection would otherwise be waited on for ever


# What the next attempt, or an operator, can cure. Everything else is the fault of what was sent.
_AWAY_CLASSES = {
    "08": "the connection broke",
    "28": "the login was refused",
    # serialization failure, deadlock, unknown completion
    "40": "a transaction lost against another one",
    "53": "the server is short of connections, memory or disk",
    # a time-out is overload, not a bad message
    "57": "the server is stopping, starting, or cancelled the statement",
    "58": "the server's disk or system failed",
}
_AWAY_STATES = {
    "25006": "the server is read-only",  # a fail-over is under way
    "55P03": "a lock could not be had in time",
    "3D000": "the database does not exist",
    "3F000": "the schema does not exist",
    "42P01": "a table is missing: run `earshot migrate`",
    "42703": "a column is missing: run `earshot migrate`",
    "42501": "the login lacks a right",
}


def why_away(error: BaseException) -> str | None:
    """Why `error` means that the database is away; None when the error lies in what was sent."""
    refused = _refused(error)
    if refused is not None and refused.orig is not None:
        if refused.connection_invalidated:
            return "the connection broke"
        return why_away(refused.orig.__cause__ or refused.orig)
    if _is_pool_timeout(error):
        return "no connection of the pool came free in time"
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _AWAY_STATES.get(state) or _AWAY_CLASSES.get(state[:2])
    if isinstance(
        error, OSError
    ):  # refused, reset, no such socket, time-out: only sockets are used here
        return "the server cannot be reached"
    if isinstance(error, asyncpg.InterfaceError) and "closed" in str(error):
        return "the connection broke"
    return None


def _refused(error: BaseException) -> DBAPIError | None:
    """The error where SQLAlchemy raised it for the driver. Who never loaded SQLAlchemy has none."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import DBAPIError

    return error if isinstance(error, DBAPIError) else None


def _is_pool_timeout(error: BaseException) -> bool:
    if "sqlalchemy" not in sys.modules:
        return False
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    return isinstance(error, PoolTimeout)


def is_unstorable(error: DBAPIError) -> bool:
    """Whether a text was refused for a character that Postgres cannot hold: NUL, half a pair."""
    cause = error.orig.__cause__ if error.orig is not None else None
    if isinstance(cause, asyncpg.DataError) and isinstance(cause.__cause__, UnicodeError):
        return True
    return getattr(cause, "sqlstate", None) in ("22021", "22P05")


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """Raise DatabaseAway for every error that means so; let the others pass as they are.

    Who was cancelled inside is cancelled, also where giving the connection back fails: callers wait
    out DatabaseAway.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except (
        Exception
    ) as error:  # why_away knows which of asyncpg's, SQLAlchemy's and the system's errors are meant
        if task and task.cancelling() > before:
            raise asyncio.CancelledError from error
        reason = why_away(error)
        if reason is None:
            raise
        refused = _refused(error)
        cause = error if refused is None or refused.orig is None else refused.orig
        raise DatabaseAway(
            f"{reason} ({str(cause).splitlines()[0] if str(cause) else type(cause).__name__})"
        ) from error


def dsn(url: str) -> str:
    """`url` as asyncpg reads it: SQLAlchemy's driver name is dropped; every libpq parameter
    (sslmode...) stays.
    """
    scheme, rest = url.split("://", 1)
    return f"{scheme.partition('+')[0]}://{rest}"


@asynccontextmanager
async def connected(
    url: str, command_seconds: float | None = COMMAND_SECONDS
) -> AsyncIterator[asyncpg.Connection]:
    """A connection without an engine: it loads no SQLAlchemy, which is two fifths of the start of
    a command that only looks. Raises what asyncpg raises: see `reachable`.
    """
    connection = await _connect(dsn(url), command_seconds)
    try:
        yield connection
    finally:
        await connection.close()


async def _connect(address: str, command_seconds: float | None) -> asyncpg.Connection:
    return await asyncpg.connect(
        address,
        timeout=CONNECT_SECONDS,
        command_timeout=command_seconds,
        server_settings={"application_name": "earshot", "timezone": "UTC"},
    )


def open_engine(
    url: str, *, pool_size: int = 5, command_seconds: float | None = COMMAND_SECONDS
) -> AsyncEngine:
    """An engine on `url`. Connects on first use; the caller disposes of it."""
    from sqlalchemy.ext.asyncio import create_async_engine

    address = dsn(url)

    async def connect(**_: Any) -> asyncpg.Connection:
        connection = await _connect(address, command_seconds)
        try:
            await _speak_halfvec(connection)
        except BaseException:  # cancelled, too: nobody else knows of this connection yet
            connection.terminate()
            raise
        return connection

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # an error must not carry customers' texts into a log
        # save re-reads under its locks and must see what was committed meanwhile
        isolation_level="READ COMMITTED",
    )


async def _speak_halfvec(connection: asyncpg.Connection) -> None:
    """Send embeddings in binary: as text they took longer than the rest of a save together."""
    schema = await connection.fetchval(
        "select n.nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace "
        "where t.typname = 'halfvec'"
    )
    if schema is not None:
        await connection.set_type_codec(
            "halfvec", schema=schema, format="binary", encoder=bytes, decoder=_halfvec_array
        )


def halfvec_bytes(vector: NDArray[np.float16]) -> bytes:
    """pgvector's binary form: the width, a reserved word, and the numbers in network order."""
    return struct.pack(">HH", len(vector), 0) + vector.astype(">f2").tobytes()


def _halfvec_array(value: bytes) -> NDArray[np.float16]:
    import numpy as np  # who reads no vector does not load it

    return np.frombuffer(value, dtype=">f2", offset=4).astype(np.float16)


def reader_url(owner_url: str) -> str:
    """The read-only login beside `owner_url`; its password is derived from the owner's: there is no
    second secret.
    """
    parts = urlsplit(owner_url)
    user_info, _, host = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.pop("user", None)
    password = query.pop("password", None) or unquote(user_info.partition(":")[2])
    login = READER if not password else f"{READER}:{quote(reader_password(password), safe='')}"
    return urlunsplit(
        (parts.scheme, f"{login}@{host}", parts.path, urlencode(query, safe="/"), parts.fragment)
    )


def reader_password(owner_password: str) -> str:
    """One way: whoever knows the reader's password does not know the owner's."""
    return hashlib.scrypt(
        owner_password.encode(), salt=b"earshot reader 1", n=2**14, r=8, p=1, dklen=24
    ).hex()


def storable(text: str) -> str:
    """`text` with what Postgres cannot hold (NUL, lone surrogates) shown as U+FFFD."""
    if "\x00" not in text and text.isascii():
        return text
    return (
        text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )

"""Read-only Postgres logins of people who are bound to brands, held by row-level security."""

from __future__ import annotations

import hashlib
import logging
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.accounts.users import People, User
from stream.postgres.database import reachable
from stream.postgres.functions import TEMPORARY_FILES
from stream.postgres.roles import BOUND_READABLE, READABLE

log = logging.getLogger(__name__)

# bound_brands() says for each login which rows it sees.
_READABLE = [name for name in BOUND_READABLE if name in READABLE]
# Which a superuser alone may limit.
_TEMPORARY_FILES = (
    "do $$ begin alter role {login} set temp_file_limit = "
    f"'{TEMPORARY_FILES}'; "
    "exception when insufficient_privilege then null; end $$"
)


def login_of(user: User) -> str:
    return f"earshot_desk_{user.id}"


async def ensure_login(engine: AsyncEngine, owner_url: str, user: User) -> str:
    """Make or renew the person's login; returns its URL.

    Raises DatabaseAway where the owner may make no roles.
    """
    login, password = login_of(user), _password(owner_url, user)
    secret = f" password '{password}'" if password else ""  # hexadecimal
    async with reachable(), engine.begin() as connection:
        await connection.execute(
            text("select pg_advisory_xact_lock(hashtextextended('earshot desk logins', 0))")
        )
        existing = await connection.execute(
            text("select 1 from pg_roles where rolname = :login"), {"login": login}
        )
        verb = "create role" if existing.first() is None else "alter role"
        for statement in (
            f"{verb} {login} login{secret}",
            f"alter role {login} set default_transaction_read_only = on",
            f"alter role {login} set statement_timeout = '10s'",
            f"alter role {login} set idle_in_transaction_session_timeout = '30s'",
            _TEMPORARY_FILES.format(login=login),
            f"revoke all on all tables in schema public from {login}",
            f"grant usage on schema public to {login}",
            f"grant select on {', '.join(_READABLE)} to {login}",
        ):
            await connection.exec_driver_sql(statement)
    await People(engine).set_login(user.id, login)
    return login_url(owner_url, user)


def login_url(owner_url: str, user: User) -> str:
    """`owner_url` for the person's login, whose password is derived from the owner's.

    So there is no second secret to keep.
    """
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.pop("user", None)
    query.pop("password", None)
    password = _password(owner_url, user)
    login = login_of(user) if not password else f"{login_of(user)}:{quote(password, safe='')}"
    return urlunsplit(
        (parts.scheme, f"{login}@{host}", parts.path, urlencode(query, safe="/"), parts.fragment)
    )


def _password(owner_url: str, user: User) -> str | None:
    """Derived one way: it gives away neither the owner's password nor another person's.

    None where the owner has none.
    """
    parts = urlsplit(owner_url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    owner = query.get("password") or unquote(parts.netloc.rpartition("@")[0].partition(":")[2])
    if not owner:
        return None
    return hashlib.scrypt(
        owner.encode(), salt=f"earshot desk {user.id}".encode(), n=2**14, r=8, p=1, dklen=24
    ).hex()

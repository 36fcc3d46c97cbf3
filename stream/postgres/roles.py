"""The read-only login of `earshot sql`: made when tables are migrated, tried at every start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import asyncpg

from stream.postgres.database import CONNECT_SECONDS, READER, dsn, reader_url
from stream.postgres.functions import RESTRICT, TEMPORARY_FILES

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log = logging.getLogger(__name__)

# Dead letters hold what could not be redacted; the others belong to people's accounts.
READABLE = [
    "event_ids",
    "events",
    "tickets",
    "ticket_changes",
    "alerts",
    "signal_counts",
    "cursors",
    "spend",
    "replies",
    "incidents",
    "incident_tickets",
    "alert_deliveries",
    "alert_tickets",
    "corrections",
    "desk_clocks",
    "desk_shifts",
    "canned_replies",
    "person_links",
    "desk_promises",
    "ratings",
    "open_tickets",
    "ticket_history",
    "sentiment_hourly",
    "brand_health",
    "settled_tickets",
]
OUT_OF_REACH = (
    *(
        "dead_letters",
        "users",
        "api_keys",
        "audit",
        "sessions",
        "setup_codes",
        "failed_logins",
        "login_devices",
        "presence",
        "opted_out",
        "saved_views",
        "notices",
        "daily_summaries",
        "desk_controls",
        "desk_control_changes",
        "attendance",
        "saved_queries",
        "signing_keys",
        "conversation_merges",
        "event_places",
        "reply_pictures",
        "forgotten_ids",
        "conversation_stamps",
        "shadows",
        "shadow_counts",
    ),
)

BOUND = "earshot_bound"  # acts for people who are bound to brands; nobody logs in as it
# These have no brand to see them by; who else has a ticket open stands beside it, and so does what
# its people are to know.
BOUND_READABLE = [
    *(name for name in READABLE if name not in ("event_ids", "cursors")),
    *("presence", "saved_views", "notices", "reply_pictures"),
]
# What the desk lets people do; policies say whose. Two of them have no brand: what is done is
# kept, and who wants no answers gets none of anybody.
_BOUND_WRITES = {
    "update": "tickets, alerts, replies, presence, saved_views, canned_replies, person_links,"
    " notices",
    "insert": "ticket_changes, replies, corrections, presence, saved_views, canned_replies,"
    " person_links, audit, opted_out, reply_pictures",
    "delete": "presence, saved_views, canned_replies, notices, reply_pictures",
}

_SETTINGS = (
    f"alter role {READER} set default_transaction_read_only = on",
    f"alter role {READER} set statement_timeout = '10s'",
    f"alter role {READER} set idle_in_transaction_session_timeout = '30s'",
)
# Each stands alone: an owner who may not do one of them can still do the others.
_GRANTS = (
    f"revoke all on all tables in schema public from {READER}",
    f"grant select on {', '.join(READABLE)} to {READER}",
    "revoke create on schema public from public",
    f"grant usage on schema public to {READER}",
)
_BOUND = (
    f"""
        do $$
        begin
            if not exists (select from pg_roles where rolname = '{BOUND}') then
                create role {BOUND} nologin;
            end if;
            execute format('grant {BOUND} to %I', current_user);
        end $$
    """,
    f"grant usage on schema public to {BOUND}",
    f"grant select on {', '.join(BOUND_READABLE)} to {BOUND}",
    *(f"grant {right} on {tables} to {BOUND}" for right, tables in _BOUND_WRITES.items()),
)
_BOUND_ACTS = f"""
    select case when to_regrole('{BOUND}') is not null
        then has_table_privilege(to_regrole('{BOUND}'), 'open_tickets', 'select')
            and has_table_privilege(to_regrole('{BOUND}'), 'tickets', 'update') end
"""
_LOCK = "select pg_advisory_lock(hashtextextended('earshot reader', 0))"  # goes with the connection


async def ensure_reader(engine: AsyncEngine, owner_url: str, *, changed: bool) -> None:
    """Make the read-only login, or say clearly why it could not be made; the rest of earshot works
    without it.
    """
    password = unquote(urlsplit(reader_url(owner_url)).netloc.rpartition("@")[0].partition(":")[2])
    async with engine.connect() as connection:
        await connection.exec_driver_sql(_LOCK)
        if not changed and await reader_works(owner_url):  # another command made it while we waited
            return
        for statement in _BOUND:
            await _try(connection, statement)
        await _try(connection, _login(password))
        if not await _exists(connection):
            log.warning(
                "no role %s: `earshot sql` needs one; let a superuser run "
                "`create role %s login` and `earshot migrate` again",
                READER,
                READER,
            )
            return
        for statement in (*_SETTINGS, *_GRANTS, await _no_temporary_tables(connection)):
            await _try(connection, statement)
        if (
            await connection.exec_driver_sql(
                "select rolsuper from pg_roles where rolname = current_user"
            )
        ).scalar():
            await _try(connection, RESTRICT)
            await _try(connection, f"alter role {READER} set temp_file_limit = '{TEMPORARY_FILES}'")
        else:
            log.warning(
                "the login of the database is no superuser's, so `earshot sql` may call every "
                "function of Postgres, advisory locks too; let a superuser run `earshot migrate`"
            )


async def reader_works(owner_url: str) -> bool:
    """Whether the reader can log in and read, and the other role may be taken: the usual case at a
    start.
    """
    try:
        connection = await asyncpg.connect(dsn(reader_url(owner_url)), timeout=CONNECT_SECONDS)
    except (asyncpg.PostgresError, OSError):
        return False
    try:
        await connection.fetchval("select 1 from open_tickets limit 0")
        if not await connection.fetchval(_BOUND_ACTS):
            return False
    except asyncpg.PostgresError:
        return False
    finally:
        await connection.close()
    return True


def _login(password: str) -> str:
    """Create or renew the role: another database of the same server may have made it. The password
    is hexadecimal.
    """
    secret = f"password '{password}'" if password else ""
    return f"""
        do $$
        begin
            if exists (select from pg_roles where rolname = '{READER}') then
                {f"alter role {READER} {secret};" if secret else "null;"}
            else
                create role {READER} login {secret};
            end if;
        end $$
    """


async def _no_temporary_tables(connection: AsyncConnection) -> str:
    name = (await connection.exec_driver_sql("select quote_ident(current_database())")).scalar_one()
    return f"revoke temporary on database {name} from public"


async def _exists(connection: AsyncConnection) -> bool:
    role = await connection.exec_driver_sql(
        "select 1 from pg_roles where rolname = 'earshot_reader'"
    )
    return role.first() is not None


async def _try(connection: AsyncConnection, statement: str) -> None:
    from sqlalchemy.exc import DBAPIError

    try:
        await connection.exec_driver_sql(statement)
        await connection.commit()
    except DBAPIError as error:
        await connection.rollback()
        state = getattr(error.orig, "sqlstate", None)
        if state not in ("42501", "XX000", "23505", "42710", "42704"):
            raise
        # 42501: the owner lacks the right. The others: another database of this server makes the
        # same role right now.
        log.warning("the read-only login is not complete: %s", error.orig)

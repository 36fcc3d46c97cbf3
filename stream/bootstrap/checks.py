"""Checks of an installation: what earshot needs, whether it is there, and what to do where not."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from connectors.base import ConnectorError
from models.artifact import ArtifactError
from models.errors import TaxonomyError
from stream.alerts.routing import read_routes
from stream.bootstrap.loading import artifact_in_use, load_brands
from stream.bootstrap.older_models import judged_by_older_models, remark
from stream.bootstrap.parts import Parts, parts
from stream.disk import NEEDED, left_on, trouble
from stream.embedded import Embedded
from stream.errors import BrokerAway, DatabaseAway, UserError
from stream.kafka_login import login
from stream.postgres.database import connected, reachable
from stream.postgres.schema import HEAD
from stream.settings import Settings
from stream.store.older_judgements import OlderJudgements

PATIENCE = 15.0  # seconds for one check
SKEW = 5.0  # seconds that the clocks may differ: promises count minutes
PYTHONS = ((3, 11), (3, 14))  # from, and before
_IN_TIME = "look whether it runs, whether a firewall is between, or what keeps this machine busy"
_EVERY_PROGRAM = "every program of this machine can read and write its messages"
_SEEN = """
    select current_setting('server_version'), extract(epoch from clock_timestamp())::float,
        to_regclass('alembic_version') is not null
"""
_VERSION = "select version_num from alembic_version"
_ERRORS = (UserError, BrokerAway, DatabaseAway, ConnectorError, ArtifactError, TaxonomyError)


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, whether it is fine, and what was seen or is to be done."""

    name: str
    fine: bool
    words: str


async def checks(settings: Settings) -> list[Check]:
    """Every check, in the order in which a start needs them. Nothing is stored or migrated."""
    looks: dict[str, Callable[[], Awaitable[str]]] = {
        "versions": _versions,
        "disk": lambda: _disk(settings),
        "ports": lambda: _ports(settings),
        "broker": lambda: _broker(settings),
        "database": lambda: _database(settings),
        "model": lambda: _model(settings),
        "levels": lambda: _levels(settings),
        "brands": lambda: _brands(settings),
        "alerts": lambda: _alerts(settings),
    }
    return [await _check(name, look) for name, look in looks.items()]


async def _check(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        async with asyncio.timeout(PATIENCE):
            return Check(name, True, await look())
    except TimeoutError:
        return Check(name, False, f"no answer within {PATIENCE:.0f} s; {_IN_TIME}")
    except _ERRORS as error:
        return Check(name, False, " ".join(str(error).split()))


async def _versions() -> str:
    python = sys.version_info[:2]
    if not PYTHONS[0] <= python < PYTHONS[1]:
        raise UserError("earshot needs Python 3.11 to 3.13: make PYTHON=python3.11 install")
    return f"earshot {version('earshot')}, Python {'.'.join(map(str, sys.version_info[:3]))}"


async def _disk(settings: Settings) -> str:
    if reason := trouble(settings.home):
        raise UserError(reason)
    left = left_on(settings.home)
    room = "unknown room" if left is None else f"{left / 2**30:.1f} GB free"
    return f"{room} where EARSHOT_HOME is ({settings.home}); {NEEDED / 2**20:.0f} MB are needed"


async def _ports(settings: Settings) -> str:
    """The console's and the worker's; one that an earshot of this home listens on is fine."""
    theirs: dict[str, tuple[int, tuple[str, ...]]] = {
        "console": (settings.port, ("up", "web")),
        "worker": (settings.worker_port, ("worker",)),
    }
    words = []
    for name, (port, roles) in theirs.items():
        if _is_free(settings.host, port):
            words.append(f"{name} {port} is free" if port else f"{name} takes any")
        elif any(Embedded(settings.home).other_processes(role) for role in roles):
            words.append(f"{name} {port} is earshot's own")
        else:
            raise UserError(
                f"something else listens on {settings.host}:{port} ({name}); end it, or choose"
                f" another --port or EARSHOT_{'PORT' if name == 'console' else 'WORKER_PORT'}"
            )
    return ", ".join(words)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def _broker(settings: Settings) -> str:
    if settings.broker is None:
        address = Embedded(settings.home).broker()
        if address is None:
            return "embedded, starts with the first command"
        return f"embedded, at {address}, no login: {_EVERY_PROGRAM}"
    lag = await Parts(settings, settings.broker, "", None, broker_is_embedded=False).kafka.lag()
    return f"{settings.broker} answers; {lag:,} messages wait; {login(settings)}"


@asynccontextmanager
async def _look(settings: Settings) -> AsyncIterator[Any | None]:
    """A connection to the database; None where an embedded one is not made yet, for it is not made
    for a look at it.
    """
    if settings.database_url is None and not Embedded(settings.home).has_database:
        yield None
        return
    async with (
        parts(settings, "doctor", broker=False) as running,
        reachable(),
        connected(running.database_url) as connection,
    ):
        yield connection


async def _database(settings: Settings) -> str:
    """Reached, at this version's schema, and with a clock like ours."""
    async with _look(settings) as connection:
        if connection is None:
            return "embedded, made by the first command"
        row: Any = await connection.fetchrow(_SEEN)
        skew = float(row[1]) - time.time()
        revision = await connection.fetchval(_VERSION) if row[2] else None
    if abs(skew) > SKEW:
        raise UserError(
            f"its clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this one's:"
            " set both by NTP, or promises to customers are counted wrongly"
        )
    where = "embedded" if settings.database_url is None else "your own"
    return f"{where}, PostgreSQL {row[0].split()[0]}, {_schema(revision, settings)}, same clock"


def _schema(revision: str | None, settings: Settings) -> str:
    if revision == HEAD:
        return f"schema {revision}"
    if revision is not None and revision > HEAD:
        raise UserError(f"its schema is {revision}, this earshot knows {HEAD}: update earshot")
    if settings.database_url is None:
        return f"schema {revision or 'not made yet'}: the next command brings it to {HEAD}"
    raise UserError(f"its schema is {revision or 'not made yet'} and not {HEAD}: `earshot migrate`")


async def _model(settings: Settings) -> str:
    artifact = await asyncio.to_thread(artifact_in_use, settings)
    return f"{artifact.version}, its files are whole"


async def _levels(settings: Settings) -> str:
    """Whether the model in use has judged what waits in the queue."""
    async with _look(settings) as connection:
        if connection is None:
            return "no messages yet"
        judgements = OlderJudgements(connection)
        if not await judgements.are_migrated():
            return "looked at once the schema is made"
        older = await judged_by_older_models(settings, judgements)
    if older.messages:
        raise UserError(remark(older))
    return remark(older) or "every open ticket has those of the model in use"


async def _brands(settings: Settings) -> str:
    names = [brand.name for brand in load_brands(settings)]
    place = settings.brands or "the shipped file (EARSHOT_BRANDS names your own)"
    return f"{len(names)} in {place}: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"


async def _alerts(settings: Settings) -> str:
    if settings.alerts is None:
        return "nobody is told: EARSHOT_ALERTS names no file of sinks"
    count = len(read_routes(settings.alerts, os.environ))
    return f"{count} sinks in {settings.alerts}; `earshot connector test NAME` tries one"

"""Addresses of the database, and which errors mean that it is away."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from stream.errors import DatabaseAway, UserError
from stream.postgres.database import (
    dsn,
    halfvec_bytes,
    reachable,
    reader_password,
    reader_url,
    why_away,
)
from stream.settings import read_settings

SECRET = reader_password("secret")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter-two@127.0.0.1:99999999/x",
        "postgresql://u:hunter-two@127.0.0.1:abc/x",
        "postgresql://u:hunter-two@127.0.0.1:0/x",
        "postgresql://u:hunter-two@127.0.0.1:-1/x",
        "postgresql://u:hunter-two@a:5432,b:70000/x",
        "postgresql://u:hunter-two@/x?host=127.0.0.1&port=99999",
        "postgresql://u:hunter/two@127.0.0.1/x",
        "mysql://u:hunter-two@127.0.0.1/x",
    ],
)
@pytest.mark.parametrize("name", ["database_url", "database_reader_url"])
def test_an_address_that_cannot_be_tried_is_one_line_without_the_password(name, url, monkeypatch):
    monkeypatch.setenv(f"EARSHOT_{name.upper()}", url)

    with pytest.raises(UserError) as wrong:
        read_settings()

    assert f"EARSHOT_{name.upper()}" in str(wrong.value)
    assert "hunter" not in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@127.0.0.1:5432/x",
        "postgres://u@db/x",
        "postgresql://u:p@[::1]:5433/x?sslmode=require",
        "postgresql://u:p@a:5432,b:5433/x",
        "postgresql://postgres:@/postgres?host=/tmp/pg",
        "postgresql:///x?host=/tmp/pg&port=5433",
        "postgresql://u:p%40%3A%2F@db:65535/x",
    ],
)
def test_addresses_that_can_be_tried_are_taken_as_they_are(url, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", url)

    address = read_settings().database_url

    assert address is not None
    assert address.get_secret_value() == url


@pytest.mark.parametrize(
    ("owner", "reader"),
    [
        (
            "postgresql://postgres:@/postgres?host=/tmp/pg",
            "postgresql://earshot_reader@/postgres?host=/tmp/pg",
        ),
        (
            "postgresql://me:secret@db:5433/desk",
            f"postgresql://earshot_reader:{SECRET}@db:5433/desk",
        ),
        (
            "postgresql+asyncpg://me:secret@db/desk",
            f"postgresql+asyncpg://earshot_reader:{SECRET}@db/desk",
        ),
        ("postgresql://me:s%65cret@[::1]/desk", f"postgresql://earshot_reader:{SECRET}@[::1]/desk"),
        (
            "postgresql://db/desk?user=me&password=secret&sslmode=verify-full",
            f"postgresql://earshot_reader:{SECRET}@db/desk?sslmode=verify-full",
        ),
        (
            "postgresql://me:secret@a:1,b:2/desk",
            f"postgresql://earshot_reader:{SECRET}@a:1,b:2/desk",
        ),
        ("postgresql://me@db/desk", "postgresql://earshot_reader@db/desk"),
    ],
)
def test_the_reader_logs_in_beside_the_owner(owner, reader):
    assert reader_url(owner) == reader


def test_the_readers_password_is_always_the_same_and_never_the_owners():
    assert reader_password("secret") == SECRET
    assert reader_password("secreT") != SECRET
    assert "secret" not in SECRET


def test_a_driver_in_the_address_is_for_sqlalchemy_alone():
    assert dsn("postgresql+asyncpg://a@b/c?sslmode=require") == "postgresql://a@b/c?sslmode=require"
    assert dsn("postgres://a@b/c") == "postgres://a@b/c"


def test_errors_of_programs_are_not_the_databases():
    assert why_away(ValueError("boom")) is None
    assert why_away(KeyError("id")) is None
    assert why_away(ConnectionResetError()) == "the server cannot be reached"
    assert why_away(TimeoutError()) == "the server cannot be reached"


async def test_who_is_cancelled_while_the_database_goes_away_is_cancelled():
    asked = asyncio.Event()

    async def ask(again: bool) -> None:
        try:
            async with reachable():
                asked.set()
                try:
                    await asyncio.sleep(60)
                finally:
                    raise ConnectionResetError("as a connection that is given back")
        finally:
            if again:  # what is said on the way out is told as ever
                with pytest.raises(DatabaseAway):
                    async with reachable():
                        raise ConnectionResetError("still away")

    for again in (False, True):
        asked.clear()
        asking = asyncio.create_task(ask(again))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


def test_an_embedding_is_sent_as_pgvector_reads_it():
    assert halfvec_bytes(np.array([1, -2], dtype=np.float16)) == bytes.fromhex(
        "0002 0000 3c00 c000"
    )

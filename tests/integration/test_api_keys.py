"""API keys on a real Postgres, and the command line that makes them."""

from __future__ import annotations

import json

import asyncpg
import pytest
from typer.testing import CliRunner

from stream.accounts.api_keys import ApiKeys, digest, looks_like_token
from stream.cli.main import app
from stream.errors import UserError
from stream.postgres.database import dsn, open_engine


@pytest.fixture
async def keys(postgres_url):
    engine = open_engine(postgres_url, pool_size=2)
    yield ApiKeys(engine)
    await engine.dispose()


async def test_a_key_is_found_by_its_token_until_it_is_revoked(keys):
    token = await keys.create("laptop", ["analyze", "read"])

    found = await keys.find(token)
    assert (found.name, found.scopes) == ("laptop", {"analyze", "read"})
    assert token.startswith(found.prefix)
    assert (await keys.list())[0].last_used_at is not None

    await keys.revoke("laptop")
    assert await keys.find(token) is None
    assert await keys.list() == []
    assert [key.name for key in await keys.list(revoked=True)] == ["laptop"]


async def test_the_database_holds_nothing_that_opens_a_door(keys, postgres_url):
    token = await keys.create("laptop", ["analyze"])
    connection = await asyncpg.connect(dsn(postgres_url))
    row = await connection.fetchrow("select * from api_keys")
    await connection.close()

    assert token not in str(dict(row))
    assert bytes(row["digest"]) == digest(token)


async def test_a_name_is_taken_until_its_key_is_revoked(keys):
    first = await keys.create("laptop", ["analyze"])
    with pytest.raises(UserError, match="a key named 'laptop' already"):
        await keys.create("laptop", ["events"])

    await keys.revoke(first[:14])
    assert looks_like_token(await keys.create("laptop", ["events"]))
    with pytest.raises(UserError, match="no key 'nobody' in use"):
        await keys.revoke("nobody")


def test_the_commands_make_list_and_revoke_a_key(postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))

    def earshot(*arguments: str):
        return CliRunner().invoke(app, ["key", *arguments])

    token = earshot("create", "ci", "--scope", "events", "--scope", "analyze").stdout.strip()
    listed = earshot("list", "--json").stdout
    assert looks_like_token(token)
    assert token not in listed
    assert json.loads(listed)["scopes"] == ["analyze", "events"]
    assert "ci" in earshot("list").stdout
    assert "opens nothing any more" in earshot("revoke", "ci").stdout
    assert isinstance(earshot("revoke", "ci").exception, UserError)
    assert earshot("create", "ci", "--scope", "everything").exit_code == 2

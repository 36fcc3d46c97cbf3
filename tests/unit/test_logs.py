"""Logs: one line an event, for people or for machines, and never a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from stream.observe.logs import set_up_logs
from stream.settings import Settings

ADDRESS = "postgresql://earshot:s3cr%40t-word@db/earshot"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of our own; pytest's handlers come back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers = []
    yield logging.getLogger("earshot.test")
    root.handlers, root.level = handlers, level


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_no_secret_of_a_hook_reaches_a_log(log, capsys):
    set_up_logs(settings(hook_secrets="shop=a-hook-s-secret,desk=another=one"))

    log.error("refused: %s and %s", "a-hook-s-secret", "another=one")

    assert "secret" not in "".join(told(capsys))


def settings(**more: str) -> Settings:
    return Settings(database_url=ADDRESS, kafka_password="hunter-two", **more)  # type: ignore[arg-type]


def test_json_logs_are_one_object_a_line_also_with_an_error(log, capsys):
    set_up_logs(settings(log_format="json"))

    log.info("worker listens on %s", 'a "broker"\nof two lines')
    try:
        raise OSError("no route")
    except OSError:
        log.exception("cannot publish")

    first, second = map(json.loads, told(capsys))
    assert first["message"] == 'worker listens on a "broker"\nof two lines'
    assert (first["level"], first["logger"]) == ("INFO", "earshot.test")
    assert first["time"].endswith("+00:00")
    assert "error" not in first
    assert (second["error"], second["message"]) == ("OSError", "cannot publish")
    assert "no route" in second["traceback"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_reaches_a_log_also_where_a_library_quotes_one(form, log, capsys, monkeypatch):
    monkeypatch.setenv("EARSHOT_MASTODON_TOKEN", "token-of-a-network")
    set_up_logs(settings(log_format=form))

    log.error("refused: %s with %s", ADDRESS, "hunter-two")
    log.error("a network refuses token-of-a-network")
    try:
        raise ValueError("password s3cr@t-word is wrong")
    except ValueError:
        log.exception("login")

    lines = "\n".join(told(capsys))
    assert "refused: postgresql://earshot:***@db/earshot with ***" in lines
    assert "password *** is wrong" in lines
    assert "a network refuses ***" in lines
    assert not {word for word in ("s3cr", "hunter", "token-of") if word in lines}


def test_where_a_person_watches_only_what_went_wrong_is_told(log, capsys):
    set_up_logs(settings(), quiet=True)

    log.info("all is well")
    log.warning("waiting for Kafka")

    (line,) = told(capsys)
    assert line.endswith("WARNING earshot.test: waiting for Kafka")

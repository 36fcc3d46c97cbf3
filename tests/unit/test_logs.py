"""Logs: one line an event, for people or for machines, and never a secret."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
from collections.abc import Iterator
from threading import Thread
from urllib.parse import quote

import pytest
from prometheus_client import generate_latest

from connectors.webhook import Hook, HooksError, SignatureError, load_hooks
from stream.alerts.routing import routes_of
from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.observe.metrics import RequestMetrics
from stream.settings import Settings, read_settings

ADDRESS = "postgresql://earshot:s3cr%40t-word@db/earshot"


@pytest.fixture
def log(hooks_of_errors: None) -> Iterator[logging.Logger]:
    """A logger of our own; pytest's handlers come back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers = []
    yield logging.getLogger("earshot.test")
    root.handlers, root.level = handlers, level


@pytest.fixture
def hooks_of_errors() -> Iterator[None]:
    """Whoever was told of errors that nobody caught is again, afterwards."""
    before = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = before


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


IN_BASE64 = "whsec_" + base64.b64encode(b"a secret of the shop").decode()
QUOTED = 'it\'s "quoted" & a%sign'


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_a_json_line_is_one_line_to_every_reader(end, log, capsys):
    set_up_logs(settings(log_format="json"))

    log.info("the brand %s has a burst", f"Völt{end}{{}}")

    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == f"the brand Völt{end}{{}} has a burst"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "secret", ["a-hook-s-secret-word", "another=one=of-three", IN_BASE64, QUOTED]
)
def test_no_secret_of_a_hook_reaches_a_log_however_it_is_quoted(form, secret, log, capsys):
    set_up_logs(settings(log_format=form, hook_secrets=f"shop={secret}"))

    log.error("refused: %s", secret)
    log.error("refused: %r and %s", secret, json.dumps({"secret": secret}))
    log.error("GET /v1/hooks/shop?secret=%s", quote(secret))
    log.error("GET /v1/hooks/shop?secret=%s", quote(secret, safe=""))
    log.error("no base64: %s", secret.removeprefix("whsec_"))
    try:
        raise ValueError(f"cannot use {secret!r}")
    except ValueError:
        log.exception("hook %s", {"shop": secret})

    written = capsys.readouterr().err
    assert secret.removeprefix("whsec_")[:12] not in written
    assert quote(secret, safe="")[:12] not in written
    assert written.count("***") >= 7


@pytest.mark.parametrize("secret", ["a-hook-s-secret-word", "another=one=of-three", IN_BASE64])
def test_settings_and_their_errors_hold_no_secret_of_a_hook(secret, tmp_path, monkeypatch):
    whole = settings(hook_secrets=f"shop={secret}")
    hooks = tmp_path / "hooks.toml"
    hooks.write_text("[[hook]]\nname = 'shop'\nfields = {text = 'text'}\n")
    read = load_hooks(hooks, {"shop": secret})

    assert secret not in f"{whole!r} {whole} {read!r}"
    for wrong in (secret, f"={secret}", f"shop={secret},", f"shop,{secret}"):
        monkeypatch.setenv(
            "EARSHOT_HOOK_SECRETS", wrong.replace("=", "") if wrong == secret else wrong
        )
        with pytest.raises(UserError) as error:
            read_settings()
        assert secret.replace("=", "")[:12] not in str(error.value).replace("=", "")
    with pytest.raises(HooksError) as short:
        load_hooks(hooks, {"shop": f"whsec_{secret[-8:]}!"})
    assert secret[-8:] not in str(short.value)


async def test_no_secret_of_a_hook_is_in_an_answer_or_in_a_metric():
    secret = b"a secret of the shop"
    hook = Hook("shop", secret, "shop", paths={"text": (("text",),)})
    metrics = RequestMetrics()
    metrics.refused("shop", 1)

    with pytest.raises(SignatureError) as refused:
        hook.verify({"webhook-id": "1", "webhook-timestamp": "0"}, b"", 0.0)

    assert "a secret" not in f"{hook!r} {refused.value}"
    assert b"a secret" not in generate_latest(metrics.registry)


def test_no_secret_of_a_sink_reaches_a_log(log, capsys):
    set_up_logs(settings())
    tables = {
        "chat": {"type": "slack", "url": "https://hooks.example/services/T0/B0/part-of-chat"},
        "own": {"type": "webhook", "url": "https://a.example/in?token=part-of-url",
                "secret": "env:OUR_SECRET"},
        "mail": {"type": "email", "password": "part-of-mail"},
    }  # fmt: skip
    routes_of(tables, "alerts.toml", {"OUR_SECRET": "part-of-the-environment"})

    log.error("cannot post to https://hooks.example/services/T0/B0/part-of-chat")
    log.error("POST /services/T0/B0/part-of-chat and /in?token=part-of-url")
    log.error("signed with %r, logged in with %s", b"part-of-the-environment", "part-of-mail")

    assert "part-of" not in capsys.readouterr().err


def test_an_error_that_nobody_caught_holds_no_secret(log, capsys, hooks_of_errors):
    set_up_logs(settings())

    def fall() -> None:
        raise ValueError("hunter-two is no password")

    thread = Thread(target=fall)
    thread.start()
    thread.join()
    try:
        fall()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)

    written = capsys.readouterr().err
    assert written.count("ValueError: *** is no password") == 2
    assert written.count("Traceback") == 2
    assert "hunter" not in written


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\u2028", "\x85"])
def test_a_name_from_outside_begins_no_line_of_a_log(end, log, capsys):
    forged = f"Volt{end}2026-01-01 12:00:00 INFO earshot: all is well\x1b[2J"
    set_up_logs(settings())

    log.warning("the brand %s has a burst", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        log.exception("not judged")

    lines = capsys.readouterr().err.splitlines()
    own = [line for line in lines if not line.startswith("  ")]
    assert [line.partition(" earshot.test: ")[2][:9] for line in own] == ["the brand", "not judge"]
    assert not {letter for line in lines for letter in line if not letter.isprintable()}


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

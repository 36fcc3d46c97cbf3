"""Routes of alerts: tables of sinks, from the file (EARSHOT_ALERTS) or the console, checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.catalog import SINKS, sink
from connectors.events import wrong_field
from connectors.notices import Sink
from stream.errors import UserError
from stream.observe.logs import hide
from stream.records import AlertKind

_WAKES_SOMEBODY = ("pagerduty",)
_USUAL: tuple[AlertKind, ...] = ("burst", "p1", "spend", "drift")
_URGENT: tuple[AlertKind, ...] = ("burst", "p1", "spend")  # what a sink that wakes somebody hears
OF_P1: tuple[AlertKind, ...] = ("surge", "backlog")  # P1 tickets that alert as one


_SHORTEST_PART = 8  # characters of an address that are a secret
# The options of each type that nobody may read.
SECRETS: Mapping[str, tuple[str, ...]] = {
    "email": ("password",),
    "pagerduty": ("routing_key",),
    "slack": ("url",),
    "teams": ("url",),
    "webhook": ("secret",),
}


class _Sink(BaseModel):
    """One table `[sinks.NAME]`. Keys that are unknown here belong to the sink itself."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    kinds: tuple[AlertKind, ...] | None = None
    brands: tuple[str, ...] = ()
    min_severity: Annotated[int, Field(ge=1, le=10)] = 1
    recovered: bool = True
    per_minute: Annotated[int, Field(ge=1, le=600)] = 6
    max_age_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 6.0
    daily: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    time_zone: str = "UTC"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sinks: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")], _Sink]


@dataclass(frozen=True, slots=True)
class Route:
    """One sink, and the alerts that go to it.

    brands: all, when empty. per_minute: messages; more than that go in one digest. max_age: older
    alerts are left out, so that a replay of last year wakes nobody. options: the sink's own, with
    its secrets. daily: when the summary of the day before goes out, in the zone; None: never.
    """

    name: str
    type: str
    kinds: tuple[AlertKind, ...]
    brands: tuple[str, ...]
    min_severity: int
    recovered: bool
    per_minute: int
    max_age: timedelta
    options: Mapping[str, Any] = field(repr=False)
    daily: time | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def open(self, *, allow_private: bool) -> Sink:
        """The sink, not yet connected. Raises connectors.notices.SinkError for bad options."""
        opened: Sink = sink(self.type)(self.name, self.options, allow_private=allow_private)
        return opened


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The tables `[sinks.NAME]` of the file as they stand there, checked. Raises UserError."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise UserError(f"EARSHOT_ALERTS: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no TOML: {error}") from None
    _checked(table, str(path))
    return dict(table["sinks"])


def read_routes(path: Path, environment: Mapping[str, str]) -> list[Route]:
    """The sinks of the file. Raises UserError.

    A text `env:NAME` is taken from the environment and `file:PATH` from a file, so that secrets
    need not stand here.
    """
    return routes_of(read_tables(path), str(path), environment)


def routes_of(
    tables: Mapping[str, Mapping[str, Any]], place: str, environment: Mapping[str, str] | None
) -> list[Route]:
    """The sinks of these tables. place: what an error names. environment: of `env:NAME`; None
    where a text is never more than itself. Raises UserError.
    """
    return [
        _route(name, row, place, environment)
        for name, row in _checked({"sinks": tables}, place).items()
    ]


def _checked(file: Mapping[str, Any], place: str) -> dict[str, _Sink]:
    try:
        return _File.model_validate(file).sinks
    except ValidationError as error:
        raise UserError(f"{place}: {wrong_field(error)}") from None


def _route(name: str, row: _Sink, place: str, environment: Mapping[str, str] | None) -> Route:
    if row.type not in SINKS:
        raise UserError(
            f"{place}: sinks.{name}: there is no type {row.type!r};"
            f" the types are {', '.join(SINKS)}"
        )
    options = {
        key: value
        if environment is None
        else resolved(value, f"{place}: sinks.{name}.{key}", environment)
        for key, value in (row.model_extra or {}).items()
    }
    hide(_secrets_among(options, row.type))
    return Route(
        name=name,
        type=row.type,
        kinds=_with_summaries(_kinds(row)),
        brands=row.brands,
        min_severity=row.min_severity,
        recovered=row.recovered,
        per_minute=row.per_minute,
        max_age=timedelta(hours=row.max_age_hours),
        options=options,
        daily=_daily(name, row, place),
        zone=_zone(name, row, place),
    )


def _secrets_among(options: Mapping[str, Any], type: str) -> set[str]:
    """The secret options; of an address also what comes behind its host, as errors quote it."""
    names = SECRETS.get(type, ())
    secrets = {str(options[name]) for name in names if name in options}
    try:
        url = urlsplit(str(options.get("url", "")))
    except ValueError:  # the sink says so
        return secrets
    parts = {url.query, f"{url.path}?{url.query}".rstrip("?") if "url" in names else ""}
    return secrets | {part for part in parts if len(part) >= _SHORTEST_PART}


def _daily(name: str, row: _Sink, place: str) -> time | None:
    if row.daily is not None and row.type in _WAKES_SOMEBODY:
        raise UserError(
            f"{place}: sinks.{name}: {row.type} wakes somebody, which no summary should; send"
            " `daily` by mail or to a chat"
        )
    return None if row.daily is None else time.fromisoformat(row.daily)


def _zone(name: str, row: _Sink, place: str) -> ZoneInfo:
    try:
        return ZoneInfo(row.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(
            f"{place}: sinks.{name}.time_zone: {row.time_zone!r} is no time zone; write it as"
            " Europe/Berlin"
        ) from None


def _kinds(row: _Sink) -> tuple[AlertKind, ...]:
    if row.kinds is not None:
        return row.kinds
    return _URGENT if row.type in _WAKES_SOMEBODY else _USUAL


def _with_summaries(kinds: tuple[AlertKind, ...]) -> tuple[AlertKind, ...]:
    """Who hears of P1 tickets hears of those that alert as one, too."""
    if "p1" not in kinds:
        return kinds
    return (*kinds, *(kind for kind in OF_P1 if kind not in kinds))


def resolved(value: Any, place: str, environment: Mapping[str, str]) -> Any:
    """The value that `env:NAME` or `file:PATH` stands for. Raises UserError."""
    if not isinstance(value, str):
        return value
    if value.startswith("env:"):
        name = value.removeprefix("env:")
        if not environment.get(name):
            raise UserError(f"{place}: the variable {name} is not set")
        return environment[name]
    if value.startswith("file:"):
        try:
            return Path(value.removeprefix("file:")).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{place}: {value.removeprefix('file:')} cannot be read: {error}"
            ) from None
    return value

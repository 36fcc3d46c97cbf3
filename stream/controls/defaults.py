"""Defaults under the controls: what the files of brands and sinks say, and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from stream import brands as brands_file
from stream.alerts.routing import read_tables
from stream.settings import Settings


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting of the environment. value: in words; of a secret only whether it is set."""

    name: str
    value: str
    is_set: bool
    about: str


@dataclass(frozen=True, slots=True)
class Defaults:
    """brands: by name, as the file has them; sinks: by name, without what `env:NAME` stands for.

    brands_place, sinks_place: the files, for people. environment: of `env:NAME` in the file.
    trades: that a brand may have; empty: any.
    """

    brands: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    brands_place: str = "the shipped brands.toml"
    sinks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    sinks_place: str = "EARSHOT_ALERTS"
    allow_private: bool = False
    base_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Sequence[Variable] = ()
    trades: Sequence[str] = ()


def read_defaults(settings: Settings) -> Defaults:
    """Raises UserError for a file that will not do."""
    from models.taxonomy.classifier import OTHER, read_taxonomy
    from models.taxonomy.file import load_taxonomy

    taxonomy = read_taxonomy() if settings.taxonomy is None else load_taxonomy(settings.taxonomy)
    path = settings.brands or brands_file.SHIPPED
    brands_file.load(path)
    entries = brands_file.read_file(path)["brand"]
    return Defaults(
        brands={entry["name"]: entry for entry in entries},
        brands_place=str(path) if settings.brands else "the shipped brands.toml",
        sinks=read_tables(settings.alerts) if settings.alerts else {},
        sinks_place=str(settings.alerts) if settings.alerts else "EARSHOT_ALERTS",
        allow_private=settings.allow_private_addresses,
        base_url=settings.base_url,
        environment=os.environ,
        variables=tuple(_variables(settings)),
        trades=(*sorted(taxonomy.trades), OTHER) if taxonomy.trades else (),
    )


def _variables(settings: Settings) -> Iterable[Variable]:
    for name, about in Settings.model_fields.items():
        value = getattr(settings, name)
        yield Variable(
            f"EARSHOT_{name.upper()}",
            _in_words(value),
            name in settings.model_fields_set,
            about.description or "",
        )


def _in_words(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "set, not shown"
    if isinstance(value, Mapping):  # of secrets, by name
        return ", ".join(f"{name} (not shown)" for name in value) or "not set"
    if value is None or value == ():
        return "not set"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )

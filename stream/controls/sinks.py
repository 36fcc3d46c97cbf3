"""Sinks under the controls: the file's tables with the console's over them, secrets apart.

A secret is only ever sent where it was meant to go: whoever changes the type, the host or another
option of its own types the secrets again.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.catalog import SINKS
from connectors.guard import is_public
from connectors.notices import Sink, SinkError
from stream.alerts.routing import SECRETS, Route, resolved, routes_of
from stream.controls.defaults import Defaults
from stream.controls.records import Control, ControlError
from stream.errors import UserError

OFF = "off"  # the field of a sink that is kept and sends nothing
# What decides which alerts go there, and not where they go.
_ROUTING = frozenset(
    {"kinds", "brands", "min_severity", "recovered", "per_minute", "max_age_hours", OFF}
)
_PLACE = "the console"


def secret_names(table: Mapping[str, Any]) -> tuple[str, ...]:
    return SECRETS.get(str(table.get("type")), ())


def public_part(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table without its secrets."""
    hidden = secret_names(table)
    return {name: value for name, value in table.items() if name not in hidden}


def destination(table: Mapping[str, Any]) -> dict[str, Any]:
    """What says where it goes, secrets apart."""
    return {name: value for name, value in public_part(table).items() if name not in _ROUTING}


def secrets_of_file(name: str, defaults: Defaults) -> dict[str, str]:
    """Those that the file gives to the sink, as they stand there."""
    table = defaults.sinks.get(name, {})
    return {key: table[key] for key in secret_names(table) if key in table}


def usable_secrets(control: Control, defaults: Defaults) -> dict[str, str]:
    """The console's own, and the file's where the sink still goes to the file's place."""
    table = defaults.sinks.get(control.subject)
    if table is None or destination(table) != destination(control.value):
        return dict(control.secrets)
    place = f"{defaults.sinks_place}: sinks.{control.subject}"
    of_file = secrets_of_file(control.subject, defaults)
    return {
        key: resolved(value, f"{place}.{key}", defaults.environment)
        for key, value in of_file.items()
    } | control.secrets


def refuse_references(value: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """Raises ControlError: what is typed in a browser reads no file and no variable of a server."""
    texts = [*value.values(), *secrets.values()]
    for text in texts:
        if isinstance(text, str) and text.startswith(("env:", "file:")):
            raise ControlError("env: and file: belong in the file of the sinks; type the value")


def route_of(control: Control, defaults: Defaults) -> Route | None:
    """The route of a sink of the console; None where it is off. Raises UserError."""
    if control.value.get(OFF) is True:
        return None
    table = {name: value for name, value in control.value.items() if name != OFF}
    table |= usable_secrets(control, defaults)
    [route] = routes_of({control.subject: table}, _PLACE, None)
    return route


def opened(route: Route, defaults: Defaults, *, of_console: bool) -> Sink:
    """The sink, not yet connected. Raises SinkError and ControlError."""
    from connectors.email_out import Email

    if of_console and route.type == "email" and not defaults.allow_private:
        _refuse_private_host(route)
    sink = route.open(allow_private=defaults.allow_private)
    if of_console and isinstance(sink, Email) and not defaults.allow_private:
        return sink.over_public_addresses()
    return sink


def effective(
    controls: Iterable[Control], defaults: Defaults
) -> tuple[list[tuple[Route, bool]], list[str]]:
    """Every route and whether the console made it; and what is wrong with those that fail, in
    words.
    """
    stored = {control.subject: control for control in controls if control.name == "sink"}
    routes: list[tuple[Route, bool]] = []
    wrong: list[str] = []
    for name in sorted(defaults.sinks.keys() | stored.keys()):
        try:
            if name in stored:
                route = route_of(stored[name], defaults)
                if route is not None:
                    routes.append((route, True))
            else:
                [route] = routes_of(
                    {name: defaults.sinks[name]}, defaults.sinks_place, defaults.environment
                )
                routes.append((route, False))
        except (UserError, SinkError) as error:
            wrong.append(f"the sink {name}: {error}")
    return routes, wrong


def checked_sink(
    name: str,
    value: Mapping[str, Any],
    secrets: Mapping[str, str],
    defaults: Defaults,
    typed: Mapping[str, str],
) -> None:
    """Raises ControlError for a sink that could not be opened. typed: of the secrets, the new."""
    if value.get("type") not in SINKS:
        raise ControlError(f"type: one of {', '.join(SINKS)}")
    if not isinstance(value.get(OFF, False), bool):
        raise ControlError(f"{OFF}: true or false")
    hidden = [key for key in secret_names(value) if key in value]
    if hidden:
        raise ControlError(f"{hidden[0]} is a secret; send it among `secrets`")
    unknown = typed.keys() - set(secret_names(value))
    if unknown:
        raise ControlError(f"{sorted(unknown)[0]} is no secret of the type {value['type']}")
    refuse_references(value, typed)
    table = {key: field for key, field in value.items() if key != OFF} | dict(secrets)
    try:
        [route] = routes_of({name: table}, _PLACE, None)
        opened(route, defaults, of_console=True)
    except (UserError, SinkError) as error:
        raise ControlError(str(error)) from None


def _refuse_private_host(route: Route) -> None:
    """Mail servers of the file may lie in the private network; the console must not be a way into
    it. Said here, where somebody types it; the sink asks again each time that it sends.
    """
    host = str(route.options.get("host", ""))
    try:
        addresses = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        raise ControlError(f"host: {host!r} is not known") from None
    if not all(is_public(str(address[4][0])) for address in addresses):
        raise ControlError(
            f"host: {host} lies in a private network; name the sink in the file of EARSHOT_ALERTS,"
            " or set EARSHOT_ALLOW_PRIVATE_ADDRESSES=true"
        )

"""Webhooks in: a signed message of any JSON becomes events, as a field map in TOML says.

The signature is that of Standard Webhooks 1.0 (https://www.standardwebhooks.com):
`webhook-signature` holds `v1,` and the base64 of HMAC-SHA256 over
`webhook-id.webhook-timestamp.body`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.base import ConnectorError
from connectors.events import Complaint, Deleted, Event, Tweet
from connectors.formats.times import written_time

WINDOW = 300.0  # seconds that a message may be old, or early by the sender's clock
SHORTEST_SECRET = 16  # bytes
MOST = 1000  # events of one message

Kind = Literal["complaint", "tweet"]
FIELDS = (
    *(
        "id",
        "text",
        "title",
        "author",
        "occurred_at",
        "conversation",
        "in_reply_to",
        "brand",
        "language",
    ),
    *("direction", "followers", "revision", "deleted"),
)


class HooksError(ConnectorError):
    """hooks.toml cannot be read, or says something impossible: what, where, and what to do."""


class Unsigned(Exception):
    """The message is not signed as it must be; the text says what is wrong, never what would be
    right.
    """


class Unmapped(ValueError):
    """The message does not hold what the field map looks for."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One way in. paths: of each field the places that are tried in turn. each: where the list of
    messages is.
    """

    name: str
    secret: bytes = field(repr=False)
    network: str
    kind: Kind = "complaint"
    each: tuple[str | int, ...] | None = None
    paths: Mapping[str, tuple[tuple[str | int, ...], ...]] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    time: str = "iso"

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """now: seconds since 1970. Raises Unsigned for what is forged, changed, or too old."""
        id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id or not re.fullmatch(r"\d{1,12}", timestamp):
            raise Unsigned(
                "the headers webhook-id, webhook-timestamp and webhook-signature are needed"
            )
        if abs(now - int(timestamp)) > WINDOW:
            raise Unsigned(
                "the time stamp is more than five minutes off; check the sender's clock, and send it anew"
            )
        right = base64.b64encode(
            hmac.digest(self.secret, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
        )
        given = [part.partition(",") for part in headers.get("webhook-signature", "").split()]
        # Every one is compared, whole and in constant time: how long it takes tells nothing.
        matches = [
            version == "v1" and hmac.compare_digest(told.encode(), right)
            for version, _, told in given
        ]
        if not any(matches):
            raise Unsigned("the signature does not fit the body and the secret")

    def events(self, body: bytes, received: datetime) -> list[Event]:
        """The events of a message, in their order. received: when it came, for what names no time.

        Raises Unmapped, which says where and what is missing.
        """
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise Unmapped("the body is no JSON in UTF-8") from None
        items = [found] if self.each is None else _at(found, self.each)
        if not isinstance(items, list):
            raise Unmapped(f"there is no list at {_written(self.each or ())}")
        if len(items) > MOST:
            raise Unmapped(f"{len(items)} events are more than a message may hold ({MOST})")
        return [self._event(item, number, received) for number, item in enumerate(items)]

    def _event(self, item: Any, number: int, received: datetime) -> Event:
        values = {name: value for name in FIELDS if (value := self._value(item, name)) is not None}
        native = str(values.pop("id", "")) or _digest(item)
        id = self._id(native)
        gone = values.pop("deleted", None)
        said: dict[str, Any] = {name: _plain(value) for name, value in values.items()}
        said["id"] = id
        said["conversation"] = self._id(said["conversation"]) if "conversation" in said else id
        if "in_reply_to" in said:
            said["in_reply_to"] = self._id(said["in_reply_to"])
        try:
            said["occurred_at"] = (
                self._moment(said["occurred_at"]) if "occurred_at" in said else received
            )
            if gone not in (None, False, "", 0, "false", "no"):
                return Deleted.model_validate(said | {"of": self.kind})
            made: Event = (Tweet if self.kind == "tweet" else Complaint).model_validate(said)
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][0]) if first["loc"] else "event"
            raise Unmapped(
                f"event {number}: {where}: {first['msg'].lower()}{self._looked_at(where)}"
            ) from None
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise Unmapped(f"event {number}: occurred_at: {error}") from None
        return made

    def _value(self, item: Any, name: str) -> Any:
        for path in self.paths.get(name, ()):
            if (value := _at(item, path)) is not None:
                return value
        return self.constants.get(name)

    def _id(self, native: Any) -> str:
        """The event id of the sender's own; one with spaces, or too long, is named by its digest."""
        text = str(native)
        return f"{self.network}:{text if re.fullmatch('[!-~]{1,200}', text) else _digest(text)}"

    def _moment(self, written: Any) -> datetime:
        if self.time in ("unix", "unix_ms"):
            return datetime.fromtimestamp(
                float(written) / (1000 if self.time == "unix_ms" else 1), UTC
            )
        if self.time == "iso":
            return written_time(str(written))
        said = datetime.strptime(str(written), self.time)
        return said if said.tzinfo else said.replace(tzinfo=UTC)

    def _looked_at(self, name: str) -> str:
        places = " or ".join(_written(path) for path in self.paths.get(name, ()))
        return f" (looked for at {places})" if places else ""


def load_hooks(path: Path | None, secrets: Mapping[str, str]) -> dict[str, Hook]:
    """The hooks of a file by their names; none without one. secrets: by the hooks' names. Raises
    HooksError.
    """
    if path is None:
        return {}
    try:
        entries = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).hook
    except OSError as error:
        raise HooksError(
            f"{path}: cannot read the hooks ({error.strerror}); check EARSHOT_HOOKS"
        ) from None
    except UnicodeDecodeError:
        raise HooksError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise HooksError(f"{path}: not TOML: {error}; correct it there") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ": ".join(str(part) for part in first["loc"])
        raise HooksError(
            f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}; correct it there"
        ) from None
    hooks = {}
    for entry in entries:
        if entry.name in hooks:
            raise HooksError(f"{path}: the hook {entry.name!r} is there twice; keep one of them")
        hooks[entry.name] = entry.hook(_secret(entry.name, secrets))
    return hooks


def _secret(name: str, secrets: Mapping[str, str]) -> bytes:
    given = secrets.get(name)
    if given is None:
        raise HooksError(f"the hook {name!r} has no secret; set EARSHOT_HOOK_SECRETS={name}=...")
    try:
        secret = (
            base64.b64decode(given[6:], validate=True)
            if given.startswith("whsec_")
            else given.encode()
        )
    except ValueError:
        raise HooksError(f"the secret of the hook {name!r} is no base64 after whsec_") from None
    if len(secret) < SHORTEST_SECRET:
        raise HooksError(
            f"the secret of the hook {name!r} must have {SHORTEST_SECRET} bytes or more"
        )
    return secret


class _Entry(BaseModel):
    """One [[hook]] as the file has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    network: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] | None = None
    kind: Kind = "complaint"
    each: str | None = None
    time: str = "iso"
    fields: dict[str, str | list[str]]
    constants: dict[str, str | int | bool] = {}

    @field_validator("fields", "constants")
    @classmethod
    def _known(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in given:
            if name not in FIELDS:
                raise ValueError(f"there is no field {name!r}; the fields are {', '.join(FIELDS)}")
        return given

    @field_validator("fields")
    @classmethod
    def _has_text(cls, given: dict[str, Any]) -> dict[str, Any]:
        if "text" not in given:
            raise ValueError("say where the text is: text = 'path.to.it'")
        return given

    def hook(self, secret: bytes) -> Hook:
        return Hook(
            name=self.name,
            secret=secret,
            network=self.network or self.name,
            kind=self.kind,
            each=None if self.each is None else path_of(self.each),
            paths={
                name: tuple(
                    path_of(each) for each in ([paths] if isinstance(paths, str) else paths)
                )
                for name, paths in self.fields.items()
            },
            constants=self.constants,
            time=self.time,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    hook: Annotated[list[_Entry], Field(min_length=1)]


def path_of(written: str) -> tuple[str | int, ...]:
    r"""`items[0].user\.name` as ("items", 0, "user.name"); `.` alone is the whole message."""
    return tuple(_steps(written)) if written != "." else ()


def _steps(written: str) -> Iterator[str | int]:
    for part in re.split(r"(?<!\\)\.", written):
        name, *indexes = re.split(r"\[(-?\d+)\]", part)
        if name:
            yield name.replace("\\.", ".")
        yield from (int(index) for index in indexes if index)


def _at(item: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        try:
            item = item[step]
        except (KeyError, IndexError, TypeError):
            return None
    return item


def _plain(value: Any) -> Any:
    """Numbers stand where texts are wanted, in many systems: an order's number, a year."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _written(path: Sequence[str | int]) -> str:
    return (
        "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
        or "."
    )


def _digest(item: Any) -> str:
    return hashlib.sha256(
        json.dumps(item, sort_keys=True, default=str).encode("utf-8", "replace")
    ).hexdigest()[:32]

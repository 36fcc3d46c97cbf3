"""Webhooks in: a signed message of any JSON becomes events, by a field map in TOML.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.base import ConnectorError
from connectors.events import Complaint, Deleted, Event, Tweet, unescaped
from connectors.formats.labels import direction_of
from connectors.formats.times import day_first, doubt, written_time
from connectors.json_path import (
    Every,
    path_of,
    plain_text,
    text_of_path,
    value_at,
    values_at,
)
from connectors.json_path import Path as JsonPath
from connectors.markup import is_markup, plain
from connectors.skipped import TALLY

WINDOW = 300.0  # seconds that a message may be old, or early by the sender's clock
SHORTEST_SECRET = 16  # bytes
EVENT_LIMIT = 1000  # events of one message
SHORT, SHORTENED = ("title", "author", "brand"), 300  # characters that an event keeps of them

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
    """hooks.toml cannot be read, or is impossible; the message names the place and the remedy."""


class SignatureError(Exception):
    """The message is not signed as it must be; the text names the fault, never the right value."""


class MappingError(ValueError):
    """The message does not fit the field map."""


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """An event of a message that was not taken. index: its place in the list, from 0."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Hook:
    """One way in. paths: of each field the places that are tried in turn. list_path: of the list of
    messages; None: the body is one message.
    """

    name: str
    secret: bytes = field(repr=False)
    network: str
    kind: Kind = "complaint"
    list_path: JsonPath | None = None
    paths: Mapping[str, tuple[JsonPath, ...]] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    time: str = "iso"

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """now: seconds since 1970. Raises SignatureError when it is forged, changed, or too old."""
        id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id or not re.fullmatch(r"\d{1,12}", timestamp):
            raise SignatureError(
                "the headers webhook-id, webhook-timestamp and webhook-signature are needed"
            )
        if abs(now - int(timestamp)) > WINDOW:
            raise SignatureError(
                "the time stamp is more than five minutes off; "
                "check the sender's clock, and send it anew"
            )
        signed = f"{id}.{timestamp}.".encode() + body
        right = base64.b64encode(hmac.digest(self.secret, signed, hashlib.sha256))
        parts = [part.partition(",") for part in headers.get("webhook-signature", "").split()]
        # All are compared, whole and in constant time: the duration gives nothing away.
        matches = [
            version == "v1" and hmac.compare_digest(signature.encode(), right)
            for version, _, signature in parts
        ]
        if not any(matches):
            raise SignatureError("the signature does not fit the body and the secret")

    def events(
        self, body: bytes, received: datetime, refused: list[Refusal] | None = None
    ) -> list[Event]:
        """The events of a message, in their order. received: of events without a time. refused:
        gets each event that does not fit the field map, and the others are taken. A time that
        cannot be right, such as one to come, is that of its receipt, and counted.

        Raises MappingError that names the place and the missing value: of the message, of an event
        where `refused` is None, and where no event fits.
        """
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise MappingError("the body is no JSON in UTF-8") from None
        messages = [document] if self.list_path is None else self._listed(document, self.list_path)
        if len(messages) > EVENT_LIMIT:
            raise MappingError(
                f"{len(messages)} events are more than a message may hold ({EVENT_LIMIT})"
            )
        order = self._day_first(messages)
        events: list[Event] = []
        for number, message in enumerate(messages):
            try:
                events.append(self._event(message, number, received, order))
            except MappingError as error:
                if refused is None or len(messages) == 1:
                    raise
                refused.append(Refusal(number, str(error)))
        if refused and not events:
            raise MappingError(refused[0].reason)
        return events

    def _listed(self, document: Any, path: JsonPath) -> list[Any]:
        """The messages at a path: of a list its entries, and an object that stands alone for one.
        None where `[*]` leads to none, as when a network tells that something was read.
        """
        values = [value for value in values_at(document, path) if value is not None]
        are_messages = all(isinstance(value, dict | list) for value in values)
        if not are_messages or (not values and Every() not in path):
            raise MappingError(f"there is no list at {text_of_path(path)}")
        lists = (value if isinstance(value, list) else [value] for value in values)
        return list(chain.from_iterable(lists))

    def _day_first(self, messages: Sequence[Any]) -> bool | None:
        dates = (self._value(message, "occurred_at") for message in messages)
        return day_first(date for date in dates if isinstance(date, str))

    def _event(self, message: Any, number: int, received: datetime, order: bool | None) -> Event:
        values = self._values(message)
        deleted = values.pop("deleted", None)
        fields = {name: _fitting(name, value) for name, value in values.items()}
        fields["id"] = self._id(str(fields.get("id", "")) or _digest(message))
        for name in ("conversation", "in_reply_to"):
            if name in fields:
                fields[name] = self._id(fields[name])
        fields.setdefault("conversation", fields["id"])
        try:
            fields["occurred_at"] = received
            if "occurred_at" in values:
                moment = self._moment(_plain(values["occurred_at"]), order, received)
                if doubt(moment, received):
                    TALLY.add("date")
                else:
                    fields["occurred_at"] = moment
            if deleted not in (None, False, "", 0, "false", "no"):
                return Deleted.model_validate(fields | {"of": self.kind})
            kind: type[Tweet | Complaint] = Tweet if self.kind == "tweet" else Complaint
            return kind.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][0]) if first["loc"] else "event"
            raise MappingError(
                f"event {number}: {where}: {first['msg'].lower()}{self._looked_at(where)}"
            ) from None
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise MappingError(f"event {number}: occurred_at: {error}") from None

    def _values(self, message: Any) -> dict[str, Any]:
        """The fields that the message or the constants have."""
        values = {name: self._value(message, name) for name in FIELDS}
        return {name: value for name, value in values.items() if value is not None}

    def _value(self, message: Any, name: str) -> Any:
        for path in self.paths.get(name, ()):
            value = value_at(message, path)
            if isinstance(value, list) and len(value) == 1:
                value = value[0]  # forms send a list of each answer
            if isinstance(value, dict | list) and name == "text":
                value = plain_text(value)
            if isinstance(value, str) and name in ("text", "title"):
                value = _words(value)
            if value is not None and value != "":
                return value
        return self.constants.get(name)

    def _id(self, native: Any) -> str:
        """The event id of the sender's id; of one with spaces, or too long, by its digest."""
        text = str(native)
        fits = re.fullmatch("[!-~]{1,200}", text)
        return f"{self.network}:{text if fits else _digest(text)}"

    def _moment(self, value: Any, order: bool | None, received: datetime) -> datetime:
        """order: is the day first, as the other dates of the message say; where none does, 11/03
        is no date to come.
        """
        if self.time in ("unix", "unix_ms"):
            ticks_a_second = 1000 if self.time == "unix_ms" else 1
            return datetime.fromtimestamp(float(value) / ticks_a_second, UTC)
        if self.time == "iso":
            moment = written_time(str(value), day_first=order)
            if order is None and doubt(moment, received):
                other = written_time(str(value), day_first=True)
                return moment if doubt(other, received) else other
            return moment
        moment = datetime.strptime(str(value), self.time)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _looked_at(self, name: str) -> str:
        places = " or ".join(text_of_path(path) for path in self.paths.get(name, ()))
        return f" (looked for at {places})" if places else ""


def load_hooks(path: Path | None, secrets: Mapping[str, str]) -> dict[str, Hook]:
    """The hooks of a file by their names; none without a file. secrets: by the hooks' names.

    Raises HooksError.
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
    text = secrets.get(name)
    if text is None:
        raise HooksError(f"the hook {name!r} has no secret; set EARSHOT_HOOK_SECRETS={name}=...")
    try:
        if text.startswith("whsec_"):
            secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        else:
            secret = text.encode()
    except ValueError:
        raise HooksError(f"the secret of the hook {name!r} is no base64 after whsec_") from None
    if len(secret) < SHORTEST_SECRET:
        raise HooksError(
            f"the secret of the hook {name!r} must have {SHORTEST_SECRET} bytes or more"
        )
    return secret


class _Entry(BaseModel):
    """One [[hook]] of the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    network: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] | None = None
    kind: Kind = "complaint"
    list_path: str | None = Field(None, alias="each")
    time: str = "iso"
    fields: dict[str, str | list[str]]
    constants: dict[str, str | int | bool] = {}

    @field_validator("fields", "constants")
    @classmethod
    def _known(cls, entries: dict[str, Any]) -> dict[str, Any]:
        for name in entries:
            if name not in FIELDS:
                raise ValueError(f"there is no field {name!r}; the fields are {', '.join(FIELDS)}")
        return entries

    @field_validator("fields")
    @classmethod
    def _has_text(cls, entries: dict[str, Any]) -> dict[str, Any]:
        if "text" not in entries:
            raise ValueError("say where the text is: text = 'path.to.it'")
        return entries

    def hook(self, secret: bytes) -> Hook:
        return Hook(
            name=self.name,
            secret=secret,
            network=self.network or self.name,
            kind=self.kind,
            list_path=None if self.list_path is None else path_of(self.list_path),
            paths={name: _paths(texts) for name, texts in self.fields.items()},
            constants=self.constants,
            time=self.time,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    hook: Annotated[list[_Entry], Field(min_length=1)]


def _paths(texts: str | list[str]) -> tuple[JsonPath, ...]:
    if isinstance(texts, str):
        texts = [texts]
    return tuple(path_of(text) for text in texts)


def _plain(value: Any) -> Any:
    """Many systems send numbers for texts: an order's number, a year."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 4711.0 is 4711
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _fitting(name: str, value: Any) -> Any:
    value = _plain(value)
    if name == "direction" and isinstance(value, str):
        return direction_of(value) or value
    return value[:SHORTENED] if name in SHORT and isinstance(value, str) else value


def _words(text: str) -> str:
    """Without the tags of HTML; empty where nothing is left to read."""
    words = unescaped(plain(text) if is_markup(text) else text)
    return words if words.strip("\ufeff\u200b\u00a0 \t\r\n") else ""


def _digest(message: Any) -> str:
    text = json.dumps(message, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

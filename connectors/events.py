"""Events: the JSON records of the topics `tweets`, `complaints` and `transcripts`."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from html.entities import html5
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticSerializationError

SCHEMA_VERSION: Literal[1] = 1
DELETED_REVISION = 2**31 - 1  # a deletion outranks every edit; the largest `integer` of Postgres

_LINE_ENDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}:[!-~]{1,200}$")]
Short = Annotated[str, Field(max_length=300)]
Direction = Literal["inbound", "outbound"]


class _Record(BaseModel):
    """The fields of every event.

    id: unique across networks, `network:native id` (`x:123`). revision: an edit is a higher
    revision of the same id. conversation: the id of the conversation's first message; the key on
    Kafka, so that one partition holds all of it. occurred_at: when it was said, in UTC; never
    Kafka's own time stamp.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = SCHEMA_VERSION
    id: Id
    conversation: Id
    occurred_at: AwareDatetime
    brand: Short | None = None

    @field_validator("occurred_at")
    @classmethod
    def _to_utc(cls, moment: datetime) -> datetime:
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("occurred_at is outside the calendar once it is in UTC") from None

    @field_validator("brand", "author", check_fields=False)
    @classmethod
    def _on_one_line(cls, name: str | None) -> str | None:
        """A name stands in alerts, logs and tables, a line each: it begins no line of its own."""
        return name and _LINE_ENDS.sub(" ", name).strip(" ")

    @property
    def network(self) -> str:
        return self.id.partition(":")[0]


class _TextRecord(_Record):
    revision: Annotated[int, Field(ge=0, lt=DELETED_REVISION)] = 0
    direction: Direction = "inbound"
    author: Short | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    followers: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    in_reply_to: Id | None = None

    @field_validator("text", "title", check_fields=False)
    @classmethod
    def _unescaped(cls, text: str | None) -> str | None:
        return unescaped(text) if text else text


def unescaped(text: str) -> str:
    """`can&#39;t` as `can't`: many exports hold the entities of HTML, and some of them twice."""
    for _ in range(3):
        plain = _ENTITY.sub(_character, text)
        if plain == text:
            break
        text = plain
    return text


def _character(entity: re.Match[str]) -> str:
    """`&notanentity;` stays: only whole names are entities."""
    name = entity[0].removeprefix("&")
    return html.unescape(entity[0]) if name.startswith("#") or name in html5 else entity[0]


class Tweet(_TextRecord):
    """A public post on any social network, or the brand's public answer to one."""

    kind: Literal["tweet"] = "tweet"
    text: str


class Complaint(_TextRecord):
    """A complaint in free text: a form, a letter, a mail, a review.

    trimmed: what stands in a mail besides the author's words, such as quoted history, a signature
    and footers: stored and shown, never judged.
    """

    kind: Literal["complaint"] = "complaint"
    title: Short | None = None
    text: str
    trimmed: str | None = None


class Turn(BaseModel):
    """One utterance of a call.

    speaker: `unknown` where the source only names people; their words show which is the customer.
    name: the name then. at: seconds from the start of the call.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    speaker: Literal["customer", "agent", "unknown"]
    text: str
    name: Annotated[str, Field(max_length=300)] | None = None
    at: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class Transcript(_TextRecord):
    """A call. Turn by turn it is a row of revisions of one event; `complete` marks the last."""

    kind: Literal["transcript"] = "transcript"
    turns: tuple[Turn, ...]
    complete: bool = True

    @property
    def text(self) -> str:
        """The customer's side: what the models read and the store keeps, a turn a line."""
        return "\n".join(turn.text for turn in self.turns if turn.speaker == "customer")


class Deleted(_Record):
    """A post that its author took back: the highest revision of `id`. It may come before it."""

    kind: Literal["deleted"] = "deleted"
    of: Literal["tweet", "complaint", "transcript"] = "tweet"

    @property
    def revision(self) -> int:
        return DELETED_REVISION


type_of_event = Annotated[Tweet | Complaint | Transcript | Deleted, Field(discriminator="kind")]
Event = Tweet | Complaint | Transcript | Deleted
TextEvent = Tweet | Complaint | Transcript

_EVENT: TypeAdapter[Event] = TypeAdapter(type_of_event)


class SourcedEvent(NamedTuple):
    """An event of a source. cursor: where to go on after it, JSON-able; stored once the broker
    confirmed the event.
    """

    event: Event
    cursor: Any


class Checkpoint(NamedTuple):
    """A live source's sign between events: everything before `cursor` was read and is yielded.

    skipped: why the message that was just read is no event, such as "an automatic answer".
    """

    cursor: Any
    skipped: str | None = None


Events = Iterator[SourcedEvent]
LiveEvents = AsyncIterator[SourcedEvent | Checkpoint]


def encode(event: Event) -> bytes:
    """The UTF-8 JSON of the wire. A lone surrogate (half of a cut character) becomes `?`."""
    try:
        return event.model_dump_json(exclude_none=True).encode()
    except PydanticSerializationError:
        fields = event.model_dump(exclude_none=True)
        whole = json.dumps(fields, ensure_ascii=False, default=datetime.isoformat).encode(
            "utf-8", "replace"
        )
        # One event has one form: pydantic writes the times in its own.
        return _EVENT.validate_json(whole).model_dump_json(exclude_none=True).encode()


def decode(value: bytes) -> Event:
    """The event in `value`. Raises pydantic.ValidationError for anything else."""
    try:
        return _EVENT.validate_json(value)
    except ValidationError:
        if b"\\u" not in value:
            raise
        return _EVENT.validate_json(_whole_characters(value))


def _whole_characters(value: bytes) -> bytes:
    """Half a character, as a cut leaves it, becomes `?` (json reads it, and pydantic does not)."""
    try:
        return json.dumps(json.loads(value), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return value


def whole_characters(value: Any) -> Any:
    """The value of some JSON, each half of a cut character in it as `?`."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (TypeError, ValueError, RecursionError):
        pass  # no JSON, or too deep: whoever reads it says so
    return value


def wrong_field(error: ValidationError, place: slice = slice(None)) -> str:
    """The first fault of a record, in one line that quotes nothing. place: the part of its path."""
    first = error.errors(include_input=False, include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"][place])
    message = str(first["msg"])
    if first["type"] == "union_tag_invalid":  # pydantic's own words quote the kind
        message = f"kind is one of {first['ctx']['expected_tags']}"
    return f"{path}: {message}" if path else message

"""Records of the controls: what each holds, its bounds, and what stands without it."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.events import wrong_field
from stream.bursts.detector import FEWEST, THRESHOLD, TIMES
from stream.errors import UserError
from stream.records import Level

ControlName = Literal["promises", "bursts", "assignment", "brand", "sink"]
CONTROLS: tuple[ControlName, ...] = get_args(ControlName)
EVERYBODY = ""  # the subject of what holds for all brands
LONGEST_SUBJECT = 300

Source = Literal["console", "file", "earshot"]
_Minutes = Annotated[int, Field(ge=1, le=30 * 24 * 60, strict=True)]
_Person = Annotated[str, Field(min_length=1, max_length=80)]
_Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=300)]], Field(max_length=200)]


class ControlError(UserError):
    """A setting that cannot be: what is wrong, and what it may be."""


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Promises(_Value):
    """Minutes until a ticket of each level is answered. Those of a brand may leave out levels."""

    P1: _Minutes | None = None
    P2: _Minutes | None = None
    P3: _Minutes | None = None
    P4: _Minutes | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Promises:
        minutes = [(level, getattr(self, level)) for level in LEVELS if getattr(self, level)]
        for (first, sooner), (second, later) in pairwise(minutes):
            if sooner > later:
                raise ValueError(f"{first} is graver than {second}, and cannot be promised later")
        return self

    def minutes(self) -> dict[Level, int]:
        return {level: value for level in LEVELS if (value := getattr(self, level)) is not None}


class Bursts(_Value):
    """How sensitive burst alerts are: see `stream.bursts.detector.Sensitivity`."""

    threshold: Annotated[float, Field(ge=3, le=200)] = THRESHOLD
    fewest: Annotated[int, Field(ge=2, le=100_000)] = FEWEST
    times: Annotated[float, Field(ge=1.1, le=100)] = TIMES


class Rule(_Value):
    """Tickets that go to some people: those that fit every list that is not empty.

    agents: their names; empty: whoever is present.
    """

    agents: Annotated[list[_Person], Field(max_length=200)] = []
    brands: _Words = []
    languages: _Words = []
    topics: _Words = []
    levels: list[Level] = []


class Assignment(_Value):
    """Who gets new tickets. limit: open tickets of one person; limits: of some, by name. unmatched:
    tickets that no rule fits go to whoever is present.
    """

    on: bool = False
    limit: Annotated[int, Field(ge=1, le=10_000)] = 20
    limits: dict[_Person, Annotated[int, Field(ge=0, le=10_000)]] = {}
    rules: Annotated[list[Rule], Field(max_length=100)] = []
    unmatched: bool = True


LEVELS: tuple[Level, ...] = get_args(Level)
OWN_PROMISES = Promises(P1=15, P2=60, P3=240, P4=1440)
_MODELS: dict[str, type[_Value]] = {
    "promises": Promises,
    "bursts": Bursts,
    "assignment": Assignment,
}


class Control(BaseModel):
    """A stored control. secrets: never shown, not in a repr either."""

    model_config = ConfigDict(frozen=True)

    name: ControlName
    subject: str
    value: dict[str, Any]
    secrets: dict[str, str] = Field(repr=False)
    version: int
    changed_by: str
    changed_at: datetime


class ControlChange(BaseModel):
    """One entry of the history. before, after: None where no control stood."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: datetime
    actor: str
    name: ControlName
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    secrets: list[str] = Field(description="names of the secrets that were typed with it")
    goes_back_to: int | None = None


class Setting(BaseModel):
    """A setting as it stands. default: what it is without the console; None where there is none.

    source: where the value comes from, place: its file. secrets: the names of those that are set.
    version: of the console's change; 0 where there is none.
    """

    model_config = ConfigDict(frozen=True)

    name: ControlName
    subject: str
    value: dict[str, Any]
    default: dict[str, Any] | None = None
    source: Source
    place: str | None = None
    secrets: list[str] = []
    version: int = 0
    changed_by: str | None = None
    changed_at: datetime | None = None


def checked(name: ControlName, value: Any) -> dict[str, Any]:
    """The value in full, as it is stored. Raises ControlError. Brands and sinks are checked where
    the files are known: `stream.controls.desk`.
    """
    model = _MODELS.get(name)
    if model is None:
        if not isinstance(value, dict):
            raise ControlError(f"{name}: a table of its fields is needed")
        return value
    try:
        return model.model_validate(value).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        raise ControlError(f"{name}: {wrong_field(error)}") from None

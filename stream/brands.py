"""Brands: which one a message is about, and which accounts are their own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from stream.errors import UserError

SHIPPED = Path(__file__).with_name("brands.toml")

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_HANDLE = re.compile(r"(?<!\w)[@＠](\w[\w.@-]*)")
_WORD = re.compile(r"\w+")


class BrandsError(UserError):
    """The file of the brands cannot be read or says something impossible: what, where, and what to
    do.
    """


class Shift(NamedTuple):
    """A stretch of working time on one weekday, in the brand's own time zone. opens, closes:
    minutes after midnight.
    """

    weekday: int  # Monday is 0
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Automatic:
    """What a brand answers without a person: messages on these topics whose severity (0-4) is no
    higher.
    """

    topics: frozenset[str]
    severity: int

    def covers(self, topic: str | None, severity: int | None) -> bool:
        return topic in self.topics and severity is not None and severity <= self.severity


@dataclass(frozen=True, slots=True)
class Brand:
    """One brand. networks: where it listens, everywhere when empty. hours: always, when empty.

    automatic: None where every answer is a person's to approve. trade: as the taxonomy has it; None
    where all topics fit.
    """

    name: str
    handles: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    networks: frozenset[str] = frozenset()
    locale: str = "en-US"
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    hours: tuple[Shift, ...] = ()
    automatic: Automatic | None = None
    trade: str | None = None

    @property
    def country(self) -> str | None:
        """Of its locale: "GB" of "en-GB"; None where that names none."""
        return self.locale.partition("-")[2] or None

    def listens_on(self, network: str | None) -> bool:
        return network is None or not self.networks or network in self.networks


class Brands:
    """All brands, ready to be found in texts."""

    def __init__(self, brands: Iterable[Brand]) -> None:
        self._by_name = {brand.name.casefold(): brand for brand in brands}
        self._by_handle = {handle.casefold(): brand for brand in self for handle in brand.handles}
        self._by_first_word = _by_first_word(self)

    def become(self, other: Brands) -> None:
        """Find the other's brands from now on, in whatever was handed these."""
        self._by_name = other._by_name
        self._by_handle = other._by_handle
        self._by_first_word = other._by_first_word

    def __iter__(self) -> Iterator[Brand]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Brand | None:
        return self._by_name.get(name.casefold())

    def trade_of(self, name: str | None) -> str | None:
        """The trade of the brand; None where that is not known."""
        brand = self.get(name) if name else None
        return brand.trade if brand else None

    def is_own(self, author: str | None) -> bool:
        """Is `author` an account of a brand, so that what it says is outbound?"""
        return self._of_account(author, None) is not None

    def find(self, text: str, author: str | None = None, network: str | None = None) -> str | None:
        """The name of the brand that the message is about: its author's own, else the first
        handle's, else the first word's.
        """
        brand = (
            self._of_account(author, network)
            or self._first_handle(text, network)
            or self._first_word(text, network)
        )
        return brand.name if brand else None

    def _of_account(self, author: str | None, network: str | None) -> Brand | None:
        brand = self._by_handle.get(author.lstrip("@").casefold()) if author else None
        return brand if brand and brand.listens_on(network) else None

    def _first_handle(self, text: str, network: str | None) -> Brand | None:
        for mention in _HANDLE.finditer(text):
            for handle in _readings(mention[1]):
                brand = self._by_handle.get(handle.casefold())
                if brand and brand.listens_on(network):
                    return brand
        return None

    def _first_word(self, text: str, network: str | None) -> Brand | None:
        for word in _WORD.finditer(text):
            for pattern, brand in self._by_first_word.get(word[0].casefold(), ()):
                if brand.listens_on(network) and pattern.match(text, word.start()):
                    return brand
        return None


def load(path: Path | None = None) -> Brands:
    """The brands in `path`, or those that come with earshot. Raises BrandsError."""
    path = path or SHIPPED
    return _brands_of(read_file(path), str(path))


def brands_of(entries: Iterable[Mapping[str, Any]], place: str) -> Brands:
    """The brands of these entries, each as a table `[[brand]]` has it. place: what an error names.

    Raises BrandsError.
    """
    return _brands_of({"brand": list(entries)}, place)


def read_file(path: Path) -> dict[str, Any]:
    """The file's content, not yet checked. Raises BrandsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BrandsError(
            f"{path}: cannot read the brands ({error.strerror}); check EARSHOT_BRANDS"
        ) from None
    except UnicodeDecodeError:
        raise BrandsError(
            f"{path}: the brands are not UTF-8 text; save the file as UTF-8"
        ) from None
    return _tables(text, path)


def parse(text: str, path: Path) -> Brands:
    """The brands of a file's text; `path` is what errors call it. Raises BrandsError."""
    return _brands_of(_tables(text, path), str(path))


def _tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BrandsError(f"{path}: not TOML: {error}; correct it there") from None


def _brands_of(content: dict[str, Any], place: str) -> Brands:
    try:
        entries = _File.model_validate(content).brand
    except ValidationError as error:
        raise BrandsError(f"{place}: {_first_problem(error, content)}") from None
    brands = [entry.brand() for entry in entries]
    _refuse_shared(place, "name", ((brand.name, brand.name) for brand in brands))
    _refuse_shared(
        place, "handle", ((handle, brand.name) for brand in brands for handle in brand.handles)
    )
    _refuse_shared(place, "word", ((word, brand.name) for brand in brands for word in brand.words))
    return Brands(brands)


_Name = Annotated[str, Field(min_length=1, max_length=300)]
_Handle = Annotated[str, Field(pattern=r"^\w[\w.@-]*$", max_length=300)]
_Word = Annotated[str, Field(pattern=r"^\w.*\S$", max_length=100)]


class _Automatic(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    topics: Annotated[list[_Name], Field(min_length=1)]
    severity: Annotated[int, Field(ge=0, le=2)] = 1  # what is worse than that is always a person's


class _Entry(BaseModel):
    """One [[brand]] as the file has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: _Name
    handles: list[_Handle] = []
    words: list[_Word] = []
    networks: list[str] = []
    locale: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en-US"
    time_zone: str = "UTC"
    hours: dict[str, str] = {}
    automatic: _Automatic | None = None
    trade: Annotated[str, Field(pattern=r"^[a-z][a-z -]*[a-z]$", max_length=60)] | None = None

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; write one like Europe/London") from None
        return name

    @field_validator("hours")
    @classmethod
    def _readable(cls, hours: dict[str, str]) -> dict[str, str]:
        _shifts(hours)
        return hours

    def brand(self) -> Brand:
        return Brand(
            name=self.name,
            handles=tuple(self.handles),
            words=tuple(self.words),
            networks=frozenset(self.networks),
            locale=self.locale,
            time_zone=ZoneInfo(self.time_zone),
            hours=_shifts(self.hours),
            trade=self.trade,
            automatic=(
                None
                if self.automatic is None
                else Automatic(frozenset(self.automatic.topics), self.automatic.severity)
            ),
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    brand: Annotated[list[_Entry], Field(min_length=1)]


def _shifts(hours: dict[str, str]) -> tuple[Shift, ...]:
    """{"mon-fri": "08:00-20:00"} as five shifts. Raises ValueError."""
    shifts = []
    for days, times in hours.items():
        first, _, last = days.partition("-")
        span = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", times)
        if first not in _DAYS or (last or first) not in _DAYS or span is None:
            raise ValueError(
                f'{days} = "{times}" are no hours; write them like mon-fri = "08:00-20:00"'
            )
        opens, closes = int(span[1]) * 60 + int(span[2]), int(span[3]) * 60 + int(span[4])
        weekdays = range(_DAYS.index(first), _DAYS.index(last or first) + 1)
        if not weekdays or not opens < closes <= 24 * 60:
            raise ValueError(f'{days} = "{times}" ends before it starts; split it in two')
        shifts += [Shift(weekday, opens, closes) for weekday in weekdays]
    return tuple(sorted(shifts))


def _by_first_word(brands: Iterable[Brand]) -> dict[str, list[tuple[re.Pattern[str], Brand]]]:
    """The brands' words by the first word of each, the longest first: "Delta Dental" is looked for
    before "Delta".
    """
    by_first_word: dict[str, list[tuple[re.Pattern[str], Brand]]] = {}
    words = [(word, brand) for brand in brands for word in brand.words]
    for word, brand in sorted(words, key=lambda pair: -len(pair[0])):
        pattern = r"\s+".join(re.escape(part) for part in word.split()) + r"(?!\w)"
        first = _WORD.match(word)
        if first:
            candidates = by_first_word.setdefault(first[0].casefold(), [])
            candidates.append((re.compile(pattern, re.IGNORECASE), brand))
    return by_first_word


def _readings(mention: str) -> list[str]:
    """What "@delta.Please" may name: the whole ("delta.please" is a handle on Bluesky), or the part
    before the dot. An account of another server ("delta@social.example") is never the account
    before the @.
    """
    whole = mention.rstrip(".-@")
    return [whole] if "@" in whole else [whole, re.split(r"[.-]", whole, maxsplit=1)[0]]


def _refuse_shared(place: str, kind: str, uses: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for value, brand in uses:
        other = seen.get(value.casefold())
        if other:
            raise BrandsError(
                f"{place}: the {kind} {value!r} of {brand} is already there for {other}; "
                "keep one of them"
            )
        seen[value.casefold()] = brand


def _first_problem(error: ValidationError, content: dict[str, Any]) -> str:
    """Of everything that is wrong, the first, in the words of the file: "brand SkyNorth: hours:
    ...".
    """
    problem = error.errors()[0]
    where = list(problem["loc"])
    entries = content.get("brand")
    if len(where) > 1 and isinstance(entries, list) and isinstance(where[1], int):
        entry = entries[where[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        where[:2] = [f"brand {name or f'number {where[1] + 1}'}"]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    fault = problem["msg"].removeprefix("Value error, ")
    return f"{': '.join(map(str, where))}: {fault}{more}; correct it there"

"""Dates of exports as moments in time. A date without a zone is UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.parser import parse

from connectors.formats.date_words import in_english, plain_clock, zone_name

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_WEST = {"EDT": 4, "EST": 5, "CDT": 5, "CST": 6, "MDT": 6, "MST": 7, "PDT": 7, "PST": 8}  # hours
_ZONES: dict[str, tzinfo] = {"UTC": UTC, "GMT": UTC, "Z": UTC, "+0000": UTC}
_EAST = {"WET": 0, "BST": 1, "CET": 1, "WEST": 1, "CEST": 2, "EET": 2, "EEST": 3, "AEST": 10}
_ZONES |= {name: timezone(timedelta(hours=hours)) for name, hours in _EAST.items()}
_ZONES |= {name: timezone(timedelta(hours=-hours)) for name, hours in _WEST.items()}

FIRST_DAY = 20_000  # of a spreadsheet, in 1954
LONGEST = 60  # characters of a date
_SPREADSHEET = datetime(1899, 12, 30, tzinfo=UTC)
NO_DATE = "is no date that can be read; write it as 2015-04-22 or 2015-04-22T13:05:00Z"

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_CLOCK = (
    r"(?:[ T,]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
_DAY_MONTH = re.compile(
    r"(?P<day>\d{1,2})[-. /](?P<name>[A-Za-z]{3,9})\.?,?[-. /](?P<year>\d{4}|\d\d)" + _CLOCK
)
_MONTH_DAY = re.compile(r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})" + _CLOCK)
_NUMBERS = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[/.-])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)" + _CLOCK
)

_NUMBERS_FIRST = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[/.-])(?P<other>\d{1,2})(?P=mark)\d{2,4}\b"
)


def zone(name: str) -> tzinfo:
    """`PDT` or `+0530`. Raises ValueError for a zone that is not known."""
    known = _ZONES.get(name)
    if known is None:
        offset = _OFFSET.fullmatch(name)
        if offset is None:
            raise ValueError(f"the time zone {name[:10]!r} is not known")
        sign, hours, minutes = offset.groups()
        known = timezone(
            timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        )
        _ZONES[name] = known
    return known


def twitter_time(text: str) -> datetime:
    """`Mon Apr 06 22:19:45 PDT 2009` or `Tue Oct 31 22:10:47 +0000 2017`. Raises ValueError."""
    parts = text.split()
    try:
        _, month, day, clock, name, year = parts
        hour, minute, second = clock.split(":")
        return datetime(
            int(year),
            MONTHS[month.lower()],
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=zone(name),
        )
    except (ValueError, KeyError) as error:
        if "time zone" in str(error):
            raise
        raise ValueError(
            f"{text[:40]!r} is no date such as 'Mon Apr 06 22:19:45 PDT 2009'"
        ) from None


def written_time(text: str, *, day_first: bool | None = None) -> datetime:
    """A date, with or without a time, in the ways that exports have: ISO, 22-Apr-15, 4/22/2015
    (month first, unless day_first or that cannot be), 22.04.2015 (day first), April 22, 2015, the
    date of a mail, seconds or milliseconds since 1970, a spreadsheet's number of days. A date alone
    is its midnight. Raises ValueError.
    """
    text = " ".join(text.split())
    if len(text) <= 2 * LONGEST and re.search(r"[^\W\d_]", text):
        text = plain_clock(text)
    text = re.sub(r" \((\d\d?:\d\d(?::\d\d)?)\)\Z", r" \1", text)
    text = re.sub(r" ?\([^()]*\)\Z", "", text)  # `(Central European Time)`
    text, name = zone_name(text)
    moment = _moment_of(text, day_first=day_first)
    if name is None or re.search(r"(?:Z|[+-]\d\d:?\d\d)\Z", text):
        return moment
    try:
        return moment.replace(tzinfo=ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"the time zone {name[:30]!r} is not known") from None


def _moment_of(text: str, *, day_first: bool | None) -> datetime:
    if re.fullmatch(r"\d{4,}(?:[.,]\d+)?", text):
        return _counted(text.replace(",", "."))
    if serial := re.fullmatch(r"([2-9]\d{4}) (\d\d?:\d\d(?::\d\d)?)", text):
        return _parsed(f"{_counted(serial[1]):%Y-%m-%d} {serial[2]}", day_first=False)
    try:
        moment = datetime.fromisoformat(
            re.sub(r" (?=[+-]\d\d:?\d\d\Z)", "", text.removesuffix(" UTC"))
        )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        pass
    for pattern in (_DAY_MONTH, _MONTH_DAY, _NUMBERS):
        match = pattern.fullmatch(text)
        if match:
            try:
                return _moment(match.groupdict(default=""), bool(day_first))
            except (ValueError, KeyError):
                break
    try:
        return _parsed(text, bool(day_first))
    except ValueError:
        english = in_english(text)
        if not re.search(r"\d", english) or (english == text and "24:00" not in text):
            raise
        return _midnight(english, bool(day_first))


def _midnight(text: str, day_first: bool) -> datetime:
    """Raises ValueError. 24:00 is the midnight after the day."""
    day = re.sub(r"(?<=[ T])24:00(?::00)?\Z", "00:00", text)
    return _parsed(day, day_first) + timedelta(days=day != text)


class Order(NamedTuple):
    """Of the numbers in dates. day_first: None where nothing proves one order, or something each.
    open: a date that may be read both ways, where none proves which; '' where there is none.
    """

    day_first: bool | None
    open: str = ""


def order_of(texts: Iterable[str]) -> Order:
    """The order in these dates of one table: 13/03 proves the day first, 03/13 the contrary."""
    proofs, either = set(), ""
    for text in texts:
        match = _NUMBERS_FIRST.match(text.strip())
        if match and match["mark"] != ".":
            first, other = int(match["first"]), int(match["other"])
            if first > 12 >= other or other > 12 >= first:
                proofs.add(first > 12)
            elif first != other and not either:
                either = match[0]
    order = proofs.pop() if len(proofs) == 1 else None
    return Order(order, "" if order is not None else either)


def day_first(texts: Iterable[str]) -> bool | None:
    """Do these dates of one table have the day first? None where they leave it open."""
    return order_of(texts).day_first


def doubt(moment: datetime, now: datetime) -> str | None:
    """What is wrong with a moment that something was said at, in words; None where nothing is."""
    if moment > now + timedelta(days=2):  # clocks and time zones differ
        return "is in the future"
    return "is before 2000" if moment.year < 2000 else None


def _counted(text: str) -> datetime:
    """Of a number: Unix time in seconds or milliseconds, or the days of a spreadsheet."""
    number = float(text)
    digits = len(text.partition(".")[0])
    while digits in (13, 16):  # milliseconds, microseconds
        number, digits = number / 1000, digits - 3
    if digits in (9, 10):
        return datetime.fromtimestamp(number, UTC)
    if digits == 5 and number >= FIRST_DAY:
        moment = _SPREADSHEET + timedelta(days=number)
        return (moment + timedelta(microseconds=500)).replace(microsecond=0)  # a day in few digits
    form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(text))
    if form:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    raise ValueError(f"{text[:40]!r} {NO_DATE}")


def _parsed(text: str, day_first: bool) -> datetime:
    """By dateutil, which fills what is missing: a text that gives no day is no date."""
    moments = []
    if re.match(r"\d{4}", text):
        day_first = False  # else the year would be followed by it
    elif re.match(r"\d{1,2}\.\d{1,2}\.\d", text):
        day_first = True
    try:
        for default in (datetime(2000, 1, 1), datetime(2001, 2, 2)):
            moments.append(
                parse(text, default=default, dayfirst=day_first, tzinfos=_parsed_zone)
                if len(text) <= LONGEST and re.search(r"\d", text)
                else default
            )
    except (ValueError, OverflowError, TypeError):
        moments = []
    if len(set(moments)) != 1:
        raise ValueError(f"{text[:40]!r} {NO_DATE}")
    return moments[0] if moments[0].tzinfo else moments[0].replace(tzinfo=UTC)


def _parsed_zone(name: str | None, seconds: int | None) -> tzinfo:
    """Raises ValueError for a zone that is not known, rather than to take it for UTC."""
    if seconds is not None:
        return timezone(timedelta(seconds=seconds))
    return zone(name or "UTC")


def _moment(part: dict[str, str], day_first: bool) -> datetime:
    """part: the groups of a pattern, empty where the text has none."""
    month, day = _month_and_day(part, day_first)
    year = int(part["year"])
    if year < 100:
        year += 2000 if year < 70 else 1900
    hour = int(part["hour"] or 0)
    if part["half"]:
        hour = hour % 12 + (12 if part["half"][0] in "pP" else 0)
    return datetime(
        year, month, day, hour, int(part["minute"] or 0), int(part["second"] or 0), tzinfo=UTC
    )


def _month_and_day(part: dict[str, str], day_first: bool) -> tuple[int, int]:
    if "name" in part:
        return MONTHS[part["name"][:3].lower()], int(part["day"])
    first, second = int(part["first"]), int(part["other"])
    is_day_first = part["mark"] == "." or day_first
    if second > 12 or (first <= 12 and not is_day_first):
        return first, second
    return second, first

"""Dates of exports as moments in time. A date without a zone is UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_WEST = {"EDT": 4, "EST": 5, "CDT": 5, "CST": 6, "MDT": 6, "MST": 7, "PDT": 7, "PST": 8}  # hours
_ZONES: dict[str, tzinfo] = {"UTC": UTC, "GMT": UTC, "+0000": UTC}
_ZONES |= {name: timezone(timedelta(hours=-hours)) for name, hours in _WEST.items()}

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


def written_time(text: str) -> datetime:
    """A date, with or without a time, in the ways that exports have: ISO, 22-Apr-15, 4/22/2015
    (month first, unless that cannot be), 22.04.2015 (day first), April 22, 2015. A date alone is
    its midnight. Raises ValueError.
    """
    text = text.strip()
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
                return _moment(match.groupdict(default=""))
            except (ValueError, KeyError):
                break
    raise ValueError(
        f"{text[:40]!r} is no date that can be read; write it as 2015-04-22 or 2015-04-22T13:05:00Z"
    )


def _moment(part: dict[str, str]) -> datetime:
    """part: the groups of a pattern, empty where the text has none."""
    month, day = _month_and_day(part)
    year = int(part["year"])
    if year < 100:
        year += 2000 if year < 70 else 1900
    hour = int(part["hour"] or 0)
    if part["half"]:
        hour = hour % 12 + (12 if part["half"][0] in "pP" else 0)
    return datetime(
        year, month, day, hour, int(part["minute"] or 0), int(part["second"] or 0), tzinfo=UTC
    )


def _month_and_day(part: dict[str, str]) -> tuple[int, int]:
    if "name" in part:
        return MONTHS[part["name"][:3].lower()], int(part["day"])
    first, second = int(part["first"]), int(part["other"])
    if part["mark"] == "." or first > 12:
        return second, first
    return first, second

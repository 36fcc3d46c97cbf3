"""Phone numbers, by their country's numbering plan, or by the words before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from phonenumbers import Leniency, PhoneNumberMatcher

from models.time_limit import check

_RUN = re.compile(r"(?:[+＋] ?)?\(?\d(?:[ \t\u00a0().\-–/]{0,4}\d){6,}")
_CELL = re.compile(r"[^\t]{7,}")

# More digits than these are a table: the library would take a millisecond for each number in it, so
# only American shapes are looked for.
_TABLE = 45
_AMERICAN = re.compile(
    r"(?<!\d)(?:\+?1[ .\-]?)?\(?[2-9]\d\d\)?[ .\-]{0,2}[2-9]\d\d[ .\-]?\d{4}(?!\d)"
)

_PHONE_CONTEXT = re.compile(
    r"(?<![\w\[])(?:call(?:back| back| me| us)?|(?:tele)?phone|tel|text|txt|sms|ring|cell|mobile"
    r"|mob|landline|whatsapp|fone|reach (?:me|us)|dial|contact|(?:my|the) (?:number|num|no))"
    r"(?!\w)[^\d\n]{0,25}\n?\Z",
    re.IGNORECASE,
)
_OTHER_CONTEXT = re.compile(
    r"(?<![A-Za-z])(?:order|tracking|track|case|ticket|ref|reference|invoice|item|sku|serial|imei|id"
    r"|flight|flt|code|barcode|parcel|shipment|package|score|isbn|upc|version|article|model|part"
    r"|claim|incident|complaint|bag|tag|dl|ff|rr|build|firmware)s?"
    r"(?:[ .]{0,2}(?:number|num|no|nr|id|#))?[ .:=#\-]{0,3}(?:is|was)?[ :#]{0,2}\Z",
    re.IGNORECASE,
)
# `\Z`, not `$`: that matches before a last line feed as well, and a number at the start of a line
# would count as part of the line before it.
_MIDDLE_OF_CODE = re.compile(r"[A-Za-z0-9_]\Z")
_MIDDLE_OF_OTHER = re.compile(r"(?:[$£€¥#@%/=&?\-]|\d[.,:])\Z")  # a price, a link
_GOES_ON = re.compile(r"(?!(?:x|ext)\.? ?\d)[A-Za-z0-9_%]", re.IGNORECASE)
_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}[/.\-]\d{1,2}[/.\-](?:19|20)?\d\d|(?:19|20)\d\d[/.\-]\d\d[/.\-]\d\d)(?!\d)"
)
_VERSION = re.compile(r"\d{1,12}(?:\.\d{1,12}){3,14}")
_WRITTEN_AS_AMERICAN = re.compile(r"(?:1[ .\-])?(?:\(\d{3}\) ?|\d{3}[ .\-])\d{3}[ .\-]\d{4}")
_BRITISH_MOBILE = re.compile(r"07\d{3} ?\d{3} ?\d{3}")


def phones(text: str) -> Iterator[tuple[int, int]]:
    for run in _RUN.finditer(text):
        check()  # the library takes up to a millisecond for a number
        start, end = run.span()
        if sum(sign.isdigit() for sign in run[0]) > _TABLE:
            yield from (number.span() for number in _AMERICAN.finditer(text, start, end))
        elif not _GOES_ON.match(text, end):
            numbers = _in_run(text, start, end)
            if not numbers and "\t" in run[0]:  # the columns of a table
                for cell in _CELL.finditer(text, start, end):
                    numbers += _in_run(text, *cell.span())
            yield from numbers


def _in_run(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The numbers in a run of digits, which is `text[start:end]`."""
    before = text[max(0, start - 40) : start]
    numbers = _numbers(text[start:end], before)
    return [(start + first, start + last) for first, last in numbers]


def _numbers(run: str, before: str) -> list[tuple[int, int]]:
    """The numbers in a run of digits. before: the text in front of it."""
    digits = sum(sign.isdigit() for sign in run)
    is_called_phone = 7 <= digits <= 15 and _PHONE_CONTEXT.search(before) is not None
    international = _is_international(run, digits)
    if _MIDDLE_OF_CODE.search(before) or (_MIDDLE_OF_OTHER.search(before) and not is_called_phone):
        return []
    if not international and (_OTHER_CONTEXT.search(before) or _DATE.search(run)):
        return []
    known = _known(run, international)
    if not known and is_called_phone and not _VERSION.fullmatch(run):
        return [(0, len(run))]
    return known


def _is_international(run: str, digits: int) -> bool:
    return run.startswith(("+", "＋")) or (run.startswith("00") and run[2] != "0" and digits > 10)


def _known(run: str, international: bool) -> list[tuple[int, int]]:
    """Numbers that the library knows by country code, or as dialled within America or Britain."""
    if international:
        # Ranges that are new, or kept for films, are unknown to it: with a country code, possible
        # is enough.
        return _matches(run, "GB", Leniency.POSSIBLE)
    if _WRITTEN_AS_AMERICAN.fullmatch(run):  # a mistyped one is personal too
        return [(0, len(run))]
    if american := _matches(run, "US", Leniency.STRICT_GROUPING):
        return american
    if run.lstrip("(").startswith("0"):
        is_mobile = _BRITISH_MOBILE.fullmatch(run)
        return _matches(run, "GB", Leniency.POSSIBLE if is_mobile else Leniency.VALID)
    return []


def _matches(run: str, country: str, leniency: int) -> list[tuple[int, int]]:
    return [
        (match.start, match.end) for match in PhoneNumberMatcher(run, country, leniency=leniency)
    ]

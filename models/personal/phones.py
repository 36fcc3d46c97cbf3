"""Phone numbers: proven by their country's numbering plan, or called one by the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from phonenumbers import Leniency, PhoneNumberMatcher

_RUN = re.compile(r"(?:[+＋] ?)?\(?\d(?:[ \t\u00a0().\-–/]{0,4}\d){6,}")

# More digits than these are a table: the library would take a millisecond for each number in it, so
# only American shapes are looked for.
_TABLE = 45
_AMERICAN = re.compile(
    r"(?<!\d)(?:\+?1[ .\-]?)?\(?[2-9]\d\d\)?[ .\-]{0,2}[2-9]\d\d[ .\-]?\d{4}(?!\d)"
)

_PHONE_SAID = re.compile(
    r"(?<![\w\[])(?:call(?:back| back| me| us)?|(?:tele)?phone|tel|text|txt|sms|ring|cell|mobile|mob|landline|whatsapp"
    r"|fone|reach (?:me|us)|dial|contact|(?:my|the) (?:number|num|no))(?!\w)[^\d\n]{0,25}$",
    re.IGNORECASE,
)
_OTHER_SAID = re.compile(
    r"(?<![A-Za-z])(?:order|tracking|track|case|ticket|ref|reference|invoice|item|sku|serial|imei|id|flight|flt|code"
    r"|barcode|parcel|shipment|package|score|isbn|upc|version|article|model|part|claim|incident|complaint|bag|tag|dl|ff"
    r"|rr|build|firmware)s?(?:[ .]{0,2}(?:number|num|no|nr|id|#))?[ .:=#\-]{0,3}(?:is|was)?[ :#]{0,2}$",
    re.IGNORECASE,
)
_MIDDLE_OF_CODE = re.compile(r"[A-Za-z0-9_]$")
_MIDDLE_OF_OTHER = re.compile(r"(?:[$£€¥#@%/=&?\-]|\d[.,:])$")  # a price, a link
_GOES_ON = re.compile(r"(?!(?:x|ext)\.? ?\d)[A-Za-z0-9_%]", re.IGNORECASE)
_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}[/.\-]\d{1,2}[/.\-](?:19|20)?\d\d|(?:19|20)\d\d[/.\-]\d\d[/.\-]\d\d)(?!\d)"
)
_VERSION = re.compile(r"\d+(?:\.\d+){3,}")
_WRITTEN_AS_AMERICAN = re.compile(r"(?:1[ .\-])?(?:\(\d{3}\) ?|\d{3}[ .\-])\d{3}[ .\-]\d{4}")
_BRITISH_MOBILE = re.compile(r"07\d{3} ?\d{3} ?\d{3}")


def phones(text: str) -> Iterator[tuple[int, int]]:
    for run in _RUN.finditer(text):
        start, end = run.span()
        if sum(sign.isdigit() for sign in run[0]) > _TABLE:
            yield from (number.span() for number in _AMERICAN.finditer(text, start, end))
        elif not _GOES_ON.match(text, end):
            yield from (
                (start + first, start + last)
                for first, last in _in_run(run[0], text[max(0, start - 40) : start])
            )


def _in_run(run: str, before: str) -> list[tuple[int, int]]:
    digits = sum(sign.isdigit() for sign in run)
    said = 7 <= digits <= 15 and _PHONE_SAID.search(before) is not None
    international = run.startswith(("+", "＋")) or (
        run.startswith("00") and run[2] != "0" and digits > 10
    )
    if _MIDDLE_OF_CODE.search(before) or (_MIDDLE_OF_OTHER.search(before) and not said):
        return []
    if not international and (_OTHER_SAID.search(before) or _DATE.search(run)):
        return []
    return _known(run, international) or (
        [(0, len(run))] if said and not _VERSION.fullmatch(run) else []
    )


def _known(run: str, international: bool) -> list[tuple[int, int]]:
    """What the library knows as a number: by its country code, or as dialled within America or
    Britain.
    """
    if international:
        # Ranges that are new, or kept for films, are unknown to it: with a country code, possible
        # is enough.
        return _matches(run, "GB", Leniency.POSSIBLE)
    if _WRITTEN_AS_AMERICAN.fullmatch(run):  # a mistyped one is personal too
        return [(0, len(run))]
    if found := _matches(run, "US", Leniency.STRICT_GROUPING):
        return found
    if run.lstrip("(").startswith("0"):
        return _matches(
            run, "GB", Leniency.POSSIBLE if _BRITISH_MOBILE.fullmatch(run) else Leniency.VALID
        )
    return []


def _matches(run: str, country: str, leniency: int) -> list[tuple[int, int]]:
    return [
        (match.start, match.end) for match in PhoneNumberMatcher(run, country, leniency=leniency)
    ]

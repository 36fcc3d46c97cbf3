"""Codes and dates that are personal only in a context that says what they are: bookings, accounts,
documents, birth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FLAGS = re.ASCII | re.IGNORECASE

_IS = r"[ \t]{0,2}(?:is|was|are|of|under)?[ \t]{0,2}[:=#\-(\"']{0,3}[ \t]{0,2}[(\"'#]?"
_BOOKING_WORD = r"booking|reservation|confirmation|conf|pnr|(?:record )?locator"
_BOOKING = re.compile(
    r"(?<![\w\[])(?:(?P<sure>pnr|(?:record )?locator|conf)|booking|reserv(?:ation)?|confirm(?:ation)?|res(?= ?#))s?"
    r"(?:'s)?(?!\w)\.?(?: (?:booking|reservation|confirmation))?"
    r"(?P<marker>(?: ?(?:code|number|num|no|nr|ref|reference|id|locator|#)s?(?:'s)?(?!\w)\.?){0,3})"
    rf"(?P<says>{_IS})(?!(?:{_BOOKING_WORD})(?!\w))(?P<code>[A-Z0-9]{{5,12}})(?!\w)"
    r"(?P<more>(?: ?(?:,|/|&amp;|&|and|or) ?[A-Z0-9]{6}(?!\w)){0,5})",
    _FLAGS,
)
_IS_BOOKING = re.compile(
    rf"(?<!\w)(?P<code>[A-Z0-9]{{5,8}}) (?:is|was) (?:(?:my|our|the) )?(?:{_BOOKING_WORD})(?!\w)",
    _FLAGS,
)
_SIX_SIGNS = re.compile(r"(?<!\w)[A-Z0-9]{6}(?!\w)", _FLAGS)
_TICKET = re.compile(
    rf"(?<!\w)(?:e-?)?ticket(?: ?(?:number|num|no|nr|#)\.?)?{_IS}(?P<code>\d{{3}}[ -]?\d{{10}})(?!\w)",
    _FLAGS,
)


def bookings(text: str) -> Iterator[tuple[int, int]]:
    for match in _BOOKING.finditer(text):
        marked = bool(match["marker"] or re.search(r"[:=#(]", match["says"]))
        named = marked or (bool(match["sure"]) and not match["code"].islower())
        if _is_booking(match["code"], named, shouted=match[0].isupper()):
            yield match.span("code")
            for more in _SIX_SIGNS.finditer(text, *match.span("more")):
                if _is_booking(more[0], named, shouted=False):
                    yield more.span()
    for match in _IS_BOOKING.finditer(text):
        if _is_booking(match["code"], named=True, shouted=match[0].isupper()):
            yield match.span("code")
    for match in _TICKET.finditer(text):
        yield match.span("code")


def _is_booking(code: str, named: bool, shouted: bool) -> bool:
    """Is it letters and digits ("X7KQ2M"), six letters that are no word, or a number that is named
    a booking's?

    named: the text calls it a code or a number. shouted: all is in capitals, so that capitals say
    nothing.
    """
    if code.isdigit():
        return named and len(code) >= 6
    if code.isalpha():
        if len(code) != 6 or code == "PLEASE":
            return False
        pronounceable = sum(letter in "aeiouy" for letter in code.lower()) > 1
        return (named and not shouted and code.isupper()) or (
            not pronounceable and (named or code.isupper())
        )
    if re.fullmatch(r"\d+[a-z]+", code):  # "24hours"
        return False
    return named or not re.fullmatch(
        r"[A-Z]{2,3}\d{1,4}", code, re.IGNORECASE
    )  # "my reservation UA1589 to Denver"


_NUMBER_OF = r"(?P<marker>(?:[ -]?(?:number|num|no|nr|id|code|#)(?:'s)?(?!\w)\.?){0,2})"
_ACCOUNT = re.compile(
    r"(?<![\w\[])(?:account|acct|acc|a/c|customer|member(?:ship)?|frequent[ -]flyer|ff|loyalty|subscriber|policy"
    rf"|sky ?miles|mileage ?plus|aadvantage|rapid rewards|trueblue)(?!\w)\.?{_NUMBER_OF}(?P<says>{_IS})"
    r"(?!\d{3}-\d{3}-\d{4}(?!\w))(?P<code>[A-Z]{0,3}\d[\d-]{4,16})(?!\w)",
    _FLAGS,
)
_PASSPORT = re.compile(
    rf"(?<![\w\[])passport(?!\w){_NUMBER_OF}{_IS}(?P<code>[A-Z0-9]{{7,9}})(?!\w)", _FLAGS
)


def accounts(text: str) -> Iterator[tuple[int, int]]:
    for match in _ACCOUNT.finditer(text):
        named = match["marker"] or re.search(r"[:=#]", match["says"])
        if _count_digits(match["code"]) >= (5 if named else 7):
            yield match.span("code")


def passports(text: str) -> Iterator[tuple[int, int]]:
    for match in _PASSPORT.finditer(text):
        if _count_digits(match["code"]) >= 5:
            yield match.span("code")


def _count_digits(code: str) -> int:
    return sum(sign.isdigit() for sign in code)


_SSN = re.compile(
    r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])"
    rf"|(?<![\w\[])(?:ssn|social(?: security)?(?: (?:number|no|#)\.?)?)(?!\w){_IS}(?P<code>\d{{9}})(?!\w)",
    _FLAGS,
)


def social_security_numbers(text: str) -> Iterator[tuple[int, int]]:
    for match in _SSN.finditer(text):
        yield match.span("code" if match["code"] else 0)


_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_BORN = re.compile(
    rf"(?<![\w\[])(?:dob|d\.o\.b|date of birth|birth ?date|birthday|born)(?!\w)(?:'s|\.)?(?: on)?{_IS}(?P<date>"
    r"\d{1,2}[/.\-]\d{1,2}[/.\-](?:\d{4}|\d\d)|\d{4}[/.\-]\d\d[/.\-]\d\d"
    rf"|{_DAY}(?: of)? {_MONTH},? \d{{4}}|{_MONTH} {_DAY},? \d{{4}})(?!\w)",
    _FLAGS,
)


def dates_of_birth(text: str) -> Iterator[tuple[int, int]]:
    for match in _BORN.finditer(text):
        yield match.span("date")

"""Codes and dates that are personal in a context: bookings, accounts, documents, birth."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FLAGS = re.ASCII | re.IGNORECASE

_IS = r"[ \t]{0,2}(?:is|was|are|of|under)?[ \t]{0,2}[:=#\-(\"']{0,3}[ \t]{0,2}[(\"'#]?"
_BOOKING_WORD = r"booking|reservation|confirmation|conf|pnr|(?:record )?locator"
_BOOKING = re.compile(
    r"(?<![\w\[])(?:(?P<sure>pnr|(?:record )?locator|conf)|booking|reserv(?:ation)?"
    r"|confirm(?:ation)?|res(?= ?#))s?(?:'s)?(?!\w)\.?(?: (?:booking|reservation|confirmation))?"
    r"(?P<marker>(?: ?(?:code|number|num|no|nr|ref|reference|id|locator|#)s?(?:'s)?(?!\w)\.?){0,3})"
    rf"(?P<link>{_IS})(?!(?:{_BOOKING_WORD})(?!\w))(?P<code>[A-Z0-9]{{5,12}})(?!\w)"
    r"(?P<more>(?: ?(?:,|/|&amp;|&|and|or) ?[A-Z0-9]{6}(?!\w)){0,5})",
    _FLAGS,
)
_IS_BOOKING = re.compile(
    rf"(?<!\w)(?P<code>[A-Z0-9]{{5,8}}) (?:is|was) (?:(?:my|our|the) )?(?:{_BOOKING_WORD})(?!\w)",
    _FLAGS,
)
_SIX_SIGNS = re.compile(r"(?<!\w)[A-Z0-9]{6}(?!\w)", _FLAGS)
_TICKET = re.compile(
    rf"(?<!\w)(?:e-?)?ticket(?: ?(?:number|num|no|nr|#)\.?)?{_IS}"
    r"(?P<code>\d{3}[ -]?\d{10})(?!\w)",
    _FLAGS,
)


def bookings(text: str) -> Iterator[tuple[int, int]]:
    for match in _BOOKING.finditer(text):
        marked = bool(match["marker"] or re.search(r"[:=#(]", match["link"]))
        is_number = marked or (bool(match["sure"]) and not match["code"].islower())
        if _is_booking(match["code"], is_number, shouted=match[0].isupper()):
            yield match.span("code")
            for more in _SIX_SIGNS.finditer(text, *match.span("more")):
                if _is_booking(more[0], is_number, shouted=False):
                    yield more.span()
    for match in _IS_BOOKING.finditer(text):
        if _is_booking(match["code"], is_number=True, shouted=match[0].isupper()):
            yield match.span("code")
    for match in _TICKET.finditer(text):
        yield match.span("code")


def _is_booking(code: str, is_number: bool, shouted: bool) -> bool:
    """Whether it is letters and digits ("X7KQ2M"), six letters that are no word, or a number.

    is_number: the text calls it a code or a number. shouted: all is in capitals, so that capitals
    show nothing.
    """
    if code.isdigit():
        return is_number and len(code) >= 6
    if code.isalpha():
        return _is_letter_code(code, is_number, shouted)
    if re.fullmatch(r"\d{1,12}[a-z]{1,12}", code):  # "24hours"
        return False
    # "my reservation UA1589 to Denver"
    is_flight = re.fullmatch(r"[A-Z]{2,3}\d{1,4}", code, re.IGNORECASE)
    return is_number or not is_flight


def _is_letter_code(code: str, is_number: bool, shouted: bool) -> bool:
    if len(code) != 6 or code == "PLEASE":
        return False
    if is_number and not shouted and code.isupper():
        return True
    pronounceable = sum(letter in "aeiouy" for letter in code.lower()) > 1
    return not pronounceable and (is_number or code.isupper())


_NUMBER_OF = r"(?P<marker>(?:[ -]?(?:number|num|no|nr|id|code|#)(?:'s)?(?!\w)\.?){0,2})"
_ACCOUNT = re.compile(
    r"(?<![\w\[])(?:account|acct|acc|a/c|customer|member(?:ship)?|frequent[ -]flyer|ff|loyalty"
    r"|subscriber|policy|sky ?miles|mileage ?plus|aadvantage|rapid rewards|trueblue)(?!\w)\.?"
    rf"{_NUMBER_OF}(?P<link>{_IS})"
    r"(?!\d{3}-\d{3}-\d{4}(?!\w))(?P<code>[A-Z]{0,3}\d[\d-]{4,16})(?!\w)",
    _FLAGS,
)
_PASSPORT = re.compile(
    rf"(?<![\w\[])passport(?!\w){_NUMBER_OF}{_IS}(?P<code>[A-Z0-9]{{7,9}})(?!\w)", _FLAGS
)


def accounts(text: str) -> Iterator[tuple[int, int]]:
    for match in _ACCOUNT.finditer(text):
        is_number = match["marker"] or re.search(r"[:=#]", match["link"])
        if _count_digits(match["code"]) >= (5 if is_number else 7):
            yield match.span("code")


def passports(text: str) -> Iterator[tuple[int, int]]:
    for match in _PASSPORT.finditer(text):
        if _count_digits(match["code"]) >= 5:
            yield match.span("code")


def _count_digits(code: str) -> int:
    return sum(sign.isdigit() for sign in code)


_SSN = re.compile(
    r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])"
    r"|(?<![\w\[])(?:ssn|social(?: security)?(?: (?:number|no|#)\.?)?)(?!\w)"
    rf"{_IS}(?P<code>\d{{9}})(?!\w)",
    _FLAGS,
)


def social_security_numbers(text: str) -> Iterator[tuple[int, int]]:
    for match in _SSN.finditer(text):
        yield match.span("code" if match["code"] else 0)


_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_BORN = re.compile(
    r"(?<![\w\[])(?:dob|d\.o\.b|date of birth|birth ?date|birthday|born)(?!\w)(?:'s|\.)?(?: on)?"
    rf"{_IS}(?P<date>"
    r"\d{1,2}[/.\-]\d{1,2}[/.\-](?:\d{4}|\d\d)|\d{4}[/.\-]\d\d[/.\-]\d\d"
    rf"|{_DAY}(?: of)? {_MONTH},? \d{{4}}|{_MONTH} {_DAY},? \d{{4}})(?!\w)",
    _FLAGS,
)


def dates_of_birth(text: str) -> Iterator[tuple[int, int]]:
    for match in _BORN.finditer(text):
        yield match.span("date")

"""Codes that are personal in a context: of bookings and accounts, and what is secret."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FLAGS = re.ASCII | re.IGNORECASE

IS = r"[ \t]{0,2}(?:is|was|are|of|under)?[ \t]{0,2}[:=#\-(\"']{0,3}[ \t]{0,2}[(\"'#]?"
_BOOKING_WORD = r"booking|reservation|confirmation|conf|pnr|(?:record )?locator"
_BOOKING = re.compile(
    r"(?<![\w\[])(?:(?P<sure>pnr|(?:record )?locator|conf)|booking|reserv(?:ation)?"
    r"|confirm(?:ation)?|res(?= ?#))s?(?:'s)?(?!\w)\.?(?: (?:booking|reservation|confirmation))?"
    r"(?P<marker>(?: ?(?:code|number|num|no|nr|ref|reference|id|locator|#)s?(?:'s)?(?!\w)\.?){0,3})"
    rf"(?P<link>{IS})(?!(?:{_BOOKING_WORD})(?!\w))(?P<code>[A-Z0-9]{{5,12}})(?!\w)"
    r"(?P<more>(?: ?(?:,|/|&amp;|&|and|or) ?[A-Z0-9]{6}(?!\w)){0,5})",
    _FLAGS,
)
_IS_BOOKING = re.compile(
    rf"(?<!\w)(?P<code>[A-Z0-9]{{5,8}}) (?:is|was) (?:(?:my|our|the) )?(?:{_BOOKING_WORD})(?!\w)",
    _FLAGS,
)
# "PNR: ABCDEF" is no shouting
_ABBREVIATED = 2
_SIX_SIGNS = re.compile(r"(?<!\w)[A-Z0-9]{6}(?!\w)", _FLAGS)
# "my code is LH7Q2P": of letters and digits, in capitals
_MY_CODE = re.compile(
    r"(?<!\w)(?i:my|our) (?i:code|ref|reference) (?i:is|was)[ :]{1,2}(?P<code>[A-Z0-9]{6})(?!\w)"
)
_TICKET = re.compile(
    rf"(?<!\w)(?:e-?)?ticket(?: ?(?:number|num|no|nr|#)\.?)?{IS}"
    r"(?P<code>\d{3}[ -]?\d{10})(?!\w)",
    _FLAGS,
)


def bookings(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _BOOKING.finditer(text):
        marked = bool(match["marker"] or re.search(r"[:=#(]", match["link"]))
        is_number = marked or (bool(match["sure"]) and not match["code"].islower())
        if _is_booking(match["code"], is_number, shouted=_is_shouted(text, match)):
            yield match.span("code")
            for more in _SIX_SIGNS.finditer(text, *match.span("more")):
                if _is_booking(more[0], is_number, shouted=False):
                    yield more.span()
    for match in _IS_BOOKING.finditer(text):
        if _is_booking(match["code"], is_number=True, shouted=_is_shouted(text, match)):
            yield match.span("code")
    yield from _tickets(text)


def _tickets(text: str) -> Iterator[tuple[int, int]]:
    for match in _MY_CODE.finditer(text):
        if not match["code"].isalpha() and not match["code"].isdigit():
            yield match.span("code")
    for match in _TICKET.finditer(text):
        yield match.span("code")


def _is_shouted(text: str, match: re.Match[str]) -> bool:
    """Whether the words around it are in capitals as well, more than an abbreviation and a code."""
    around = text[max(0, match.start() - 30) : match.end() + 30]
    return (
        match[0].isupper()
        and not any(sign.islower() for sign in around)
        and len(around.split()) > _ABBREVIATED
    )


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
    rf"{_NUMBER_OF}(?P<link>{IS})"
    r"(?!\d{3}-\d{3}-\d{4}(?!\w))(?P<code>[A-Z]{0,3}\d[\d-]{4,16})(?!\w)",
    _FLAGS,
)


def accounts(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _ACCOUNT.finditer(text):
        is_number = match["marker"] or re.search(r"[:=#]", match["link"])
        if count_digits(match["code"]) >= (5 if is_number else 7):
            yield match.span("code")


def count_digits(code: str) -> int:
    return sum(sign.isdigit() for sign in code)


_SORT_CODE = re.compile(
    rf"(?<![\w\[])(?:sort ?code|sort|s/c|routing(?: (?:number|no))?|aba|bsb|blz|bankleitzahl)"
    rf"(?!\w){IS}"
    r"(?P<code>\d\d[ \-]?\d\d[ \-]?\d\d|\d{9}|\d{3}-\d{3}|\d{8})(?!\w|[.,/\-]\d)",
    _FLAGS,
)
_SECRET = re.compile(
    r"(?<![\w\[])(?:(?P<word>password|passcode|passphrase|pwd|passwort|kennwort|mot de passe"
    r"|contrase[ñn]a|senha|wachtwoord|has[łl]o|l[öo]senord)"
    r"|(?P<pin>pin(?: ?(?:code|number|no))?|one[ -]time code|otp|tan|memorable word))(?!\w)"
    r"(?P<link>[ \t]{0,2}(?:(?:is|was|ist|est|es|é|è|är)(?!\w)[ \t]{0,2}[:=]?"
    r"|[:=])?)[ \t]{0,2}[\"'“]?"
    r"(?P<code>[^\s\"'“”\ue000]{4,64})",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[!$%^&*+=~#@_|<>/\\?]|\d")


def bank_codes(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _SORT_CODE.finditer(text):
        yield match.span("code")


def secrets(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    """Passwords that look like one (with a digit or a sign, or behind a colon), and PINs."""
    for match in _SECRET.finditer(text):
        code = match["code"].rstrip(".,;:!?)")
        start = match.start("code")
        if match["pin"]:
            number = code.isdecimal() and len(code) <= 8
            if number and match.end("code") and len(code) >= 4:
                yield start, start + len(code)
        elif match["link"].strip() and (_SIGNS.search(code[:-1]) or match["link"].strip() in ":="):
            end = (
                match.end("code")
                if not match["code"].endswith((".", ",", ")"))
                else start + len(code)
            )
            if end > start:
                yield start, end

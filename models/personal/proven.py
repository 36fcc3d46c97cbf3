"""Personal data with a proof in its form: e-mails, cards (Luhn), IBANs (checksum), IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from stdnum import iban, luhn

_EMAIL = re.compile(
    r"(?<![\w.%+@-])(?<!\w')\w[\w.%+'-]{0,128}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?!\w)"
    r"|(?<![\w.%+@-])\w[\w.+-]{0,63} ?@ ?"
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|aol|gmx|web|live|msn) ?\. ?[a-z]{2,4}(?!\w)",
    re.IGNORECASE,
)
_DOT = r"(?: dot | ?[(\[{] ?dot ?[)\]}] ?)"
_SPELLED_EMAIL = re.compile(
    r"(?<![\w.@-])(?P<local>\w[\w.+-]{0,63}(?: dot \w{1,63}){0,3})"
    r"(?P<at> at | ?[(\[{] ?at ?[)\]}] ?)"
    rf"[\w-]{{2,63}}(?:{_DOT}[a-z]{{2,63}}){{0,2}}{_DOT}"
    r"(?:com|org|net|edu|gov|info|io|me|[a-z]{2})(?!\w)",
    re.IGNORECASE,
)
_EMAIL_CONTEXT = re.compile(
    r"(?<!\w)(?:e-?mail|mail|gmail|write|reach|contact|address)(?!\w)", re.IGNORECASE
)


def emails(text: str) -> Iterator[tuple[int, int]]:
    for match in _EMAIL.finditer(text):
        yield match.span()
    for match in _SPELLED_EMAIL.finditer(text) if "dot" in text.lower() else ():
        bracketed = match["at"].lower() != " at "
        no_plain_word = re.search(r"[\d._]| dot ", match["local"], re.IGNORECASE)
        before = max(0, match.start() - 40), match.start()
        # "only at target dot com" is none
        if bracketed or no_plain_word or _EMAIL_CONTEXT.search(text, *before):
            yield match.span()


# Issuers' prefixes with their lengths: of all numbers, one in ten passes Luhn by chance.
_CARD = re.compile(r"(?<![\d/=+])(?<!\d[.,])\d(?:[ .\-–]?\d){12,18}(?!\d)")
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6[37])\d{14}"
)


def cards(text: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(text):
        number = "".join(str(int(sign)) for sign in match[0] if sign.isdecimal())
        if _ISSUED.fullmatch(number) and luhn.is_valid(number):
            yield match.span()


_IBAN_START = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?=[ -]?[A-Z0-9]{2})", re.ASCII | re.IGNORECASE
)
_IBAN_SIGNS = re.compile(r"(?:[ -]?[A-Za-z0-9]){15,34}", re.ASCII)
_WORD_END = re.compile(r"(?<=[A-Za-z0-9])(?![A-Za-z0-9])", re.ASCII)

_LETTERS_AS_NUMBERS = str.maketrans({chr(ord("A") + n): str(10 + n) for n in range(26)})


def ibans(text: str) -> Iterator[tuple[int, int]]:
    """The longest run of whole words with a checksum: words may follow an IBAN after a space."""
    for match in _IBAN_START.finditer(text):
        start = match.start()
        signs = _IBAN_SIGNS.match(text, start)
        if signs is None:
            continue
        ends = [end.start() for end in _WORD_END.finditer(text, start + 15, signs.end() + 1)]
        for end in reversed(ends):
            candidate = text[start:end]
            if _has_checksum(candidate) and iban.is_valid(candidate, check_country=False):
                yield start, end
                break


def _has_checksum(candidate: str) -> bool:
    """ISO 7064 mod 97-10: rules out all but one in 97 in a fraction of the library's time."""
    signs = candidate.replace(" ", "").replace("-", "").upper()
    return int((signs[4:] + signs[:4]).translate(_LETTERS_AS_NUMBERS)) % 97 == 1


_IP_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)", re.ASCII)
_IP_V6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f]{0,4}:[0-9a-f]{0,4}:)[0-9a-f:]{6,39}(?![\w:])", re.ASCII | re.IGNORECASE
)
_VERSION_CONTEXT = re.compile(
    r"(?:version|v|ver|build|release|firmware|fw|app|ios|android|windows|macos|update|updated to"
    r"|chapter|section|clause|paragraph|step|§)(?: (?:number|no|is|to)\.?){0,2}"
    r"(?:[^\S\r\n]|[.:]){0,3}\Z",
    re.IGNORECASE,
)
_IP_CONTEXT = re.compile(
    r"(?<!\w)(?:ip|ips|ipv4|gateway|router|modem|dns|server|host|ping|trace(?:route|rt)?"
    r"|log(?:s|ged)?|port|subnet|firewall)(?!\w)",
    re.IGNORECASE,
)


def ips(text: str) -> Iterator[tuple[int, int]]:
    for match in _IP_V4.finditer(text):
        start, end = match.span()
        if _is_ip(match[0]) and not _VERSION_CONTEXT.search(text, max(0, start - 30), start):
            # Without a context only the numbers decide: those of versions stay small.
            small = all(int(part) <= 30 for part in match[0].split(".")[:3])
            if not small or _IP_CONTEXT.search(text, max(0, start - 40), end + 40):
                yield start, end
    for match in _IP_V6.finditer(text) if text.count(":") > 1 else ():
        if _is_ip(match[0]) and sum(bool(group) for group in match[0].split(":")) > 1:
            yield match.span()


def _is_ip(number: str) -> bool:
    try:
        ipaddress.ip_address(number)
    except ValueError:
        return False
    return True

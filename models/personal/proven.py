"""Personal data with a proof in its form: IBANs (by their checksum) and IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from stdnum import iban

_IBAN_START = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?=[ .\-]{0,2}\s?[A-Z0-9]{2})", re.ASCII | re.IGNORECASE
)
# one sign or two, or the end of a line, between the pieces
_IBAN_SIGNS = re.compile(r"(?:(?:[ .\-\t]{1,2}|[ \t]?\r?\n)?[A-Za-z0-9]){15,34}", re.ASCII)
_BETWEEN = re.compile(r"[ .\-\t\r\n]+")
_WORD_END = re.compile(r"(?<=[A-Za-z0-9])(?![A-Za-z0-9])", re.ASCII)

_LETTERS_AS_NUMBERS = str.maketrans({chr(ord("A") + n): str(10 + n) for n in range(26)})


def ibans(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    """The longest run of whole words with a checksum: words may follow an IBAN after a space."""
    for match in _IBAN_START.finditer(text):
        start = match.start()
        signs = _IBAN_SIGNS.match(text, start)
        if signs is None:
            continue
        ends = [end.start() for end in _WORD_END.finditer(text, start + 15, signs.end() + 1)]
        for end in reversed(ends):
            candidate = text[start:end]
            candidate = _BETWEEN.sub("", candidate)
            if _has_checksum(candidate) and iban.is_valid(candidate, check_country=False):
                yield start, end
                break


def _has_checksum(candidate: str) -> bool:
    """ISO 7064 mod 97-10: rules out all but one in 97 in a fraction of the library's time."""
    signs = candidate.upper()
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


def ips(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _IP_V4.finditer(text):
        start, end = match.span()
        if _is_public(match[0]) and not _VERSION_CONTEXT.search(text, max(0, start - 30), start):
            # Without a context only the numbers decide: those of versions stay small.
            small = all(int(part) <= 30 for part in match[0].split(".")[:3])
            if not small or _IP_CONTEXT.search(text, max(0, start - 40), end + 40):
                yield start, end
    for match in _IP_V6.finditer(text) if text.count(":") > 1 else ():
        if _is_ip(match[0]) and sum(bool(group) for group in match[0].split(":")) > 1:
            yield match.span()


# Routers and machines of one's own: they are alike in every home.
_OWN = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/3",
    )
)  # fmt: skip


def _is_public(number: str) -> bool:
    return _is_ip(number) and not any(ipaddress.ip_address(number) in own for own in _OWN)


def _is_ip(number: str) -> bool:
    try:
        ipaddress.ip_address(number)
    except ValueError:
        return False
    return True

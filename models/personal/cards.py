"""Card numbers (by issuer and Luhn) however they are grouped, with what stands behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from stdnum import luhn

from models.personal.masks import MASK
from models.personal.spoken import spoken_numbers

# Issuers' prefixes with their lengths: of all numbers, one in ten passes Luhn by chance.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6[37])\d{14}"
)
_SHORTEST, _LONGEST = 13, 19
_FIRST_DIGITS = frozenset("23456")

_DIGITS = re.compile(r"\d+")
# Between groups: signs and spaces, a line end, three of them at most. The narrow ones stand in any
# card; the others, also in tables and amounts, only between groups as they are printed.
_GAP = re.compile(r"[ \t\u00a0\u202f.,/\-–_]{0,3}(?:\r?\n[ \t>]{0,3})?")
_NARROW = re.compile(r"[ .\-–\u00a0]?")
# "4111 1111 and then 1111 1111", and the turns of two people
_WORDS_BETWEEN = re.compile(rf"[^\d{MASK}]{{1,60}}")
_PRINTED = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 2), (4, 4, 4, 4, 3), (8, 8)})
_CARD_WORD = re.compile(
    r"card|visa|master|amex|maestro|debit|credit|karte|carte|tarjeta|cart[aã]|kort|kaart|karta"
    r"|half|digits|long number|pan(?!\w)|cc(?!\w)",
    re.IGNORECASE,
)
# "id=4111111111111111" of a link is none, "card=4111111111111111" is one.
_MIDDLE = re.compile(r"(?:[/=+]|\d[.,])\Z")


def cards(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for start, end in _numbers(text):
        yield start, end
        yield from _expiry_and_code(text, end)


def spoken_cards(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for number in spoken_numbers(text):
        if is_card(number.digits):
            yield number.start, number.end
            yield from _expiry_and_code(text, number.end)


def card_codes(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    """Security codes that stand alone."""
    for match in _CODE.finditer(text):
        yield match.span("number")


def is_card(digits: str) -> bool:
    return bool(_ISSUED.fullmatch(digits)) and luhn.is_valid(digits)


def _numbers(text: str) -> Iterator[tuple[int, int]]:
    groups = [match.span() for match in _DIGITS.finditer(text)]
    gaps = [_gap(text, end, start) for (_, end), (start, _) in pairwise(groups)]
    first = since = 0
    while first < len(groups):
        last = _last_of_card(text, groups, gaps, first, since)
        if last is None:
            parts = _in_parts(text, groups, gaps, first)
            yield from parts
            first += 1
            while parts and first < len(groups) and groups[first][0] < parts[-1][1]:
                first += 1
        else:
            yield groups[first][0], groups[last][1]
            since = groups[last][1]
            first = last + 1


def _gap(text: str, start: int, end: int) -> str:
    """What stands between two groups: "narrow", "wide", "words", or "" for too much of it."""
    if end - start <= 1 and _NARROW.fullmatch(text, start, end):
        return "narrow"
    if _GAP.fullmatch(text, start, end):
        return "wide"
    return "words" if _WORDS_BETWEEN.fullmatch(text, start, end) else ""


def _last_of_card(
    text: str, groups: Sequence[tuple[int, int]], gaps: Sequence[str], first: int, since: int
) -> int | None:
    """The group that ends the card that begins with `first`; None where none begins there.

    since: where the card before it ended.
    """
    if _plain(text[groups[first][0]]) not in _FIRST_DIGITS:
        return None
    digits, sizes, narrow = "", [], True
    for place in range(first, min(first + _LONGEST, len(groups))):
        if place > first:
            gap = gaps[place - 1]
            if gap not in ("narrow", "wide"):
                return None
            narrow = narrow and gap == "narrow"
        start, end = groups[place]
        sizes.append(end - start)
        if len(digits) + sizes[-1] > _LONGEST:
            return None
        digits += _plain(text[start:end])
        if len(digits) < _SHORTEST or not is_card(digits):
            continue
        if (narrow or _is_printed(sizes)) and _begins(text, groups[first][0], since):
            return place
    return None


def _is_printed(sizes: Sequence[int]) -> bool:
    """Whether groups are of four, or as on a card of American Express, or single digits."""
    return tuple(sizes) in _PRINTED or len(sizes) == 1 or set(sizes) == {1}


def _begins(text: str, start: int, since: int) -> bool:
    before = text[max(since, start - 20) : start]
    return not _MIDDLE.search(before) or bool(_CARD_WORD.search(before))


def _in_parts(
    text: str, groups: Sequence[tuple[int, int]], gaps: Sequence[str], first: int
) -> list[tuple[int, int]]:
    """The groups of a card with words between them: "4111 1111 and then 1111 1111"."""
    if _plain(text[groups[first][0]]) not in _FIRST_DIGITS:
        return []
    digits = ""
    for place in range(first, min(first + 4, len(groups))):
        start, end = groups[place]
        gap = gaps[place - 1] if place > first else ""
        if end - start not in (4, 8) or (place > first and not gap):
            return []
        digits += _plain(text[start:end])
        if len(digits) == 16:
            around = text[max(0, groups[first][0] - 80) : end + 20]
            if is_card(digits) and _CARD_WORD.search(around):
                return _joined(groups[first : place + 1], gaps[first:place])
            return []
    return []


def _joined(groups: Sequence[tuple[int, int]], gaps: Sequence[str]) -> list[tuple[int, int]]:
    """The groups, as one where only a sign or a space stands between them."""
    joined = [groups[0]]
    for group, gap in zip(groups[1:], gaps, strict=True):
        if gap == "words":
            joined.append(group)
        else:
            joined[-1] = joined[-1][0], group[1]
    return joined


def _plain(digits: str) -> str:
    return "".join(str(int(digit)) for digit in digits) if not digits.isascii() else digits


# Behind a number: the month that it ends, and the three or four digits of its back.
_MONTH = (
    r"(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? ?"
    r"|(?:0?[1-9]|1[0-2]) ?[/.\-–] ?)(?:20)?[2-4]\d"
)
_EXPIRY_WORD = (
    r"(?:exp(?:iry|ires?|iration)?\.?(?: date)?|valid (?:to|until|thru|through)|good thru|thru"
    r"|g[uü]ltig bis|gilt bis|valable jusqu'au|caduca|cad\.?|vence|validade|val\.?|scadenza|scad\.?"
    r"|geldig tot|wa[zż]na do|giltigt till|gyldig til|udl[oø]ber)"
)
_CODE_WORD = (
    r"(?:cvv2?|cvc2?|cid|csc|cvn|security code|(?:card )?verification (?:code|number)"
    r"|(?:three|3|four|4) (?:digits|numbers) (?:on|at) the (?:back|front)|pr[uü]fziffer"
    r"|(?:three|3|four|4) (?:digits|numbers)(?= (?:are |is )?\d{3,4} (?:on|at) the (?:back|front))"
    r"|pr[uü]fnummer|kartenpr[uü]fnummer|sicherheitscode|crypto(?:gramme)?|code de s[eé]curit[eé]"
    r"|c[oó]digo de seguran[cçz]a|c[oó]digo de seguridad|codice di sicurezza|beveiligingscode"
    r"|kod (?:zabezpieczaj[aą]cy|bezpiecze[nń]stwa))"
)
_LINK = r"[ \t]{0,3}(?:is|was|are|ist|est|es|é|è|jest|är|:|=|#|-){0,1}[ \t]{0,3}"
_SEPARATOR = rf"[\s,;()|/{MASK}\-–]{{0,4}}(?:and |with |und |et |y |e )?"
# of a security code, in small letters
CODE_SIGN = re.compile(
    r"cv[vcn]|cid|csc|security co|seguran|segurid|sécurit|securit|sicur|verific|digits"
    r"|numbers [oai\d]|prüf|pruf|sicherh|crypto|beveil|kod (?:za|be)"
)
_EXPIRY = re.compile(
    rf"{_SEPARATOR}(?:{_EXPIRY_WORD}{_LINK})?"
    rf"(?P<number>{_MONTH}|(?:0[1-9]|1[0-2]) ?[2-4]\d)(?![\w/])",
    re.IGNORECASE,
)
_BARE_CODE = re.compile(r"[\s,;()|/\-–]{1,4}(?P<number>\d{3,4})(?![\w.,:/\-]\w|\w)")
_BEHIND_CODE = re.compile(
    rf"{_SEPARATOR}(?:the )?{_CODE_WORD}{_LINK}(?P<number>\d{{3,4}})(?!\w)", re.IGNORECASE
)
_CODE = re.compile(
    rf"(?<!\w){_CODE_WORD}(?: (?:number|code|no))?{_LINK}(?:on the back{_LINK})?"
    r"(?P<number>\d{3,4})(?!\w|[ .,\-]\d)",
    re.IGNORECASE,
)


def _expiry_and_code(text: str, end: int) -> Iterator[tuple[int, int]]:
    """The month and the code behind a number that ends at `end`."""
    if expiry := _EXPIRY.match(text, end):
        yield expiry.span("number")
        end = expiry.end()
    code = _BEHIND_CODE.match(text, end) or (_BARE_CODE.match(text, end) if expiry else None)
    if code:
        yield code.span("number")
        end = code.end()
    if not expiry and code and (late := _EXPIRY.match(text, end)):
        yield late.span("number")

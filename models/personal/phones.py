"""Phone numbers, by their country's numbering plan, or by the words before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from models.personal.cards import is_card
from models.personal.codes import count_digits
from models.personal.masks import MASK
from models.personal.spoken import SpokenNumber, spoken_numbers
from models.time_limit import check

_GROUP = re.compile(r"\d+")
_MARKED = re.compile(r"[+＋] ?\(?\d(?:[ \t\u00a0().\-–/]{0,4}\d){6,14}")
_CELL = re.compile(r"[^\t]{7,}")
_RUN = re.compile(r"(?:[+＋] ?)?\(?\d(?:[ \t\u00a0().\-–/]{0,4}\d){6,}")

# More digits than these are a table: the library would take a millisecond for each number in it, so
# only American shapes are looked for.
_TABLE = 45
_AMERICAN = re.compile(
    r"(?<!\d)(?:\+?1[ .\-]?)?\(?[2-9]\d\d\)?[ .\-]{0,2}[2-9]\d\d[ .\-]?\d{4}(?!\d)"
)

_PHONE_CONTEXT = re.compile(
    r"(?<![\w\[])(?:call(?:back| back| me| us)?|(?:tele)?phone|tel|text|txt|sms|ring|cell|mobile"
    r"|mob|landline|whatsapp|fone|reach (?:me|us)|dial|contact|(?:my|the) (?:number|num|no|line)|hp"
    r"|anrufen|anruf|rufen|rufnummer|telefon(?:nummer|num{1,2}er|ní)?|handy|nummer|mobil(?:nummer)?"
    r"|erreichbar|appelez|appeler|portable|num[ée]ro|t[ée]l[ée]phone|joindre|ll[aá]ma(?:me|dme|r)"
    r"|tel[eé]fono|m[oó]vil|n[uú]mero|cel(?:ular)?|chiama(?:te|temi|mi)|cellulare|cell|liga"
    r"(?:r|me)?"
    r"|telefone|bel|bellen|gsm|mobiel|dzwoni[ćc]|telefonu|kom[oó]rka|ring(?:e|a)?|numret|tlf)"
    rf"(?!\w)[^\d\n{MASK}]{{0,25}}\n?\Z",
    re.IGNORECASE,
)
_PHONE_AFTER = re.compile(
    r"[ ,]{0,2}(?:(?:(?:is|that'?s|are) (?:my|our|the best|the) "
    r"(?:\w{1,12} )?(?:number|mobile|cell|phone|work|office|home|landline|line)|is me|call ?back)"
    r"|(?:call|text|ring|whatsapp) (?:me|us))(?!\w)",
    re.IGNORECASE,
)
_OTHER_CONTEXT = re.compile(
    r"(?<![A-Za-z])(?:order|tracking|track|case|ticket|ref|reference|invoice|item|sku|serial"
    r"|imei|id"
    r"|flight|flt|code|barcode|parcel|shipment|package|score|isbn|upc|version|article|model|part"
    r"|claim|incident|complaint|bag|tag|dl|ff|rr|build|firmware|policy|return|bestellung|sendung"
    r"|(?:sendungs|bestell|rechnungs|auftrags|kunden|vorgangs)nummer|auftrag|rechnung|vorgang"
    r"|lot|batch"
    r"|commande|facture|colis|suivi|pedido|factura|protocolo|fatura|ordine|fattura|pacco|bestelling"
    r"|pakket|zam[oó]wienie|faktura|paczka|utr|rma|citation|permit|docket|contract|po|ean|vin)s?"
    r"(?:[ .]{0,2}(?:numbers?|num|nos?|nr|ids?|#))?(?: (?:for|of) (?:the|this|my"
    r"|that) \w{1,12})?[ .:=#\-]{0,3}(?:is|was|are)?[ :#]{0,2}\Z",
    re.IGNORECASE,
)
# `\Z`, not `$`: that matches before a last line feed as well, and a number at the start of a line
# would count as part of the line before it.
_MIDDLE_OF_CODE = re.compile(r"[A-Za-z0-9_]\Z")
_MIDDLE_OF_OTHER = re.compile(r"(?:[$£€¥#@%/=&?\-]|\d[.,:])\Z")  # a price, a link
_MONEY = ("$", "£", "€", "¥", "$ ", "£ ", "€ ", "¥ ")
_GOES_ON = re.compile(r"(?!(?:x|ext)\.? ?\d)[A-Za-z0-9_%]", re.IGNORECASE)
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_DATE = re.compile(
    rf"(?<!\d)(?:(?:{_DAY}[/.\-]{_MONTH}|{_MONTH}[/.\-]{_DAY})[/.\-](?:19|20)?\d\d"
    rf"|(?:19|20)\d\d[/.\-]{_MONTH}[/.\-]{_DAY})(?!\d)"
)
_EXTENSION = re.compile(
    r"[ ,]{0,2}(?:x|ext(?:ension)?|durchwahl|poste|ramal|int)\.? ?\d{1,6}(?!\w)", re.IGNORECASE
)
_VERSION = re.compile(r"\d+(?:\.\d+){3,}")
_WRITTEN_AS_AMERICAN = re.compile(r"(?:1[ .\-])?(?:\(\d{3}\) ?|\d{3}[ .\-])\d{3}[ .\-]\d{4}")
_BRITISH_MOBILE = re.compile(r"07\d{3}[ \-]?\d{3}[ \-]?\d{3}")


# "my number is 07700 900", "yes", "123": the second half in the next line or turn
_HALVES = re.compile(
    rf"(?<![\d{MASK}])(?P<first>[+＋]?\(?\d(?:[ \-()]{{0,2}}\d){{3,9}})"
    rf"(?P<gap>[^\d\n:{MASK}]{{0,20}}[\n:][^\d{MASK}]{{0,40}})(?P<second>\d"
    rf"(?:[ \-]?\d){{2,6}})(?!\d)"
)
# how people say further ones: "555-0123, 555-0124 or 555-0125"
_COUNTED = re.compile(r"(?:0[ ,.\-]{1,2})?1[ ,.\-]{1,2}2[ ,.\-]{1,2}3[ ,.\-]{1,2}4")
_AND = re.compile(r"[\s,;/&]{0,3}(?:(?:or|and|oder|ou|o|und|et|y|e)\s{1,2})?(?:else )?")
_HOME = ("GB", "US")
_SHORTEST_AT_HOME = 10  # digits; the library looks at every shorter run in vain
_SHORTEST_SPOKEN, _SHORTEST_ALONE, _LONGEST = 7, 9, 15


def phones_abroad(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    """Numbers behind a plus: the longest that the plan of their country allows."""
    for run in _MARKED.finditer(text):
        ends = [digits.end() for digits in _GROUP.finditer(run[0])]
        for end in reversed(ends):
            digits = "+" + "".join(_GROUP.findall(run[0][:end]))
            if len(digits) > _SHORTEST_SPOKEN and _is_possible(digits, None):
                last = run.start() + end
                if not _GOES_ON.match(text, last):
                    extension = _EXTENSION.match(text, last)
                    yield run.start(), extension.end() if extension else last
                break


def phones(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    since = 0  # where the last number ended
    called = -1  # the same, of one that the text calls a phone's
    other = -1  # where the last number ended that is called something else
    for run in _RUN.finditer(text):
        check()  # the library takes up to a millisecond for a number
        start, end = run.span()
        if _is_table(run[0]):
            yield from (number.span() for number in _AMERICAN.finditer(text, start, end))
            continue
        if _GOES_ON.match(text, end):
            continue
        before = text[max(since, start - 40) : start]
        if _OTHER_CONTEXT.search(before) or _follows(text, other, start):
            other = end
            continue
        is_called = _follows(text, called, start) or _is_called(text, run, before)
        numbers = _in_columns(run[0], before, is_called, country)
        for first, last in numbers:
            since = start + last
            extension = _EXTENSION.match(text, start + last)
            yield start + first, extension.end() if extension else start + last
            called = end if is_called else called


def _is_table(run: str) -> bool:
    return count_digits(run) > _TABLE


def _follows(text: str, end: int, start: int) -> bool:
    """Whether a number goes on with one that ended before: "555-0123 or 555-0124"."""
    return end >= 0 and bool(_AND.fullmatch(text, end, start))


def spoken_phones(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for number in spoken_numbers(text):
        if _is_spoken_phone(text, number):
            yield number.start, number.end


def _is_called(text: str, run: re.Match[str], before: str) -> bool:
    """Whether the words around call a run of digits a phone number."""
    digits = count_digits(run[0])
    if not 7 <= digits <= _LONGEST or _COUNTED.match(run[0]):
        return False
    return bool(_PHONE_CONTEXT.search(before) or _PHONE_AFTER.match(text, run.end()))


def _in_columns(
    run: str, before: str, is_called: bool, country: str | None
) -> list[tuple[int, int]]:
    """The numbers in a run of digits, or in its columns where it is a row of a table."""
    numbers = _in_run(run, before, is_called, country)
    if numbers or "\t" not in run:
        return numbers
    cells = [(cell.start(), cell[0]) for cell in _CELL.finditer(run)]
    return [
        (at + first, at + last)
        for at, cell in cells
        for first, last in _in_run(cell, "", is_called, country)
    ]


def _in_run(run: str, before: str, is_called: bool, country: str | None) -> list[tuple[int, int]]:
    """The numbers in a run of digits. before: the text in front of it. is_called: a phone's."""
    digits = count_digits(run)
    international = _is_international(run, digits)
    if _MIDDLE_OF_CODE.search(before) or before.endswith(_MONEY) or _DATE.search(run):
        return []
    if _MIDDLE_OF_OTHER.search(before) and not is_called:
        return []
    known = _known(run, international) or _national(run, digits, is_called, country)
    if not known and is_called and not _VERSION.fullmatch(run):
        return [(0, len(run))]
    return known


def _national(run: str, digits: int, is_called: bool, country: str | None) -> list[tuple[int, int]]:
    """Numbers as they are dialled within the country of the brand.

    Where all numbers of a country begin with the trunk's 0, its plan decides; elsewhere any number
    of some digits may be one, so that it has to be grouped as numbers are, or be called one.
    """
    if country in (None, *_HOME) or (digits < _SHORTEST_ALONE and not is_called):
        return []
    has_trunk = run.lstrip("(").startswith("0")
    is_plain = run.isdecimal() and not has_trunk
    if is_plain and not is_called:
        return []
    lenient = is_called or has_trunk
    return _matches(run, country, Leniency.VALID if lenient else Leniency.STRICT_GROUPING)


def phones_in_halves(text: str, country: str | None) -> Iterator[tuple[int, int]]:
    for match in _HALVES.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        if not _PHONE_CONTEXT.search(before) or _OTHER_CONTEXT.search(before):
            continue
        digits = re.sub(r"\D", "", match["first"] + match["second"])
        if any(_is_possible(digits, home) for home in dict.fromkeys([country, *_HOME]) if home):
            yield match.span("first")
            yield match.span("second")


def _is_possible(digits: str, country: str | None) -> bool:
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)


def _is_spoken_phone(text: str, number: SpokenNumber) -> bool:
    """Whether digits that are read out are a phone's, or another number that one reads out."""
    count = len(number.digits)
    if not _SHORTEST_SPOKEN <= count <= _LONGEST or is_card(number.digits):
        return False
    before = text[max(0, number.start - 40) : number.start]
    is_called = bool(_PHONE_CONTEXT.search(before) or _PHONE_AFTER.match(text, number.end))
    if _OTHER_CONTEXT.search(before):
        return False
    return is_called or (count >= _SHORTEST_ALONE and number.digits not in "01234567890123456789")


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
    digits = count_digits(run)
    if _BRITISH_MOBILE.fullmatch(run):
        return [(0, len(run))]
    if digits < _SHORTEST_AT_HOME:
        return []
    if american := _matches(run, "US", Leniency.STRICT_GROUPING):
        return american
    if run.lstrip("(").startswith("0"):
        return _matches(run, "GB", Leniency.VALID)
    return []


def _matches(run: str, country: str | None, leniency: int) -> list[tuple[int, int]]:
    return [
        (match.start, match.end) for match in PhoneNumberMatcher(run, country, leniency=leniency)
    ]

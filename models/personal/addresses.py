"""Postal addresses: house number and street, with unit, city and postcode; and post boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Words for a street alone, and words that are one only in capitals, after a name: "Elm Drive" is an
# address, "1 hr drive" is none.
_STREET = (
    r"(?i:street|avenue|ave|road|rd|lane|boulevard|blvd|parkway|pkwy|highway|hwy|terrace|crescent)"
)
_AFTER_A_NAME = (
    r"(?:St|Dr|Ct|Pl|Sq|Ln|Cir|Way|Place|Court|Square|Close|Circle|Drive|Row|Mews|Hill|Grove|Walk"
    r"|Gardens|Park|Approach|Trail|Green|Rise|Quay|Wharf"
    r"|WAY|PLACE|COURT|SQUARE|CLOSE|DRIVE|LN|DR|CT|ST)"
)
# of "Elm Rd.", not of the sentence
_DOT = r"(?:(?i:(?<=st|rd|dr|ln|ct|pl|sq)|(?<=ave|hwy)|(?<=blvd|pkwy))\.)?"
_NAME = r"(?:[A-Z][\w'’.\-]{0,25}|\d{1,3}(?:st|nd|rd|th))"
# of Britain, of Canada
_POSTCODE = r"(?:[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}|[A-Z]\d[A-Z] \d[A-Z]\d)"
_CITY = r"[A-Z][\w'’.\-]{1,25}(?: [A-Z][\w'’.\-]{1,25}){0,2}"
_UNIT = r"(?i:apartment|apt|unit|suite|ste|flat|floor|room|#)\.? ?#?\w{1,5}"
_STATE = r"[A-Z]{2}"

# "forty two Elm Road": as it is said, and as a machine writes down what was said
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_NUMBER_WORD = (
    rf"(?i:{_UNITS}|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    rf"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[ -](?:{_UNITS}))?)"
)
_SPOKEN_NUMBER = (
    rf"(?<![\w-]){_NUMBER_WORD}(?:(?: (?i:hundred|and|oh)){{1,2}}| {_NUMBER_WORD}){{0,3}}"
)
SIGN = re.compile(r"\d| (?:street|avenue|road|lane|drive|close|court|way|crescent|terrace)(?!\w)")

_NOT_WITHIN = r"(?<![\w,$£€#:/\-])(?<!\d\.)"
_LINE = re.compile(
    rf"{_NOT_WITHIN}(?:{_UNIT},? )?\d{{1,5}}[A-Za-z]?,? {{1,2}}"
    rf"(?P<name>{_NAME}(?: {_NAME}){{0,3}}) (?:{_STREET}|{_AFTER_A_NAME})(?!\w){_DOT}"
    rf"(?: (?:[NS][EW]?|[EW])(?!\w))?(?:,? {_UNIT}(?!\w))?(?:,? (?:{_CITY},? )?"
    rf"(?:{_POSTCODE}|(?:{_STATE},? )?\d{{5}}(?:-\d{{4}})?|{_STATE}(?=[^\w\s]|\Z))(?!\w))?"
)
# words of any sentence, too: "two parcels way too late", "one hard drive back"
_EVERYDAY = r"(?P<everyday>(?i:drive|court|way|close))"
_LOWER_CASE_LINE = re.compile(
    rf"{_NOT_WITHIN}\d{{1,5}}[a-z]? (?P<name>[\w'’.\-]{{2,25}}(?: [\w'’.\-]{{2,25}}){{0,2}}) "
    rf"(?:{_STREET}|{_EVERYDAY}|(?i:st|dr))(?!\w)"
)
_SPOKEN_LINE = re.compile(
    rf"(?P<number>{_SPOKEN_NUMBER}) (?P<name>[\w'’.\-]{{2,25}}(?: [\w'’.\-]{{2,25}}){{0,2}}) "
    rf"(?:{_STREET}|{_EVERYDAY})(?!\w)"
)
_ADDRESS_CONTEXT = re.compile(
    r"(?<!\w)(?:live|lives|living|address|addr|deliver(?:ed|y)?|ship(?:ped)?|send|sent|moved|house"
    r"|home|located|resident)(?!\w)[^\d\n\ue000]{0,25}\Z",
    re.IGNORECASE,
)
# Things are sent, too: behind these an everyday word ends the sentence or the street.
_SENT_CONTEXT = re.compile(
    r"(?<!\w)(?:deliver(?:ed|y)?|ship(?:ped)?|send|sent)(?!\w)", re.IGNORECASE
)
_WHERE_TO = re.compile(r"(?: to|(?<!\w)at|:) ?\Z", re.IGNORECASE)
_ENDS_ADDRESS = re.compile(r" ?(?:[^\w\s'’]|\n|\Z)| in(?!\w)")
_NO_NAME = frozenset(
    """
    a the of in on at to from down up and or my your hour hours hr hrs min mins minute minutes day
    days week weeks mile miles km people person times star more other busy long block blocks car
    cars years year months am pm either this that each same
    """.split()  # noqa: SIM905 a list of words reads best as words
)

_CAPITALISED = r"[A-ZÀ-Ü][\w\-]{1,25}(?: [A-ZÀ-Ü][\w\-]{1,25}){0,2}"
_ELSEWHERE = re.compile(
    r"(?<!\w)(?:(?i:p\.? ?o\.? ?box) ?#?\d{1,6}"
    rf"|{_POSTCODE}"
    r"|[^\W\d_][\w\-]{2,30}(?:straße|strasse|str\.|allee|platz|gasse|weg) \d{1,4}[a-z]?"
    r"(?:,? \d{5} [^\W\d_]{2,25})?"
    r"|\d{1,4}(?: ?bis)?,? (?i:rue|avenue|boulevard|place|chemin|impasse|allée|quai)"
    rf" (?:(?:de|du|des|la|le|les) |[ld]['’]){{0,3}}{_CAPITALISED}(?:,? \d{{5}} {_CAPITALISED})?"
    r"|(?:[Cc]alle|C/|[Aa]venida|[Aa]vda\.?|[Vv]ia|[Vv]iale|[Pp]iazza|[Pp]laza|[Pp]aseo"
    r"|[Cc]orso|[Rr]ua|[Uu]l\.) "
    r"(?:(?:de|del|la|las|los|da|do|dei|della) ){0,2}"
    rf"{_CAPITALISED},? (?:n[º°.] ?)?\d{{1,4}}[a-zA-Z]?(?:,? (?:\d{{5}}(?:-\d{{3}})?"
    rf"|\d\d-\d{{3}}) {_CAPITALISED})?"
    r"|[A-ZÅÄÖ][\w\-]{2,25}(?:straat|laan|gracht|plein|dijk|gade|gatan|vägen|vej|veien|katu|tie) "
    rf"\d{{1,4}}(?: ?[a-zA-Z](?!\w))?(?:,? (?:\d{{4}} ?[A-Z]{{2}}|\d{{3}} ?\d\d"
    rf"|\d{{4}}) {_CAPITALISED})?)(?!\w)"
)


def addresses(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _LINE.finditer(text):
        if _names_a_street(match["name"]):
            yield match.span()
    for line in (_LOWER_CASE_LINE, _SPOKEN_LINE):
        for match in line.finditer(text):
            if _names_a_street(match["name"]) and _is_where_somebody_is(text, match):
                yield match.span()
    for match in _ELSEWHERE.finditer(text):
        yield match.span()


def _is_where_somebody_is(text: str, match: re.Match[str]) -> bool:
    """By the words before it; behind what is sent, by the words after an everyday word as well."""
    context = _ADDRESS_CONTEXT.search(text, max(0, match.start() - 45), match.start())
    if context is None:
        return False
    everyday = match["everyday"]
    if everyday is None or everyday.istitle() or match["name"].split()[-1][0].isupper():
        return True
    if not _SENT_CONTEXT.match(context[0]) or _WHERE_TO.search(context[0]):
        return True
    return _ENDS_ADDRESS.match(text, match.end()) is not None


def _names_a_street(name: str) -> bool:
    """Whether it names a street: "2 The Green Court" does, "5 minutes down the road" does not."""
    words = [word.rstrip(".") for word in name.lower().removeprefix("the ").split()]
    return not any(word in _NO_NAME for word in words)

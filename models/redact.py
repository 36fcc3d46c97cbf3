"""Redaction: personal data in a text becomes a typed placeholder, as in "call [phone]".

It is done before anything is stored, in one pass over the kinds, the most certain first: what is
found is hidden from the rules that follow, and so is a placeholder that stands there already.
Author handles stay: replies need them. Every pattern is bounded, so that the time grows with the
length of the text, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from models.personal import addresses, cards, codes, emails, nationals, papers, phones, proven
from models.personal import names as people
from models.personal.masks import masked, without_placeholders
from models.personal.spoken import has_spoken_digits
from models.time_limit import check


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """`text[start:end]` is personal data of this kind: "email", "phone", "card" and so on."""

    start: int
    end: int
    kind: str


def redact(text: str, country: str | None = None, *, names: bool = True) -> str:
    """`text` with `[email]`, `[phone]`, `[card]` ... for its personal data; idempotent.

    country: of the brand ("GB"), for numbers as they are written there. names: whether the names of
    people who introduce themselves or sign are replaced, too. Raises TooSlow within a time limit.
    """
    return _replaced(text, find(text, country, names=names))


def redact_turns(
    turns: Sequence[str], country: str | None = None, *, names: bool = True
) -> list[str]:
    """The turns of a call, redacted as one text: a number may be told in two of them."""
    spans = find("\n".join(turns), country, names=names)
    parts, at = [], 0
    for turn in turns:
        end = at + len(turn)
        within = [
            Span(max(span.start, at) - at, min(span.end, end) - at, span.kind)
            for span in spans
            if span.start < end and at < span.end
        ]
        parts.append(_replaced(turn, within))
        at = end + 1
    return parts


def find(text: str, country: str | None = None, *, names: bool = True) -> list[Span]:
    """The personal data in `text`, in order, without overlaps."""
    spans: list[Span] = []
    text = without_placeholders(text, KINDS)
    lower = text.lower()
    for kind, sign, search in _SEARCHES if has_spoken_digits(lower) else _OF_WHAT_IS_WRITTEN:
        check()
        if (names or kind != "name") and (sign is None or sign.search(lower)):
            places = _apart(search(text, country))
            spans += [Span(start, end, kind) for start, end in places]
            if places:
                text = masked(text, places)
                lower = text.lower()
    return sorted(spans)


def _apart(places: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places in order; those that overlap are one."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if apart and start < apart[-1][1]:
            start, end = apart[-1][0], max(apart.pop()[1], end)
        apart.append((start, end))
    return apart


def _replaced(text: str, spans: list[Span]) -> str:
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], f"[{span.kind}]"]
        at = span.end
    return "".join([*parts, text[at:]])


# Most texts hold nothing, which these show at once. They read a text in small letters.
_DIGIT = re.compile(r"\d")
_FOUR_DIGITS = re.compile(r"\d(?:\D{0,3}\d){3}")
_FOUR_IN_A_CODE = re.compile(r"\d{4}[a-z]|\d(?:\D{0,3}\d){5}")
_SEVEN_DIGITS = re.compile(r"\d(?:\D{0,3}\d){6}")
_PLUS = re.compile(r"[+＋] ?\(?\d")
_TWO_HALVES = re.compile(r"\d(?:\D{0,3}\d){3}[^\d\n:]{0,20}[\n:][^\d]{0,40}\d")
_IN_WORDS = re.compile(r"[^\W\d_]")
_BOOKING = re.compile(r"pnr|booking|reserv|conf|locator|ticket|res ?#|(?:my|our) (?:code|ref)")
_SECRET = re.compile(
    r"pass(?:word|code|phrase|wort)|pwd|pin|kennwort|mot de passe|contrase|senha|wachtwoord"
    r"|has[łl]o|l[öo]senord|one[ -]time|otp|tan|memorable"
)
_BANK = re.compile(r"sort|s/c|routing|aba|bsb|blz|bankl")
_PASSPORT = re.compile(r"passp|reisep|passeport|pasap|passap|paspo|paszp|green card")
_LICENCE = re.compile(r"licen[cs]e|f[uü]hrers|permis|carnet|patente|rijbew|cnh")
_PLATE = re.compile(r"plate|car reg|kennz")
_DEVICE = re.compile(r"imei|meid|iccid|imsi")
_BORN = re.compile(r"dob|d\.o\.b|birth|born|geb|née?|naiss|nac|nasc|nat[oa]|urodz|född|født")

_Search = Callable[[str, str | None], Iterator[tuple[int, int]]]
# kind, sign that it may be there at all, search; the most certain first.
_SEARCHES: tuple[tuple[str, re.Pattern[str] | None, _Search], ...] = (
    ("email", emails.SIGN, emails.emails),
    ("secret", _SECRET, codes.secrets),
    ("iban", _SEVEN_DIGITS, proven.ibans),
    ("card", _SEVEN_DIGITS, cards.cards),
    ("card", _IN_WORDS, cards.spoken_cards),
    ("card", cards.CODE_SIGN, cards.card_codes),
    ("ssn", _SEVEN_DIGITS, papers.social_security_numbers),
    ("national", _FOUR_IN_A_CODE, nationals.national_numbers),
    ("booking", _BOOKING, codes.bookings),
    ("bank", _BANK, codes.bank_codes),
    ("account", _FOUR_DIGITS, codes.accounts),
    ("passport", _PASSPORT, papers.passports),
    ("licence", _LICENCE, papers.licences),
    ("plate", _PLATE, papers.plates),
    ("device", _DEVICE, papers.devices),
    ("dob", _BORN, papers.dates_of_birth),
    ("ip", _DIGIT, proven.ips),
    ("phone", _PLUS, phones.phones_abroad),
    ("phone", _TWO_HALVES, phones.phones_in_halves),
    ("phone", _SEVEN_DIGITS, phones.phones),
    ("phone", _IN_WORDS, phones.spoken_phones),
    ("address", addresses.SIGN, addresses.addresses),
    ("name", None, people.names),
)
_OF_WHAT_IS_WRITTEN = tuple(row for row in _SEARCHES if row[1] is not _IN_WORDS)

# The kinds of personal data: what a placeholder may say, as in "[phone]".
KINDS = tuple(dict.fromkeys(kind for kind, _, _ in _SEARCHES))

"""Redaction: personal data in a text becomes a typed placeholder, as in "call [phone]".

It is done before anything is stored. Author handles stay: replies need them. Every pattern is
bounded and so are the rounds, so that the time grows with the length of the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.personal import addresses, codes, phones, proven
from models.time_limit import check


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """`text[start:end]` is personal data of this kind: "email", "phone", "card" and so on."""

    start: int
    end: int
    kind: str


# A placeholder may free what stands beside it for the next round, as in "4111 1111 1111 1111,4111
# 1111 1111 1111". Whole texts get few rounds: with one for every number of a list the time would
# grow with the square of its length. What is left is redacted block by block.
_ROUNDS = 3
_BLOCK = 256  # characters; more than any number and its context
_EDGE = 48  # this near to a cut, a part may look like a whole


def redact(text: str) -> str:
    """`text` with `[email]`, `[phone]`, `[card]` ... for its personal data; idempotent.

    Raises TooSlow within a time limit.
    """
    for _ in range(_ROUNDS):
        spans = find(text)
        if not spans:
            return text
        text = _replaced(text, spans)
    return _by_blocks(text) if find(text) else text


def _by_blocks(text: str) -> str:
    """Each block is redacted until nothing is left in it, with the end of what is before it."""
    done: list[str] = []
    window = ""
    for start in range(0, len(text), _BLOCK):
        window += text[start : start + _BLOCK]
        is_last = start + _BLOCK >= len(text)
        while spans := _uncut(window, is_first=not done, is_last=is_last):
            window = _replaced(window, spans)
        cut = max(0, len(window) - _BLOCK)
        if cut and not is_last:
            done.append(window[:cut])
            window = window[cut:]
    return "".join([*done, window])


def _uncut(window: str, is_first: bool, is_last: bool) -> list[Span]:
    """The personal data in a part of a text that is not at a cut. is_first: it begins the text."""
    first = 0 if is_first else _EDGE
    last = len(window) if is_last else len(window) - _EDGE
    return [span for span in find(window) if first <= span.start and span.end <= last]


def find(text: str) -> list[Span]:
    """The personal data in `text`, in order, without overlaps.

    Spans that overlap are one span, of the more certain kind.
    """
    spans: list[Span] = []
    for kind, sign, search in _KINDS:
        check()
        if sign.search(text):
            spans += [Span(start, end, kind) for start, end in search(text)]
    apart: list[Span] = []
    for span in sorted(spans):
        if apart and span.start < apart[-1].end:
            span = _joined(apart.pop(), span)
        apart.append(span)
    return apart


def _joined(first: Span, second: Span) -> Span:
    kind = min(first.kind, second.kind, key=_RANK.__getitem__)
    return Span(first.start, max(first.end, second.end), kind)


def _replaced(text: str, spans: list[Span]) -> str:
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], f"[{span.kind}]"]
        at = span.end
    return "".join([*parts, text[at:]])


# Most texts hold nothing, which these show at once.
_DIGIT = re.compile(r"\d")
_SEVEN_DIGITS = re.compile(r"\d(?:\D{0,3}\d){6}")
_EMAIL = re.compile(r"\w ?@ ?\w| dot |[(\[{] ?dot", re.IGNORECASE)
_BOOKING = re.compile(r"pnr|booking|reserv|conf|locator|ticket|res ?#", re.IGNORECASE)

# kind, sign that it may be there at all, search; the most certain first.
_KINDS: list[tuple[str, re.Pattern[str], Callable[[str], Iterator[tuple[int, int]]]]] = [
    ("email", _EMAIL, proven.emails),
    ("iban", _SEVEN_DIGITS, proven.ibans),
    ("card", _SEVEN_DIGITS, proven.cards),
    ("ssn", _SEVEN_DIGITS, codes.social_security_numbers),
    ("booking", _BOOKING, codes.bookings),
    ("account", _DIGIT, codes.accounts),
    ("passport", _DIGIT, codes.passports),
    ("dob", _DIGIT, codes.dates_of_birth),
    ("ip", _DIGIT, proven.ips),
    ("phone", _SEVEN_DIGITS, phones.phones),
    ("address", _DIGIT, addresses.addresses),
]
_RANK = {kind: rank for rank, (kind, _, _) in enumerate(_KINDS)}

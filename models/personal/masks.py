"""Mask over what is found already, as long as what it hides, so that places in the text stay."""

from __future__ import annotations

import re
from collections.abc import Iterable

# No letter, digit or space: no rule reads across it.
MASK = "\ue000"

# Begins the mask of a name: a line above it is no head of an address.
_OF_A_NAME = "\ue001"

# A placeholder that stands in the text, as redaction left it.
_PLACEHOLDER = re.compile(r"\[[a-z]{2,8}\]")


def without_placeholders(text: str, kinds: Iterable[str]) -> str:
    """`text` with the placeholders of these kinds under the mask, and with no other mask in it."""
    text = text.replace(MASK, "?").replace(_OF_A_NAME, "?")
    if "[" not in text:
        return text
    known = frozenset(f"[{kind}]" for kind in kinds)
    return _PLACEHOLDER.sub(lambda match: _mask(match[0]) if match[0] in known else match[0], text)


def _mask(placeholder: str) -> str:
    first = _OF_A_NAME if placeholder == "[name]" else MASK
    return first + MASK * (len(placeholder) - 1)


def masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` with these places hidden; they are in order and apart."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], MASK * (end - start)]
        at = end
    return "".join([*parts, text[at:]])

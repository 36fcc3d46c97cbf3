"""Slices of texts that a model may be better or worse at, found by their words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import emoji

Has = Callable[[str], bool]

FEWEST = 10  # texts of a slice
BRANDS = 6
SHORT, LONG = 8, 20  # words

_EMOTICON = re.compile(r"(?:[:;=8xX][-'^]?[)(DPpOo/\\|*3]+)(?!\w)|<3|\^_?\^|\bxD\b")
_NEGATION = re.compile(
    r"\b(?:not|no|never|nothing|nobody|none|neither|nor|cannot|without)\b|n['’]t\b", re.IGNORECASE
)
_SARCASM = re.compile(
    r"#?sarcas\w+|#irony|\byeah,? right\b|\bas if\b|\bthanks a lot\b"
    r"|\bthanks for (?:nothing|losing|ruining|cancel\w+)"
    r"|\boh,? (?:great|joy|wonderful|good|look)\b"
    r"|\bjust (?:great|what i (?:needed|wanted)|perfect|lovely)\b"
    r"|\b(?:love|loving) (?:how|when|it when|being|waiting)\b|\bway to go\b"
    r"|\b(?:so|real) (?:nice|classy) of\b"
    r"|\bgreat (?:job|work|start)\b.*\b(?:not|again|late|lost|broke\w*|cancel\w+)\b",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<!\w)@(\w{2,30})")


def slices_of(texts: Sequence[str]) -> dict[str, list[int]]:
    """Rows of each slice that has enough texts, by its name."""
    kinds: Mapping[str, Has] = {
        "with emoticons or emoji": lambda text: (
            bool(_EMOTICON.search(text)) or bool(emoji.emoji_count(text))
        ),
        "with a negation": lambda text: bool(_NEGATION.search(text)),
        "with a sign of sarcasm": lambda text: bool(_SARCASM.search(text)),
        f"short (below {SHORT} words)": lambda text: len(text.split()) < SHORT,
        f"{SHORT} to {LONG} words": lambda text: SHORT <= len(text.split()) <= LONG,
        f"long (over {LONG} words)": lambda text: len(text.split()) > LONG,
    }
    slices: dict[str, list[int]] = {}
    for name, has in kinds.items():
        slices[name] = [row for row, text in enumerate(texts) if has(text)]
    slices |= _by_brand(texts)
    return {name: rows for name, rows in slices.items() if len(rows) >= FEWEST}


def _by_brand(texts: Sequence[str]) -> dict[str, list[int]]:
    """The rows of the texts to each of the handles that most texts have."""
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        for handle in {handle.lower() for handle in _HANDLE.findall(text)} - {"user"}:
            rows.setdefault(handle, []).append(row)
    brands = sorted(rows, key=lambda brand: (-len(rows[brand]), brand))[:BRANDS]
    return {f"to @{brand}": rows[brand] for brand in brands}

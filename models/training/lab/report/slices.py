"""Kinds of texts that a model may be better or worse at, found by what stands in them."""

from __future__ import annotations

import re
from collections import Counter
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
    r"#?sarcas\w+|#irony|\byeah,? right\b|\bas if\b|\bthanks a lot\b|\bthanks for (?:nothing|losing|ruining|cancel\w+)"
    r"|\boh,? (?:great|joy|wonderful|good|look)\b|\bjust (?:great|what i (?:needed|wanted)|perfect|lovely)\b"
    r"|\b(?:love|loving) (?:how|when|it when|being|waiting)\b|\bway to go\b|\b(?:so|real) (?:nice|classy) of\b"
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
    found = {
        name: [row for row, text in enumerate(texts) if has(text)] for name, has in kinds.items()
    }
    spoken = [{handle.lower() for handle in _HANDLE.findall(text)} - {"user"} for text in texts]
    for brand, _ in Counter(handle for some in spoken for handle in some).most_common(BRANDS):
        found[f"to @{brand}"] = [row for row, some in enumerate(spoken) if brand in some]
    return {name: rows for name, rows in found.items() if len(rows) >= FEWEST}

"""Words on a terminal: quantities, and what others wrote as a terminal may print it."""

from __future__ import annotations

import unicodedata

from rich.text import Text


def quantity(number: int, thing: str) -> str:
    """As a person writes it: "1 label", "2,000 labels"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def plain(text: object, longest: int | None = None) -> Text:
    """`text` on one line, without anything that a terminal would obey."""
    letters = (
        " " if unicodedata.category(letter) in ("Cc", "Cf") else letter for letter in str(text)
    )
    line = " ".join("".join(letters).split())
    if longest is not None and len(line) > longest:
        line = line[: longest - 1] + "…"
    return Text(line)

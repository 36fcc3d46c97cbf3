"""Misprints as fingers make them, for training and for measuring on mistyped texts."""

from __future__ import annotations

import random
import re

SHARE = 0.1  # of the words with four letters or more
_WORD = re.compile(r"[A-Za-z]{4,}")
_NEAR = {  # keys beside each other
    **dict(
        zip(
            "qwertyuiop",
            ("wa", "qes", "wrd", "etf", "ryg", "tuh", "yij", "uok", "ipl", "ol"),
            strict=True,
        )
    ),
    **dict(
        zip(
            "asdfghjkl",
            ("sqz", "adw", "sfe", "dgr", "fht", "gjy", "hku", "jli", "kop"),
            strict=True,
        )
    ),
    **dict(zip("zxcvbnm", ("xa", "zcs", "xvd", "cbf", "vng", "bmh", "nj"), strict=True)),
}


def misprinted(text: str, chance: random.Random, share: float = SHARE) -> str:
    """`text` with a letter wrong in `share` of its longer words.

    It is left out, doubled, swapped, or the key beside it.
    """
    return _WORD.sub(
        lambda match: _slip(match[0], chance) if chance.random() < share else match[0], text
    )


def _slip(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word) - 1)  # people get the first letter right
    before, letter, after = word[:place], word[place], word[place + 1 :]
    kind = chance.randrange(4)
    if kind == 0:
        return before + after
    if kind == 1:
        return before + letter + letter + after
    if kind == 2:
        return before + after[0] + letter + after[1:]
    return before + chance.choice(_NEAR.get(letter.lower(), letter)) + after

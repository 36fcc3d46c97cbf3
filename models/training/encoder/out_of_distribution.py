"""Texts that are no messages (code, logs, mashed keys, bytes), and a line to tell them apart."""

from __future__ import annotations

import base64
import json
import random
import string
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.text import normalize

Floats = NDArray[np.float32]

TEXTS_A_KIND = 250  # texts of each kind
FALSE_ALARMS = 0.002  # share of real messages, of any validation set, that may be taken for strange
STRENGTH = 30.0
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxz"


def strange_texts(seed: int) -> list[str]:
    """Texts of every kind below, normalised, the same for the same seed and Python."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    texts = [kind(chance) for kind in KINDS for _ in range(TEXTS_A_KIND)]
    return [normalize(text) for text in [*texts, *_code(chance)]]


def line(messages: Floats, strange: Floats) -> tuple[Floats, float]:
    """(dim,) weights and a bias: above 0 for strange texts.

    messages, strange: embeddings (n, dim).
    """
    features = np.concatenate([messages, strange])
    labels = np.repeat([0, 1], [len(messages), len(strange)])
    fitted = LogisticRegression(C=STRENGTH, max_iter=1000).fit(features, labels)
    return fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0])


def threshold(parts: Sequence[Floats]) -> float:
    """The logit that no more than FALSE_ALARMS of any part exceed.

    parts: logits of validation sets.
    """
    return round(max(float(np.quantile(part, 1 - FALSE_ALARMS)) for part in parts), 3)


def _mashed(chance: random.Random) -> str:
    keys = chance.choice(
        ("asdfghjkl", "qwertyuiop", string.ascii_lowercase, "asdfjkl;", "zxcvbnm,")
    )
    return " ".join(
        "".join(chance.choices(keys, k=chance.randint(3, 9))) for _ in range(chance.randint(2, 9))
    )


def _nonsense(chance: random.Random) -> str:
    def word() -> str:
        pairs = (
            chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(chance.randint(1, 4))
        )
        return "".join(pairs) + str(chance.choice(["", *_CONSONANTS]))

    return " ".join(word() for _ in range(chance.randint(3, 12)))


def _one_letter(chance: random.Random) -> str:
    return " ".join(
        chance.choice(string.ascii_lowercase) * chance.randint(3, 6)
        for _ in range(chance.randint(2, 7))
    )


def _hexadecimal(chance: random.Random) -> str:
    return " ".join(f"{chance.getrandbits(32):#010x}" for _ in range(chance.randint(2, 9)))


def _base64(chance: random.Random) -> str:
    return base64.b64encode(chance.randbytes(chance.randint(20, 90))).decode()


def _numbers(chance: random.Random) -> str:
    return " ".join(
        f"{chance.uniform(0, 2000):.{chance.randint(0, 5)}f}" for _ in range(chance.randint(4, 14))
    )


def _json(chance: random.Random) -> str:
    names = ("id", "ts", "ok", "values", "name", "type", "status", "x", "y", "user", "data", "size")
    return json.dumps(
        {
            name: chance.choice((chance.randint(0, 9999), True, None, [1, 2], "a1"))
            for name in chance.sample(names, 4)
        }
    )


def _log(chance: random.Random) -> str:
    numbers = [chance.randint(1, 250) for _ in range(4)]
    tail = chance.choice(
        (
            '"GET /index.html HTTP/1.1" 200',
            "kernel: usb 1-1: reset",
            "INFO worker started pid=",
            "ERROR 0x80070005 at",
        )
    )
    when = f"2024-0{chance.randint(1, 9)}-12 04:{chance.randint(10, 59)}:11"
    return f"{when} {'.'.join(map(str, numbers))} {tail} {numbers[0]}"


def _markup(chance: random.Random) -> str:
    tag = chance.choice(("div", "span", "td", "path", "rect", "input", "svg"))
    name, number, width = _mashed(chance)[:6], chance.randint(1, 99), chance.randint(1, 999)
    return f'<{tag} class="{name}" id="a{number}" width="{width}"></{tag}>'


def _formula(chance: random.Random) -> str:
    parts = (
        "x^2",
        "\\frac{a}{b}",
        "\\int_0^1",
        "f(x)",
        "= 0",
        "+ c",
        "\\sum_{i=1}^n",
        "dx",
        "2NaOH",
        "H2SO4",
        "->",
        "sin(x)",
    )
    return " ".join(chance.choices(parts, k=chance.randint(4, 10)))


KINDS: tuple[Callable[[random.Random], str], ...] = (
    _mashed,
    _nonsense,
    _one_letter,
    _hexadecimal,
    _base64,
    _numbers,
    _json,
    _log,
    _markup,
    _formula,
)


def _code(chance: random.Random) -> Iterator[str]:
    """Lines of Python's own library."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    for path in chance.sample(files, k=min(len(files), 40)):
        source = path.read_text(encoding="utf-8", errors="replace")
        code = [line.strip() for line in source.splitlines() if _is_code(line.strip())]
        yield from chance.sample(code, k=min(len(code), 15))


def _is_code(line: str) -> bool:
    has_sign = any(sign in line for sign in "=(:[{")
    return len(line) > 20 and has_sign and not line.startswith(("#", '"'))

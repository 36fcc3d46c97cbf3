"""Texts that are made to be slow take time by their length alone, not by its square."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import product

import patterns
import pytest
from fakes import NOON

import connectors
import models
import stream
from connectors import notices
from connectors.formats.captions import captions
from connectors.formats.speakers import turns
from connectors.formats.times import written_time
from connectors.mastodon.posts import plain
from models.calls.cues import read_cues
from models.language import detect
from models.redact import redact
from models.replier import policy
from models.replier.draft import ReplyRequest
from models.replier.polish import polished
from models.replier.slots import Slots
from models.taxonomy.classifier import shared_words
from models.text import normalize
from stream import brands
from stream.bursts import distinctive_words, explain
from stream.triage.cues import thesaurus
from stream.triage.fold import fold
from stream.triage.ticket import Message

# Mails are cut to a length before any pattern sees them.
PATTERNS = {
    place: pattern
    for place, pattern in patterns.patterns(models, connectors, stream).items()
    if not place.startswith("connectors.imap.")
}

SHORT, HALF, LONG, LONGEST = 1_500, 12_000, 24_000, 300_000  # characters
QUICK = 60e-6  # seconds of a processor for a short text, of which even the square is bearable
ENDINGS = ("", "!", "\n x")  # some break a match at the last character
# Twice the text may take three times the time: a square takes four times.
MOST = 3.0
NOISE = 0.05  # seconds of a processor that say nothing
A_SQUARE = 24.0  # times as long for HALF as for SHORT; in proportion it is 8
SLOW = 50e-3 / 10_000  # seconds a character of one pattern
MACHINE = 3.0  # times as slow as an ordinary one

Step = Callable[[str], object]
Text = Callable[[int], str]

PERSONAL = (
    *("07700 900123\n", "(202) 555-0147,", "4111111111111111,", "ana@example.com'", "12 Elm Rd."),
    *("DE89 3704 0044 0532 0130 00 ", "pnr ABCDEF, ", "call 1234567 ", "AB12 ", "1.2.3.4 "),
)
PHRASES = (
    *(
        "smell of gas ",
        "not a ",
        "really really ",
        "#AaBb",
        "Hi Ann, ",
        "$1,",
        "https://a",
        "@a.b ",
    ),
    *("Agent: a\nCustomer: b\n", "00:01 --> 00:02\na\n", "<v a>", "<!--", "<a href='", "</a "),
    *("<a href='<a href='>", "<script>", "\U0001f600", "\u0623", "a'" + "''"),
)


def _slots() -> Slots:
    return Slots(["hello"])


def _fold(text: str) -> object:
    return fold([Message("x:1", "x:1", "tweet", "inbound", NOON, text=text, negative=0.9)])


def _written_time(text: str) -> None:
    with suppress(ValueError):
        written_time(text)


def _check(text: str) -> object:
    request = ReplyRequest(text, brand="SkyNorth", network="x")
    return policy.check("We are sorry, Ann, that flight 22 is late", request)


STEPS: dict[str, Step] = {
    "redact": redact,
    "language": detect,
    "normalisation": normalize,
    "cues": lambda text: thesaurus().find(text),
    "fold": _fold,
    "brand": lambda text: brands.load().find(text),
    "words of a problem": lambda text: shared_words(text, ["my bag is lost"]),
    "words of bursts": distinctive_words._terms,
    "words of an explanation": explain._plain,
    "words of a call": lambda text: read_cues().angry(text),
    "particulars of a message": lambda text: _slots().message(text, ("SkyNorth",)),
    "particulars of a reply": lambda text: _slots().reply(text, _slots().message("hello Ann 1")),
    "policy of a message": _check,
    "policy of a reply": policy.forbidden,
    "length of a reply": lambda text: [policy.length(text, name) for name in ("x", "bluesky")],
    "polish": polished,
    "repeats": policy.same,
    "notices": lambda text: notices.one_line(text, 100),
    "markup of Mastodon": plain,
    "turns": lambda text: turns(text.split("\n")),
    "captions": lambda text: captions(text.split("\n")),
    "times": _written_time,
}


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """The collector of garbage runs when it likes, and its time is nobody's."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def repeated(beginning: str, piece: str, ending: str) -> Text:
    return lambda length: beginning + piece * (length // len(piece) + 1) + ending


def seconds(step: Step, text: str, times: int = 1) -> float:
    """Processor time, the best of several."""
    best = float("inf")
    for _ in range(times):
        started = time.process_time()
        step(text)
        best = min(best, time.process_time() - started)
    return best


def is_a_square(step: Step, text: Text, half: int = HALF) -> bool:
    """Whether twice the text takes more than three times the time, whenever one looks."""
    for _ in range(3):
        once, twice = (seconds(step, text(length), times=2) for length in (half, 2 * half))
        if twice <= max(NOISE, MOST * once):
            return False
    return True


def slow(step: Step, texts: Iterable[tuple[str, str]], most: float) -> list[str]:
    """What is wrong with a step. most: seconds that it may take a character."""
    slowest, worst = 0.0, repeated("", "a", "")
    for (beginning, piece), ending in product(texts, ENDINGS):
        text = repeated(beginning, piece, ending)
        short = seconds(step, text(SHORT))
        if short > slowest:
            slowest, worst = short, text
        # The short one may be slow by chance, so that what is suspected is looked at again.
        is_suspected = short > QUICK and seconds(step, text(HALF)) > min(A_SQUARE * short, 0.1)
        if is_suspected and is_a_square(step, text):
            return [f"takes the square of {beginning!r} + {piece!r} * n + {ending!r}"]
    if is_a_square(step, worst, LONGEST // 2):
        return [f"takes the square of {worst(20)!r} ..."]
    if all(seconds(step, worst(LONGEST)) > MACHINE * most * LONGEST for _ in range(2)):
        return [f"takes too long for {worst(20)!r} ..."]
    return []


def test_no_pattern_takes_the_square_of_a_text() -> None:
    faults = {}
    for place, pattern in PATTERNS.items():

        def step(text: str, pattern: patterns.Pattern = pattern) -> object:
            if isinstance(pattern.pattern, bytes):
                return pattern.sub(b"", text.encode("latin-1", "replace"))
            return pattern.sub("", text)

        faults[place] = slow(step, patterns.growing(pattern), SLOW)

    assert len(faults) > 180
    assert {place: fault for place, fault in faults.items() if fault} == {}


def test_what_takes_the_square_is_noticed() -> None:
    pattern = patterns.compiled(r"\s+,")

    assert slow(lambda text: pattern.sub("", text), patterns.growing(pattern), SLOW)


@pytest.mark.parametrize("name", STEPS)
def test_no_step_takes_the_square_of_a_text(name: str) -> None:
    step = STEPS[name]
    step("hello there")  # what is loaded is loaded once
    pieces = [("", piece) for piece in (*patterns.COMMON, *PERSONAL, *PHRASES)]
    faults = [
        f"takes the square of {piece!r} * n + {ending!r}"
        for (_, piece), ending in product(pieces, ENDINGS[:2])
        if is_a_square(step, repeated("", piece, ending), 4_000)
    ]

    assert faults == []


def test_a_dollar_means_the_end_of_a_line_and_nothing_else() -> None:
    r"""`$` matches before a last line feed as well; `\Z` is the end of a text."""
    dollars = [place for place, pattern in PATTERNS.items() if patterns.ends_with_dollar(pattern)]

    assert patterns.ends_with_dollar(patterns.compiled("[a-z]$"))
    assert patterns.ends_with_dollar(patterns.compiled("(?:a|b(?=c|$))d"))
    assert not patterns.ends_with_dollar(patterns.compiled(r"(?m)[$]a\$\Z$"))
    assert dollars == []

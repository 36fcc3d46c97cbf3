"""Texts that are made to be slow take time by their length alone, not by its square."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from models.redact import redact
from models.replier import slots
from stream.bursts.distinctive_words import _WORD
from stream.triage.danger_words import danger_words

SHORT, LONG = 4_000, 32_000  # characters
NOISE = 0.05  # seconds of a processor that say nothing

TEXTS = {
    "letters and hyphens": "a-",
    "digits and commas": "1,",
    "letters and dots": "a.",
    "zeros": "0",
    "capitals": "Aa ",
    "apostrophes": "a'''",
    "numbers, one a line": "07700 900123\n",
    "at signs": "a@",
    "brackets": "<a ",
    "spaces": " ",
    "line feeds": "\n",
}
STEPS: dict[str, Callable[[str], object]] = {
    "redact": redact,
    "slots": slots._PATTERN.findall,
    "words of bursts": _WORD.findall,
    "words of danger": danger_words().find,
}


def seconds(step: Callable[[str], object], text: str) -> float:
    """Processor time, the best of three."""
    times = []
    for _ in range(3):
        started = time.process_time()
        step(text)
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("ending", ["", "!", " a@b.co"], ids=["whole", "broken", "mail"])
@pytest.mark.parametrize("piece", TEXTS.values(), ids=TEXTS)
def test_eight_times_the_text_takes_no_sixty_four_times_the_time(step, ending, piece):
    def text(length: int) -> str:
        return piece * (length // len(piece)) + ending

    assert seconds(step, text(LONG)) <= 24 * seconds(step, text(SHORT)) + NOISE

"""Calls judged by a language model, the local reader beside it.

The customer's sentiment and the outcome are the language model's, where it answers; turns, course
and quotes stay the local reader's. Only redacted turns leave the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from models.analysis import Analysis, Outcome, Sentiment
from models.llm.backend import Llm
from models.llm.prompt import OUTCOMES, SENTIMENTS, Brief

CALL_BRIEF = Brief(("sentiment", "outcome"), of="call")
LONGEST = 7_000  # characters of a call that are sent: its beginning, and more of its end
BEGINNING = 2_000


class Turn(Protocol):
    """Words of one speaker: customer, agent or unknown."""

    @property
    def speaker(self) -> str: ...
    @property
    def text(self) -> str: ...


# calls, and what is known of each: their languages, and the trades of their brands
ReadCalls = Callable[..., list[Analysis]]


class LlmCalls:
    """Reads calls as `read` does, with the answers of a language model in place of their parts.

    version: names both; a call without an answer names the local model alone.
    """

    def __init__(self, read: ReadCalls, llm: Llm) -> None:
        self._read = read
        self.llm = llm
        self.version = f"{llm.model}+{getattr(read, 'version', '')}"

    def __call__(
        self, calls: Sequence[Sequence[Any]], *known: Sequence[str | None] | None
    ) -> list[Analysis]:
        """The analysis of each call. known: what `read` takes besides."""
        analyses = self._read(calls, *known)
        answers = self.llm.judge([transcript(call) for call in calls])
        return [
            merged_call(analysis, answer, self.version)
            for analysis, answer in zip(analyses, answers, strict=True)
        ]


def transcript(call: Sequence[Turn]) -> str:
    """The call, a turn a line, each after its speaker; of a long one the beginning and the end."""
    lines = [f"{turn.speaker.capitalize()}: {' '.join(turn.text.split())}" for turn in call]
    text = "\n".join(lines)
    if len(text) <= LONGEST:
        return text
    return f"{text[:BEGINNING]}\n[...]\n{text[BEGINNING - LONGEST :]}"


def merged_call(local: Analysis, answer: dict[str, Any] | None, version: str) -> Analysis:
    """The local analysis of a call with the answer in it; as it is, where there is none."""
    if answer is None:
        return local
    label, end = answer["sentiment"], answer["outcome"]
    sentiment = Sentiment(label, 1.0, {name: float(name == label) for name in SENTIMENTS})
    outcome = Outcome(end, 1.0, {name: float(name == end) for name in OUTCOMES})
    call = None if local.call is None else replace(local.call, outcome=outcome)
    return replace(local, model=version, sentiment=sentiment, call=call, abstained=False)

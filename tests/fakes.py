"""Honest stand-ins: small classes with the real interface, for tests about something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from connectors.events import Direction, Tweet, encode
from models.analysis import Analysis, Sentiment
from stream.kafka import Outgoing
from stream.pipeline import Message
from stream.records import AnalysisRecord
from stream.store.dead_letters import DeadLetter
from stream.store.store import Saved
from stream.triage.judgement import Judgement

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def tweet(
    id: str = "x:1",
    text: str = "my line is down",
    *,
    direction: Direction = "inbound",
    **given: object,
) -> Tweet:
    return Tweet.model_validate(
        {
            "id": id,
            "conversation": id,
            "occurred_at": NOON,
            "text": text,
            "direction": direction,
            **given,
        }
    )


def message(event: Tweet | bytes | None, offset: int = 0, **given: object) -> Message:
    value = encode(event) if isinstance(event, Tweet) else event
    return Message(topic="tweets", partition=0, offset=offset, value=value, **given)  # type: ignore[arg-type]


def sentiment_of_length(
    texts: Sequence[str], languages: Sequence[str | None] | None = None
) -> list[Analysis]:
    """A model that finds long texts negative."""
    return [
        Analysis(
            text=text,
            language="en",
            model="length-1",
            sentiment=Sentiment(
                "negative" if len(text) > 10 else "neutral", 0.9, {"negative": 0.9}
            ),
            dissatisfaction=float(min(100, len(text))),
        )
        for text in texts
    ]


class MemoryStore:
    """Keeps what is saved, by id, the highest revision; fails as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.events: dict[str, Judgement] = {}
        self.letters: list[DeadLetter] = []
        self.resolved: list[int] = []
        self.failures = list(failures)
        self.poison: str | None = None  # an id that can never be saved
        self.refuses: Callable[[Judgement], bool] = lambda judgement: False

    async def save(self, batch: Sequence[Judgement]) -> Saved:
        if self.failures:
            raise self.failures.pop(0)
        if any(judgement.event.id == self.poison for judgement in batch):
            raise ValueError("cannot be saved")
        if any(self.refuses(judgement) for judgement in batch):
            raise ValueError("cannot be saved so")
        for judgement in batch:
            known = self.events.get(judgement.event.id)
            if known is None or judgement.event.revision > known.event.revision:
                self.events[judgement.event.id] = judgement
        return Saved([_record(self.events[judgement.event.id]) for judgement in batch], [], [])

    async def bury(self, letters: Sequence[DeadLetter]) -> list[int]:
        self.letters += letters
        return list(range(len(self.letters) - len(letters) + 1, len(self.letters) + 1))

    async def resolve_dead(self, ids: Sequence[int]) -> list[int]:
        self.resolved += ids
        return list(ids)


class Published:
    """A broker that keeps what it confirmed; fails as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.messages: list[Outgoing] = []
        self.failures = list(failures)

    async def __call__(self, messages: Sequence[Outgoing]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.messages += messages

    def on(self, topic: str) -> list[str]:
        return [str(each.key) for each in self.messages if each.topic == topic]


def _record(judgement: Judgement) -> AnalysisRecord:
    event = judgement.event
    return AnalysisRecord(
        id=event.id,
        revision=event.revision,
        kind=event.kind,
        network=event.network,
        conversation=event.conversation,
        occurred_at=event.occurred_at,
        received_at=NOON,
        abstained=False,
    )

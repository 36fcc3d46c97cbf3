"""Events in few words, and a fold whose answers are easy to see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from connectors.events import Deleted, Tweet
from models.analysis import Analysis, Problem, Sentiment, Topic
from stream.triage.judgement import Judgement
from stream.triage.ticket import Factor, Message, Ticket

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
ANY_AGE = timedelta(days=36_500)  # of messages that are not history yet
SEVERE = "My line is down since Monday and nobody answers me. My mother's alarm pendant needs it!"


def worst(history: Sequence[Message]) -> Ticket | None:
    """One ticket for each conversation with a negative message; its priority is the largest
    dissatisfaction.
    """
    inbound = sorted(
        (m for m in history if m.direction == "inbound"), key=lambda m: (m.occurred_at, m.id)
    )
    angry = [m for m in inbound if m.sentiment == "negative"]
    if not angry:
        return None
    decided = max(angry, key=lambda m: (m.dissatisfaction or 0, m.id))
    priority = int(decided.dissatisfaction or 0)
    answers = [
        m.occurred_at
        for m in history
        if m.direction == "outbound" and m.occurred_at > inbound[-1].occurred_at
    ]
    return Ticket(
        id=decided.conversation,
        network=decided.id.partition(":")[0],
        brand=decided.brand,
        author=decided.author,
        priority=priority,
        level="P1"
        if priority >= 80
        else "P2"
        if priority >= 60
        else "P3"
        if priority >= 30
        else "P4",
        factors=(
            Factor("dissatisfaction", float(priority), f"says: {decided.text[:60]}"),
            Factor("messages", 0.5, "wrote"),
        ),
        needs_look=priority < 30,
        topic=decided.topic,
        problem=decided.problem,
        sentiment=decided.sentiment,
        dissatisfaction=decided.dissatisfaction,
        excerpt=decided.text[:280],
        messages=len(history),
        first_at=inbound[0].occurred_at,
        last_inbound_at=inbound[-1].occurred_at,
        answered_at=max(answers, default=None),
    )


def tweet(
    number: int,
    anger: float | None = 70.0,
    *,
    of: int | None = None,
    revision: int = 0,
    minute: float = 0.0,
    text: str = "still waiting",
    brand: str | None = "Northwind Air",
    author: str | None = "ada",
    topic: str | None = "delay",
    **more: Any,
) -> Judgement:
    """A customer's tweet `x:number` in the conversation `x:of`. anger: 0-100, above 50 is negative;
    None: abstained.
    """
    event = Tweet(
        id=f"x:{number}",
        revision=revision,
        conversation=f"x:{number if of is None else of}",
        occurred_at=NOON + timedelta(minutes=minute),
        author=author,
        text=text,
        **more,
    )
    return Judgement(event, text, brand, judged(text, anger, topic))


def answer(
    number: int,
    *,
    of: int,
    revision: int = 0,
    minute: float = 0.0,
    text: str = "we are on it",
    brand: str = "Northwind Air",
) -> Judgement:
    """The brand's own tweet."""
    event = Tweet(
        id=f"x:{number}",
        revision=revision,
        conversation=f"x:{of}",
        occurred_at=NOON + timedelta(minutes=minute),
        direction="outbound",
        author="northwind",
        text=text,
    )
    return Judgement(event, text, brand, None)


def deletion(number: int, *, of: int | None = None, minute: float = 0.0) -> Judgement:
    conversation = f"x:{number if of is None else of}"
    moment = NOON + timedelta(minutes=minute)
    return Judgement(
        Deleted(id=f"x:{number}", conversation=conversation, occurred_at=moment), "", None, None
    )


def judged(text: str, anger: float | None, topic: str | None) -> Analysis:
    if anger is None:
        return Analysis(text, "und", "model 1", abstained=True)
    negative = anger / 100
    label = "negative" if anger > 50 else "neutral" if anger > 20 else "positive"
    rest = (1 - negative) / 2
    return Analysis(
        text,
        "en",
        "model 1",
        Sentiment(label, 0.9, {"negative": negative, "neutral": rest, "positive": rest}),
        complaint=negative,
        severity=int(anger // 25),
        dissatisfaction=anger,
        topic=None if topic is None else Topic(topic, 0.8),
        problem=Problem("long wait", 0.7, ("waiting",)),
        embedding=np.linspace(-1, 1, 384).astype(np.float16),
    )

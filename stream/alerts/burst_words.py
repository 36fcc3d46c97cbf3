"""Bursts in words: how many, what about and how long, alike in console, terminal and messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from stream.records import UNNAMED, AlertRecord

_SHARE = 5  # a topic that is less than one in so many says nothing of the burst
_MINUTE = timedelta(minutes=1)


def in_words(
    negative: int, usual: float, topics: Mapping[str, int], topic: str | None = None
) -> str:
    """How many messages, and what about. topics: how many of each; topic: where none were kept."""
    about = subject(negative, topics, topic)
    return f"{negative} negative messages where {usual:g} were usual" + (about and f", {about}")


def subject(negative: int, topics: Mapping[str, int], topic: str | None = None) -> str:
    """What a burst is about, as its counts say: "mostly" is half of it, or more. Empty where no
    topic that has a name stands out.
    """
    if not topics:
        return f"mostly about {topic}" if topic and topic != UNNAMED else ""
    whole = max(negative, sum(topics.values()))
    by_count = sorted((-count, name) for name, count in topics.items() if name != UNNAMED)
    if not by_count:
        return ""
    count, name = -by_count[0][0], by_count[0][1]
    if 2 * count >= whole:
        return f"mostly about {name}"
    return f"{count} of them about {name}" if _SHARE * count >= whole else ""


def length(start: datetime, end: datetime) -> str:
    """How long a burst lasted. end: its last minute."""
    minutes = max(round((end - start + _MINUTE) / _MINUTE), 1)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min" if hours else f"{minutes} min"


def sentence(alert: AlertRecord) -> str:
    """The burst of an alert, without its brand."""
    evidence = alert.evidence
    return in_words(
        round(evidence.get("negative", 0)),
        evidence.get("expected", 0),
        evidence.get("topics") or {},
        alert.topic,
    )


def duration(alert: AlertRecord) -> str:
    """How long it lasted, or goes on by now."""
    known = length(alert.started_at, alert.ended_at or alert.started_at)
    return f"lasted {known}" if alert.recovered_at else f"goes on for {known}"


def over(alert: AlertRecord) -> str:
    """That it is over, with what it was about."""
    evidence = alert.evidence
    negative, topics = round(evidence.get("negative", 0)), evidence.get("topics") or {}
    about = subject(negative, topics, alert.topic)
    words = f"the burst of {negative} negative messages" + (about and f", {about},")
    return f"{words} is over; it {duration(alert)}"

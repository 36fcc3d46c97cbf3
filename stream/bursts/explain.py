"""Explains a file of messages: which hours of each brand stand out against what was usual, and by
which words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeGuard

import numpy as np

from connectors.events import Deleted, Event, Sourced
from connectors.events import Said as SaidEvent
from models.analysis import Analysis
from models.redact import redact
from stream.brands import Brands
from stream.bursts.counts import Cell
from stream.bursts.detector import Burst, find_bursts
from stream.bursts.distinctive_words import AuthoredText, distinctive_words, examples
from stream.bursts.evaluator import MINUTE, traffic

HOUR = timedelta(hours=1)

_BATCH = 256
_MOST_TEXTS = 2000

Analyze = Callable[[Sequence[str], Sequence[str | None]], Sequence[Analysis]]


@dataclass(frozen=True, slots=True)
class Message:
    """What a customer said, redacted, and what the model makes of it."""

    said: AuthoredText
    brand: str
    topic: str
    at: datetime
    negative: bool


def read_messages(events: Iterable[Sourced], analyze: Analyze, brands: Brands) -> list[Message]:
    """Every customer's message of a source that names a brand, judged as a worker would."""
    inbound = (each.event for each in events if _is_inbound(each.event))
    messages: list[Message] = []
    while batch := list(islice(inbound, _BATCH)):
        texts = [redact(event.text) for event in batch]
        judged = analyze(texts, [getattr(event, "language", None) for event in batch])
        for event, text, analysis in zip(batch, texts, judged, strict=True):
            author = getattr(event, "author", None)
            if brand := event.brand or brands.find(text, author, event.network):
                said = AuthoredText(
                    event.id, text, author or event.conversation, analysis.dissatisfaction or 0.0
                )
                negative = analysis.sentiment is not None and analysis.sentiment.label == "negative"
                topic = analysis.topic.label if analysis.topic else ""
                messages.append(Message(said, brand, topic, event.occurred_at, negative))
    return messages


def explain(messages: Sequence[Message], *, hours: int = 5) -> dict[str, Any]:
    """For each brand, by its negative messages: its busiest hours and its bursts, with their words
    and examples.
    """
    by_brand: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_brand[message.brand].append(message)
    told = [
        _brand(brand, sorted(own, key=lambda each: each.at), hours)
        for brand, own in by_brand.items()
    ]
    return {
        "messages": len(messages),
        "negative": sum(message.negative for message in messages),
        "brands": sorted(told, key=lambda each: -each["negative"]),
    }


def _brand(brand: str, messages: Sequence[Message], hours: int) -> dict[str, Any]:
    begin, until = _hour(messages[0].at), _hour(messages[-1].at) + HOUR
    cells = Counter(
        (each.topic, each.at.replace(second=0, microsecond=0)) for each in messages if each.negative
    )
    minutes = [Cell(topic, at, count) for (topic, at), count in cells.items()]
    bursts = find_bursts(traffic(minutes, (), begin, until, begin))
    by_hour = Counter(_hour(each.at) for each in messages if each.negative)
    usual = _usual(by_hour, begin, until)
    busiest = sorted(by_hour, key=lambda hour: (-by_hour[hour], hour))[:hours]
    return {
        "brand": brand,
        "messages": len(messages),
        "negative": sum(by_hour.values()),
        "busiest_hours": [
            {
                "hour": hour.isoformat(),
                "negative": by_hour[hour],
                "usual": round(usual(hour), 1),
                "in_a_burst": any(_within(burst, hour, hour + HOUR) for burst in bursts),
            }
            | _why(brand, messages, hour, hour + HOUR)
            for hour in sorted(busiest)
        ],
        "bursts": [
            {
                "start": burst.start.isoformat(),
                "found": burst.detected.isoformat(),
                "end": burst.end.isoformat(),
                "severity": burst.severity,
                "negative": burst.negative,
                "usual": round(burst.expected, 1),
                "topic": burst.topic,
            }
            | _why(brand, messages, burst.start, burst.end + MINUTE)
            for burst in bursts
        ],
    }


def _usual(
    by_hour: Counter[datetime], begin: datetime, until: datetime
) -> Callable[[datetime], float]:
    """The median of the same hour on the file's other days."""
    days = int((until - begin) / HOUR) // 24 + 1

    def usual(hour: datetime) -> float:
        others = [hour + timedelta(days=day) for day in range(-days, days + 1) if day]
        counts = [by_hour[other] for other in others if begin <= other < until]
        return float(np.median(counts)) if counts else 0.0

    return usual


def _why(
    brand: str, messages: Sequence[Message], since: datetime, until: datetime
) -> dict[str, Any]:
    """The topics, the words against the rest of the file, and the messages that hold the most of
    these words.
    """
    apart = [each for each in messages if each.negative and since <= each.at < until]
    rest = [each.said for each in messages if each.negative and not since <= each.at < until]
    said = [each.said for each in apart]
    words = distinctive_words(said, rest[:: max(1, len(rest) // _MOST_TEXTS)], exclude=brand)
    texts = {each.id: each.text for each in said}
    topics = Counter(each.topic or "other" for each in apart)
    return {
        "topics": dict(topics.most_common(3)),
        "words": words,
        "examples": [texts[id] for id in examples(said, words, limit=2)],
    }


def markdown(report: dict[str, Any], name: str) -> str:
    """The report for people. What customers wrote stands in code spans, where nothing of it is
    markup.
    """
    lines = [f"# {name}: what stands out", ""]
    lines += [
        f"{report['messages']:,} messages about {len(report['brands'])} brands, {report['negative']:,} negative."
    ]
    for brand in report["brands"]:
        lines += ["", f"## {_plain(brand['brand'])}", ""]
        lines += [
            f"{brand['messages']:,} messages, {brand['negative']:,} negative, {len(brand['bursts'])} bursts."
        ]
        lines += [
            "",
            "| busiest hours (UTC) | negative | usual | burst | topics | words |",
            "|---|---|---|---|---|---|",
        ]
        for hour in brand["busiest_hours"]:
            topics = ", ".join(f"{topic} {count}" for topic, count in hour["topics"].items())
            burst = "yes" if hour["in_a_burst"] else ""
            lines.append(
                f"| {hour['hour'][:16].replace('T', ' ')} | {hour['negative']} | {hour['usual']:g} | {burst} "
                f"| {topics} | {_plain(', '.join(hour['words']))} |"
            )
        for burst in brand["bursts"]:
            when = f"{burst['start'][:16].replace('T', ' ')} to {burst['end'][11:16]}"
            words = _plain(", ".join(burst["words"])) or "no words of its own"
            lines += [
                "",
                f"**{when}**, severity {burst['severity']}: {burst['negative']} negative messages where",
            ]
            lines[-1] += f" {burst['usual']:g} were usual, mostly about {burst['topic']} ({words})."
            lines += [f"- `{_plain(text)}`" for text in burst["examples"]]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    said = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return said.replace("`", "'").replace("|", "¦").replace("<", "‹")[:300]


def _within(burst: Burst, since: datetime, until: datetime) -> bool:
    return burst.start < until and burst.end >= since


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _is_inbound(event: Event) -> TypeGuard[SaidEvent]:
    return not isinstance(event, Deleted) and event.direction == "inbound"

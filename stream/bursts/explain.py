"""Report on a file of messages: each brand's busiest hours, its bursts, and their words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np

from connectors.events import Deleted, Event, SourcedEvent
from stream.alerts.burst_words import in_words, length
from stream.bursts.counts import Cell
from stream.bursts.detector import Burst, find_bursts
from stream.bursts.distinctive_words import AuthoredText, distinctive_words, examples
from stream.bursts.evaluator import MINUTE, MOST_TOPICS, traffic
from stream.triage.judgement import Judgement

HOUR = timedelta(hours=1)

_BATCH = 256
_MOST_TEXTS = 2000


@dataclass(frozen=True, slots=True)
class Message:
    """A customer's message, redacted, and its judgement."""

    quote: AuthoredText
    brand: str
    topic: str
    at: datetime
    negative: bool


def read_messages(
    events: Iterable[SourcedEvent], judge: Callable[[Sequence[Event]], Sequence[Judgement]]
) -> list[Message]:
    """Every customer's message of a source that names a brand, judged as by a worker."""
    messages: list[Message] = []
    remaining = iter(events)
    while batch := [sourced.event for sourced in islice(remaining, _BATCH)]:
        for judgement in judge(batch):
            message = _message(judgement)
            if message is not None:
                messages.append(message)
    return messages


def _message(judgement: Judgement) -> Message | None:
    """None for what no customer wrote, for no brand, and for what could not be judged."""
    event, analysis = judgement.event, judgement.analysis
    if isinstance(event, Deleted) or not judgement.brand or analysis is None:
        return None
    author = event.author or event.conversation
    quote = AuthoredText(event.id, judgement.text, author, analysis.dissatisfaction or 0.0)
    negative = analysis.sentiment is not None and analysis.sentiment.label == "negative"
    topic = analysis.topic.label if analysis.topic else ""
    return Message(quote, judgement.brand, topic, event.occurred_at, negative)


def explain(messages: Sequence[Message], *, hours: int = 5) -> dict[str, Any]:
    """For each brand, by its negative messages: its busiest hours and its bursts, with their words
    and examples.
    """
    by_brand: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_brand[message.brand].append(message)
    reports = [
        _brand(brand, sorted(own, key=lambda message: message.at), hours)
        for brand, own in by_brand.items()
    ]
    return {
        "messages": len(messages),
        "negative": sum(message.negative for message in messages),
        "brands": sorted(reports, key=lambda report: -report["negative"]),
    }


def _brand(brand: str, messages: Sequence[Message], hours: int) -> dict[str, Any]:
    begin, until = _hour(messages[0].at), _hour(messages[-1].at) + HOUR
    negative = [message for message in messages if message.negative]
    cells = Counter(
        (message.topic, message.at.replace(second=0, microsecond=0)) for message in negative
    )
    minutes = [Cell(topic, at, count) for (topic, at), count in cells.items()]
    bursts = find_bursts(traffic(minutes, (), begin, until, begin))
    by_hour = Counter(_hour(message.at) for message in negative)
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
            | _evidence(brand, negative, hour, hour + HOUR)
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
            | _evidence(brand, negative, burst.start, burst.end + MINUTE)
            | {
                "topics": dict(list(burst.topics.items())[:MOST_TOPICS]),
                "lasted": length(burst.start, burst.end),
            }
            for burst in bursts
        ],
    }


def _usual(
    by_hour: Counter[datetime], begin: datetime, until: datetime
) -> Callable[[datetime], float]:
    """The median of the same hour on the file's other days."""
    days = int((until - begin) / HOUR) // 24 + 1

    def usual(hour: datetime) -> float:
        same_hours = [hour + timedelta(days=day) for day in range(-days, days + 1) if day]
        counts = [by_hour[same] for same in same_hours if begin <= same < until]
        return float(np.median(counts)) if counts else 0.0

    return usual


def _evidence(
    brand: str, negative: Sequence[Message], since: datetime, until: datetime
) -> dict[str, Any]:
    """The topics, the words against the rest of the file, and the messages that hold the most of
    these words.
    """
    apart = [message for message in negative if since <= message.at < until]
    rest = [message.quote for message in negative if not since <= message.at < until]
    quotes = [message.quote for message in apart]
    words = distinctive_words(quotes, rest[:: max(1, len(rest) // _MOST_TEXTS)], exclude=[brand])
    texts = {quote.id: quote.text for quote in quotes}
    topics = Counter(message.topic or "other" for message in apart)
    return {
        "topics": dict(topics.most_common(3)),
        "words": words,
        "examples": [texts[id] for id in examples(quotes, words, limit=2)],
    }


def markdown(report: dict[str, Any], name: str) -> str:
    """The report for people. What customers wrote stands in code spans, where nothing of it is
    markup.
    """
    lines = [f"# {name}: what stands out", ""]
    lines += [
        f"{report['messages']:,} messages about {len(report['brands'])} brands, "
        f"{report['negative']:,} negative."
    ]
    for brand in report["brands"]:
        lines += ["", f"## {_plain(brand['brand'])}", ""]
        lines += [
            f"{brand['messages']:,} messages, {brand['negative']:,} negative, "
            f"{len(brand['bursts'])} bursts."
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
                f"| {hour['hour'][:16].replace('T', ' ')} | {hour['negative']} "
                f"| {hour['usual']:g} | {burst} | {topics} | {_plain(', '.join(hour['words']))} |"
            )
        for burst in brand["bursts"]:
            when = f"{burst['start'][:16].replace('T', ' ')} to {burst['end'][11:16]}"
            words = _plain(", ".join(burst["words"])) or "no words of its own"
            sentence = in_words(burst["negative"], burst["usual"], burst["topics"], burst["topic"])
            lines += [
                "",
                f"**{when}** ({burst['lasted']}), severity {burst['severity']}: {sentence} "
                f"({words}).",
            ]
            lines += [f"- `{_plain(text)}`" for text in burst["examples"]]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split()).replace("`", "'").replace("|", "¦").replace("<", "‹")[:300]


def _within(burst: Burst, since: datetime, until: datetime) -> bool:
    return burst.start < until and burst.end >= since


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

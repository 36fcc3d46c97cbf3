"""Trending topics: those that rise against their own past, by `stream.bursts.baseline`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from stream.bursts.baseline import DAYS, FIRST_RATE, usual

PAST_HOURS = (DAYS + 1) * 24  # before the hours that are judged
FEWEST = 5  # messages
LEAST_TIMES, LEAST_APART = 1.5, 2.0
LIMIT = 8  # topics

_FIRST_RATE = FIRST_RATE / 24  # of one topic among many
_LEAST_PAST = 3  # hours that must be known before anything can be unusual
_COURSE = 24  # hours that are told


@dataclass(frozen=True, slots=True)
class TrendingTopic:
    """A topic with more messages than its past lets expect. course: by hour, latest last.

    times: of the usual. apart: standard deviations of a count that strays around its expectation as
    this one did.
    """

    topic: str
    messages: int
    usual: float
    times: float
    apart: float
    course: tuple[int, ...]


def trending_topics(
    hours: Mapping[str, Sequence[int]], known: int, window: int
) -> list[TrendingTopic]:
    """The topics that rise, the most surprising first.

    hours: by topic, messages of each hour, the latest last, PAST_HOURS + window of them. known: the
    first hour that was listened to from its beginning. window: how many of the last hours are
    judged together.
    """
    judged = [_judge(topic, counts, known, window) for topic, counts in hours.items()]
    trending = [topic for topic in judged if topic is not None]
    trending.sort(key=lambda topic: (-topic.apart, topic.topic))
    return trending[:LIMIT]


def _judge(topic: str, counts: Sequence[int], known: int, window: int) -> TrendingTopic | None:
    start = len(counts) - window
    messages = sum(counts[start:])
    if start - known < _LEAST_PAST or messages < FEWEST:
        return None
    season = usual(np.asarray(counts), known, hold=start, first_rate=_FIRST_RATE)
    expected = float(season.rate[start:-1].sum())
    apart = (messages - expected) / sqrt(
        expected + (float(season.dispersion[start]) * expected) ** 2
    )
    if messages < LEAST_TIMES * expected or apart < LEAST_APART:
        return None
    return TrendingTopic(
        topic,
        messages,
        round(expected, 1),
        round(messages / expected, 1),
        round(apart, 1),
        tuple(counts[-_COURSE:]),
    )

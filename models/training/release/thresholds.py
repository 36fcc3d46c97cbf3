"""Temperatures and thresholds that a release chooses on the validation sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.analyzer import dissatisfaction, softmax
from models.artifact import OF_PROBLEM, OF_TOPIC, STORY, load_artifact
from models.training.corpus.data import IGNORED
from models.training.encoder.batches import Encoded
from models.training.release import gate

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]

TRIED = np.linspace(0.0, 0.95, 96)
# Of the topics and problems that are named, the share that a reader finds right.
READ_RIGHT = {"topic": 0.85, "problem": 0.8}
FEW_READ = 15  # messages of a topic, by which no share is told
LEAST_RARE = 0.35  # of a topic that other sets alone tell of: their texts are easier than messages
# Shares of the complaints that are below the grades 2 to 5: 3 is medium, 4 and 5 are high. So a
# complaint as most are is high, as companies label their own, and only what hardly anybody
# complains with is low.
LEVELS = (0.01, 0.03, 0.15, 0.5)


def inherited_minimums(
    start: str | None, problems: Sequence[str], topics: Sequence[str] = ()
) -> dict[str, float]:
    """The least probabilities of single topics and problems that the model in `start` has.

    They were chosen by people who read what it names, so a release of its heads hands them on,
    those of the names that it still knows. {} where it starts from no model directory.
    """
    if start is None or not (Path(start) / STORY).is_file():
        return {}
    known = {f"{OF_PROBLEM}{name}" for name in problems} | {f"{OF_TOPIC}{name}" for name in topics}
    minimums = load_artifact(Path(start)).least_probability
    return {task: value for task, value in minimums.items() if task in known}


def lasting_minimums(
    minimums: Mapping[str, float], anew: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Those of `minimums` that hold still where the heads of `anew` are learnt again."""
    return {
        task: value
        for task, value in minimums.items()
        if task not in anew
        and not ("problem" in anew and task.startswith(OF_PROBLEM))
        and not ("topic" in anew and task.startswith(OF_TOPIC))
    }


def temperature(truth: Labels, logits: Floats) -> float:
    known = truth != IGNORED
    return gate.temperature(truth[known], logits[known]) if known.any() else 1.0


def least_topic(truth: Labels, logits: Floats) -> float:
    """The probability below which `other` (the last class) is the better answer.

    logits: calibrated.
    """
    known = truth != IGNORED
    if not known.any():
        return 0.0
    probabilities = softmax(logits[known])
    other = probabilities.shape[-1] - 1
    return _best(truth[known], probabilities.argmax(-1), probabilities.max(-1), other)


def least_problem(truth: Labels, logits: Floats, topics: Sequence[Sequence[int]]) -> float:
    """The share of its topic's probability below which a problem is better not named.

    topics: for each problem but the last (`other`), the problems of its topic. logits: calibrated.
    """
    known = truth != IGNORED
    if not known.any():
        return 0.0
    probabilities = softmax(logits[known])
    other = probabilities.shape[-1] - 1
    best = probabilities[:, :other].argmax(-1)
    share = np.array(
        [
            row[place] / (row[list(topics[place])].sum() + row[other] + 1e-9)
            for row, place in zip(probabilities, best, strict=True)
        ]
    )
    return _best(truth[known], best, share, other)


def topic_by_reading(allowed: Flags, logits: Floats) -> float:
    """The probability from which READ_RIGHT of the topics that are named are right.

    allowed: (texts, topics), which ones a reader finds right, `other` last. logits: calibrated.
    """
    best, sure = _likeliest(logits)
    return _rightly(_of(allowed, best), sure, READ_RIGHT["topic"])


def rare_topics(read: NDArray[np.int64], allowed: Flags, logits: Floats) -> dict[int, float]:
    """The same of single topics by other sets, where readers saw fewer than FEW_READ messages.

    read: how many of each topic readers saw. A topic that the other sets lack has none.
    """
    best, sure = _likeliest(logits)
    right = _of(allowed, best)
    return {
        topic: max(
            LEAST_RARE, _rightly(right[best == topic], sure[best == topic], READ_RIGHT["topic"])
        )
        for topic in range(allowed.shape[-1] - 1)
        if read[topic] < FEW_READ <= (best == topic).sum()
    }


def _likeliest(logits: Floats) -> tuple[Labels, Floats]:
    """The likeliest topic of each text but `other`, and its probability; -1 where `other` is."""
    probabilities = softmax(logits)
    best = probabilities[:, :-1].argmax(-1)
    sure = np.take_along_axis(probabilities, best[:, None], -1)[:, 0]
    return best, np.where(sure >= probabilities[:, -1], sure, -1.0)


def _of(allowed: Flags, best: Labels) -> Flags:
    """Whether each guess is allowed."""
    return np.take_along_axis(allowed, best[:, None], -1)[:, 0]


def problem_by_reading(
    allowed: Flags, logits: Floats, topic: NDArray[np.int64], topics: Sequence[int]
) -> float:
    """The share of its topic's probability from which READ_RIGHT of the problems are right.

    topic: (texts,), the topic that is named, -1 for none; topics: that of each problem but `other`.
    """
    probabilities = softmax(logits)
    inside = np.asarray(topics)[None] == topic[:, None]
    of_topic = np.where(inside, probabilities[:, :-1], 0.0)
    best = of_topic.argmax(-1)
    whole = of_topic.sum(-1) + probabilities[:, -1] + 1e-9
    share = np.where(inside.any(-1), of_topic.max(-1) / whole, -1.0)
    return _rightly(_of(allowed, best), share, READ_RIGHT["problem"])


def _rightly(right: Flags, sure: Floats, aim: float) -> float:
    """The least of TRIED from which at least `aim` of the guesses are right; the last for none."""
    for minimum in TRIED:
        guesses = right[sure >= minimum]
        if len(guesses) and guesses.mean() >= aim:
            return round(float(minimum), 2)
    return round(float(TRIED[-1]), 2)


def _best(truth: Labels, guesses: Labels, sure: Floats, other: int) -> float:
    """The least sureness with the most right answers.

    A less sure guess becomes `other`.
    """
    right = [
        float((np.where(sure >= minimum, guesses, other) == truth).mean()) for minimum in TRIED
    ]
    return round(float(TRIED[int(np.argmax(right))]), 2)


def least_cause(encoded: Encoded, logits: Floats) -> float:
    """The probability from which a token shows the problem: the best F1 over the tokens."""
    truth, scores = [], []
    for row, flags in enumerate(encoded.causes):
        if flags is not None:
            truth += flags
            scores += logits[row, : len(flags)].tolist()
    if not truth:
        return 0.5
    probability = 1 / (1 + np.exp(-np.array(scores)))
    return round(
        max(
            (float(minimum) for minimum in TRIED[5:]),
            key=lambda minimum: token_f1(truth, probability >= minimum),
        ),
        2,
    )


def token_f1(truth: Sequence[int], guessed: NDArray[np.bool_]) -> float:
    right = float(np.logical_and(np.array(truth) == 1, guessed).sum())
    return 2 * right / max(float(np.sum(truth) + guessed.sum()), 1.0)


def levels(complaint: Labels, severity: Floats) -> list[float]:
    """The index from which dissatisfaction has the grades 2 to 5, as complaints have it.

    complaint: 0 1 or IGNORED; severity: calibrated logits.
    """
    index = dissatisfaction(softmax(severity))[complaint == 1]
    if not len(index):
        return [10.0, 20.0, 30.0, 50.0]
    return [round(float(value), 1) for value in np.quantile(index, LEVELS)]


def of_one_topic(problems: Mapping[str, str]) -> list[list[int]]:
    """For each problem (its topic by its name), the numbers of all problems of its topic."""
    numbered = list(problems.values())
    return [[number for number, topic in enumerate(numbered) if topic == own] for own in numbered]

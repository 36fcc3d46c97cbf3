"""Temperatures and thresholds that a release chooses on the validation sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
LEAST_RARE = {"topic": 0.35, "problem": 0.47}
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


class Guesses(NamedTuple):
    """The likeliest label of each text but `other`, its sureness (-1 where none is to be named),
    and whether a reader finds it right.
    """

    best: Labels
    sure: Floats
    right: Flags

    def labels(self, single: Mapping[int, float], general: float) -> Labels:
        """The label that is named, -1 for none. single: least sureness of single labels; general:
        of the others.
        """
        minimum = np.array([single.get(int(label), general) for label in self.best])
        return np.where(self.sure >= minimum, self.best, -1)


def topic_guesses(allowed: Flags, logits: Floats) -> Guesses:
    """By the probability. allowed: (texts, topics), which are right, `other` last. logits:
    calibrated.
    """
    probabilities = softmax(logits)
    best = probabilities[:, :-1].argmax(-1)
    sure = _at(probabilities, best)
    return Guesses(best, np.where(sure >= probabilities[:, -1], sure, -1.0), _at(allowed, best))


def problem_guesses(
    allowed: Flags, logits: Floats, topic: Labels, topics: Sequence[int]
) -> Guesses:
    """By the share of the named topic's probability. topic: (texts,), -1 for none; topics: that of
    each problem but `other`.
    """
    probabilities = softmax(logits)
    inside = np.asarray(topics)[None] == topic[:, None]
    of_topic = np.where(inside, probabilities[:, :-1], 0.0)
    best = of_topic.argmax(-1)
    share = of_topic.max(-1) / (of_topic.sum(-1) + probabilities[:, -1] + 1e-9)
    return Guesses(best, np.where(inside.any(-1), share, -1.0), _at(allowed, best))


def _at(values: NDArray[Any], columns: Labels) -> NDArray[Any]:
    """The value of each row in its column."""
    return np.take_along_axis(values, columns[:, None], -1)[:, 0]


def least_by_reading(guesses: Guesses, aim: float) -> float:
    """The least of TRIED from which at least `aim` of the guesses are right; the last for none."""
    for minimum in TRIED:
        right = guesses.right[guesses.sure >= minimum]
        if len(right) and right.mean() >= aim:
            return round(float(minimum), 2)
    return round(float(TRIED[-1]), 2)


def rare_labels(read: Labels, guesses: Guesses, aim: float, floor: float) -> dict[int, float]:
    """The same of single labels by other sets, where readers saw fewer than FEW_READ messages.

    read: how many of each label readers saw. A label that the other sets lack has none. floor: the
    least, for the texts of those sets are easier than messages.
    """
    minimums: dict[int, float] = {}
    for label in np.unique(guesses.best).tolist():
        rows = guesses.best == label
        if read[label] < FEW_READ <= rows.sum():
            own = Guesses(*(part[rows] for part in guesses))
            minimums[label] = max(floor, least_by_reading(own, aim))
    return minimums


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

"""Probabilities from which a release names topics and problems, by what readers found right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import MODEL, OF_PROBLEM, OF_TOPIC, TOKENIZER
from models.taxonomy.classifier import read_taxonomy
from models.training.corpus.data import READ, Corpus, Example
from models.training.encoder.network import HEADS
from models.training.release.release import served
from models.training.release.thresholds import (
    LEAST_RARE,
    READ_RIGHT,
    Guesses,
    least_by_reading,
    problem_guesses,
    rare_labels,
    topic_guesses,
)

Floats = NDArray[np.float32]
Minimums = tuple[float, Mapping[int, float]]  # of all labels, and of single ones by their numbers


def by_reading(corpus: Corpus, model: Path, story: Mapping[str, Any]) -> dict[str, float]:
    """The least probabilities of topic and problem, as a story has them.

    model: the directory; its story has the temperatures. What the messages that were read lack has
    its own by the other sets.
    """
    parts = (corpus.validation[READ], _elsewhere(corpus))
    outputs = [_served(model, part, story) for part in parts]
    pairs = list(zip(parts, outputs, strict=True))
    topics = [
        topic_guesses(truth_of("topic", part, corpus), logits["topic"]) for part, logits in pairs
    ]
    of_topics = _minimums("topic", topics, corpus)
    topic_numbers = _topic_numbers(corpus)
    problems = [
        problem_guesses(
            truth_of("problem", part, corpus),
            logits["problem"],
            guesses.labels(of_topics[1], of_topics[0]),
            topic_numbers,
        )
        for (part, logits), guesses in zip(pairs, topics, strict=True)
    ]
    of_problems = _minimums("problem", problems, corpus)
    return {
        **_in_words("topic", OF_TOPIC, corpus.topics, of_topics),
        **_in_words("problem", OF_PROBLEM, corpus.problems, of_problems),
    }


def _elsewhere(corpus: Corpus) -> list[Example]:
    """Texts of the other sets that have a topic, without the airline's reasons: each tweet has one
    of these alone.
    """
    sets = [part for name, part in corpus.validation.items() if name not in (READ, "airline")]
    return [example for part in sets for example in part if example.topics]


def _served(
    model: Path, examples: Sequence[Example], story: Mapping[str, Any]
) -> dict[str, Floats]:
    """Calibrated logits of topic and problem."""
    texts = [example.text for example in examples]
    outputs = served(model / MODEL, model / TOKENIZER, texts, story["max_tokens"])
    temperatures = story["temperatures"]
    return {task: outputs[task] / np.float32(temperatures[task]) for task in ("topic", "problem")}


def _topic_numbers(corpus: Corpus) -> list[int]:
    """The number of the topic of each problem but `other`."""
    number = {name: place for place, name in enumerate(corpus.topics)}
    of_problem = {problem.name: number[problem.topic] for problem in read_taxonomy().problems}
    return [of_problem[name] for name in corpus.problems[:-1]]


def _minimums(task: str, guesses: Sequence[Guesses], corpus: Corpus) -> Minimums:
    """guesses: of the held-out messages that were read, and of other sets."""
    read, other = guesses
    aim, learned = READ_RIGHT[task], truth_of(task, corpus.read, corpus).sum(0)
    return least_by_reading(read, aim), rare_labels(learned, other, aim, LEAST_RARE[task])


def _in_words(task: str, prefix: str, names: Sequence[str], minimums: Minimums) -> dict[str, float]:
    general, single = minimums
    return {task: general, **{f"{prefix}{names[place]}": value for place, value in single.items()}}


def truth_of(task: str, examples: Sequence[Example], corpus: Corpus) -> NDArray[np.bool_]:
    """(texts, classes): which classes each label allows; a row without any is unlabelled."""
    if task in HEADS:
        labels = np.array([getattr(example, task) for example in examples])
        return np.asarray(labels[:, None] == np.arange(HEADS[task])[None])
    names = corpus.topics if task == "topic" else corpus.problems
    place = {name: number for number, name in enumerate(names)}
    table = np.zeros((len(examples), len(names)), dtype=bool)
    for row, example in enumerate(examples):
        table[row, [place[name] for name in getattr(example, f"{task}s")]] = True
    return table

"""How much a model learns from how many texts: by a handful of phrases alone, and by linear heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact
from models.taxonomy.classifier import OTHER, Label, Taxonomy, TaxonomyClassifier
from models.training.custom.heads_only import background, encoder_of
from models.training.custom.history import Told, fewer, parts
from models.training.custom.linear import learn
from models.training.custom.request import Asked, classes, finest, truth

COUNTS = (5, 20, None)  # texts of a class; None: all
DRAWS = 3  # of so many texts, for the mean

Print = Callable[[str], None]
Floats = NDArray[np.float32]
Embedded = dict[str, NDArray[np.float32]]  # text -> (dim,)


def learning_curve(asked: Asked, start: Artifact, say: Print = print) -> dict[str, Any]:
    """Accuracy at 5, 20 and all texts of a class, on the test file or else on the part held out.

    few_shot: the texts as the phrases of a taxonomy, nothing is trained; what is named `other`
    counts as wrong. head_only: linear heads. Means over DRAWS draws of the texts.
    """
    history, tested = asked.read(), asked.read_test()
    for line in history.said:
        say(line)
    learnt, held = (list(history.told), list(tested.told)) if tested else parts(history)
    task = finest(history)
    names = classes(history, task)
    texts = [*(one.text for one in (*learnt, *held)), *background()]
    embedded = dict(zip(texts, encoder_of(start.folder, start)(texts).embedding, strict=True))
    held = [one for one in held if getattr(one, task) is not None]
    figures: dict[str, Any] = {
        "model": start.version,
        "task": task,
        "classes": len(names) - 1,
        "n": len(held),
    }
    for count in COUNTS:
        draws = [
            fewer(learnt, task, count or len(learnt), draw) for draw in range(DRAWS if count else 1)
        ]
        figures["all" if count is None else f"{count} a class"] = {
            "few_shot": _mean([_few_shot(some, held, task, start, embedded) for some in draws]),
            "head_only": _mean([_head_only(some, held, task, names, embedded) for some in draws]),
        }
        say(f"{'all' if count is None else count} texts of a class: done")
    return figures


def _few_shot(
    some: Sequence[Told], held: Sequence[Told], task: str, start: Artifact, embedded: Embedded
) -> float:
    phrases: dict[str, list[str]] = {}
    for one in some:
        phrases.setdefault(getattr(one, task), []).append(one.text)
    topics = tuple(
        Label(name, tuple(own), name) for name, own in sorted(phrases.items()) if name != OTHER
    )
    placed = TaxonomyClassifier(
        Taxonomy(topics, ()),
        lambda texts: np.array([embedded[text] for text in texts]),
        topic_threshold=start.topic_threshold,
        problem_threshold=start.problem_threshold,
    )
    named = placed.topics(np.array([embedded[one.text] for one in held]))
    return float(
        np.mean([topic.label == getattr(one, task) for topic, one in zip(named, held, strict=True)])
    )


def _head_only(
    some: Sequence[Told], held: Sequence[Told], task: str, names: Sequence[str], embedded: Embedded
) -> float:
    calm = background()
    labels = np.concatenate([truth(some, task, names), np.full(len(calm), len(names) - 1)])
    counts = np.concatenate(
        [np.ones(len(some)), np.full(len(calm), min(1.0, 0.25 * len(some) / len(calm)))]
    )
    features = np.array([embedded[text] for text in (*(one.text for one in some), *calm)])
    head = learn(features, labels, len(names), counts.astype(np.float32))
    guesses = (np.array([embedded[one.text] for one in held]) @ head.weight + head.bias).argmax(-1)
    return float((guesses == truth(held, task, names)).mean())


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)

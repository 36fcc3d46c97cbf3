"""Learning curve of a history: accuracy by texts of a class, for phrases and for linear heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact
from models.taxonomy.classifier import OTHER, Named, Placed, Taxonomy
from models.training.custom.heads_only import background, encoder_of
from models.training.custom.history import LabelledText, fewer, parts
from models.training.custom.linear import learn
from models.training.custom.request import TrainingRequest, classes, finest, truth

COUNTS = (5, 20, None)  # texts of a class; None: all
DRAWS = 3  # of so many texts, for the mean

Print = Callable[[str], None]
Floats = NDArray[np.float32]
Embedded = dict[str, NDArray[np.float32]]  # text -> (dim,)


def learning_curve(request: TrainingRequest, start: Artifact, say: Print = print) -> dict[str, Any]:
    """Accuracy at 5, 20 and all texts of a class, on the test file or else on the part held out.

    few_shot: the texts as the phrases of a taxonomy, nothing is trained; what is named `other`
    counts as wrong. head_only: linear heads. Means over DRAWS draws of the texts.
    """
    history, tested = request.read(), request.read_test()
    for line in history.notes:
        say(line)
    if tested:
        learnt, held_out = list(history.texts), list(tested.texts)
    else:
        learnt, held_out = parts(history)
    task = finest(history)
    names = classes(history, task)
    texts = [*(text.text for text in (*learnt, *held_out)), *background()]
    embedded = dict(zip(texts, encoder_of(start.folder, start)(texts).embedding, strict=True))
    held_out = [complaint for complaint in held_out if getattr(complaint, task) is not None]
    figures: dict[str, Any] = {
        "model": start.version,
        "task": task,
        "classes": len(names) - 1,
        "n": len(held_out),
    }
    for count in COUNTS:
        if count is None:
            label, draws = "all", [fewer(learnt, task, len(learnt))]
        else:
            label = str(count)
            draws = [fewer(learnt, task, count, draw) for draw in range(DRAWS)]
        few_shot = [_few_shot(draw, held_out, task, start, embedded) for draw in draws]
        head_only = [_head_only(draw, held_out, task, names, embedded) for draw in draws]
        figures[label if count is None else f"{label} a class"] = {
            "few_shot": _mean(few_shot),
            "head_only": _mean(head_only),
        }
        say(f"{label} texts of a class: done")
    return figures


def _few_shot(
    learnt: Sequence[LabelledText],
    held_out: Sequence[LabelledText],
    task: str,
    start: Artifact,
    embedded: Embedded,
) -> float:
    phrases: dict[str, list[str]] = {}
    for complaint in learnt:
        phrases.setdefault(getattr(complaint, task), []).append(complaint.text)
    topics = tuple(
        Named(name, tuple(own), name) for name, own in sorted(phrases.items()) if name != OTHER
    )
    placed = Placed(
        Taxonomy(topics, ()),
        lambda texts: np.array([embedded[text] for text in texts]),
        topic_threshold=start.topic_threshold,
        problem_threshold=start.problem_threshold,
    )
    guesses = placed.topics(np.array([embedded[complaint.text] for complaint in held_out]))
    hits = [
        guess.label == getattr(complaint, task)
        for guess, complaint in zip(guesses, held_out, strict=True)
    ]
    return float(np.mean(hits))


def _head_only(
    learnt: Sequence[LabelledText],
    held_out: Sequence[LabelledText],
    task: str,
    names: Sequence[str],
    embedded: Embedded,
) -> float:
    calm = background()
    labels = np.concatenate([truth(learnt, task, names), np.full(len(calm), len(names) - 1)])
    calm_weight = min(1.0, 0.25 * len(learnt) / len(calm))
    counts = np.concatenate([np.ones(len(learnt)), np.full(len(calm), calm_weight)])
    texts = [*(complaint.text for complaint in learnt), *calm]
    features = np.array([embedded[text] for text in texts])
    head = learn(features, labels, len(names), counts.astype(np.float32))
    unseen = np.array([embedded[complaint.text] for complaint in held_out])
    guesses = (unseen @ head.weight + head.bias).argmax(-1)
    return float((guesses == truth(held_out, task, names)).mean())


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)

"""Linear heads for a history on the encoder of a model, which stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import MODEL, TOKENIZER, Artifact
from models.encoder import Encoder, Outputs
from models.examples.kernel import read_examples
from models.training.corpus.data import file_hash
from models.training.custom.history import LABELLED, History
from models.training.custom.linear import (
    Linear,
    expected_index,
    graft,
    learn,
    learn_severity,
    severity_features,
)
from models.training.custom.request import (
    DOUBT,
    TrainingRequest,
    classes,
    figures,
    finish,
    least_probability,
    strangeness,
    truth,
)
from models.training.placed import written
from models.training.release import remedies
from models.training.release.gate import ONE_SIDED, SAME_LOGITS, Check, enforce, temperature
from models.training.release.refit_heads import hand_on_calls
from models.training.release.thresholds import lasting_minimums

Print = Callable[[str], None]
Floats = NDArray[np.float32]

BACKGROUND = 0.25  # of the weight of the history


def train_light(
    request: TrainingRequest, start: Artifact, out: Path, say: Print = print
) -> dict[str, Any]:
    """Learn linear heads on the encoder of `start` and write the model directory `out`.

    Returns the model's story. Raises TrainingError, with one clear line, for what cannot be learnt
    from, and writes nothing then.
    """
    history = request.read()
    for line in history.notes:
        say(line)
    encoder = encoder_of(start.folder, start)
    outputs = encoder([complaint.text for complaint in history.texts])
    names = {task: classes(history, task) for task in LABELLED if history.labels(task)}
    heads = learn_heads(history, names, outputs, encoder(background()))
    with written(out) as model:
        graft(start.model, model / MODEL, heads)
        shutil.copy(start.tokenizer, model / TOKENIZER)
        checks = _grafted_checks(model, start, history, heads, outputs)
        checks += _learnt_checks(history, names, heads)
        enforce(checks)
        story = _story(request, start, history, names, heads, checks, outputs)
        story = finish(model, story, history, request)
        hand_on_calls(start, model, story["version"])
        return story


def background() -> list[str]:
    """Messages of our own writing that no company needs to answer, as no history holds them."""
    return [example.text for example in read_examples() if example.level == "none"]


def learn_heads(
    history: History, names: Mapping[str, tuple[str, ...]], outputs: Outputs, calm: Outputs
) -> dict[str, Linear]:
    """A linear head for each task, and `severity` where the history has dissatisfaction.

    Its rows are those of the history's texts.

    calm: of the background, which is `other`, and as dissatisfied as it was taken for before: a
    model that has seen complaints alone takes everything for one.
    """
    heads: dict[str, Linear] = {}
    for task in names:
        if task == "problem" and names["problem"] == names.get("topic"):
            heads[task] = heads["topic"]  # each problem is its own topic
            continue
        labels = truth(history.texts, task, names[task])
        known = np.flatnonzero(labels >= 0)
        other = np.full(len(calm.embedding), len(names[task]) - 1)
        features = np.concatenate([outputs.embedding[known], calm.embedding])
        both = np.concatenate([labels[known], other])
        heads[task] = _of_history(
            learn(features, both, len(names[task]), _counts(known, other)), known
        )
    if history.has_index:
        with_index = [row for row, text in enumerate(history.texts) if text.index is not None]
        known = np.array(with_index, dtype=np.int64)
        index = np.array([history.texts[row].index for row in known], dtype=np.float32)
        features = np.concatenate([severity_features(outputs)[known], severity_features(calm)])
        before = expected_index(calm.severity)
        learnt = learn_severity(features, np.concatenate([index, before]), _counts(known, before))
        heads["severity"] = _of_history(learnt, known)
    return heads


def encoder_of(folder: Path, start: Artifact) -> Encoder:
    return Encoder(folder / MODEL, folder / TOKENIZER, max_tokens=start.max_tokens, threads=1)


def _counts(known: NDArray[Any], calm: NDArray[Any]) -> Floats:
    """Weights of the history's texts, and of the background: BACKGROUND of the history together."""
    share = min(1.0, BACKGROUND * len(known) / len(calm))
    return np.concatenate([np.ones(len(known)), np.full(len(calm), share)]).astype(np.float32)


def _of_history(head: Linear, known: NDArray[np.int64]) -> Linear:
    """The head with what it said of the history alone; its rows are those of the history."""
    own = head.rows < len(known)
    return replace(head, out_of_fold=head.out_of_fold[own], rows=known[head.rows[own]])


def _grafted_checks(
    model: Path, start: Artifact, history: History, heads: Mapping[str, Linear], before: Outputs
) -> list[Check]:
    """The graph gives what was learnt, and its other outputs are the same, bit for bit."""
    after = encoder_of(model, start)([complaint.text for complaint in history.texts])
    features = {"severity": severity_features(before)}
    differences: list[float] = []
    for task, head in heads.items():
        logits = features.get(task, before.embedding) @ head.weight + head.bias
        differences.append(float(np.abs(logits - getattr(after, task)).max()))
    grafted = max(differences)
    changed = 0
    for name in before._fields:
        if name not in heads:
            changed += not np.array_equal(getattr(before, name), getattr(after, name))
    return [
        Check("grafted against learnt", grafted, SAME_LOGITS, remedy=remedies.FAULT),
        Check("other outputs that changed", changed, 0, remedy=remedies.FAULT),
    ]


def _learnt_checks(
    history: History, names: Mapping[str, tuple[str, ...]], heads: Mapping[str, Linear]
) -> list[Check]:
    """Each head is better, on texts it had not learnt, than always the same answer.

    Of dissatisfaction: that it is not worse than chance explains (95 %), since a few marks show
    little.
    """
    checks = []
    for task, head in heads.items():
        complaints = [history.texts[row] for row in head.rows]
        if task == "severity":
            index = np.array([complaint.index for complaint in complaints], dtype=np.float32)
            errors = np.abs(expected_index(head.out_of_fold) - index)
            more = errors - np.abs(np.median(index) - index)
            chance = ONE_SIDED * float(more.std()) / len(more) ** 0.5
            checks.append(
                Check(
                    "dissatisfaction, error beyond always saying the same",
                    float(more.mean()),
                    chance,
                    remedy=remedies.MARKS,
                )
            )
            continue
        labels = truth(complaints, task, names[task])
        always = float((np.bincount(labels).max() + 1) / len(labels))
        right = float((head.out_of_fold.argmax(-1) == labels).mean())
        checks.append(
            Check(
                f"{task}, accuracy on texts held out",
                right,
                always,
                at_least=True,
                remedy=remedies.history(task),
            )
        )
    return checks


def _story(
    request: TrainingRequest,
    start: Artifact,
    history: History,
    names: Mapping[str, tuple[str, ...]],
    heads: Mapping[str, Linear],
    checks: list[Check],
    outputs: Outputs,
) -> dict[str, Any]:
    complaints = {task: [history.texts[row] for row in head.rows] for task, head in heads.items()}
    labels = {task: truth(complaints[task], task, names[task]) for task in names}
    temperatures = {
        task: temperature(labels[task], heads[task].out_of_fold, DOUBT) for task in names
    }
    if "severity" in heads:
        # It was learnt as an expectation, which a temperature would bend.
        temperatures["severity"] = 1.0
    calm = {task: heads[task].out_of_fold / temperatures[task] for task in heads}
    thresholds: dict[str, float] = {}
    for task in names:
        earlier = start.least_probability.get(task, 0.0)
        thresholds[task] = least_probability(labels[task], calm[task], earlier)
    return {
        **start.story,
        "labels": {**start.story["labels"], **names},
        "temperatures": {**start.temperatures, **temperatures},
        "least_probability": {**lasting_minimums(start.least_probability, names), **thresholds},
        **strangeness(start, outputs),
        "recipe": {
            **start.story["recipe"],
            "name": "own",
            "strengths": {task: head.strength for task, head in heads.items()},
        },
        "way": "linear heads on its encoder, which stayed as it was",
        "started_from": start.version,
        "data": {request.history.name: file_hash(request.history)},
        "texts": {"history": len(history.texts)},
        "gate": [str(check) for check in checks],
        "understood": {},  # the start's figures are not this one's
        "validation": {
            f"history.{task}": figures(complaints[task], task, names.get(task, ()), calm[task])
            for task in heads
        },
    }

"""Linear heads on the outputs of the served encoder, learnt in seconds and put into its graph.

The encoder stays as it is, so a topic is a multinomial logistic regression on the embedding (texts,
dim), and the dissatisfaction a regression on the embedding and on the logits of the heads that are
there. Needs scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from models.encoder import Outputs

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Fit = Callable[[Labels, float], LogisticRegression]  # rows to learn, strength
Score = Callable[[Floats, Labels], float]  # logits of held-out rows, and which rows

# Inverse of the penalty; the right one grows with the texts of a class.
STRENGTHS = (1.0, 10.0, 30.0, 100.0)
FOLDS = 5
MANY = 3000  # texts; above, one fold of five says enough
SEVERITIES = 5


@dataclass(frozen=True)
class Linear:
    """Logits = features @ weight + bias.

    out_of_fold: logits of `rows`, texts that it had not learnt then.
    """

    weight: Floats  # (features, classes)
    bias: Floats  # (classes,)
    strength: float
    out_of_fold: Floats  # (rows, classes) logits
    rows: Labels  # (rows,)


def learn(features: Floats, labels: Labels, classes: int, counts: Floats) -> Linear:
    """The logistic regression whose strength guesses texts best that it has not learnt.

    features: (texts, width). counts: (texts,), for how many texts each counts.
    """

    def right(logits: Floats, rows: Labels) -> float:
        return float(((logits.argmax(-1) == labels[rows]) * counts[rows]).sum())

    def fit(rows: Labels, strength: float) -> LogisticRegression:
        return _fitted(features[rows], labels[rows], counts[rows], strength)

    return _best(fit, right, features, labels, classes)


def learn_severity(features: Floats, index: Floats, counts: Floats) -> Linear:
    """Severity logits (texts, 5) whose expected class, times 25, is the index (texts,), 0 to 100.

    Each text counts as the two classes that its index lies between, the more the nearer. counts: as
    in `learn`.
    """
    lower = np.minimum(index / 25, SEVERITIES - 1 - 1e-6).astype(np.int64)
    share = index / 25 - lower  # of the class above

    def near(logits: Floats, rows: Labels) -> float:
        return -float((np.abs(expected_index(logits) - index[rows]) * counts[rows]).sum())

    def fit(rows: Labels, strength: float) -> LogisticRegression:
        twice = np.concatenate([rows, rows])
        labels = np.concatenate([lower[rows], lower[rows] + 1])
        weight = np.concatenate([1 - share[rows], share[rows]]) * counts[twice]
        used = weight > 0
        return _fitted(features[twice][used], labels[used], weight[used], strength)

    return _best(fit, near, features, lower, SEVERITIES)


def _best(fit: Fit, score: Score, features: Floats, strata: Labels, classes: int) -> Linear:
    """The strength with the best score on texts that were held out, learnt with all of them."""
    folds = _folds(strata)
    rows = np.concatenate([held_out for _, held_out in folds])

    def held_out(strength: float) -> Floats:
        logits: list[Floats] = []
        for learnt, held_out in folds:
            logits.append(_logits(fit(learnt, strength), features[held_out], classes))
        return np.concatenate(logits)

    with threadpool_limits(1):  # the products are small: a second thread costs more than it gives
        tried = {strength: held_out(strength) for strength in STRENGTHS}
        strength = max(tried, key=lambda candidate: score(tried[candidate], rows))
        weight, bias = _weights(fit(np.arange(len(features)), strength), classes)
    return Linear(weight, bias, strength, tried[strength], rows)


def expected_index(logits: Floats) -> Floats:
    """(texts, 5) severity logits as the index, 0 to 100."""
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    index: Floats = (weights / weights.sum(-1, keepdims=True)) @ np.arange(
        0, 125, 25, dtype=np.float32
    )
    return index


def severity_features(outputs: Outputs) -> Floats:
    """(texts, dim + 10): the embedding and the logits of the judging heads, as in `graft`."""
    return np.concatenate(
        [outputs.embedding, outputs.sentiment, outputs.complaint, outputs.severity], axis=1
    )


JOINED = ("embedding", "sentiment", "complaint", "severity")


def graft(source: Path, target: Path, heads: Mapping[str, Linear], *, beside: bool = False) -> None:
    """Write the served graph with these heads in the place of its own, or beside them: added.

    `severity` reads what JOINED names, any other head the embedding.
    """
    graph = onnx.load(source)
    outputs = {output.name for output in graph.graph.output}
    earlier = sum(constant.name.endswith(".linear.weight") for constant in graph.graph.initializer)
    # A model of one's own can learn again: the numbers go on.
    for number, (task, head) in enumerate(heads.items(), earlier):
        old, added = f"{task}.{number}.before", f"{task}.{number}.linear"
        if task in outputs:
            _rename(graph, task, old)
        reads = f"{task}.{number}.features" if task == "severity" else "embedding"
        if task == "severity":
            joined = [old if name == task else name for name in JOINED]
            graph.graph.node.append(helper.make_node("Concat", joined, [reads], axis=-1))
        weight, bias = f"{added}.weight", f"{added}.bias"
        graph.graph.initializer.append(numpy_helper.from_array(head.weight, weight))
        graph.graph.initializer.append(numpy_helper.from_array(head.bias, bias))
        result = added if beside else task
        graph.graph.node.append(
            helper.make_node("Gemm", [reads, weight, bias], [result], name=f"/{added}")
        )
        if beside:
            graph.graph.node.append(
                helper.make_node("Add", [old, added], [task], name=f"/{added}/sum")
            )
        _declare(graph, task, len(head.bias))
    onnx.save(graph, target)


def _declare(graph: onnx.ModelProto, task: str, classes: int) -> None:
    """`task` among the graph's outputs, (batch, classes)."""
    rows = graph.graph.output[0].type.tensor_type.shape.dim[0].dim_param
    shape: list[str | int | None] = [rows, classes]
    rest = [output for output in graph.graph.output if output.name != task]
    del graph.graph.output[:]
    graph.graph.output.extend(
        [*rest, helper.make_tensor_value_info(task, TensorProto.FLOAT, shape)]
    )


def _rename(graph: onnx.ModelProto, old: str, new: str) -> None:
    for node in graph.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new


def _folds(labels: Labels) -> list[tuple[Labels, Labels]]:
    """(learnt, held out) rows, five times, or once for many texts.

    Every class stays among the learnt.
    """
    few = int(np.bincount(labels)[np.unique(labels)].min())
    with warnings.catch_warnings():
        # It warns of classes with fewer texts than folds.
        warnings.simplefilter("ignore", UserWarning)
        splitter = StratifiedKFold(min(FOLDS, max(2, few)), shuffle=True, random_state=0)
        folds = list(splitter.split(np.zeros(len(labels)), labels))
    return folds[:1] if len(labels) > MANY else folds


def _fitted(
    features: Floats, labels: Labels, weight: Floats, strength: float
) -> LogisticRegression:
    with warnings.catch_warnings():
        # A weak penalty need not be followed to the end.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=300).fit(
            features, labels, sample_weight=weight
        )


def _weights(model: LogisticRegression, classes: int) -> tuple[Floats, Floats]:
    """(features, classes) and (classes,); a class that was not there is next to impossible."""
    weight = np.zeros((model.coef_.shape[1], classes), np.float32)
    bias = np.full(classes, -20.0, np.float32)
    if len(model.classes_) == 2:  # scikit-learn keeps the second alone
        weight[:, model.classes_[1]] = model.coef_[0]
        bias[model.classes_] = (0.0, model.intercept_[0])
    else:
        weight[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    return weight, bias


def _logits(model: LogisticRegression, features: Floats, classes: int) -> Floats:
    weight, bias = _weights(model, classes)
    logits: Floats = features @ weight + bias
    return logits

"""How well complaints are understood: every head on a file with labels, or on labelled texts of a
corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.analysis import Analysis
from models.analyzer import Analyzer
from models.evaluation.labelled_file import Table, read_labelled
from models.taxonomy.classifier import OTHER

NO, YES = "no", "yes"
HEADS = ("complaint", "severity", "topic", "problem")
SEVERITIES = ("0", "1", "2", "3", "4")
ABSTAINED = "(abstained)"
_YES_NO = {"0": NO, "1": YES, "no": NO, "yes": YES, "false": NO, "true": YES}

LabelNames = Mapping[str, str]  # an allowed label in small letters -> the label


def evaluate_complaints(data: Path, analyzer: Analyzer) -> dict[str, Any]:
    """Every head on a CSV with the column `text` and any of complaint, severity, topic, problem.

    complaint: 0 1 no yes. severity: 0 to 4. topic, problem: names of the model's taxonomy, or
    other; names that it does not hold are listed as `unknown_labels`, and cannot be guessed. A text
    on which the model abstains is wrong in every head. Raises EvaluationError naming the column or
    the label that is wrong.
    """
    table = read_labelled(data, ["text"], any_of=HEADS)
    allowed = {
        "complaint": _YES_NO,
        "severity": {one: one for one in SEVERITIES},
        "topic": _names([topic.name for topic in analyzer.taxonomy.topics]),
        "problem": _names([problem.name for problem in analyzer.taxonomy.problems]),
    }
    heads = {head: names for head, names in allowed.items() if head in table.columns}
    truth = {head: _labels(table, head, names) for head, names in heads.items()}
    analyses = analyzer([row.cells["text"] for row in table.rows])
    figures = judged(analyses, truth)
    for head in ("topic", "problem"):
        unknown = sorted(
            {label for label in truth.get(head, ()) if label and label.lower() not in heads[head]}
        )
        if unknown:
            figures[head]["unknown_labels"] = unknown
    return {"model": analyzer.version, "data": data.name, "n": len(table.rows), **figures}


def judged(
    analyses: Sequence[Analysis], truth: Mapping[str, Sequence[str | None]]
) -> dict[str, Any]:
    """The figures of each head in `truth`, its labels in the order of the analyses; None for a text
    that has none.

    With severities, `dissatisfaction` compares the index with them: mean error of 100 and rank
    correlation.
    """
    told: dict[str, Any] = {"abstained": sum(one.abstained for one in analyses)}
    for head, labels in truth.items():
        known = [
            (label, said(one, head))
            for label, one in zip(labels, analyses, strict=True)
            if label is not None
        ]
        if known:
            told[head] = agreement([label for label, _ in known], [guess for _, guess in known])
    if "severity" in told:
        known_index = [
            (25.0 * int(label), one.dissatisfaction)
            for label, one in zip(truth["severity"], analyses, strict=True)
            if label is not None and one.dissatisfaction is not None
        ]
        told["dissatisfaction"] = closeness(
            [human for human, _ in known_index], [index for _, index in known_index]
        )
    return told


def said(analysis: Analysis, head: str) -> str:
    """What the model says of one head, as a label."""
    if analysis.abstained:
        return ABSTAINED
    if head == "complaint":
        return YES if (analysis.complaint or 0.0) >= 0.5 else NO
    if head == "severity":
        return str(analysis.severity)
    if head == "topic":
        return analysis.topic.label if analysis.topic else OTHER
    return analysis.problem.label if analysis.problem else OTHER


def agreement(truth: Sequence[str], guesses: Sequence[str]) -> dict[str, Any]:
    """Accuracy and F1 of guessed labels. Averages are over the classes that the truth has."""
    names = sorted({*truth, *guesses})
    classes = sorted(set(truth))
    counts = {(label, guess): 0 for label in names for guess in names}
    for pair in zip(truth, guesses, strict=True):
        counts[pair] += 1
    each = {name: _class_figures(name, names, counts) for name in classes}
    f1s = [each[name]["f1"] for name in classes]
    support = [each[name]["n"] for name in classes]
    return {
        "n": len(truth),
        "accuracy": round(
            sum(one == other for one, other in zip(truth, guesses, strict=True)) / len(truth), 4
        ),
        "macro_f1": round(float(np.mean(f1s)), 4),
        "weighted_f1": round(float(np.average(f1s, weights=support)), 4),
        "per_class": each,
        "confusion": {
            label: {guess: count for guess in names if (count := counts[label, guess])}
            for label in classes
        },
    }


def _class_figures(
    name: str, names: Sequence[str], counts: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    right = counts[name, name]
    there = sum(counts[name, guess] for guess in names)
    guessed = sum(counts[label, name] for label in names)
    return {
        "precision": round(right / max(guessed, 1), 4),
        "recall": round(right / max(there, 1), 4),
        "f1": round(2 * right / max(there + guessed, 1), 4),
        "n": there,
    }


def closeness(human: Sequence[float], index: Sequence[float]) -> dict[str, Any]:
    """Of the dissatisfaction index to what people said, both 0 to 100: mean error and Spearman's
    rank correlation.
    """
    if not human:
        return {"n": 0, "mean_error": 0.0, "spearman": 0.0}
    one, other = _ranks(np.array(human)), _ranks(np.array(index))
    varied = one.std() > 0 and other.std() > 0
    return {
        "n": len(human),
        "mean_error": round(float(np.abs(np.array(human) - np.array(index)).mean()), 2),
        "spearman": round(float(np.corrcoef(one, other)[0, 1]), 4) if varied else 0.0,
    }


def _ranks(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The rank of each value; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: np.ndarray[Any, np.dtype[np.float64]] = (ends - (counts - 1) / 2)[place]
    return ranks


def _names(names: Sequence[str]) -> LabelNames:
    return {name.lower(): name for name in (*names, OTHER)}


def _labels(table: Table, head: str, names: LabelNames) -> list[str | None]:
    labels: list[str | None] = []
    for row in table.rows:
        cell = row[head]
        if cell and head in ("complaint", "severity") and cell.lower() not in names:
            raise table.unknown(row, head, names)
        labels.append(names.get(cell.lower(), cell) if cell else None)
    return labels

"""Figures of every head on complaints with labels, of a file or of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from models.analysis import Analysis, SentimentLabel
from models.analyzer import Analyzer
from models.evaluation.labelled_file import Table, read_labelled
from models.evaluation.metrics import OnJudged
from models.taxonomy.classifier import OTHER

LabelNames = Mapping[str, str]  # an allowed label in small letters -> the label

IS_NONE, IS_COMPLAINT = "no", "yes"
HEADS = ("sentiment", "complaint", "severity", "topic", "problem")
CLOSED = ("sentiment", "complaint", "severity")  # whose labels are the same for every taxonomy
SEVERITIES = ("0", "1", "2", "3", "4")
ABSTAINED = "(abstained)"
_SENTIMENTS: LabelNames = {
    **{label: label for label in get_args(SentimentLabel)},
    **{"neg": "negative", "neu": "neutral", "pos": "positive"},
}
_YES_NO = {
    "0": IS_NONE,
    "no": IS_NONE,
    "false": IS_NONE,
    "1": IS_COMPLAINT,
    "yes": IS_COMPLAINT,
    "true": IS_COMPLAINT,
}


def evaluate_complaints(
    data: Path, analyzer: Analyzer, on_judged: OnJudged | None = None
) -> dict[str, Any]:
    """Every head on a CSV with the column `text` and any of HEADS.

    sentiment: negative, neutral, positive. complaint: 0 1 no yes. severity: 0 to 4. topic, problem:
    names of the model's taxonomy, or other; names that it does not hold are listed as
    `unknown_labels`, and cannot be guessed. A text on which the model abstains is wrong in every
    head. on_judged: gets every label of every row. Raises EvaluationError naming the column or the
    label that is wrong.
    """
    table = read_labelled(data, ["text"], any_of=HEADS)
    allowed = _allowed_labels(analyzer)
    heads = {head: allowed[head] for head in HEADS if head in table.columns}
    truth = {head: _labels(table, head, names) for head, names in heads.items()}
    analyses = analyzer([row.cells["text"] for row in table.rows])
    figures = judged(analyses, truth)
    if on_judged is not None:
        _hand_on(on_judged, table, truth, analyses)
    for head in ("topic", "problem"):
        labels = {label for label in truth.get(head, ()) if label}
        unknown = [label for label in labels if label.lower() not in heads[head]]
        if unknown:
            figures[head]["unknown_labels"] = sorted(unknown)
    return {"model": analyzer.version, "data": data.name, "n": len(table.rows), **figures}


def _hand_on(
    on_judged: OnJudged,
    table: Table,
    truth: Mapping[str, Sequence[str | None]],
    analyses: Sequence[Analysis],
) -> None:
    """Every label of every row, with the model's."""
    for head, labels in truth.items():
        for row, label, analysis in zip(table.rows, labels, analyses, strict=True):
            if label is not None:
                on_judged(row.cells["text"], head, label, guess(analysis, head), None)


def judged(
    analyses: Sequence[Analysis], truth: Mapping[str, Sequence[str | None]]
) -> dict[str, Any]:
    """The figures of each head in `truth`.

    truth: by head, the label of each analysis, None for a text without one.
    With severities, `dissatisfaction` compares the index with them: mean error of 100 and rank
    correlation.
    """
    abstained = sum(analysis.abstained for analysis in analyses)
    figures: dict[str, Any] = {"abstained": abstained}
    for head, labels in truth.items():
        known = [row for row, label in enumerate(labels) if label is not None]
        if known:
            true_labels = [str(labels[row]) for row in known]
            figures[head] = agreement(true_labels, [guess(analyses[row], head) for row in known])
    if "severity" in figures:
        human: list[float] = []
        index: list[float] = []
        for label, analysis in zip(truth["severity"], analyses, strict=True):
            if label is not None and analysis.dissatisfaction is not None:
                human.append(25.0 * int(label))
                index.append(analysis.dissatisfaction)
        figures["dissatisfaction"] = closeness(human, index)
    return figures


def guess(analysis: Analysis, head: str) -> str:
    """The model's label of one head."""
    if analysis.abstained:
        return ABSTAINED
    if head == "sentiment":
        return analysis.sentiment.label if analysis.sentiment else ABSTAINED
    if head == "complaint":
        return IS_COMPLAINT if (analysis.complaint or 0.0) >= 0.5 else IS_NONE
    if head == "severity":
        return str(analysis.severity)
    if head == "topic":
        return analysis.topic.label if analysis.topic else OTHER
    return analysis.problem.label if analysis.problem else OTHER


def agreement(truth: Sequence[str], guesses: Sequence[str]) -> dict[str, Any]:
    """Accuracy and F1 of guessed labels. Averages are over the classes that the truth has."""
    names = sorted({*truth, *guesses})
    classes = sorted(set(truth))
    counts = Counter(zip(truth, guesses, strict=True))
    by_class = {name: _class_figures(name, names, counts) for name in classes}
    f1s = [figures["f1"] for figures in by_class.values()]
    support = [figures["n"] for figures in by_class.values()]
    right = sum(counts[name, name] for name in classes)
    return {
        "n": len(truth),
        "accuracy": round(right / len(truth), 4),
        "macro_f1": round(float(np.mean(f1s)), 4),
        "weighted_f1": round(float(np.average(f1s, weights=support)), 4),
        "per_class": by_class,
        "confusion": {
            label: {name: counts[label, name] for name in names if counts[label, name]}
            for label in classes
        },
    }


def _class_figures(
    name: str, names: Sequence[str], counts: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    right = counts[name, name]
    support = sum(counts[name, other] for other in names)
    guessed = sum(counts[other, name] for other in names)
    return {
        "precision": round(right / max(guessed, 1), 4),
        "recall": round(right / max(support, 1), 4),
        "f1": round(2 * right / max(support + guessed, 1), 4),
        "n": support,
    }


def closeness(human: Sequence[float], index: Sequence[float]) -> dict[str, Any]:
    """Mean error and Spearman's rank correlation of the index against people's, both 0 to 100."""
    if not human:
        return {"n": 0, "mean_error": 0.0, "spearman": 0.0}
    human_ranks, index_ranks = _ranks(np.array(human)), _ranks(np.array(index))
    varied = human_ranks.std() > 0 and index_ranks.std() > 0
    spearman = float(np.corrcoef(human_ranks, index_ranks)[0, 1]) if varied else 0.0
    return {
        "n": len(human),
        "mean_error": round(float(np.abs(np.array(human) - np.array(index)).mean()), 2),
        "spearman": round(spearman, 4),
    }


def _ranks(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The rank of each value; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: np.ndarray[Any, np.dtype[np.float64]] = (ends - (counts - 1) / 2)[place]
    return ranks


def _allowed_labels(analyzer: Analyzer) -> dict[str, LabelNames]:
    taxonomy = analyzer.taxonomy
    return {
        "sentiment": _SENTIMENTS,
        "complaint": _YES_NO,
        "severity": {level: level for level in SEVERITIES},
        "topic": _names([topic.name for topic in taxonomy.topics]),
        "problem": _names([problem.name for problem in taxonomy.problems]),
    }


def _names(names: Sequence[str]) -> LabelNames:
    return {name.lower(): name for name in (*names, OTHER)}


def _labels(table: Table, head: str, names: LabelNames) -> list[str | None]:
    labels: list[str | None] = []
    for row in table.rows:
        cell = row[head]
        if cell and head in CLOSED and cell.lower() not in names:
            raise table.unknown(row, head, names)
        labels.append(names.get(cell.lower(), cell) if cell else None)
    return labels

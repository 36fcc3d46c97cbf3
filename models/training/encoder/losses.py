"""Losses of the network: labels, words that show a cause, and sameness of misread texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from models.training.corpus.data import IGNORED
from models.training.encoder.batches import TASKS, Encoded
from models.training.encoder.network import SIDE
from models.training.encoder.recipe import Recipe


def of_labels(
    recipe: Recipe,
    encoded: Encoded,
    class_weights: Mapping[str, torch.Tensor],
    outputs: Mapping[str, torch.Tensor],
    indices: NDArray[np.int64],
) -> Iterator[torch.Tensor]:
    """The loss of each task that a batch has labels for, weighted as the recipe says.

    outputs: of the texts `indices` of `encoded`. class_weights: (classes,) by task.
    """
    labels = encoded.labels
    weights = {
        "sentiment": 1.0,
        "complaint": recipe.complaint_weight,
        "severity": recipe.severity_weight,
        "polar": recipe.polar_weight,
        **dict.fromkeys(SIDE, recipe.side_weight),
    }
    for task, weight in weights.items():
        truth = torch.from_numpy(labels[task][indices])
        known = truth != IGNORED
        if known.any():
            # Weighted by the share of the batch that has a label, or the few would shout.
            logits = outputs["sentiment"][:, [0, 2]] if task == "polar" else outputs[task]
            loss = cross_entropy(
                logits.float()[known],
                truth[known].to(logits.device),
                weight=class_weights.get(task),
                label_smoothing=recipe.smoothing,
            )
            yield weight * loss * known.float().mean()
    truth = torch.from_numpy(labels["severity"][indices])
    known = truth != IGNORED
    if recipe.index_weight and known.any():
        severity = outputs["severity"].float()[known]
        distance = (expected(severity) - truth[known].to(severity.device)).abs().mean()
        yield recipe.index_weight * distance * known.float().mean()
    for task, table in encoded.allowed.items():
        allowed = torch.from_numpy(table[indices])
        known = allowed.any(-1)
        if known.any():
            logits = outputs[task].float()[known]
            classes = allowed[known].to(logits.device)
            loss = allowed_entropy(logits, classes, class_weights[task])
            yield recipe.topic_weight * loss * known.float().mean()


def of_causes(
    weight: float, logits: torch.Tensor, causes: Sequence[Sequence[int] | None]
) -> torch.Tensor:
    """The weighted loss of the tokens whose text has a known cause.

    logits: (batch, tokens). causes: of each text 0 or 1 a token; None where it is not known.
    """
    truth = torch.full(logits.shape, -1.0)
    for row, flags in enumerate(causes):
        if flags is not None:
            truth[row, : len(flags)] = torch.tensor(flags, dtype=torch.float32)
    known = truth >= 0
    if not known.any():
        return torch.zeros(())
    flagged = truth[known].to(logits.device)
    loss = binary_cross_entropy_with_logits(logits.float()[known], flagged)
    return weight * loss * known.any(-1).float().mean()


def apart(
    outputs: Mapping[str, torch.Tensor], standard: Mapping[str, torch.Tensor], rows: Sequence[int]
) -> torch.Tensor:
    """How differently the texts `rows` of a batch are judged from what is the standard for them."""
    loss, places = torch.zeros(()), torch.tensor(rows)
    for task in TASKS:
        logs = outputs[task].float()[places].log_softmax(-1)
        standard_logs = standard[task].float().log_softmax(-1)
        loss = loss + (standard_logs.exp() * (standard_logs - logs)).sum(-1).mean()
    distance = expected(outputs["severity"].float()[places]) - expected(
        standard["severity"].float()
    )
    return loss + distance.abs().mean()


def class_weights(counts: NDArray[Any], balance: float) -> torch.Tensor:
    """(classes,): frequency ** -balance, 1 on average over the examples.

    counts: examples of each class.
    """
    counts = counts.clip(min=1)
    weights = (counts / counts.sum()) ** -balance
    return torch.tensor(weights / (weights * counts).sum() * counts.sum(), dtype=torch.float32)


def expected(severity: torch.Tensor) -> torch.Tensor:
    """The expected class, (batch,) 0 to 4, of severity logits (batch, 5)."""
    classes = torch.arange(severity.shape[-1], dtype=severity.dtype, device=severity.device)
    return severity.softmax(-1) @ classes


def allowed_entropy(
    logits: torch.Tensor, allowed: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of labels that allow several classes: the classes share the probability.

    logits, allowed: (batch, classes), at least one allowed in every row. weight: (classes,).
    """
    likely = logits.log_softmax(-1).masked_fill(~allowed, -torch.inf).logsumexp(-1)  # (batch,)
    weights = (weight * allowed).sum(-1) / allowed.sum(-1)
    return -(weights * likely).sum() / weights.sum()

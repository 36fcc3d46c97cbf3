"""What teaches the heads beside triage while an encoder is tuned: paraphrases and sentiments.

Texts that say one thing in other words shall be judged alike: what the start says of all of them in
the mean is the target of each (a consistency loss, as in Xie et al., 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from models.evaluation.labelled_file import read_labelled
from models.redact import redact
from models.training.corpus.data import SENTIMENTS, DataError
from models.training.encoder.batches import TASKS
from models.training.encoder.losses import expected

Outputs = Mapping[str, torch.Tensor]


def read_paraphrases(path: Path) -> list[list[str]]:
    """Groups of texts of a CSV `group,text`, redacted; a text without company is left out.

    Raises DataError for a file that cannot be read or has no such columns.
    """
    groups: dict[str, list[str]] = {}
    for row in read_labelled(path, ("group", "text"), error=DataError).rows:
        groups.setdefault(row["group"], []).append(redact(row["text"]))
    return [texts for texts in groups.values() if len(texts) > 1]


def read_sentiments(path: Path) -> list[tuple[str, int]]:
    """Texts, redacted, and their classes (0 negative, 1 neutral, 2 positive), of a CSV
    `text,sentiment`.

    Raises DataError for a file that cannot be read, and for an unknown sentiment with its line.
    """
    table = read_labelled(path, ("text", "sentiment"), error=DataError)
    for row in table.rows:
        if row["sentiment"] not in SENTIMENTS:
            raise table.unknown(row, "sentiment", SENTIMENTS)
    return [(redact(row["text"]), SENTIMENTS.index(row["sentiment"])) for row in table.rows]


def shared_judgement(outputs: Outputs, groups: Sequence[int]) -> dict[str, torch.Tensor]:
    """The mean of each group's probabilities, by task (texts, classes).

    outputs: logits by task (texts, classes). groups: the group of each text.
    """
    _, place = torch.unique(torch.tensor(groups), return_inverse=True)
    members = torch.nn.functional.one_hot(place).float()  # (texts, groups)
    members = members.to(outputs["severity"].device)
    share = members / members.sum(0)
    return {task: members @ (share.T @ outputs[task].float().softmax(-1)) for task in TASKS}


def apart(outputs: Outputs, target: Outputs) -> torch.Tensor:
    """How far logits are from probabilities, over all tasks, and their index with its."""
    loss = torch.zeros(())
    for task in TASKS:
        loss = loss + cross_entropy(outputs[task].float(), target[task])
    severity = target["severity"]
    classes = torch.arange(severity.shape[-1], dtype=torch.float32, device=severity.device)
    distance = expected(outputs["severity"].float()) - severity @ classes
    return loss + distance.abs().mean()

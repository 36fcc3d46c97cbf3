"""Topics and problems that readers named, learned beside the levels of the same messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from models.redact import redact
from models.text import normalize
from models.training.corpus.data import Corpus, text_hash
from models.training.encoder.losses import allowed_entropy
from models.training.release.by_reading import truth_of

TASKS = ("topic", "problem")


class TopicsByReaders:
    """Which topics and problems each of the corpus's read messages allows, found by its text."""

    def __init__(self, corpus: Corpus) -> None:
        self._rows = {_key(example.text): row for row, example in enumerate(corpus.read)}
        self._allowed = {
            task: torch.from_numpy(truth_of(task, corpus.read, corpus)) for task in TASKS
        }

    def count(self, texts: Sequence[str]) -> int:
        """How many of the texts somebody read."""
        return sum(_key(text) in self._rows for text in texts)

    def allowed(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """By task, (texts, classes); a row without any is of a text that nobody read."""
        rows = [self._rows.get(_key(text), -1) for text in texts]
        known = torch.tensor([row >= 0 for row in rows])
        return {
            task: table[rows] & known[:, None] if len(table) else table.new_zeros(len(rows), 1)
            for task, table in self._allowed.items()
        }


def topic_loss(
    outputs: Mapping[str, torch.Tensor], allowed: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Cross-entropy of the topics and problems that a batch's labels allow, by the share of the
    batch that has any.

    outputs, allowed: by task, (batch, classes).
    """
    loss = torch.zeros(())
    for task, table in allowed.items():
        known = table.any(-1)
        if known.any():
            even = torch.ones(table.shape[-1], device=table.device)
            of_task = allowed_entropy(outputs[task][known], table[known], even)
            loss = loss + of_task * known.float().mean()
    return loss


def _key(text: str) -> str:
    """Of a text, redacted or not: both have the same."""
    return text_hash(redact(normalize(text)))

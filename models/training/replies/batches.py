"""Pairs as ids, and batches of them as tensors."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from models.replier.conditions import Conditions
from models.replier.subwords import END, START, Subwords
from models.training.replies.data import Prepared
from models.training.replies.recipe import Recipe


@dataclass(frozen=True)
class Encoded:
    """Pairs as ids. targets: without the marks of start and end."""

    sources: list[list[int]]
    targets: list[list[int]]
    conditions: list[Conditions]
    weights: list[float]

    def __len__(self) -> int:
        return len(self.sources)


def encode(subwords: Subwords, rows: Sequence[Prepared], recipe: Recipe) -> Encoded:
    sources = subwords.encode([row.source for row in rows])
    targets = subwords.encode([row.target for row in rows])
    return Encoded(
        sources=[ids[: recipe.longest_source] or [END] for ids in sources],
        targets=[ids[: recipe.longest_target] for ids in targets],
        conditions=[row.conditions for row in rows],
        weights=[row.weight for row in rows],
    )


def joined(*parts: Encoded) -> Encoded:
    return Encoded(
        [ids for part in parts for ids in part.sources],
        [ids for part in parts for ids in part.targets],
        [value for part in parts for value in part.conditions],
        [value for part in parts for value in part.weights],
    )


def subset(encoded: Encoded, rows: Sequence[int]) -> Encoded:
    return Encoded(
        [encoded.sources[row] for row in rows],
        [encoded.targets[row] for row in rows],
        [encoded.conditions[row] for row in rows],
        [encoded.weights[row] for row in rows],
    )


def ordered(encoded: Encoded, size: int, seed: int, epoch: int) -> Iterator[list[int]]:
    """Indices of `size` pairs of like length, in an order that the epoch decides."""
    order = random.Random(f"{seed}:{epoch}")  # noqa: S311 (no secret)
    shuffled = list(range(len(encoded)))
    order.shuffle(shuffled)
    span = size * 64
    batches = []
    for start in range(0, len(shuffled), span):
        like = sorted(
            shuffled[start : start + span],
            key=lambda row: (len(encoded.targets[row]) // 4, len(encoded.sources[row])),
        )
        batches += [like[at : at + size] for at in range(0, len(like), size)]
    order.shuffle(batches)
    yield from batches


@dataclass(frozen=True)
class Batch:
    sources: torch.Tensor  # (batch, width)
    mask: torch.Tensor  # (batch, width)
    inputs: torch.Tensor  # (batch, steps) the start, then the reply
    labels: torch.Tensor  # (batch, steps) the reply, then the end
    labels_mask: torch.Tensor  # (batch, steps)


def tensors(encoded: Encoded, indices: Sequence[int]) -> Batch:
    sources = [encoded.sources[index] for index in indices]
    targets = [encoded.targets[index] for index in indices]
    width, steps = (
        -(-max(map(len, rows)) // 4) * 4 for rows in (sources, [[*ids, END] for ids in targets])
    )
    source = torch.zeros(len(indices), width, dtype=torch.long)
    inputs = torch.zeros(len(indices), steps, dtype=torch.long)
    labels = torch.zeros(len(indices), steps, dtype=torch.long)
    for row, (ids, target) in enumerate(zip(sources, targets, strict=True)):
        source[row, : len(ids)] = torch.tensor(ids)
        inputs[row, : len(target) + 1] = torch.tensor([START, *target])
        labels[row, : len(target) + 1] = torch.tensor([*target, END])
    mask = torch.arange(width)[None, :] < torch.tensor([len(ids) for ids in sources])[:, None]
    return Batch(source, mask, inputs, labels, labels > 0)

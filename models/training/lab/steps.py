"""Dataset of the lab whose items are training steps, drawn from the seed and the step's number."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from models.training.lab.augment import augmented
from models.training.lab.preference import Preference
from models.training.lab.recipe import Recipe
from models.training.lab.sets import Sets
from models.training.lab.tokens import Tokens

SORTED_BATCHES = 50  # batches whose texts are sorted by their length together

Batch = dict[str, Tensor]


class Steps(Dataset[Batch]):
    """Item n is this process's share of step n: texts, their labels and weights, then pairs.

    Every process draws the same step and takes its rows of it. A resumed run draws what an
    unbroken one would: nothing depends on what was drawn before.
    margins: (pairs,), how much the untrained network prefers the better label.
    """

    def __init__(
        self,
        recipe: Recipe,
        sets: Sets,
        tokens: Tokens,
        preferences: Sequence[Preference],
        margins: Tensor,
        *,
        rank: int,
        world: int,
    ) -> None:
        self.recipe, self.tokens, self.margins = recipe, tokens, margins
        self.rank, self.world = rank, world
        self.texts = sets.train.texts
        self.ids = tokens(self.texts)
        self.pair_ids = tokens([pair.text for pair in preferences])
        self.labels = torch.tensor(sets.train.labels)
        self.weights = torch.tensor(sets.train.weights) * self._class_weights(len(sets.names))
        self.better = torch.tensor([pair.better for pair in preferences], dtype=torch.long)
        self.worse = torch.tensor([pair.worse for pair in preferences], dtype=torch.long)
        self.pairs_a_step = min(recipe.preference_batch, len(preferences))
        self.per_epoch = math.ceil(len(self.ids) / recipe.batch)
        planned = recipe.epochs * self.per_epoch
        self.total = min(planned, recipe.steps or planned)
        self._batches_of = lru_cache(maxsize=1)(self._batches)

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, step: int) -> Batch:
        epoch, place = divmod(step, self.per_epoch)
        rows, pairs = self._batches_of(epoch)[place], self._pairs(step)
        own_rows = rows[self.rank :: self.world]
        own_pairs = pairs[self.rank :: self.world]
        ids = [self._wording(row, epoch) for row in own_rows]
        ids += [self.pair_ids[pair] for pair in own_pairs]
        # Divided by the weight of the whole step, not of the share, and times the processes: the
        # mean of their gradients is then that of one process, however uneven the shares are.
        weights = self.weights[own_rows] / self.weights[rows].sum() * self.world
        return {
            **self.tokens.tensors(
                ids or [self.ids[rows[0]]]
            ),  # without a share it still takes part
            "labels": self.labels[own_rows],
            "weights": weights,
            "better": self.better[own_pairs],
            "worse": self.worse[own_pairs],
            "margins": self.margins[own_pairs],
        }

    def _class_weights(self, classes: int) -> Tensor:
        """(texts,): frequency ** -balance of the class of each, 1 on average."""
        counts = np.bincount(self.labels.numpy(), minlength=classes).clip(min=1)
        balance = (counts / counts.sum()) ** -self.recipe.balance
        weights = balance / (balance * counts).sum() * counts.sum()
        return torch.tensor(weights, dtype=torch.float32)[self.labels]

    def _batches(self, epoch: int) -> list[list[int]]:
        """Rows of an epoch's steps, of like length, in an order that the seed decides."""
        order = random.Random(f"{self.recipe.seed}:{epoch}")  # noqa: S311 (no secret)
        rows = list(range(len(self.ids)))
        order.shuffle(rows)
        size = self.recipe.batch
        batches: list[list[int]] = []
        for start in range(0, len(rows), size * SORTED_BATCHES):
            chunk = rows[start : start + size * SORTED_BATCHES]
            chunk.sort(key=lambda row: len(self.ids[row]))
            batches += [chunk[first : first + size] for first in range(0, len(chunk), size)]
        order.shuffle(batches)
        return batches

    def _pairs(self, step: int) -> list[int]:
        draw = random.Random(f"{self.recipe.seed}:pairs:{step}")  # noqa: S311 (no secret)
        return draw.sample(range(len(self.pair_ids)), self.pairs_a_step)

    def _wording(self, row: int, epoch: int) -> list[int]:
        """Token ids of a text, in another wording by the recipe's chance."""
        draw = random.Random(f"{self.recipe.seed}:{epoch}:{row}")  # noqa: S311 (no secret)
        if draw.random() >= self.recipe.augment:
            return self.ids[row]
        return self.tokens([augmented(self.texts[row], draw, self.recipe.augment_ways)])[0]

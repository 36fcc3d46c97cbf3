"""Restoring of a run's first weights: adapters and heads from the INT8 graph of a release.

LoRA changes a weight by a matrix of low rank, so the difference between the released weight and the
base's has a few large singular values, and below them nothing but what INT8 rounded. Cut at the
rank, the adapters come back and most of the rounding is left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from models.artifact import MODEL
from models.training.encoder.restore import restore

_PREFIX, _SAVED = (
    "base_model.model.",
    ".modules_to_save.default",
)  # what PEFT puts around the names of a network
_DOWN, _UP = ".lora_A.default.weight", ".lora_B.default.weight"


def recovered(
    folder: Path,
    trained: Mapping[str, torch.Tensor],
    base: Mapping[str, torch.Tensor],
    *,
    scale: float,
) -> dict[str, torch.Tensor]:
    """Weights of the model directory `folder` in the names and shapes of a run's `trained` ones.

    base: weights of the encoder without adapters, by their names in it; scale: what the product of
    two adapters is multiplied by (alpha / rank). Heads whose classes differ, and those that are not
    served, are left out.
    """
    released = restore(folder / MODEL)
    weights: dict[str, torch.Tensor] = {}
    for name, weight in trained.items():
        own = name.removeprefix(_PREFIX).replace(_SAVED, "")
        if own.endswith(_DOWN):
            linear = own.removesuffix(_DOWN) + ".weight"
            change = released[linear] - base[linear.removeprefix("encoder.")].float()
            down, up = factors(change / scale, rank=len(weight))
            weights[name], weights[name.replace(_DOWN, _UP)] = down, up
        elif own in released and released[own].shape == weight.shape:
            weights[name] = released[own]
    return weights


def factors(change: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(rank, in) and (out, rank), equally large: the best approximation of `change` (out, in)."""
    left, strength, right = torch.linalg.svd(change, full_matrices=False)
    root = strength[:rank].sqrt()
    return root[:, None] * right[:rank], left[:, :rank] * root

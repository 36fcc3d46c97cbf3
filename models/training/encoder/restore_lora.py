"""Restoring of a run's first weights: adapters and heads from the INT8 graph of a release.

LoRA changes a weight by a matrix of low rank, so the difference between the released weight and the
base's has a few large singular values, and below them nothing but what INT8 rounded. Cut at the
rank, the adapters come back and most of the rounding is left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch.nn.functional import normalize

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
    released = in_order(restore(folder / MODEL), base)
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


def in_order(
    released: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The released weights with the channels of each feed-forward layer as they stand in the base.

    A fused graph has them in another order, which is the same network but another difference.
    """
    weights = dict(released)
    for name in released:
        if not name.endswith(".ffn.lin1.weight"):
            continue
        place = name.removesuffix("lin1.weight")
        first = base[name.removeprefix("encoder.")].float()
        like = normalize(released[name]) @ normalize(first).T  # (channels, channels of the base)
        order = like.argmax(-1).argsort()
        if len(like.argmax(-1).unique()) == len(order):
            weights |= {
                name: released[name][order],
                f"{place}lin1.bias": released[f"{place}lin1.bias"][order],
                f"{place}lin2.weight": released[f"{place}lin2.weight"][:, order],
            }
    return weights


def factors(change: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(rank, in) and (out, rank), equally large: the best approximation of `change` (out, in)."""
    left, strength, right = torch.linalg.svd(change, full_matrices=False)
    root = strength[:rank].sqrt()
    return root[:, None] * right[:rank], left[:, :rank] * root

"""Texts as the network takes them: token ids in batches of like length, and its outputs back in order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.training.data import Example
from models.training.network import HEADS

WIDTHS = (16, 24, 32, 40, 48, 64, 96, 128)  # few distinct shapes: a new one costs time
TASKS = tuple(HEADS)


@dataclass(frozen=True)
class Encoded:
    """Texts as token ids, with what the loss needs."""

    ids: list[list[int]]
    labels: NDArray[np.int64]  # (texts, tasks)


def encode(tokenizer: Tokenizer, examples: Sequence[Example], longest: int = WIDTHS[-1]) -> Encoded:
    ids = [_cut(one.ids, longest) for one in tokenizer.encode_batch([example.text for example in examples])]
    labels = np.array([[getattr(example, task) for task in TASKS] for example in examples], dtype=np.int64)
    return Encoded(ids, labels)


def _cut(ids: list[int], longest: int) -> list[int]:
    return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]


def batches(lengths: Sequence[int], size: int, order: random.Random | None) -> Iterator[tuple[list[int], int]]:
    """(indices, width) of batches of like length; longer texts make smaller batches. Shuffled by `order`, if given."""
    buckets: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        buckets.setdefault(next(width for width in WIDTHS if length <= width), []).append(index)
    made = []
    for width, members in sorted(buckets.items()):
        if order:
            order.shuffle(members)
        step = size if width <= 48 else max(1, size * 48 // width // 8 * 8)
        made += [(members[start : start + step], width) for start in range(0, len(members), step)]
    if order:
        order.shuffle(made)
    yield from made


def tensors(ids: Sequence[list[int]], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and their mask, (batch, width), padded with 0."""
    padded = torch.zeros(len(ids), width, dtype=torch.long)
    for row, one in enumerate(ids):
        padded[row, : len(one)] = torch.tensor(one)
    mask = torch.arange(width)[None, :] < torch.tensor([len(one) for one in ids])[:, None]
    return padded, mask.long()


def predict(model: torch.nn.Module, ids: Sequence[list[int]], *, fast: bool = False) -> dict[str, NDArray[np.float32]]:
    """All outputs for token ids, in order: logits by task, and `embedding`. fast: in bfloat16."""
    model.eval()
    parts: dict[str, list[NDArray[np.float32]]] = {}
    order: list[int] = []
    for indices, width in batches([len(one) for one in ids], 64, None):
        padded, mask = tensors([ids[index] for index in indices], width)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
            outputs = model(input_ids=padded, attention_mask=mask)
        order += indices
        for name, value in outputs.items():
            parts.setdefault(name, []).append(value.float().numpy())
    back = np.argsort(order)
    return {name: np.concatenate(values)[back] for name, values in parts.items()}

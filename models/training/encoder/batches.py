"""Batches of token ids of like length for the network, and its outputs back in order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from models.training.corpus.data import IGNORED, Example
from models.training.encoder.network import HEADS, SIDE
from models.training.encoder.precision import mixed

WIDTHS = (16, 24, 32, 40, 48, 64, 96, 128)  # few distinct shapes: a new one costs time
TASKS = (*HEADS, "topic", "problem")  # what is served
LEARNED = (*HEADS, "polar", *SIDE)  # tasks with one label each; topics and problems are sets

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """Texts as token ids, with what the loss needs.

    labels: by task, (texts,), IGNORED where there is none; of topics and problems, where one class
    alone is allowed. allowed: of `topic` and `problem`, (texts, classes); a row without any is
    unlabelled. causes: of each text, for each token, whether it is part of the cause; None where
    nobody said.
    """

    ids: list[list[int]]
    labels: Mapping[str, Labels]
    allowed: Mapping[str, NDArray[np.bool_]]
    causes: list[list[int] | None]


def encode(
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    *,
    topics: Sequence[str],
    problems: Sequence[str],
    longest: int = WIDTHS[-1],
) -> Encoded:
    encodings = tokenizer.encode_batch([example.text for example in examples])
    allowed = {
        "topic": _allowed([example.topics for example in examples], topics),
        "problem": _allowed([example.problems for example in examples], problems),
    }
    labels: dict[str, Labels] = {}
    for task in LEARNED:
        labels[task] = np.array([getattr(example, task) for example in examples], dtype=np.int64)
    return Encoded(
        ids=[cut(encoding.ids, longest) for encoding in encodings],
        labels=labels | {task: _only(table) for task, table in allowed.items()},
        allowed=allowed,
        causes=[_cause(*pair, longest) for pair in zip(examples, encodings, strict=True)],
    )


def _allowed(names: Sequence[tuple[str, ...]], classes: Sequence[str]) -> NDArray[np.bool_]:
    place = {name: number for number, name in enumerate(classes)}
    table = np.zeros((len(names), len(classes)), dtype=bool)
    for row, labels in enumerate(names):
        table[row, [place[name] for name in labels]] = True
    return table


def _only(allowed: NDArray[np.bool_]) -> Labels:
    return np.where(allowed.sum(1) == 1, allowed.argmax(1), IGNORED)


def _cause(example: Example, encoding: Encoding, longest: int) -> list[int] | None:
    if not example.cause:
        return None
    start = example.text.lower().find(example.cause.lower())
    end = start + len(example.cause)
    flags = [int(after > start and before < end) for before, after in encoding.offsets]
    return cut(flags, longest)


def cut(ids: list[int], longest: int) -> list[int]:
    return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]


def batches(
    lengths: Sequence[int], size: int, order: random.Random | None
) -> Iterator[tuple[list[int], int]]:
    """(indices, width) of batches of like length; longer texts make smaller batches.

    Shuffled by `order` if there is one.
    """
    buckets: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        buckets.setdefault(next(width for width in WIDTHS if length <= width), []).append(index)
    shuffled = []
    for width, members in sorted(buckets.items()):
        if order:
            order.shuffle(members)
        step = size if width <= 48 else max(1, size * 48 // width // 8 * 8)
        shuffled += [
            (members[start : start + step], width) for start in range(0, len(members), step)
        ]
    if order:
        order.shuffle(shuffled)
    yield from shuffled


def tensors(ids: Sequence[list[int]], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and their mask, (batch, width), padded with 0."""
    padded = torch.zeros(len(ids), width, dtype=torch.long)
    for row, row_ids in enumerate(ids):
        padded[row, : len(row_ids)] = torch.tensor(row_ids)
    mask = torch.arange(width)[None, :] < torch.tensor([len(row_ids) for row_ids in ids])[:, None]
    return padded, mask.long()


def device_of_weights(model: torch.nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device


def predict(
    model: torch.nn.Module, ids: Sequence[list[int]], *, fast: bool = False
) -> dict[str, NDArray[np.float32]]:
    """All outputs for token ids, in order: logits by task, and `embedding`.

    fast: in bfloat16 where that is fast. `cause` is as wide as the longest text, and 0 beyond the
    end of a text.
    """
    model.eval()
    device = device_of_weights(model)
    longest = max(map(len, ids), default=0)
    parts: dict[str, list[NDArray[np.float32]]] = {}
    order: list[int] = []
    for indices, width in batches([len(row_ids) for row_ids in ids], 64, None):
        padded, mask = tensors([ids[index] for index in indices], width)
        with torch.inference_mode(), mixed(fast, device):
            outputs = model(input_ids=padded.to(device), attention_mask=mask.to(device))
        order += indices
        for name, value in outputs.items():
            array = value.float().cpu().numpy()
            if name == "cause":
                array = np.where(mask.numpy() == 1, array, 0)[:, :longest]
                array = np.pad(array, ((0, 0), (0, longest - array.shape[1])))
            parts.setdefault(name, []).append(array)
    back = np.argsort(order)
    return {name: np.concatenate(values)[back] for name, values in parts.items()}

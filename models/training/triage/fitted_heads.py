"""Heads taught again on the tuned layers, by the labels that taught them first.

Held by the start's judgement alone, complaints lost half a point of F1 on validation texts, and
sentiments, of which new ones were learned beside it, two.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch.nn.functional import cross_entropy

from models.training.corpus.data import IGNORED, Corpus
from models.training.encoder.batches import batches, device_of_weights, tensors
from models.training.encoder.network import Head, Network
from models.training.encoder.precision import mixed

BATCH, RATE, DECAY = 64, 3e-4, 0.01
REPEATED = 2  # of a new sentiment to one of the public sets, of which there are thirty times more

Ids = Callable[[str], list[int]]


@dataclass(frozen=True)
class Fit:
    """How a head is fitted.

    lowest: the share of the rate that it falls to. start_share: of the weights that the head began
    with; sentiments fitted wholly anew lost 0.35 of a point in 8 bits, more than a release may.
    """

    epochs: int
    lowest: float = 1.0
    start_share: float = 0.0


FITS = {"complaint": Fit(4), "sentiment": Fit(2, lowest=0.02, start_share=0.3)}


def fit_heads(
    network: Network,
    corpus: Corpus,
    ids: Ids,
    seed: int,
    sentiments: Sequence[tuple[str, int]] = (),
) -> None:
    """Fit the head of complaints in place, and where there are new sentiments that of sentiments,
    too. ids: tokens of a text.
    """
    tasks = ["complaint", *(["sentiment"] if sentiments else [])]
    for task in tasks:
        rows = [(example.text, getattr(example, task)) for example in corpus.train]
        rows += [*sentiments] * REPEATED if task == "sentiment" else []
        known = [(text, label) for text, label in rows if label != IGNORED]
        if known:
            texts, labels = zip(*known, strict=True)
            _fit(network, task, [ids(text) for text in texts], torch.tensor(labels), seed)


def _fit(
    network: Network, task: str, ids: Sequence[list[int]], truth: torch.Tensor, seed: int
) -> None:
    """Fit a head in place; its query and everything else stay. truth: (texts,) classes."""
    torch.manual_seed(seed)
    head, how = cast(Head, getattr(network, task)), FITS[task]
    before = copy.deepcopy(head.state_dict())
    inputs = _inputs(network, head, ids)
    trained = [weight for name, weight in head.named_parameters() if name != "query"]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=DECAY)
    steps = how.epochs * -(-len(truth) // BATCH)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, how.lowest, total_iters=steps)
    head.train()
    for _ in range(how.epochs):
        order = torch.randperm(len(truth))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            logits = head.logits_of(*inputs[batch].chunk(2, dim=-1))
            labels = truth[batch].to(logits.device)
            optimizer.zero_grad()
            cross_entropy(logits, labels).backward()
            optimizer.step()
            falling.step()
    after = head.state_dict()
    head.load_state_dict(
        {name: torch.lerp(after[name], before[name], how.start_share) for name in after}
    )
    head.eval()


@torch.no_grad()
def _inputs(network: Network, head: Head, ids: Sequence[list[int]]) -> torch.Tensor:
    """What the head reads of each text, (texts, 2 x dim)."""
    network.eval()
    parts: list[torch.Tensor] = []
    order: list[int] = []
    for rows, width in batches([len(text) for text in ids], 64, None):
        tokens, mask = tensors([ids[row] for row in rows], width)
        device = device_of_weights(network)
        tokens, mask = tokens.to(device), mask.to(device)
        with mixed(device=device):
            hidden = network.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        hidden = hidden.float()
        parts.append(torch.cat([head.pooled(hidden, mask), hidden[:, 0]], dim=-1))
        order += rows
    inputs = torch.empty_like(torch.cat(parts))
    inputs[order] = torch.cat(parts)
    return inputs

"""The head of complaints taught again on the tuned layers, by the labels that taught it first.

Held by the start's judgement alone it lost half a point of F1 on validation texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch.nn.functional import cross_entropy

from models.training.corpus.data import IGNORED, Example
from models.training.encoder.batches import batches, tensors
from models.training.encoder.network import Head, Network

EPOCHS, BATCH, RATE, DECAY = 4, 64, 3e-4, 0.01


def fit_complaints(
    network: Network, examples: Sequence[Example], ids: Sequence[list[int]], seed: int
) -> None:
    """Fit the head in place; its query and everything else stay. ids: of the examples."""
    rows = [row for row, example in enumerate(examples) if example.complaint != IGNORED]
    if not rows:
        return
    torch.manual_seed(seed)
    truth = torch.tensor([examples[row].complaint for row in rows])
    head = cast(Head, network.complaint)
    inputs = _inputs(network, head, [ids[row] for row in rows])
    trained = [weight for name, weight in head.named_parameters() if name != "query"]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=DECAY)
    head.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(rows))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            logits = head.logits_of(*inputs[batch].chunk(2, dim=-1))
            optimizer.zero_grad()
            cross_entropy(logits, truth[batch]).backward()
            optimizer.step()
    head.eval()


@torch.no_grad()
def _inputs(network: Network, head: Head, ids: Sequence[list[int]]) -> torch.Tensor:
    """What the head reads of each text, (texts, 2 x dim)."""
    network.eval()
    parts: list[torch.Tensor] = []
    order: list[int] = []
    for rows, width in batches([len(text) for text in ids], 64, None):
        tokens, mask = tensors([ids[row] for row in rows], width)
        hidden = network.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        parts.append(torch.cat([head.pooled(hidden, mask), hidden[:, 0]], dim=-1))
        order += rows
    inputs = torch.empty_like(torch.cat(parts))
    inputs[order] = torch.cat(parts)
    return inputs

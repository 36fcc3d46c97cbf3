"""Heads of level and reasons taught again on the encoder as it is; other outputs stay, bit for bit.

New labels reach the served model within minutes: the encoder reads each text once, and what the
gate measured of everything else still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.artifact import load_artifact
from models.text import normalize
from models.training.encoder.features import Features
from models.training.encoder.network import Head
from models.training.encoder.restore import restore
from models.training.release.refit_heads import PARTS, mean_head, put
from models.training.triage.beside import release_beside
from models.training.triage.data import TriageData
from models.training.triage.labelled import Labelled
from models.training.triage.recipe import TriageRecipe
from models.training.triage.tune import level_loss, reason_loss

Print = Callable[[str], None]
Loss = Callable[[torch.Tensor, Sequence[Labelled]], torch.Tensor]

LOSSES: dict[str, Loss] = {"level": level_loss, "reason": reason_loss}


def refit_triage(
    recipe: TriageRecipe, data: TriageData, out: Path, say: Print = print
) -> dict[str, Any]:
    """Teach the heads LOSSES of the recipe's start by its labels, write `out/model`.

    Returns the story. Raises GateError where another output changed, or where held-out labels
    became less likely.
    """
    torch.set_num_threads(recipe.threads)
    artifact = load_artifact(Path(recipe.start))
    messages = [message for message in data.learned if message.grade is not None]
    features = Features(
        artifact.folder, list(LOSSES), out / "features", longest=artifact.max_tokens
    )
    seen = features.cached([normalize(message.text) for message in messages], say)
    weights = restore(artifact.model)
    heads: dict[str, Head] = {}
    for task, loss in LOSSES.items():
        inputs = torch.from_numpy(seen[task])
        runs = [
            _learnt(recipe, _head(task, weights, recipe.dropout), inputs, messages, loss, run)
            for run in range(recipe.soup)
        ]
        # The start counts as one run: a head between the old and the new sways less with the form
        # of a message (Wortsman et al., 2022, "Robust fine-tuning").
        heads[task] = mean_head([*runs, _head(task, weights, 0.0)])
        say(f"{task}: learnt from {len(messages):,} texts")

    def write(model: Path) -> None:
        put(artifact.model, model, heads)

    return release_beside(recipe, artifact, data, out, write, _lost, say)


def _head(task: str, weights: Mapping[str, torch.Tensor], dropout: float) -> Head:
    classes, dim = weights[f"{task}.decide.weight"].shape
    head = Head(dim, classes, dropout)
    head.load_state_dict({name: weights[f"{task}.{name}"] for name in ("query", *PARTS)})
    head.query.requires_grad_(False)  # it stands in one matrix with those of the other heads
    return head


def _learnt(
    recipe: TriageRecipe,
    head: Head,
    inputs: torch.Tensor,
    messages: Sequence[Labelled],
    loss: Loss,
    run: int,
) -> Head:
    torch.manual_seed(recipe.seed + run)
    trained = [weight for weight in head.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.head_rate, weight_decay=recipe.decay)
    head.train()
    for epoch in range(recipe.epochs):
        for group in optimizer.param_groups:
            group["lr"] = recipe.head_rate * (1 - epoch / recipe.epochs)
        order = torch.randperm(len(messages))
        for begin in range(0, len(order), recipe.batch):
            rows = order[begin : begin + recipe.batch]
            logits = head.logits_of(*inputs[rows].chunk(2, dim=-1))
            lost = loss(logits, [messages[int(row)] for row in rows])
            optimizer.zero_grad()
            lost.backward()
            optimizer.step()
    return head.eval()


def _lost(levels: NDArray[np.float32], messages: Sequence[Labelled]) -> float:
    """Cross-entropy of the levels (messages, 4), in nats."""
    return float(level_loss(torch.from_numpy(levels), messages)) if messages else 0.0

"""Heads of level and reasons taught again on the encoder as it is; other outputs stay, bit for bit.

New labels reach the served model within minutes: the encoder reads each text once, and what the
gate measured of everything else still holds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.artifact import MODEL, TOKENIZER, Artifact, load_artifact, sha256
from models.text import READING, normalize
from models.training.encoder.features import Features
from models.training.encoder.network import Head
from models.training.encoder.restore import restore
from models.training.release import gate
from models.training.release.refit_heads import PARTS, UNCHANGED, hand_on_calls, mean_head, put
from models.training.release.release import publish, served
from models.training.release.release import write as write_story
from models.training.triage.calibrate import calibrated, figures
from models.training.triage.data import TriageData
from models.training.triage.labelled import Labelled
from models.training.triage.recipe import TriageRecipe
from models.training.triage.release import counts, encoder_of, scale_facts
from models.training.triage.tune import level_loss, reason_loss

Print = Callable[[str], None]
Loss = Callable[[torch.Tensor, Sequence[Labelled]], torch.Tensor]

LOSSES: dict[str, Loss] = {"level": level_loss, "reason": reason_loss}
LOST = 0.01  # nats that labels chosen on may become less likely
SAMPLE = 300  # texts whose other outputs are compared


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
    with tempfile.TemporaryDirectory(dir=out) as spare:
        model = Path(spare) / "model"
        model.mkdir()
        shutil.copy(artifact.tokenizer, model / TOKENIZER)
        put(artifact.model, model / MODEL, heads)
        checks = _checks(artifact, model, messages, data.chosen_on)
        for check in checks:
            say(str(check))
        gate.enforce(checks)
        story = _story(recipe, artifact, data, model, checks)
        write_story(model, story)
        hand_on_calls(artifact, model, story["version"])
        return publish(story, model, out / "model")


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


def _checks(
    artifact: Artifact, model: Path, learned: Sequence[Labelled], held_out: Sequence[Labelled]
) -> list[gate.Check]:
    sample = [message.text for message in learned[:: max(1, len(learned) // SAMPLE)]]
    was, now = _outputs(artifact, artifact.model, sample), _outputs(artifact, model / MODEL, sample)
    changed = sum(not np.array_equal(was[name], now[name]) for name in was if name not in LOSSES)
    texts = [message.text for message in held_out]
    before, after = (
        _outputs(artifact, path, texts)["level"] for path in (artifact.model, model / MODEL)
    )
    worse = _lost(after, held_out) - _lost(before, held_out)
    return [
        gate.Check(UNCHANGED, changed, 0),
        gate.Check("level, loss on held-out labels, beyond the start's", worse, LOST),
    ]


def _lost(levels: NDArray[np.float32], messages: Sequence[Labelled]) -> float:
    """Cross-entropy of the levels (messages, 4), in nats."""
    return float(level_loss(torch.from_numpy(levels), messages)) if messages else 0.0


def _outputs(artifact: Artifact, model: Path, texts: Sequence[str]) -> dict[str, Any]:
    return served(model, artifact.tokenizer, texts, artifact.max_tokens)


def _story(
    recipe: TriageRecipe,
    artifact: Artifact,
    data: TriageData,
    model: Path,
    checks: Sequence[gate.Check],
) -> dict[str, Any]:
    """The start's, but for what was learned: its figures of the other heads still hold."""
    messages, conversations = data.chosen_on, data.chosen_on_conversations
    outputs = _outputs(artifact, model / MODEL, [message.text for message in messages])
    levels, last = outputs["level"], [message.text for message in conversations]
    states = _outputs(artifact, model / MODEL, last)["state"] if last else levels[:0]
    scale = calibrated(messages, levels, outputs["reason"], conversations, states)
    files = {name: sha256(model / name) for name in (MODEL, TOKENIZER)}
    names = {str(check).split(":")[0].split(maxsplit=1)[1] for check in checks}
    carried = [line for line in artifact.story["gate"] if not any(name in line for name in names)]
    return {
        **artifact.story,
        "version": f"{recipe.name}-{files[MODEL][:12]}-r{READING}",
        "files": files,
        "started_from": artifact.version,
        "gate": [*carried, *map(str, checks)],
        "urgency": scale_facts(scale),
        "triage": {
            "recipe": asdict(recipe),
            "encoder": encoder_of(artifact),
            "learned": counts(data.learned),
            "chosen on": counts(messages),
            "files": {str(path): digest for path, digest in data.hashes.items()},
            "figures": figures(messages, levels, conversations, states),
        },
    }

"""Levels taught by one's own labels: the head of levels alone, from where the served model stands.

The encoder and every other head stay as they are, bit for bit. What the head says about the
examples that come with earshot holds it in place, so that a few labels change little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from models.artifact import MODEL, TOKENIZER, Artifact, load_artifact, sha256
from models.examples.kernel import read_examples
from models.text import normalize
from models.training.corpus.data import DataError, file_hash, text_hash
from models.training.encoder.features import Features
from models.training.encoder.network import Head
from models.training.encoder.restore import restore
from models.training.release import gate, remedies
from models.training.release.refit_heads import PARTS, put
from models.training.release.release import served
from models.training.release.successor import Lesson, SameRows, release_successor, successor_of
from models.training.triage.calibrate import figures, grades
from models.training.triage.graft import share_of
from models.training.triage.labelled import Labelled, read_messages
from models.training.triage.tune import level_loss

Floats = NDArray[np.float32]
Print = Callable[[str], None]

TASK = "level"
FEWEST = 50  # labels that a model is taught by
HELD_OUT = 5  # of so many messages, one is kept for the gate
EPOCHS, BATCH, RATE, DECAY = 30, 32, 2e-4, 0.01
KEEP = 1.0  # weight of staying with what the head said about the examples
LOST = 0.01  # nats that held-out labels may become less likely


def train_own(table: Path, folder: Path, start: Path, say: Print = print) -> dict[str, Any]:
    """Teach the model directory `start` the levels in `table`, write `folder/model`.

    table: CSV `text,should_ticket,priority`, at least FEWEST rows. Returns its story. Raises
    DataError for a table that cannot be used or a model without the head, GateError where the head
    finds held-out labels less likely than before.
    """
    messages = read_messages(table)
    artifact = load_artifact(start)
    if artifact.urgency is None:
        raise DataError(f"model directory {start}: it has no head of levels to be taught")
    if len(messages) < FEWEST:
        raise DataError(f"{table}: it takes {FEWEST} labels, and has {len(messages)}")
    learned, held_out = _parts(messages)
    head = _fitted(artifact, learned, folder / "features", say)
    with successor_of(artifact, folder / "model") as model:
        put(artifact.model, model / MODEL, {TASK: head})
        was, now = _outputs(artifact, model, held_out)
        checks = _checks(held_out, was, now)
        gate.enforce(checks)
        lesson = _lesson(table, model, learned, held_out, checks, was[TASK], now[TASK])
        return release_successor(artifact, model, lesson)


def _parts(messages: Sequence[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """What is learned, and what is held out by the hash of the text: equal texts stay together."""
    held_out = [int(text_hash(message.text)[:8], 16) % HELD_OUT == 0 for message in messages]
    return (
        [message for message, is_held in zip(messages, held_out, strict=True) if not is_held],
        [message for message, is_held in zip(messages, held_out, strict=True) if is_held],
    )


def _fitted(artifact: Artifact, learned: Sequence[Labelled], folder: Path, say: Print) -> Head:
    """The head after its epochs."""
    torch.manual_seed(0)
    weights = restore(artifact.model)
    classes, dim = weights[f"{TASK}.decide.weight"].shape
    head = Head(dim, classes, dropout=0.1)
    head.load_state_dict({name: weights[f"{TASK}.{name}"] for name in ("query", *PARTS)})
    head.query.requires_grad_(False)  # it stands in one matrix with those of the other heads
    features = Features(artifact.folder, [TASK], folder, longest=artifact.max_tokens)
    examples = [normalize(example.text) for example in read_examples()]
    texts = [normalize(message.text) for message in learned]
    inputs = torch.from_numpy(features.read([*texts, *examples])[TASK])
    own, anchors = inputs[: len(texts)], inputs[len(texts) :]
    head.eval()
    with torch.no_grad():
        anchor_levels = head.logits_of(*anchors.chunk(2, dim=-1)).sigmoid()
        share = torch.from_numpy(share_of(artifact.model, TASK))
        beside = _levels(artifact, learned) - share * head.logits_of(*own.chunk(2, dim=-1))
    trained = [weight for weight in head.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=DECAY)
    head.train()
    for epoch in range(EPOCHS):
        order, losses = torch.randperm(len(texts)), []
        for begin in range(0, len(order), BATCH):
            rows = order[begin : begin + BATCH]
            logits = head.logits_of(*own[rows].chunk(2, dim=-1))
            sample = torch.randint(len(examples), (BATCH,))
            drift = binary_cross_entropy_with_logits(
                head.logits_of(*anchors[sample].chunk(2, dim=-1)), anchor_levels[sample]
            )
            logits = share * logits + beside[rows]  # the readers beside the head stay as they are
            loss = level_loss(logits, [learned[int(row)] for row in rows])
            optimizer.zero_grad()
            (loss + KEEP * drift).backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        if (epoch + 1) % 10 == 0:
            say(f"epoch {epoch + 1} of {EPOCHS}: loss {np.mean(losses):.4f}")
    return head.eval()


def _levels(artifact: Artifact, messages: Sequence[Labelled]) -> torch.Tensor:
    """The logits that are served, (messages, 4)."""
    texts = [message.text for message in messages]
    outputs = served(artifact.model, artifact.tokenizer, texts, artifact.max_tokens)
    return torch.from_numpy(outputs[TASK])


def _outputs(
    artifact: Artifact, model: Path, messages: Sequence[Labelled]
) -> tuple[Mapping[str, Floats], Mapping[str, Floats]]:
    """What the start serves of the messages, and what the model in `model` does."""
    texts = [message.text for message in messages]
    return (
        served(artifact.model, artifact.tokenizer, texts, artifact.max_tokens),
        served(model / MODEL, model / TOKENIZER, texts, artifact.max_tokens),
    )


def _checks(
    held_out: Sequence[Labelled], was: Mapping[str, Floats], now: Mapping[str, Floats]
) -> list[gate.Check]:
    changed = sum(not np.array_equal(was[name], now[name]) for name in was if name != TASK)
    loss_was, loss_now = (_loss(held_out, outputs[TASK]) for outputs in (was, now))
    return [
        gate.Check("other outputs that changed", changed, 0, remedy=remedies.FAULT),
        gate.Check(
            "loss on held-out labels, beyond the start's",
            loss_now - loss_was,
            LOST,
            remedy=remedies.LEVELS,
        ),
    ]


def _loss(held_out: Sequence[Labelled], levels: Floats) -> float:
    """Cross-entropy of the levels (messages, 4), in nats."""
    return float(level_loss(torch.from_numpy(levels), held_out)) if held_out else 0.0


def _lesson(
    table: Path,
    model: Path,
    learned: Sequence[Labelled],
    held_out: Sequence[Labelled],
    checks: Sequence[gate.Check],
    was: Floats,
    now: Floats,
) -> Lesson:
    """was, now: levels (messages, 4) of the held-out messages."""
    labels = np.array([message.grade or 0 for message in held_out], dtype=np.int64)
    guesses = [grades(levels) for levels in (was, now)]
    rows = {"own labels.level": SameRows(labels, *guesses)} if held_out else {}
    triage = {
        "own labels": {table.name: file_hash(table)},
        "learned": len(learned),
        "held out": len(held_out),
        "figures": figures(held_out, now, (), np.zeros((0, 3), np.float32)),
    }
    return Lesson(
        "own-levels",
        sha256(model / MODEL),
        "levels by your own labels",
        checks,
        rows,
        {"triage": triage},
    )

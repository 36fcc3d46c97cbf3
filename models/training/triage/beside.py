"""Release of a model whose outputs of level and reasons are others; all else stays, bit for bit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import MODEL, TOKENIZER, Artifact, sha256
from models.text import READING
from models.training.release import gate, remedies
from models.training.release.refit_heads import UNCHANGED, hand_on_calls
from models.training.release.release import publish, served
from models.training.release.release import write as write_story
from models.training.triage.calibrate import calibrated, figures
from models.training.triage.data import TriageData
from models.training.triage.labelled import Labelled
from models.training.triage.recipe import TriageRecipe
from models.training.triage.release import counts, encoder_of, recipe_facts, scale_facts

Print = Callable[[str], None]
Loss = Callable[[NDArray[np.float32], Sequence[Labelled]], float]  # of levels (messages, 4), nats

TASKS = ("level", "reason")
LOST = 0.01  # nats that labels chosen on may become less likely
SAMPLE = 300  # texts whose other outputs are compared


def release_beside(
    recipe: TriageRecipe,
    artifact: Artifact,
    data: TriageData,
    out: Path,
    write: Callable[[Path], None],
    loss: Loss,
    say: Print,
) -> dict[str, Any]:
    """Release the graph that `write` makes of the start's in `out/model`, and return its story.

    Raises GateError where an output beside TASKS changed, or where `loss` of held-out labels grew.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as spare:
        model = Path(spare) / "model"
        model.mkdir()
        shutil.copy(artifact.tokenizer, model / TOKENIZER)
        write(model / MODEL)
        checks = _checks(artifact, model, data, loss)
        for check in checks:
            say(str(check))
        gate.enforce(checks)
        story = _story(recipe, artifact, data, model, checks)
        write_story(model, story)
        hand_on_calls(artifact, model, story["version"])
        return publish(story, model, out / "model")


def _checks(artifact: Artifact, model: Path, data: TriageData, loss: Loss) -> list[gate.Check]:
    learned = [message for message in data.learned if message.grade is not None]
    sample = [message.text for message in learned[:: max(1, len(learned) // SAMPLE)]]
    was, now = (_outputs(artifact, at, sample) for at in (artifact.model, model / MODEL))
    changed = sum(not np.array_equal(was[name], now[name]) for name in was if name not in TASKS)
    texts = [message.text for message in data.chosen_on]
    before, after = (
        _outputs(artifact, at, texts)["level"] for at in (artifact.model, model / MODEL)
    )
    worse = loss(after, data.chosen_on) - loss(before, data.chosen_on)
    return [
        gate.Check(UNCHANGED, changed, 0, remedy=remedies.FAULT),
        gate.Check(
            "level, loss on held-out labels, beyond the start's",
            worse,
            LOST,
            remedy=remedies.LEVELS,
        ),
    ]


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
            "recipe": recipe_facts(recipe, artifact.version),
            "encoder": encoder_of(artifact),
            "heads": recipe_facts(recipe, artifact.version)
            if recipe.heads_only
            else _level_heads(artifact),
            "learned": counts(data.learned),
            "chosen on": counts(messages),
            "files": {str(path): digest for path, digest in data.hashes.items()},
            "figures": figures(messages, levels, conversations, states),
        },
    }


def _level_heads(artifact: Artifact) -> dict[str, Any] | None:
    """The recipe that the start's heads of level and reasons were taught by alone, if any."""
    heads: dict[str, Any] | None = artifact.story.get("triage", {}).get("heads")
    return heads

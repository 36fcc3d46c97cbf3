"""Release of a model's successor: what it learned is its own, all else is its start's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import CARD, MODEL, STORY, Artifact, sha256
from models.calls.head import HEAD
from models.evaluation.metrics import f1s
from models.registry import COMPARED
from models.text import READING
from models.training.embed_examples import with_places
from models.training.errors import TrainingError
from models.training.placed import written
from models.training.release.gate import Check
from models.training.release.refit_heads import hand_on_calls

Labels = NDArray[np.int64]

_TEMPLATE = Path(__file__).with_name("successor.md")


@dataclass(frozen=True)
class SameRows:
    """Guesses of the start and of its successor about the same held-out rows, (n,) classes each, of
    one row at least.
    """

    labels: Labels
    before: Labels
    after: Labels

    def figures(self, guesses: Labels) -> dict[str, float]:
        """The macro-F1 of the classes that the labels have, and the accuracy."""
        classes = int(max(self.labels.max(), guesses.max())) + 1
        by_class = f1s(self.labels, guesses, classes)[np.unique(self.labels)]
        return {
            "n": len(self.labels),
            "macro_f1": round(float(by_class.mean()), 4),
            "accuracy": round(float((self.labels == guesses).mean()), 4),
        }


@dataclass(frozen=True)
class Lesson:
    """What a successor learned. name: begins its version. digest: SHA-256 of what was learned.

    subject: in the card, after "taught". rows: by their name, what it is measured on. facts: of its
    story.
    """

    name: str
    digest: str
    subject: str
    checks: Sequence[Check]
    rows: Mapping[str, SameRows]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return f"{self.name}-{self.digest[:12]}-r{READING}"


@contextmanager
def successor_of(start: Artifact, out: Path) -> Iterator[Path]:
    """A directory with the files of `start`, its own taxonomy and examples too, which becomes `out`
    when all is well.

    Raises TrainingError where it cannot be written, where `out` is the start itself, and where
    there is anything there but a model directory.
    """
    if out.resolve() == start.folder.resolve():
        raise TrainingError(f"{out} is the model that is taught: choose another --out")
    with written(out) as model:
        try:
            for name in start.story["files"]:
                shutil.copy(start.folder / name, model / name)
        except OSError as error:
            raise TrainingError(f"{out}: it cannot be written ({error.strerror})") from None
        yield model


def release_successor(start: Artifact, model: Path, lesson: Lesson) -> dict[str, Any]:
    """Write the story and the card of the successor in `model`.

    The head for calls is handed on where `model` has none. Returns the story.
    """
    files = {name: sha256(model / name) for name in start.story["files"]}
    step = {
        "with": start.version,
        "before": {name: rows.figures(rows.before) for name, rows in lesson.rows.items()},
        "after": {name: rows.figures(rows.after) for name, rows in lesson.rows.items()},
    }
    story: dict[str, Any] = {
        **start.story,
        **lesson.facts,
        "version": lesson.version,
        "files": files,
        "started_from": start.version,
        COMPARED: [*start.story.get(COMPARED, ()), step],
        "gate": [str(check) for check in lesson.checks],
    }
    if files[MODEL] != start.story["files"][MODEL]:
        story = with_places(model, story)
    if not (model / HEAD).is_file():
        hand_on_calls(start, model, story["version"])
    (model / STORY).write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")
    (model / CARD).write_text(_card(start, story, lesson, step), encoding="utf-8")
    return story


def _card(
    start: Artifact, story: Mapping[str, Any], lesson: Lesson, step: Mapping[str, Any]
) -> str:
    rows: list[str] = []
    for name, now in step["after"].items():
        was = step["before"][name]
        pairs = [f"{part[key]:.3f}" for key in ("macro_f1", "accuracy") for part in (was, now)]
        rows.append(f"| {name} | {now['n']:,} | {' | '.join(pairs)} |")
    before = start.folder / CARD
    return _TEMPLATE.read_text(encoding="utf-8").format(
        version=story["version"],
        start=start.version,
        subject=lesson.subject,
        figures="\n".join(rows),
        gate="\n".join(story["gate"]),
        card=before.read_text(encoding="utf-8") if before.is_file() else "",
    )

"""Artifact: a model directory with one ONNX file, its tokenizer and its story `artifact.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 2
OF_PROBLEM = "problem: "  # and a name, among the least probabilities of an artifact
OF_TOPIC = "topic: "  # the same
READABLE = (1, 2)  # a model of format 1 has no heads for topics and problems
MODEL, TOKENIZER, STORY, CARD = "model.onnx", "tokenizer.json", "artifact.json", "README.md"
SENTIMENT_STORY = "sentiment.json"  # of a model of the lab, in place of STORY
TAXONOMY = "taxonomy.toml"  # of a model with topics of its own
DEFAULT_LEVELS = (10.0, 20.0, 30.0, 50.0)


class ArtifactError(Exception):
    """A model directory is missing or broken."""


@dataclass(frozen=True)
class UrgencyScale:
    """Calibration of the heads of triage: probability = sigmoid(factor * logit + shift).

    level: factor and shift of each level, of LEVELS in order. reason: of all reasons. state: the
    temperature.
    """

    level: tuple[tuple[float, float], ...]
    reason: tuple[float, float]
    state: float


@dataclass(frozen=True)
class Artifact:
    """A verified model directory.

    temperatures: by task; logits are divided by them before the softmax. max_tokens: longer texts
    are cut. languages: ISO 639-1 codes that the model reads. labels: by task, the names of its
    classes. least_probability: by task, that names a topic or problem; by
    "problem: NAME", of a problem that takes more. topic_threshold,
    problem_threshold: least cosine to name one by its phrases alone. cause_least: probability of a
    word that shows the problem. strange_most: highest logit of a text that is judged. levels: the
    dissatisfaction from which it has the grades 2 to 5. urgency: how the heads of triage are read;
    None where the model has none.
    """

    folder: Path
    version: str
    temperatures: Mapping[str, float]
    max_tokens: int
    languages: frozenset[str]
    topic_threshold: float
    problem_threshold: float
    labels: Mapping[str, tuple[str, ...]]
    least_probability: Mapping[str, float]
    cause_least: float
    strange_most: float
    levels: tuple[float, ...]
    urgency: UrgencyScale | None
    story: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def taxonomy(self) -> Path | None:
        """The model's own taxonomy, where it has one."""
        return self.folder / TAXONOMY if TAXONOMY in self.story["files"] else None

    @property
    def mix(self) -> Mapping[str, Mapping[str, int]]:
        """Training examples of each class, by task; empty where the story has none."""
        mix: Mapping[str, Mapping[str, int]] = self.story.get("mix", {})
        return mix

    @property
    def tokenizer(self) -> Path:
        return self.folder / TOKENIZER


def default_artifact() -> Path:
    """The directory of the model that comes with the package."""
    return Path(__file__).parent / "artifacts" / "default"


def is_classifier(folder: Path) -> bool:
    """Whether it is a model of the lab, which says sentiment alone."""
    return (folder / SENTIMENT_STORY).is_file()


def load_artifact(folder: Path) -> Artifact:
    """Read and verify a model directory. Raises ArtifactError, one line."""
    if not folder.is_dir():
        raise broken(folder, "there is no such directory")
    with reading(folder, STORY, "a model's"):
        story = read_story(folder, STORY, READABLE)
        return Artifact(
            folder=folder,
            version=str(story["version"]),
            temperatures={task: float(value) for task, value in story["temperatures"].items()},
            max_tokens=int(story["max_tokens"]),
            languages=frozenset(story["languages"]),
            topic_threshold=float(story["topic_threshold"]),
            problem_threshold=float(story["problem_threshold"]),
            labels={task: tuple(map(str, names)) for task, names in story["labels"].items()},
            least_probability={
                task: float(value) for task, value in story.get("least_probability", {}).items()
            },
            cause_least=float(story.get("cause_least", 0.5)),
            strange_most=float(story.get("strange_most", "inf")),
            levels=tuple(float(level) for level in story.get("levels", DEFAULT_LEVELS)),
            urgency=_urgency_scale(story.get("urgency")),
            story=story,
        )


def _urgency_scale(facts: Mapping[str, Any] | None) -> UrgencyScale | None:
    if facts is None:
        return None
    level = tuple((float(factor), float(shift)) for factor, shift in facts["level"])
    factor, shift = facts["reason"]
    return UrgencyScale(level, (float(factor), float(shift)), float(facts["state"]))


def read_story(folder: Path, file: str, formats: Collection[int]) -> dict[str, Any]:
    """The story of a directory, its files verified by their SHA-256. Call it within `reading`."""
    story: dict[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
    if story["format"] not in formats:
        raise broken(
            folder, f"{file} has format {story['format']}, this version reads up to {max(formats)}"
        )
    for name, expected in story["files"].items():
        if sha256(folder / name) != expected:
            raise broken(
                folder, f"{name} is damaged or was changed (its SHA-256 is not the recorded one)"
            )
    return story


@contextmanager
def reading(folder: Path, file: str, kind: str) -> Iterator[None]:
    """Turn every fault of a directory's story into an ArtifactError of one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise broken(folder, f"{Path(str(error.filename)).name} is missing") from None
    except OSError as error:
        raise broken(folder, f"it cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken(
            folder, f"{file} is not {kind} story ({type(error).__name__}: {error})"
        ) from None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def broken(folder: Path, reason: str) -> ArtifactError:
    return ArtifactError(
        f"model directory {folder}: {reason};"
        " name another one, or reinstall earshot to restore its own"
    )

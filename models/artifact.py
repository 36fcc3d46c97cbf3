"""The model directory: one ONNX file, its tokenizer, and `artifact.json`, which tells where both came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1
MODEL, TOKENIZER, STORY, CARD = "model.onnx", "tokenizer.json", "artifact.json", "README.md"


class ArtifactError(Exception):
    """A model directory is missing or broken."""


@dataclass(frozen=True)
class Artifact:
    """A verified model directory.

    temperatures: by task; logits are divided by them before the softmax. max_tokens: longer texts are cut.
    languages: ISO 639-1 codes that the model reads. topic_threshold, problem_threshold: least cosine to name one.
    """

    folder: Path
    version: str
    temperatures: Mapping[str, float]
    max_tokens: int
    languages: frozenset[str]
    topic_threshold: float
    problem_threshold: float
    story: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def tokenizer(self) -> Path:
        return self.folder / TOKENIZER


def default_artifact() -> Path:
    """The directory of the model that comes with the package."""
    return Path(__file__).parent / "artifacts" / "default"


def load_artifact(folder: Path) -> Artifact:
    """Read and verify a model directory. Raises ArtifactError, one line, when it cannot be served."""
    if not folder.is_dir():
        raise _broken(folder, "there is no such directory")
    try:
        story = json.loads((folder / STORY).read_text(encoding="utf-8"))
        if story["format"] != FORMAT:
            raise _broken(folder, f"{STORY} has format {story['format']}, this version reads {FORMAT}")
        artifact = Artifact(
            folder=folder,
            version=str(story["version"]),
            temperatures={task: float(value) for task, value in story["temperatures"].items()},
            max_tokens=int(story["max_tokens"]),
            languages=frozenset(story["languages"]),
            topic_threshold=float(story["topic_threshold"]),
            problem_threshold=float(story["problem_threshold"]),
            story=story,
        )
        for name, expected in story["files"].items():
            if sha256(folder / name) != expected:
                raise _broken(folder, f"{name} is damaged or was changed (its SHA-256 is not the recorded one)")
    except FileNotFoundError as error:
        raise _broken(folder, f"{Path(str(error.filename)).name} is missing") from None
    except OSError as error:
        raise _broken(folder, f"it cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(folder, f"{STORY} is not a model's story ({type(error).__name__}: {error})") from None
    return artifact


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _broken(folder: Path, why: str) -> ArtifactError:
    return ArtifactError(f"model directory {folder}: {why}; name another one, or reinstall earshot to restore its own")

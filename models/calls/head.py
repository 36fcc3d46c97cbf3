"""Call head: linear deciders over how a call ended, stored beside the encoder they know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.analysis import Analysis, OutcomeLabel, SentimentLabel
from models.artifact import ArtifactError
from models.calls.cues import Cues

Floats = NDArray[np.float32]
Side = Literal["customer", "whole"]
Task = Literal["sentiment", "outcome"]

HEAD, CARD, FORMAT = "calls.json", "CALLS.md", 1
LABELS: Mapping[Task, tuple[str, ...]] = {
    "sentiment": get_args(SentimentLabel),
    "outcome": get_args(OutcomeLabel),
}
CUE_SCALE = 0.2  # a cue beside one coordinate of an embedding of unit length
REMEDY = "run `earshot train calls` for it"


@dataclass(frozen=True)
class Decider:
    """Softmax regression.

    mean: (features,), of the calls that it learned from. weights: (classes, features).
    """

    mean: Floats
    weights: Floats
    bias: Floats
    temperature: float

    def __call__(self, features: Floats) -> Floats:
        """(features,) to calibrated probabilities (classes,)."""
        logits = ((features - self.mean) * self.weights).sum(-1) + self.bias
        weights = np.exp((logits - logits.max()) / self.temperature)
        probabilities: Floats = weights / weights.sum()
        return probabilities


@dataclass(frozen=True)
class Head:
    """The deciders by side and task. encoder: version of the model whose embeddings they know."""

    encoder: str
    cues: str
    deciders: Mapping[tuple[Side, Task], Decider]
    story: Mapping[str, Any]

    def as_json(self) -> str:
        heads = {
            f"{side} {task}": {
                "labels": list(LABELS[task]),
                "temperature": decider.temperature,
                "bias": _rounded(decider.bias),
                "mean": _rounded(decider.mean),
                "weights": [_rounded(row) for row in decider.weights],
            }
            for (side, task), decider in self.deciders.items()
        }
        document = {
            "format": FORMAT,
            "encoder": self.encoder,
            "cues": self.cues,
            "story": self.story,
            "heads": heads,
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        return text.replace("\n    ", " ").replace("\n   ]", " ]") + "\n"


def load_head(folder: Path, encoder: str, cues: Cues) -> Head | None:
    """The head of a model directory; None when it has none.

    encoder: the version that the directory has now. Raises ArtifactError, with the remedy, for a
    head that was made for another encoder or other cues, or is damaged.
    """
    path = folder / HEAD
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ArtifactError(
                f"{path}: has format {document['format']}, this version reads {FORMAT}; {REMEDY}"
            )
        head = Head(
            encoder=str(document["encoder"]),
            cues=str(document["cues"]),
            deciders={
                (side, task): _decider(document["heads"][f"{side} {task}"])
                for side in get_args(Side)
                for task in get_args(Task)
            },
            story=document["story"],
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactError(f"{path}: it cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path}: is not a head for calls ({type(error).__name__}: {error}); {REMEDY}"
        ) from None
    if head.encoder != encoder:
        raise ArtifactError(
            f"{path}: was made for the model {head.encoder}, and this is {encoder}; {REMEDY}"
        )
    if head.cues != cues.digest:
        raise ArtifactError(f"{path}: was made with another models/calls/cues.toml; {REMEDY}")
    return head


def features(
    cues: Cues, customer: Sequence[Analysis], agent: Sequence[Analysis] | None = None
) -> Floats:
    """The features of a call: the mean embedding of the second half of a side's turns, and cues.

    agent: the other side. Returns (embedding + 2 x groups,), or that twice. Of a side without turns
    everything is 0.
    """
    parts = [
        _ended(customer),
        CUE_SCALE * cues.counts("customer", [turn.text for turn in customer]),
    ]
    if agent is not None:
        parts += [_ended(agent), CUE_SCALE * cues.counts("agent", [turn.text for turn in agent])]
    width = next((part.size for part in parts[::2] if part.size), 0)
    return np.concatenate([part if part.size else np.zeros(width, np.float32) for part in parts])


def _ended(turns: Sequence[Analysis]) -> Floats:
    known = [turn.embedding for turn in turns[len(turns) // 2 :] if turn.embedding is not None]
    if not known:
        return np.zeros(0, np.float32)
    mean: Floats = np.mean(np.stack(known).astype(np.float32), axis=0)
    return mean


def _decider(row: Mapping[str, Any]) -> Decider:
    mean, weights, bias = (
        np.array(row[name], dtype=np.float32) for name in ("mean", "weights", "bias")
    )
    if weights.shape != (len(row["labels"]), len(mean)) or bias.shape != (len(weights),):
        raise ValueError(f"weights of shape {weights.shape} for {len(mean)} features")
    return Decider(mean, weights, bias, float(row["temperature"]))


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 5) for value in values]

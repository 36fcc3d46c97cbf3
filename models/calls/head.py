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
from models.calls.courtesies import has_matter
from models.calls.cues import Cues
from models.calls.cues import Side as CueSide

Floats = NDArray[np.float32]
Side = Literal["customer", "whole"]
Task = Literal["sentiment", "outcome"]

HEAD, CARD, FORMAT = "calls.json", "CALLS.md", 2
LABELS: Mapping[Task, tuple[str, ...]] = {
    "sentiment": get_args(SentimentLabel),
    "outcome": get_args(OutcomeLabel),
}
CUE_SCALE = 0.2  # a cue beside one coordinate of an embedding of unit length
# What is decided, and by which side's turns. How a customer feels is in the customer's words alone:
# with the agent's the sentiment of held-out calls was worse.
DECISIONS: tuple[tuple[Side, Task], ...] = (
    ("customer", "sentiment"),
    ("customer", "outcome"),
    ("whole", "outcome"),
)
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
                for side, task in DECISIONS
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


@dataclass(frozen=True)
class SideTurns:
    """The turns of one side of a call, in numbers.

    embeddings: (turns, width); known: (turns,) flags of those that have one. matter: (turns,)
    flags of those that are more than courtesies. hits: (turns, groups) flags of the cues.
    """

    embeddings: Floats
    known: NDArray[np.bool_]
    matter: NDArray[np.bool_]
    hits: NDArray[np.bool_]

    def without(self, row: int) -> SideTurns:
        rest = np.arange(len(self.known)) != row
        return SideTurns(
            self.embeddings[rest], self.known[rest], self.matter[rest], self.hits[rest]
        )

    def features(self) -> Floats:
        """(width + 2 x groups,): of the second half, and the cues of both halves.

        Of a side without turns everything is 0.
        """
        half = len(self.known) // 2
        return np.concatenate(
            [
                self._mean_embedding(half),
                CUE_SCALE * _counts(self.hits[:half]),
                CUE_SCALE * _counts(self.hits[half:]),
            ]
        )

    def _mean_embedding(self, half: int) -> Floats:
        known = self.embeddings[half:][self.known[half:]]
        mean: Floats = known.sum(0) / np.float32(max(len(known), 1))
        return mean


def sides_of(
    cues: Cues, customer: Sequence[Analysis], agent: Sequence[Analysis] | None = None
) -> list[SideTurns]:
    """The customer's side, and the agent's where it is given."""
    turns = [*customer, *(agent or ())]
    width = next((turn.embedding.size for turn in turns if turn.embedding is not None), 0)
    sides = [_side(cues, "customer", customer, width)]
    if agent is not None:
        sides.append(_side(cues, "agent", agent, width))
    return sides


def features(sides: Sequence[SideTurns]) -> Floats:
    """The features of a call: those of each side."""
    return np.concatenate([side.features() for side in sides])


def _side(cues: Cues, side: CueSide, turns: Sequence[Analysis], width: int) -> SideTurns:
    embeddings = np.zeros((len(turns), width), np.float32)
    for row, turn in enumerate(turns):
        if turn.embedding is not None:
            embeddings[row] = turn.embedding
    known = np.array([turn.embedding is not None for turn in turns], bool)
    texts = [turn.text for turn in turns]
    matter = np.array([has_matter(text) for text in texts], bool)
    return SideTurns(embeddings, known, matter, cues.hits(side, texts))


def _counts(hits: NDArray[np.bool_]) -> Floats:
    """(groups,): log(1 + turns that have the group)."""
    counts: Floats = np.log1p(hits.sum(0).astype(np.float32))
    return counts


def _decider(row: Mapping[str, Any]) -> Decider:
    mean, weights, bias = (
        np.array(row[name], dtype=np.float32) for name in ("mean", "weights", "bias")
    )
    if weights.shape != (len(row["labels"]), len(mean)) or bias.shape != (len(weights),):
        raise ValueError(f"weights of shape {weights.shape} for {len(mean)} features")
    return Decider(mean, weights, bias, float(row["temperature"]))


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 5) for value in values]

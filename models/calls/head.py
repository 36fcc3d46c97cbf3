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

HEAD, CARD, FORMAT = "calls.json", "CALLS.md", 4
LABELS: Mapping[Task, tuple[str, ...]] = {
    "sentiment": get_args(SentimentLabel),
    "outcome": get_args(OutcomeLabel),
}
# A cue, and a judgement, beside one coordinate of an embedding of unit length
CUE_SCALE, LATEST_SCALE, JUDGEMENT_SCALE = 0.2, 0.15, 0.5
JUDGED = 5  # negative, neutral, positive; complaint; settled
# What is decided, and by which side's turns. How a customer feels is in the customer's words alone:
# with the agent's the sentiment of held-out calls was worse.
DECISIONS: tuple[tuple[Side, Task], ...] = (
    ("customer", "sentiment"),
    ("customer", "outcome"),
    ("whole", "outcome"),
)
REMEDY = "run `earshot train calls` for it"


@dataclass(frozen=True)
class Home:
    """What holds for calls of one origin beside what holds for all: raters of two houses differ.

    gate: (features,), and gate_bias, of the log-odds that a call is of that origin. weights:
    (classes, features) and bias: (classes,), which count as far as it is.
    """

    gate: Floats
    gate_bias: float
    weights: Floats
    bias: Floats

    def likeness(self, centred: Floats) -> Floats:
        """(..., features) less their mean, to how far each call is of the origin (...), 0 to 1."""
        odds = (centred * self.gate).sum(-1) + self.gate_bias
        likeness: Floats = (0.5 + 0.5 * np.tanh(odds / 2)).astype(np.float32)
        return likeness


@dataclass(frozen=True)
class Decider:
    """Softmax regression.

    mean: (features,), of the calls that it learned from. weights: (classes, features). home: None
    where all calls are judged alike.
    """

    mean: Floats
    weights: Floats
    bias: Floats
    temperature: float
    home: Home | None = None

    def __call__(self, features: Floats) -> Floats:
        """(features,) to calibrated probabilities (classes,)."""
        centred = features - self.mean
        logits = (centred * self.weights).sum(-1) + self.bias
        if self.home is not None:
            own = (centred * self.home.weights).sum(-1) + self.home.bias
            logits = logits + self.home.likeness(centred) * own
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
            f"{side} {task}": {"labels": list(LABELS[task]), **_written(decider)}
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
    judgements: (turns, JUDGED), 0 to 1, of each turn read alone.
    """

    embeddings: Floats
    known: NDArray[np.bool_]
    matter: NDArray[np.bool_]
    hits: NDArray[np.bool_]
    judgements: Floats

    def without(self, row: int) -> SideTurns:
        rest = np.arange(len(self.known)) != row
        return SideTurns(
            self.embeddings[rest],
            self.known[rest],
            self.matter[rest],
            self.hits[rest],
            self.judgements[rest],
        )

    def features(self) -> Floats:
        """(width + 3 x groups + 4 x JUDGED,): the embedding of the second half, the cues of both
        halves and of the latest turns, and the judgements of the second half, the latest turns,
        all of them, and the highest.

        Of a side without turns everything is 0.
        """
        half = len(self.known) // 2
        second = self.known & (np.arange(len(self.known)) >= half)
        latest = self._latest()
        return np.concatenate(
            [
                _mean(self.embeddings, second),
                CUE_SCALE * _counts(self.hits[:half]),
                CUE_SCALE * _counts(self.hits[half:]),
                LATEST_SCALE * (self.hits * latest[:, None]).sum(0),
                JUDGEMENT_SCALE * _mean(self.judgements, second),
                JUDGEMENT_SCALE * _mean(self.judgements, latest),
                JUDGEMENT_SCALE * _mean(self.judgements, self.known),
                JUDGEMENT_SCALE * self.judgements.max(0, initial=0),
            ]
        ).astype(np.float32)

    def _latest(self) -> Floats:
        """(turns,): 1 of the last that says something, a half of that before it, and so on."""
        rows = np.flatnonzero(self.matter & self.known)
        weights = np.zeros(len(self.known), np.float32)
        weights[rows] = 0.5 ** np.arange(len(rows))[::-1]
        return weights


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
    judgements = np.zeros((len(turns), JUDGED), np.float32)
    for row, turn in enumerate(turns):
        if turn.embedding is not None:
            embeddings[row] = turn.embedding
            judgements[row] = _judged(turn)
    known = np.array([turn.embedding is not None for turn in turns], bool)
    texts = [turn.text for turn in turns]
    matter = np.array([has_matter(text) for text in texts], bool)
    return SideTurns(embeddings, known, matter, cues.hits(side, texts), judgements)


def _judged(turn: Analysis) -> list[float]:
    """(JUDGED,): 0 for what the model does not judge."""
    sentiments = {} if turn.sentiment is None else turn.sentiment.probabilities
    return [
        *(sentiments.get(label, 0.0) for label in get_args(SentimentLabel)),
        turn.complaint or 0.0,
        0.0 if turn.urgency is None else turn.urgency.settled,
    ]


def _mean(values: Floats, weights: NDArray[np.generic]) -> Floats:
    """(columns,): the weighted mean of the rows; 0 where no row has a weight."""
    of_rows = weights.astype(np.float32)
    mean: Floats = (values * of_rows[:, None]).sum(0) / max(float(of_rows.sum()), 1e-6)
    return mean


def _counts(hits: NDArray[np.bool_]) -> Floats:
    """(groups,): log(1 + turns that have the group)."""
    counts: Floats = np.log1p(hits.sum(0).astype(np.float32))
    return counts


def _written(decider: Decider) -> dict[str, Any]:
    row: dict[str, Any] = {
        "temperature": decider.temperature,
        "bias": _rounded(decider.bias),
        "mean": _rounded(decider.mean),
        "weights": [_rounded(weights) for weights in decider.weights],
    }
    if decider.home is not None:
        row["home"] = {
            "gate": _rounded(decider.home.gate),
            "gate_bias": round(decider.home.gate_bias, 5),
            "bias": _rounded(decider.home.bias),
            "weights": [_rounded(weights) for weights in decider.home.weights],
        }
    return row


def _decider(row: Mapping[str, Any]) -> Decider:
    mean = _floats(row["mean"])
    weights, bias = _weights(row, (len(row["labels"]), len(mean)))
    return Decider(mean, weights, bias, float(row["temperature"]), _home(row, weights))


def _home(row: Mapping[str, Any], beside: Floats) -> Home | None:
    home = row.get("home")
    if home is None:
        return None
    gate = _floats(home["gate"])
    if gate.shape != beside[0].shape:
        raise ValueError(f"a gate of shape {gate.shape} for {len(beside[0])} features")
    return Home(gate, float(home["gate_bias"]), *_weights(home, beside.shape))


def _weights(row: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    weights, bias = _floats(row["weights"]), _floats(row["bias"])
    if weights.shape != shape or bias.shape != shape[:1]:
        raise ValueError(f"weights of shape {weights.shape} for {shape[1]} features")
    return weights, bias


def _floats(values: Any) -> Floats:
    return np.array(values, dtype=np.float32)


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 5) for value in values]

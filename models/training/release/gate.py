"""The gate of a release: the small model must agree with the trained one, or nothing is written."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from models.analyzer import softmax
from models.evaluation.metrics import calibration_error, macro_f1
from models.training.corpus.data import IGNORED
from models.training.encoder.network import SERVED, Network
from models.training.errors import TrainingError
from models.training.release import remedies

Outputs = Mapping[str, NDArray[np.float32]]  # task -> logits (n, classes), and "embedding" (n, dim)
Labels = Mapping[str, NDArray[np.int64]]  # task -> (n,), IGNORED where there is none

SAME_LOGITS = (
    2e-3  # merged or exported against trained: float arithmetic in another order, nothing more
)
SMALL_LOGITS = 0.25  # INT8 against fp32, on average
LOST_F1 = 0.003
LOST_CALIBRATION = 0.01
RESAMPLES = 200
ONE_SIDED = 1.64  # standard errors that chance exceeds once in twenty times
EMBEDDING_INT8 = 0.98  # mean cosine of INT8 to fp32
LOST_FEW_SHOT = 0.02
SHOTS, DRAWS = 5, 5
HEADS_COST = 0.05  # share of the time of the encoder alone
COST_ROUNDS = 40
EMBEDDING_BASE = 0.9  # mean cosine of the tuned to the base's embedding


class GateError(TrainingError):
    """The model is not released."""


@dataclass(frozen=True)
class Check:
    """A promise of the gate: `value` must not be above (with `at_least`: below) `limit`.

    remedy: what to do next where it is broken, of `remedies`.
    """

    name: str
    value: float
    limit: float
    at_least: bool = False
    remedy: str = field(kw_only=True)

    @property
    def passed(self) -> bool:
        return bool(self.value >= self.limit if self.at_least else self.value <= self.limit)

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "ok  " if self.passed else "FAIL"
        return f"{verdict} {self.name}: {self.value:.5f} (must be {sign} {self.limit:.5f})"


def heads_survived(network: Network, trained: Mapping[str, torch.Tensor]) -> Check:
    """The merged network has the trained heads.

    trained: the adapted model's weights by its names for them. PEFT keeps heads beside the
    originals, and has been seen to hand the untrained ones back.
    """
    merged = dict(network.named_parameters())
    lost = 0
    for task in SERVED:
        own = {
            name: weight for name, weight in trained.items() if f".{task}.modules_to_save." in name
        }
        same: list[bool] = []
        for name, weight in own.items():
            other = merged.get(f"{task}.{name.split('.default.')[-1]}")
            same.append(other is not None and torch.equal(other, weight))
        lost += not (same and all(same))
    return Check("heads lost in the merge", lost, 0, remedy=remedies.FAULT)


def same(name: str, before: Outputs, after: Outputs) -> Check:
    """Nothing but the order of the arithmetic changed."""
    apart = max(float(np.abs(before[key] - after[key]).max()) for key in after)
    return Check(name, apart, SAME_LOGITS, remedy=remedies.FAULT)


def compared(
    full: Outputs, small: Outputs, base: NDArray[np.float32], labels: Labels
) -> list[Check]:
    """The small model is as good as the full one: judgements, calibration and embedding."""
    checks = [
        Check(
            "embedding, INT8 to fp32",
            _cosine(full["embedding"], small["embedding"]),
            EMBEDDING_INT8,
            at_least=True,
            remedy=remedies.SMALL,
        ),
        Check(
            "embedding, INT8 to the base",
            _cosine(base, small["embedding"]),
            EMBEDDING_BASE,
            at_least=True,
            remedy=remedies.BASE,
        ),
    ]
    for task, known_labels in labels.items():
        known = known_labels != IGNORED
        truth, before, after = known_labels[known], full[task][known], small[task][known]
        if not len(truth):
            continue
        classes = before.shape[-1]
        lost, error = lost_f1(truth, before.argmax(-1), after.argmax(-1), classes)
        # Rare classes of a few dozen texts cannot show so small a loss: there, chance must not
        # explain it (95 %).
        checks.append(
            Check(
                f"{task}, lost macro-F1",
                lost,
                LOST_F1 if error <= LOST_F1 else ONE_SIDED * error,
                remedy=remedies.SMALL,
            )
        )
        checks.append(
            Check(
                f"{task}, mean change of the logits",
                float(np.abs(before - after).mean()),
                SMALL_LOGITS,
                remedy=remedies.SMALL,
            )
        )
        worse = calibrated_error(truth, after) - calibrated_error(truth, before)
        checks.append(
            Check(
                f"{task}, lost calibration",
                worse,
                max(LOST_CALIBRATION, 3 / len(truth)),
                remedy=remedies.calibration(len(truth)),
            )
        )
    return checks


def lost_f1(
    truth: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64], classes: int
) -> tuple[float, float]:
    """Macro-F1 lost between two sets of guesses, and its standard error (paired bootstrap)."""

    def loss(rows: NDArray[np.int64]) -> float:
        return macro_f1(truth[rows], before[rows], classes) - macro_f1(
            truth[rows], after[rows], classes
        )

    generator = np.random.default_rng(0)
    size = len(truth)
    again = [loss(generator.integers(0, size, size)) for _ in range(RESAMPLES)]
    return loss(np.arange(size)), float(np.std(again))


def dropped(names: str, base: float, tuned: float) -> Check:
    """A figure did not fall by more than two points from the base's."""
    return Check(names, base - tuned, LOST_FEW_SHOT, remedy=remedies.BASE)


def few_shot(
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
    learned: Sequence[tuple[str, str]],
    tested: Sequence[tuple[str, str]],
) -> float:
    """Accuracy on `tested` (text, label) of the nearest mean of SHOTS texts a label.

    Mean over DRAWS draws of them. embed: texts to (n, dim), unit length.
    """
    names = sorted({label for _, label in learned})
    chance = random.Random(0)  # noqa: S311 (no secret)
    truth = np.array([names.index(label) for _, label in tested])
    places = embed([text for text, _ in tested])
    right = []
    for _ in range(DRAWS):
        sample = [
            text
            for name in names
            for text in chance.sample([text for text, label in learned if label == name], SHOTS)
        ]
        means = embed(sample).reshape(len(names), SHOTS, -1).mean(1)
        means /= np.linalg.norm(means, axis=-1, keepdims=True)
        right.append(float(((places @ means.T).argmax(-1) == truth).mean()))
    return float(np.mean(right))


def cost(small: Path, bare: Path) -> float:
    """The share of time that a graph takes longer than a bare one.

    The fastest of runs side by side, one thread.
    """
    sessions = [_session(path) for path in (small, bare)]
    ids = np.random.default_rng(0).integers(
        1000, 20000, (32, 24)
    )  # (texts, tokens), as tweets come
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    times: list[tuple[float, float]] = []
    for _ in range(COST_ROUNDS):
        both = []
        for session in sessions:
            begun = time.perf_counter()
            session.run(None, inputs)
            both.append(time.perf_counter() - begun)
        times.append((both[0], both[1]))
    # A run that was disturbed is longer, never shorter: the fastest quarter of each tells the work.
    fast = [
        float(np.mean(sorted(column)[: COST_ROUNDS // 4])) for column in zip(*times, strict=True)
    ]
    return fast[0] / fast[1] - 1


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(path),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],
    )


def enforce(checks: Sequence[Check], trained: Path | None = None) -> None:
    """Raises GateError naming every check that failed, and what to do next.

    trained: where the model that is not released stays.
    """
    if line := refusal(checks, trained):
        raise GateError(line)


def refusal(checks: Sequence[Check], trained: Path | None = None) -> str | None:
    """One line on the checks that failed, each remedy once; None where all passed."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return None
    remedies_of = dict.fromkeys(
        remedies.DIVERGED if math.isnan(check.value) else check.remedy for check in failed
    )
    stays = f". The trained model stays in {trained}" if trained else ""
    return (
        f"the model is not released: {'; '.join(map(str, failed))}."
        f" Next: {'; '.join(remedies_of)}{stays}"
    )


def temperature(truth: NDArray[np.int64], logits: NDArray[np.float32], doubt: float = 0.0) -> float:
    """The temperature, 0.2 to 5, that makes the labels likeliest (Guo et al., 2017).

    To three places. doubt: texts that count as if any class could be theirs (after Laplace): of
    five texts, all of them guessed right, the labels alone would have it that the model is always
    right.
    """
    low, high = np.log(0.2), np.log(5.0)
    for _ in range(
        60
    ):  # the loss has one minimum in log(T), so thirds of the interval can be dropped
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if likelihood_loss(truth, logits, np.exp(left), doubt) < likelihood_loss(
            truth, logits, np.exp(right), doubt
        ):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 3)


def likelihood_loss(
    truth: NDArray[np.int64], logits: NDArray[np.float32], warmth: float, doubt: float = 0.0
) -> float:
    """Mean cross-entropy (nats) of labels (n,), at least one, to logits (n, classes)."""
    surprise = -np.log(softmax((logits / warmth).astype(np.float64)) + 1e-12)  # (n, classes)
    of_labels = float(surprise[np.arange(len(truth)), truth].mean())
    return of_labels + doubt / len(truth) * float(surprise.mean()) if doubt else of_labels


def calibrated_error(truth: NDArray[np.int64], logits: NDArray[np.float32]) -> float:
    return calibration_error(truth, softmax(logits / temperature(truth, logits)))


def _cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float((first * second).sum(-1).mean())

"""Outcomes of calls that people corrected, learned by the head for calls of a model.

Each decider of the outcome gets an addition as the heads of messages do: half of the calls of our
own writing hold it in place, the other half shows what it costs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyzer import Analyzer
from models.artifact import Artifact
from models.calls.cues import read_cues
from models.calls.head import CARD, HEAD, LABELS, Decider, Head, Side, Task, load_head
from models.training.calls.data import LabelledCall
from models.training.calls.scenarios import scenario_calls, written_calls
from models.training.calls.train import card, inputs_of, turn_analyses
from models.training.corpus.data import text_hash
from models.training.custom.addition import Addition, Reading, learn_addition
from models.training.custom.corrected import FEWEST, CorrectionsError
from models.training.release import remedies
from models.training.release.gate import LOST_F1, ONE_SIDED, Check, enforce, lost_f1
from models.training.release.successor import Lesson, SameRows, release_successor, successor_of

Floats = NDArray[np.float32]
Print = Callable[[str], None]

TASK: Task = "outcome"
SIDES: tuple[Side, ...] = ("customer", "whole")
JUDGED: Side = "whole"  # what a worker decides by, and so what people corrected


@dataclass(frozen=True)
class _Correction:
    """A decider with its addition, and how it does on what it had not learned."""

    decider: Decider
    checks: Sequence[Check]
    rows: Mapping[str, SameRows]
    figures: Mapping[str, float]


def train_corrected_calls(
    calls: Sequence[LabelledCall], start: Artifact, out: Path, say: Print = print
) -> dict[str, Any]:
    """Teach the outcomes of `calls` to the head for calls of `start`, write the model directory
    `out`. All else stays as it is.

    Returns the model's story. Raises CorrectionsError for too few calls or a model without that
    head, GateError where calls read whole are decided no better, or those of our own writing worse.
    The decider by the customer's words alone stays as it was where it does not pass that gate.
    """
    head = load_head(start.folder, start.version, read_cues())
    if head is None:
        raise CorrectionsError(
            f"{start.folder}: has no head for calls; `earshot train calls` teaches one"
        )
    own = [call for call in calls if call.agreed.get(TASK)]
    _enough(own)
    learned = _learned(head, own, start, say)
    checks = [check for result in learned.values() for check in result.checks]
    enforce(checks)
    head = _with(head, learned, len(own))
    lesson = Lesson(
        "corrected-calls",
        hashlib.sha256(head.as_json().encode()).hexdigest(),
        "outcomes of calls by what people corrected",
        checks,
        {name: rows for result in learned.values() for name, rows in result.rows.items()},
        {"corrected calls": {side: result.figures for side, result in learned.items()}},
    )
    head = replace(head, encoder=lesson.version)
    with successor_of(start, out) as model:
        (model / HEAD).write_text(head.as_json(), encoding="utf-8")
        (model / CARD).write_text(card(head), encoding="utf-8")
        return release_successor(start, model, lesson)


def _learned(
    head: Head, own: Sequence[LabelledCall], start: Artifact, say: Print
) -> dict[Side, _Correction]:
    """By its side, each decider of the outcome that learns; JUDGED also where it fails the gate."""
    written = [*scenario_calls(), *written_calls()]
    calls = [*own, *written]
    say(f"reading {sum(len(call.turns) for call in calls):,} turns of {len(calls):,} calls")
    analyses = turn_analyses(Analyzer(start, threads=1), calls)
    learned: dict[Side, _Correction] = {}
    for side in SIDES:
        inputs = inputs_of(read_cues(), analyses, side)
        result = _learn(side, head.deciders[side, TASK], own, written, inputs)
        shares = result.figures
        say(
            f"{side} {TASK}: {int(shares['n'])} corrections, right {shares['right before']:.2f}"
            f" before, {shares['right, held out']:.2f} now"
        )
        failed = [str(check) for check in result.checks if not check.passed]
        if failed and side != JUDGED:
            say(f"{side} {TASK}: stays as it was; {failed[0]}")
        else:
            learned[side] = result
    return learned


def _with(head: Head, learned: Mapping[Side, _Correction], count: int) -> Head:
    """The head with these deciders. count: the calls that they learned from."""
    deciders = {(side, TASK): result.decider for side, result in learned.items()}
    step = {"n": count, "heads": " and ".join(learned)}
    story = {**head.story, "corrected": [*head.story.get("corrected", ()), step]}
    return replace(head, deciders={**head.deciders, **deciders}, story=story)


def _learn(
    side: Side,
    decider: Decider,
    own: Sequence[LabelledCall],
    written: Sequence[LabelledCall],
    inputs: Mapping[str, Floats],
) -> _Correction:
    own = [call for call in own if call.name in inputs]
    _enough(own)
    anchors = [call for call in written if not _is_tested(call)]
    tested = [call for call in written if _is_tested(call)]
    texts = ["\n".join(turn.text for turn in call.turns) for call in own]
    addition = learn_addition(
        _reading(decider, own, inputs), _labels(own), texts, _reading(decider, anchors, inputs)
    )
    reading, labels = _reading(decider, tested, inputs), _labels(tested)
    before, after = reading.logits.argmax(-1), addition.of(reading).argmax(-1)
    lost, error = lost_f1(labels, before, after, len(LABELS[TASK]))
    name = f"{side} {TASK}"
    checks = [
        addition.check(name),
        Check(
            f"{name}, macro-F1 lost on our own calls",
            lost,
            max(LOST_F1, ONE_SIDED * error),
            remedy=remedies.NEIGHBOURS,
        ),
    ]
    rows = {
        f"corrections.{name}": addition.same_rows(),
        f"our own calls.{name}": SameRows(labels, before, after),
    }
    return _Correction(_added(decider, addition), checks, rows, addition.figures())


def _reading(
    decider: Decider, calls: Sequence[LabelledCall], inputs: Mapping[str, Floats]
) -> Reading:
    features = np.stack([inputs[call.name] for call in calls])
    odds = np.stack([decider(row) for row in features])
    return Reading(features - decider.mean, np.log(np.maximum(odds, 1e-9)))


def _added(decider: Decider, addition: Addition) -> Decider:
    """The decider with the addition, which is of logits that the temperature has divided."""
    warmth = np.float32(decider.temperature)
    return replace(
        decider,
        weights=decider.weights + warmth * addition.weight.T,
        bias=decider.bias + warmth * addition.bias,
    )


def _labels(calls: Sequence[LabelledCall]) -> NDArray[np.int64]:
    names = [str(call.agreed[TASK]) for call in calls]
    return np.array([LABELS[TASK].index(name) for name in names], dtype=np.int64)


def _is_tested(call: LabelledCall) -> bool:
    """Half of the calls of our own writing; what has one beginning stays together."""
    return int(text_hash(str(call.group))[:8], 16) % 2 == 0


def _enough(calls: Sequence[LabelledCall]) -> None:
    if len(calls) < FEWEST:
        raise CorrectionsError(
            f"{len(calls)} calls with an outcome, both sides of which speak: it takes {FEWEST}"
        )

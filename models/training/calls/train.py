"""Trains the head for calls on the encoder of a model directory, in seconds, and writes it and its
card beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, get_args

import numpy as np

from models.analysis import Analysis
from models.analyzer import Analyzer
from models.artifact import load_artifact
from models.calls.cues import read_cues
from models.calls.head import CARD, HEAD, LABELS, Head, Side, Task, features
from models.calls.sides import sided
from models.evaluation.calls import figures
from models.evaluation.metrics import scores
from models.training.calls.data import Calls, Labelled
from models.training.calls.fit import Rated, choose, fit, held_out, temperature
from models.training.errors import TrainingError

Print = Callable[[str], None]
Read = Callable[[Sequence[str]], Sequence[Analysis]]

REPEATS = 3  # of the cross-validation that the figures are from; the choice itself is made with one
FEWEST = 10  # calls a task
_TEMPLATE = Path(__file__).with_name("calls.md")


def train_calls(
    model: Path, calls: Calls, *, say: Print = print, log: Path | None = None
) -> dict[str, Any]:
    """Learn from `calls`, write `calls.json` and its card into `model`, and return the head's
    story.

    log: a file that gets the loss of every step, for `earshot report`. Deterministic: the same
    model and calls give the same file. Raises TrainingError for too few calls.
    """
    artifact = load_artifact(model)
    analyzer = Analyzer(artifact, threads=1)
    cues = read_cues()
    by_name = {call.name: call for call in calls.learn + calls.test}
    say(
        f"reading {sum(len(call.turns) for call in by_name.values()):,} turns of {len(by_name):,} calls"
    )
    heard = _heard(analyzer, list(by_name.values()))
    deciders, story = {}, {}
    for side in get_args(Side):
        read = {
            name: features(cues, customer, agent if side == "whole" else None)
            for name, (customer, agent) in heard.items()
            if customer and (agent or side == "customer")
        }
        for task in get_args(Task):
            learn = [call for call in calls.learn if task in call.shares and call.name in read]
            _enough(learn, task)
            rated = Rated(
                np.stack([read[call.name] for call in learn]),
                np.stack([call.shares[task] for call in learn]),
                np.array([call.kind == "dialog" for call in learn]),
            )
            chosen = choose(rated)
            odds = [
                held_out(rated, chosen.strength, chosen.weight, seed)
                for seed in range(1, REPEATS + 1)
            ]
            called = ~rated.dialogs
            warmth = temperature(
                np.tile(rated.shares[called], (REPEATS, 1)),
                np.concatenate([one[called] for one in odds]),
            )
            decider = fit(
                rated, chosen.strength, chosen.weight, _logged(log, f"{side} {task}")
            ).decider(warmth)
            deciders[side, task] = decider
            told: dict[str, Any] = {
                "calls": int(called.sum()),
                "dialogs": int(rated.dialogs.sum()),
                "strength": chosen.strength,
                "weight of a dialog": chosen.weight,
                "losses (calls, dialogs)": chosen.losses,
                "temperature": warmth,
                "cross-validation": _measured(
                    task, [call.agreed[task] for call in learn], odds, warmth
                ),
            }
            tested = [call for call in calls.test if call.agreed[task] and call.name in read]
            if tested:
                truth = _truth(task, [call.agreed[task] for call in tested])
                told["test"] = figures(
                    truth, np.stack([decider(read[call.name]) for call in tested]), LABELS[task]
                )
            story[f"{side} {task}"] = told
            say(f"{side} {task}: {_short(told)}")
    head = Head(analyzer.version, cues.digest, deciders, {"data": calls.hashes, "heads": story})
    (model / HEAD).write_text(head.as_json(), encoding="utf-8")
    (model / CARD).write_text(card(head), encoding="utf-8")
    say(f"wrote {model / HEAD} and {CARD}")
    return dict(head.story)


def _logged(log: Path | None, name: str) -> Callable[[float], None] | None:
    """What writes the losses of one head into the log, numbered from 1."""
    if log is None:
        return None
    steps = count(1)

    def heard(loss: float) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": next(steps), f"loss, {name}": round(loss, 5)}) + "\n")

    return heard


def card(head: Head) -> str:
    """The Markdown of a head's story."""
    rows = []
    for name, told in head.story["heads"].items():
        for what in ("cross-validation", "test"):
            if what in told:
                one = told[what]
                low, high = one["interval"]["weighted_f1"]
                weighted = f"{one['weighted_f1']:.3f} ({low:.2f} to {high:.2f})"
                cells = [
                    name,
                    what,
                    one["n"],
                    weighted,
                    f"{one['macro_f1']:.3f}",
                    f"{one['accuracy']:.3f}",
                ]
                rows.append("| " + " | ".join(map(str, cells)) + " |")
    return _TEMPLATE.read_text(encoding="utf-8").format(
        encoder=head.encoder, figures="\n".join(rows)
    )


def _heard(
    analyzer: Analyzer, calls: Sequence[Labelled]
) -> dict[str, tuple[list[Analysis], list[Analysis]]]:
    """The customer's and the agent's turns of each call, all read in one go."""
    turns = {call.name: sided(call.turns) for call in calls}
    texts = list(dict.fromkeys(turn.text for call in turns.values() for turn in call))
    languages: list[str | None] = ["en"] * len(texts)
    read = dict(zip(texts, analyzer(texts, languages), strict=True))
    return {
        name: (
            [
                one
                for turn in call
                if turn.speaker == "customer" and not (one := read[turn.text]).abstained
            ],
            [read[turn.text] for turn in call if turn.speaker == "agent"],
        )
        for name, call in turns.items()
    }


def _measured(
    task: Task, agreed: Sequence[str | None], odds: Sequence[Any], warmth: float
) -> dict[str, Any]:
    """The figures on what the raters agree on, each call held out; means over the repeats,
    confusion of the first.
    """
    rows = [row for row, label in enumerate(agreed) if label]
    truth = _truth(task, [agreed[row] for row in rows])
    scaled = [one[rows] ** (1 / warmth) for one in odds]
    scaled = [one / one.sum(-1, keepdims=True) for one in scaled]
    reports = [scores(truth, one, LABELS[task]) for one in scaled]
    mean = {
        key: round(float(np.mean([one[key] for one in reports])), 4)
        for key in ("accuracy", "macro_f1", "weighted_f1", "ece")
    }
    return figures(truth, scaled[0], LABELS[task]) | mean


def _truth(task: Task, labels: Sequence[str | None]) -> Any:
    return np.array([LABELS[task].index(str(label)) for label in labels], dtype=np.int64)


def _short(told: dict[str, Any]) -> str:
    parts = [
        f"{what} weighted F1 {told[what]['weighted_f1']:.3f} of {told[what]['n']}"
        for what in ("cross-validation", "test")
        if what in told
    ]
    return ", ".join(parts)


def _enough(learn: Sequence[Labelled], task: Task) -> None:
    labels = {int(call.shares[task].argmax()) for call in learn}
    if len(learn) < FEWEST or len(labels) < 2:
        raise TrainingError(
            f"{len(learn)} calls with a label for {task}, of {len(labels)} kinds: it takes {FEWEST} and two kinds"
        )

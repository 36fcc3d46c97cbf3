"""Training of the head for calls on the encoder of a model directory, in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from models.analysis import Analysis
from models.analyzer import Analyzer
from models.artifact import load_artifact
from models.calls.cues import Cues, read_cues
from models.calls.head import (
    CARD,
    DECISIONS,
    HEAD,
    LABELS,
    Decider,
    Floats,
    Head,
    Side,
    Task,
    features,
    sides_of,
)
from models.calls.sides import sided
from models.evaluation.calls import figures
from models.evaluation.metrics import scores
from models.training.calls.data import Calls, Kind, LabelledCall
from models.training.calls.fit import Rated, choose, fit, held_out, temperature
from models.training.calls.scenarios import scenario_calls, written_calls
from models.training.errors import TrainingError

Print = Callable[[str], None]
TurnAnalyses = tuple[list[Analysis], list[Analysis]]  # of the customer, of the agent

REPEATS = 3  # of the cross-validation that the figures are from; others make the choice
FEWEST = 10  # calls a task
KINDS: Mapping[str, Kind] = {
    "cross-validation": "call",
    "told alike": "told",
    "written whole": "written",
}
PARTS = (*KINDS, "test")
_TEMPLATE = Path(__file__).with_name("calls.md")
_CORRECTED = """
Since then the outcome ({heads}) was taught {n} outcomes that people corrected: the least addition
to its weights that puts them right, held in place by half of our own calls. The model's card,
`README.md`, has the figures."""


def train_calls(
    model: Path, calls: Calls, *, say: Print = print, log: Path | None = None
) -> dict[str, Any]:
    """Learn from `calls` and the scenarios, write `calls.json` and its card into `model`.

    Returns the head's story. Our own calls keep its mood out of its outcome.
    log: a file that gets the loss of every step, for `earshot report`. Deterministic: the same
    model and calls give the same file. Raises TrainingError for too few calls.
    """
    artifact = load_artifact(model)
    analyzer = Analyzer(artifact, threads=1)
    cues = read_cues()
    for task in LABELS:
        _enough(calls.learn, task)
    tellings, contrasts = scenario_calls(), written_calls()
    calls = replace(calls, learn=[*calls.learn, *tellings, *contrasts])
    by_name = {call.name: call for call in calls.learn + calls.test}
    turns = sum(len(call.turns) for call in by_name.values())
    say(f"reading {turns:,} turns of {len(by_name):,} calls")
    analyses = turn_analyses(analyzer, list(by_name.values()))
    deciders: dict[tuple[Side, Task], Decider] = {}
    story: dict[str, Any] = {}
    for side, task in DECISIONS:
        inputs = inputs_of(cues, analyses, side)
        name = f"{side} {task}"
        decider, story[name] = _learn(calls, inputs, task, _logged(log, name))
        deciders[side, task] = decider
        say(f"{name}: {_short(story[name])}")
    numbers = [len({call.group for call in tellings}), len(tellings), len(contrasts)]
    head = Head(
        analyzer.version,
        cues.digest,
        deciders,
        {"data": calls.hashes, "written": numbers, "heads": story},
    )
    (model / HEAD).write_text(head.as_json(), encoding="utf-8")
    (model / CARD).write_text(card(head), encoding="utf-8")
    say(f"wrote {model / HEAD} and {CARD}")
    return dict(head.story)


def inputs_of(cues: Cues, analyses: Mapping[str, TurnAnalyses], side: Side) -> dict[str, Floats]:
    """The features of the calls that a side can be judged by, by name."""
    inputs: dict[str, Floats] = {}
    for name, (customer, agent) in analyses.items():
        if customer and (agent or side == "customer"):
            inputs[name] = features(sides_of(cues, customer, agent if side == "whole" else None))
    return inputs


def _learn(
    calls: Calls, inputs: Mapping[str, Floats], task: Task, log: Callable[[float], None] | None
) -> tuple[Decider, dict[str, Any]]:
    """The decider of a task, and its story."""
    learn = [call for call in calls.learn if task in call.shares and call.name in inputs]
    rated = _rated(learn, inputs, task)
    choice = choose(rated)
    seeds = range(1, REPEATS + 1)
    odds = [held_out(rated, choice.strength, choice.home, seed) for seed in seeds]
    is_call = rated.groups < 0
    warmth = temperature(
        np.tile(rated.shares[is_call], (REPEATS, 1)),
        np.concatenate([repeat[is_call] for repeat in odds]),
    )
    decider = replace(fit(rated, choice.strength, choice.home, log), temperature=warmth)
    story: dict[str, Any] = {
        "calls": int(is_call.sum()),
        "calls of our own writing": int((rated.groups >= 0).sum()),
        "strength": choice.strength,
        "home": choice.home,
        "losses": choice.losses,
        "temperature": warmth,
    }
    story |= _held_out_figures(task, learn, odds, warmth)
    tested = [call for call in calls.test if call.agreed[task] and call.name in inputs]
    if tested:
        story["test"] = _tested(decider, tested, inputs, task)
    return decider, story


def _held_out_figures(
    task: Task, learn: Sequence[LabelledCall], odds: Sequence[Any], warmth: float
) -> dict[str, Any]:
    """The figures of the calls, and those of our own writing."""
    figures_by_part: dict[str, Any] = {}
    for part, kind in KINDS.items():
        agreed = [call.agreed[task] if call.kind == kind else None for call in learn]
        if any(agreed):
            figures_by_part[part] = _measured(task, agreed, odds, warmth)
    return figures_by_part


def _rated(calls: Sequence[LabelledCall], inputs: Mapping[str, Floats], task: Task) -> Rated:
    groups = list(dict.fromkeys(call.group for call in calls if call.group is not None))
    return Rated(
        np.stack([inputs[call.name] for call in calls]),
        np.stack([call.shares[task] for call in calls]),
        np.array([-1 if call.group is None else groups.index(call.group) for call in calls]),
        np.array([call.count(task) for call in calls], np.float32),
    )


def _tested(
    decider: Decider, calls: Sequence[LabelledCall], inputs: Mapping[str, Floats], task: Task
) -> dict[str, Any]:
    truth = _truth(task, [call.agreed[task] for call in calls])
    guesses = np.stack([decider(inputs[call.name]) for call in calls])
    return figures(truth, guesses, LABELS[task])


def _logged(log: Path | None, name: str) -> Callable[[float], None] | None:
    """A function that appends the losses of one head to the log, numbered from 1."""
    if log is None:
        return None
    steps = count(1)

    def append(loss: float) -> None:
        line = json.dumps({"step": next(steps), f"loss, {name}": round(loss, 5)})
        with log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return append


def card(head: Head) -> str:
    """The Markdown of a head's story."""
    rows: list[str] = []
    for name, story in head.story["heads"].items():
        for part in PARTS:
            if part in story:
                rows.append(_card_row(name, part, story[part]))
    scenarios, tellings, contrasts = head.story["written"]
    corrected = [_CORRECTED.format(**step) for step in head.story.get("corrected", ())]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        encoder=head.encoder,
        scenarios=scenarios,
        tellings=tellings,
        written=contrasts,
        figures="\n".join([*rows, *corrected]),
    )


def _card_row(name: str, part: str, figures: Mapping[str, Any]) -> str:
    low, high = figures["interval"]["weighted_f1"]
    weighted = f"{figures['weighted_f1']:.3f} ({low:.2f} to {high:.2f})"
    macro, accuracy = f"{figures['macro_f1']:.3f}", f"{figures['accuracy']:.3f}"
    return f"| {name} | {part} | {figures['n']} | {weighted} | {macro} | {accuracy} |"


def turn_analyses(analyzer: Analyzer, calls: Sequence[LabelledCall]) -> dict[str, TurnAnalyses]:
    """The customer's and the agent's turns of each call, all analysed in one go."""
    turns = {call.name: sided(call.turns) for call in calls}
    texts = list(dict.fromkeys(turn.text for call in turns.values() for turn in call))
    languages: list[str | None] = ["en"] * len(texts)
    by_text = dict(zip(texts, analyzer(texts, languages), strict=True))
    analyses: dict[str, TurnAnalyses] = {}
    for name, call in turns.items():
        customer = [by_text[turn.text] for turn in call if turn.speaker == "customer"]
        agent = [by_text[turn.text] for turn in call if turn.speaker == "agent"]
        analyses[name] = [turn for turn in customer if not turn.abstained], agent
    return analyses


def _measured(
    task: Task, agreed: Sequence[str | None], odds: Sequence[Any], warmth: float
) -> dict[str, Any]:
    """The figures on labels that the raters agree on, each call held out.

    Means over the repeats; the confusion is that of the first.
    """
    rows = [row for row, label in enumerate(agreed) if label]
    truth = _truth(task, [agreed[row] for row in rows])
    scaled = [repeat[rows] ** (1 / warmth) for repeat in odds]
    scaled = [repeat / repeat.sum(-1, keepdims=True) for repeat in scaled]
    reports = [scores(truth, repeat, LABELS[task]) for repeat in scaled]
    mean = {
        key: round(float(np.mean([report[key] for report in reports])), 4)
        for key in ("accuracy", "macro_f1", "weighted_f1", "ece")
    }
    return figures(truth, scaled[0], LABELS[task]) | mean


def _truth(task: Task, labels: Sequence[str | None]) -> Any:
    return np.array([LABELS[task].index(str(label)) for label in labels], dtype=np.int64)


def _short(story: dict[str, Any]) -> str:
    parts = [
        f"{part} weighted F1 {story[part]['weighted_f1']:.3f} of {story[part]['n']}"
        for part in PARTS
        if part in story
    ]
    return ", ".join(parts)


def _enough(calls: Sequence[LabelledCall], task: Task) -> None:
    learn = [call for call in calls if task in call.shares]
    labels = {int(call.shares[task].argmax()) for call in learn}
    if len(learn) < FEWEST or len(labels) < 2:
        raise TrainingError(
            f"{len(learn)} calls with a label for {task}, of {len(labels)} kinds:"
            f" it takes {FEWEST} and two kinds"
        )

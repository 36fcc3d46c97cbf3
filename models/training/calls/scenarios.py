"""Calls of our own writing: a mood says nothing of how they end."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from models.analysis import OutcomeLabel, SentimentLabel
from models.calls.head import Task
from models.calls.sides import Speaker, Utterance
from models.training.calls.data import Kind, LabelledCall, one_hot

SCENARIOS = Path(__file__).with_name("scenarios.toml")
WRITTEN = Path(__file__).with_name("written")
_SPEAKERS: Mapping[str, Speaker] = {"A": "agent", "C": "customer"}
_MOODS: tuple[tuple[str, SentimentLabel, str, str], ...] = (
    ("h", "positive", "hi", "mh"),
    ("u", "negative", "lo", "ml"),
    ("b", "neutral", "bi", "mb"),
)
_ENDS: tuple[tuple[str, OutcomeLabel, str], ...] = (
    ("r", "resolved", "done"),
    ("o", "follow_up", "open"),
)

# How a call goes on when the matter is over, which decides nothing
_GOODBYES: tuple[list[Utterance], ...] = (
    [],
    [Utterance("agent", "Goodbye."), Utterance("customer", "Bye.")],
    [
        Utterance("agent", "Is there anything else I can help you with today?"),
        Utterance("customer", "No, that will be all."),
        Utterance(
            "agent",
            "Thank you for calling us. If you have any further questions, please don't hesitate to"
            " contact us. Have a wonderful day!",
        ),
        Utterance("customer", "You too. Goodbye."),
    ],
    [
        Utterance(
            "agent",
            "I understand. Should you need any assistance in the future, feel free to call us."
            " We're always here to help.",
        ),
        Utterance("customer", "I will. Goodbye."),
    ],
)


def scenario_calls(path: Path = SCENARIOS) -> list[LabelledCall]:
    """Each scenario four or six times, as one group: content, unhappy and (of many) businesslike,
    resolved and open.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [call for scenario in table["scenario"] for call in _tellings(scenario)]


def _tellings(scenario: Mapping[str, str]) -> Iterator[LabelledCall]:
    for mood, sentiment, opening, on_the_way in _MOODS:
        if opening not in scenario:
            continue
        for end, outcome, ending in _ENDS:
            turns = [
                Utterance("customer", scenario[opening]),
                Utterance("agent", scenario["ask"]),
                Utterance("customer", scenario["fact"]),
                Utterance("agent", "Thank you."),
                Utterance("customer", scenario[on_the_way]),
                *_ending(scenario[ending]),
                Utterance("customer", scenario[mood + end]),
                *_GOODBYES[len(scenario[mood + end]) % len(_GOODBYES)],
            ]
            labels: dict[Task, str | None] = {"sentiment": sentiment, "outcome": outcome}
            name = f"{scenario['name']} {sentiment} {outcome}"
            yield _labelled(name, turns, labels, scenario["name"], "told")


def written_calls(folder: Path = WRITTEN) -> list[LabelledCall]:
    """The calls that were written as a whole; those with one beginning are one group."""
    tables = [tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))]
    return [_written(call) for table in tables for call in table["call"]]


def _written(call: Mapping[str, str]) -> LabelledCall:
    lines = (line.partition(": ") for line in call["turns"].splitlines())
    turns = [Utterance(_SPEAKERS[letter], text) for letter, _, text in lines]
    labels: dict[Task, str | None] = {"sentiment": call["sentiment"], "outcome": call["outcome"]}
    return _labelled(
        f"written {call['name']}", turns, labels, f"written {call['group']}", "written"
    )


def _labelled(
    name: str, turns: list[Utterance], labels: dict[Task, str | None], group: str, kind: Kind
) -> LabelledCall:
    shares = {task: one_hot(task, label) for task, label in labels.items()}
    return LabelledCall(name, turns, shares, labels, group, kind)


def _ending(parts: str) -> list[Utterance]:
    """Turns that the agent begins and ends."""
    speakers: tuple[Speaker, Speaker] = ("agent", "customer")
    turns = [Utterance(speakers[row % 2], text) for row, text in enumerate(parts.split("|"))]
    if turns[-1].speaker == "customer":
        turns.append(Utterance("agent", "Good. Is there anything else I can do for you?"))
    return turns

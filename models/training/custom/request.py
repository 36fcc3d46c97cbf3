"""Request for a company's own model, its figures, and the directory that is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from models.analyzer import softmax
from models.artifact import CARD, MODEL, STORY, TAXONOMY, TOKENIZER, Artifact, sha256
from models.encoder import Encoder, Outputs
from models.evaluation.metrics import scores
from models.taxonomy.classifier import OTHER
from models.text import READING
from models.training.custom.history import LABELLED, History, LabelledText, fewer, read_history
from models.training.custom.linear import expected_index
from models.training.embed_examples import with_places
from models.training.explore.words import log_odds, pairs, texts_with, words

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

WORTH_TUNING = 3000  # texts, from which tuning the encoder as well is worth its time
GIVEN_UP = 0.005  # share of right answers that saying `other` may cost
DOUBT = 1.0  # texts; see gate.temperature
ENOUGH = round(1 / GIVEN_UP)  # right answers from which so small a share of them can be told
PHRASES = 6  # words that tell a class, kept with the model
_CARD = Path(__file__).with_name("own.md")


@dataclass(frozen=True)
class TrainingRequest:
    """A history and how to learn it.

    columns, scale: where the file does not tell itself. minimum: a class with fewer texts becomes
    `other`. limit: texts of a class that are learnt, at most. test: a CSV with the same columns,
    read once, after every choice.
    """

    history: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    scale: str | None = None
    minimum: int = 3
    limit: int | None = None
    test: Path | None = None

    def read(self) -> History:
        history = _with_topics(
            read_history(self.history, self.columns, scale=self.scale, minimum=self.minimum)
        )
        if self.limit is None:
            return history
        task = finest(history)
        texts = tuple(fewer(history.texts, task, self.limit))
        note = f"learnt: at most {self.limit} texts of a {task}, {len(texts):,} in all"
        return replace(history, texts=texts, notes=(*history.notes, note))

    def read_test(self) -> History | None:
        if self.test is None:
            return None
        return _with_topics(read_history(self.test, self.columns, scale=self.scale, minimum=1))


def _with_topics(history: History) -> History:
    """A history of problems alone, with each as a topic of its own.

    A problem is looked for within its topic.
    """
    if history.labels("topic") or not history.labels("problem"):
        return history
    texts = tuple(replace(text, topic=text.problem) for text in history.texts)
    note = "topic: no such column, so each problem is its own topic"
    return replace(history, texts=texts, notes=(*history.notes, note))


def finest(history: History) -> str:
    """The task with the most classes: the problem, where there is one."""
    return "problem" if history.labels("problem") else "topic"


def classes(history: History, task: str) -> tuple[str, ...]:
    """The names of a head of this history, `other` last, as in every head of ours."""
    return (*(label for label in history.labels(task) if label != OTHER), OTHER)


def truth(complaints: Sequence[LabelledText], task: str, names: Sequence[str]) -> Labels:
    """Class numbers (texts,); an unknown label counts as `other`, no label is -1."""
    place = {name: number for number, name in enumerate(names)}
    labels = [getattr(complaint, task) for complaint in complaints]
    return np.array(
        [-1 if label is None else place.get(label, len(names) - 1) for label in labels],
        dtype=np.int64,
    )


def figures(
    complaints: Sequence[LabelledText], task: str, names: Sequence[str], logits: Floats
) -> dict[str, Any]:
    """Accuracy of calibrated logits (texts, classes).

    Of dissatisfaction, mean error of 100 and rank correlation.
    """
    if task == "severity":
        known = [row for row, complaint in enumerate(complaints) if complaint.index is not None]
        index = np.array([complaints[row].index for row in known], dtype=np.float32)
        guesses = expected_index(logits[known])
        return {
            "n": len(known),
            "mean_error": round(float(np.abs(guesses - index).mean()), 2),
            "spearman": round(float(spearmanr(guesses, index).statistic), 4)
            if np.ptp(index)
            else 0.0,
        }
    labels = truth(complaints, task, names)
    known = np.flatnonzero(labels >= 0).tolist()
    has_other = (labels == len(names) - 1).any()
    count = len(names) if has_other else len(names) - 1
    return scores(labels[known], softmax(logits[known])[:, :count], names[:count])


def least_probability(labels: Labels, logits: Floats, start: float) -> float:
    """The probability below which the model says `other`: it costs GIVEN_UP of the right answers.
    logits: calibrated.

    start: what the model asks for that this one began with. It stays so below ENOUGH right answers:
    the least sure of n lies where n + 1 texts would put one, so of five it would cost a sixth of
    what is right.
    """
    probabilities = softmax(logits)
    right = probabilities.argmax(-1) == labels
    if right.sum() < ENOUGH:
        return start
    return round(float(np.quantile(probabilities.max(-1)[right], GIVEN_UP)), 4)


def strangeness(start: Artifact, outputs: Outputs) -> dict[str, float]:
    """The logit from which a text is too strange to be judged.

    Hardly a text of the history is, however new its matters are.
    """
    if not outputs.strange.shape[-1]:
        return {}
    return {
        "strange_most": max(
            start.strange_most, float(np.quantile(outputs.strange[:, 0], 1 - GIVEN_UP))
        )
    }


def taxonomy_toml(history: History) -> str:
    """The history's own taxonomy as a TOML file, each problem under its most frequent topic.

    Its phrases are the words that tell a class from the others, not the texts, which are other
    people's.
    """
    home = _homes(history)
    phrases = {task: _phrases(history, task) for task in LABELLED}
    lines = [
        "# Learned from a history; the phrases are the words that tell each class from the others.",
        "",
    ]
    for topic in dict.fromkeys(home.values()):
        lines += _table_lines("topic", topic, [topic, *phrases["topic"].get(topic, [])])
        if not history.labels("problem"):
            continue
        for problem, its_topic in home.items():
            if its_topic == topic:
                examples = phrases["problem"].get(problem, [])
                lines += _table_lines("topic.problem", problem, examples)
    return "\n".join(lines)


def _table_lines(table: str, name: str, examples: list[str]) -> list[str]:
    return [f"[[{table}]]", f"name = {_quoted(name)}", f"examples = {_quoted(examples)}", ""]


def _homes(history: History) -> dict[str, str]:
    """Each problem's topic; of a history without problems, each topic's own name."""
    topics, problems = history.labels("topic"), history.labels("problem")
    if not problems:
        return {label: label for label in topics if label != OTHER}
    together: Counter[tuple[str, str]] = Counter()
    for text in history.texts:
        if text.problem and text.topic:
            together[text.problem, text.topic] += 1
    home: dict[str, str] = {}
    for (problem, topic), _ in together.most_common():
        home.setdefault(problem, topic)
    return {label: home.get(label, OTHER) for label in problems if label != OTHER}


def _phrases(history: History, task: str) -> dict[str, list[str]]:
    """The words that tell each class from the others, the most telling first.

    Words of a single text do not count.
    """
    tokens_by_label: list[tuple[str, list[str]]] = []
    for text in history.texts:
        label = getattr(text, task)
        if label:
            tokens = words(text.text)
            tokens_by_label.append((label, [*tokens, *pairs(tokens)]))
    return {name: _distinctive(name, tokens_by_label) for name in history.labels(task)}


def _distinctive(name: str, tokens_by_label: Sequence[tuple[str, list[str]]]) -> list[str]:
    inside = texts_with(tokens for label, tokens in tokens_by_label if label == name)
    outside = texts_with(tokens for label, tokens in tokens_by_label if label != name)
    ranked = log_odds(inside, outside)
    return [word.word for word in ranked if word.inside > 1 and word.z > 1][:PHRASES]


def _quoted(value: str | list[str]) -> str:
    # A string, or a list of them, is written alike in JSON and TOML.
    return json.dumps(value, ensure_ascii=False)


def finish(
    folder: Path, story: dict[str, Any], history: History, request: TrainingRequest
) -> dict[str, Any]:
    """Add taxonomy, story and card to a model directory; figures on the test file come last."""
    (folder / TAXONOMY).write_text(taxonomy_toml(history), encoding="utf-8")
    files = {name: sha256(folder / name) for name in (MODEL, TOKENIZER, TAXONOMY)}
    if history.scale == "words":  # the company's own thirds
        story["levels"] = [100 / 3, 200 / 3]
    story = {**story, "version": f"own-{files[MODEL][:12]}-r{READING}", "files": files}
    tested = request.read_test()
    story["test"] = {} if tested is None else _tested(folder, story, tested)
    story = with_places(folder, story)
    (folder / STORY).write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(_card(story), encoding="utf-8")
    return story


def _tested(folder: Path, story: Mapping[str, Any], tested: History) -> dict[str, Any]:
    encoder = Encoder(folder / MODEL, folder / TOKENIZER, max_tokens=story["max_tokens"], threads=1)
    outputs = encoder([text.text for text in tested.texts])._asdict()
    tested_figures: dict[str, Any] = {}
    for task in (*LABELLED, "severity"):
        labelled = tested.labels(task) if task in LABELLED else tested.has_index
        if labelled and f"history.{task}" in story["validation"]:
            calibrated = outputs[task] / story["temperatures"][task]
            tested_figures[f"test.{task}"] = figures(
                tested.texts, task, story["labels"][task], calibrated
            )
    return tested_figures


def _card(story: Mapping[str, Any]) -> str:
    rows = [
        "| figures | n | accuracy | macro-F1 | mean error of 100 | rank correlation |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in {**story["validation"], **story["test"]}.items():
        cells = [
            f"{row[key]:.3f}" if key in row else ""
            for key in ("accuracy", "macro_f1", "mean_error", "spearman")
        ]
        rows.append(f"| {name} | {row['n']:,} | {' | '.join(cells)} |")
    return _CARD.read_text(encoding="utf-8").format(
        version=story["version"],
        start=story["started_from"],
        way=story["way"],
        texts=f"{story['texts']['history']:,}",
        labels="\n".join(
            f"- {task}: {', '.join(story['labels'][task])}"
            for task in LABELLED
            if f"history.{task}" in story["validation"]
        ),
        figures="\n".join(rows),
        gate="\n".join(story["gate"]),
    )

"""Export of a history for fine-tuning a chat model: JSON Lines of system, user, assistant turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from models.artifact import TOKENIZER, default_artifact
from models.llm.backend import sendable
from models.llm.prompt import Brief, Question, Unusable, ask
from models.taxonomy.classifier import OTHER
from models.training.custom.history import History, LabelledText, parts, read_history
from models.training.errors import TrainingError

FEWEST = 10  # examples that fine-tuning services take at least
TURN_TOKENS = 4  # that a chat format adds to a turn

_ANY = "any"  # the topic of problems in a history that names no topics


class FinetuneError(TrainingError):
    """This history makes no file to fine-tune from."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Files of an export. notes: what was recognised and left out, a sentence each."""

    train: Path
    validation: Path
    brief: Path
    figures: dict[str, Any]
    notes: tuple[str, ...]


def export_finetune(history: Path, out: Path, columns: dict[str, str] | None = None) -> Exported:
    """Write train.jsonl, validation.jsonl and brief.json into `out`.

    A text goes to validation by its hash, so that a repeat never stands in both. Personal data,
    links and handles are replaced. The brief is what the tuned model must be asked with:
    EARSHOT_LLM_BRIEF. Raises TrainingError, one line, for a history that cannot be read or is too
    small.
    """
    complaints = read_history(history, columns, minimum=1)
    brief = brief_of_history(complaints)
    train, validation = parts(complaints)
    lines = {"train": _examples(brief, train), "validation": _examples(brief, validation)}
    left_out = len(complaints.texts) - sum(map(len, lines.values()))
    if len(lines["train"]) < FEWEST:
        raise FinetuneError(
            f"{history}: {len(lines['train'])} complete examples to learn from;"
            f" fine-tuning needs {FEWEST} or more"
        )
    out.mkdir(parents=True, exist_ok=True)
    brief_file = out / "brief.json"
    brief_file.write_text(
        json.dumps(brief.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    files = {name: out / f"{name}.jsonl" for name in lines}
    for name, file in files.items():
        file.write_text("".join(line + "\n" for line in lines[name]), encoding="utf-8")
    notes = list(complaints.notes)
    if left_out:
        notes.append(f"left out: {left_out:,} texts without every label")
    figures = {name: checked(file, brief) for name, file in files.items()}
    return Exported(files["train"], files["validation"], brief_file, figures, tuple(notes))


def brief_of_history(history: History) -> Brief:
    """Questions for the history's labels. Without topics, problems belong to the topic `any`."""
    topics, problems = history.labels("topic"), history.labels("problem")
    asked_for: dict[Question, bool] = {
        "topic": bool(topics),
        "problem": bool(problems),
        "dissatisfaction": history.has_index,
    }
    questions = [question for question, known in asked_for.items() if known]
    own_topics = [topic for topic in topics if topic != OTHER]
    by_topic: dict[str, set[str]] = {topic: set() for topic in own_topics or [_ANY]}
    for text in history.texts:
        topic = text.topic or _ANY
        if text.problem is not None and topic in by_topic:
            by_topic[topic].add(text.problem)
    return Brief(
        tuple(questions),
        tuple(by_topic),
        {topic: tuple(sorted(names)) for topic, names in by_topic.items()},
    )


def checked(file: Path, brief: Brief) -> dict[str, Any]:
    """The figures of a written file, read back: examples, and the shipped tokenizer's tokens.

    The count is an estimate: every chat model has a tokenizer of its own. Raises FinetuneError,
    with the line, for an example that is not system, user, assistant, or whose answer the brief
    would not take.
    """
    tokenizer = Tokenizer.from_file(str(default_artifact() / TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    counts = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            turns = json.loads(line)["messages"]
            if [turn["role"] for turn in turns] != ["system", "user", "assistant"]:
                raise FinetuneError(f"{file}: line {number} is not system, user, assistant")
            try:
                brief.read(turns[2]["content"], json.loads(turns[1]["content"])["message"])
            except Unusable as error:
                raise FinetuneError(f"{file}: line {number}: {error}") from None
            encodings = tokenizer.encode_batch([turn["content"] for turn in turns])
            tokens = sum(len(encoding.ids) for encoding in encodings)
            counts.append(tokens + TURN_TOKENS * len(turns))
    return {
        "file": str(file),
        "examples": len(counts),
        "tokens": sum(counts),
        "tokens_longest": max(counts, default=0),
    }


def _examples(brief: Brief, texts: Sequence[LabelledText]) -> list[str]:
    return [_example(brief, text) for text in texts if _is_whole(brief, text)]


def _is_whole(brief: Brief, text: LabelledText) -> bool:
    """True for a text with the labels that the brief asks for. No problem is an answer of its own.

    A text without a label would teach the model to leave it out.
    """
    if "topic" in brief.questions and text.topic is None:
        return False
    return "dissatisfaction" not in brief.questions or text.index is not None


def _example(brief: Brief, text: LabelledText) -> str:
    known = {
        "topic": text.topic,
        "problem": text.problem,
        "dissatisfaction": None if text.index is None else round(text.index),
    }
    answers = {question: known[question] for question in brief.questions}
    answer = json.dumps(answers, ensure_ascii=False)
    turns = [
        {"role": "system", "content": brief.system()},
        {"role": "user", "content": ask(sendable(text.text))},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"messages": turns}, ensure_ascii=False)

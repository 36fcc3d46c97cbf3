"""Paraphrases of labelled texts by a language model, where the local model reads them alike."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.analyzer import LABELS
from models.evaluation.labelled_file import read_sentiments
from models.evaluation.metrics import EvaluationError, Reader
from models.llm.backend import Llm, sendable
from models.llm.paraphrase import ANSWER, ParaphraseBrief
from models.redact import redact
from models.text import normalize
from models.training.corpus.data import part_of, text_hash
from models.training.errors import TrainingError

JOURNAL = ".answers.jsonl"  # beside the file that is written: every answer that was paid for
LONGEST = 1_000  # characters of a text that is paraphrased
PART = 16  # texts that are asked about before their answers are written down
ANSWER_TOKENS = 400  # of a paraphrase of LONGEST characters

# What a paraphrase may have from its original alone.
_PARTICULAR = re.compile(r"\bhttp\b|@\w+|\[[a-z ]+\]|\d(?:[\d.,:/-]*\d)?")

Answers = dict[str, list[str]]  # paraphrases by the text as it was sent
Progress = Callable[[int, int], None]


class Original(NamedTuple):
    """A labelled text. sent: as it leaves the machine; empty where it is not paraphrased."""

    text: str
    label: int
    sent: str


@dataclass(frozen=True, slots=True)
class Paraphrases:
    """rows: (text, label) of every original and, after each, its paraphrases. unanswered: texts
    that another try should ask about.
    """

    rows: Sequence[tuple[str, str]]
    figures: dict[str, Any]
    unanswered: int


def paraphrase_brief(n: int) -> ParaphraseBrief:
    """What a language model is asked for n paraphrases with."""
    return ParaphraseBrief((), n=n)


def paraphrases(
    labelled: Path,
    out: Path,
    llm: Llm,
    local: Reader,
    *,
    n: int,
    on_progress: Progress = lambda done, total: None,
) -> Paraphrases:
    """Ask for n paraphrases of each text of a CSV with text,label; keep those read like their text.

    Texts that `earshot train sentiment` holds out by their hash are not paraphrased, and no
    paraphrase is kept that it would hold out: none is learnt from whose text it is measured on.
    out: beside it every answer is written down as it comes; what stands there is not asked for
    again. llm: asks by `paraphrase_brief`. Raises TrainingError, one line.
    """
    try:
        texts, labels = read_sentiments(labelled)
    except EvaluationError as error:
        raise TrainingError(str(error)) from None
    originals, left_out = _originals(texts, labels.tolist())
    outgoing = list(dict.fromkeys(original.sent for original in originals if original.sent))
    journal = out.with_name(out.name + JOURNAL)
    try:
        answers = _answers_of(journal, llm, outgoing, n, on_progress)
    except OSError as error:
        raise TrainingError(f"{journal}: it cannot be written ({error.strerror})") from None
    classes = [0, 1, 2] if 1 in labels else [0, 2]
    rows, dropped = _rows(originals, answers, local, classes)
    unanswered = sum(text not in answers for text in outgoing)
    figures = {
        "originals": len(originals),
        "left_out": dict(left_out),
        "asked": len(outgoing),
        "unanswered": unanswered,
        "paraphrases": sum(map(len, answers.values())),
        "kept": len(rows) - len(originals),
        "dropped": dict(dropped),
        "cost": llm.usage.as_json(),
    }
    return Paraphrases(rows, figures, unanswered)


def _originals(texts: Sequence[str], labels: Sequence[int]) -> tuple[list[Original], Counter[str]]:
    """Each text once, and how many are not paraphrased, by the reason."""
    originals: dict[str, Original] = {}
    left_out: Counter[str] = Counter()
    for text, label in zip(texts, labels, strict=True):
        key = text_hash(text)
        if key in originals:
            left_out["repeated"] += 1
            continue
        reason = _unfit(text)
        if reason is not None:
            left_out[reason] += 1
        originals[key] = Original(text, label, sendable(text) if reason is None else "")
    return list(originals.values()), left_out


def _unfit(text: str) -> str | None:
    if part_of(text) == "validation":
        return "held out"
    if len(text) > LONGEST:
        return "too long"
    return None if sendable(text) else "empty"


def _answers_of(
    journal: Path, llm: Llm, outgoing: Sequence[str], n: int, on_progress: Progress
) -> Answers:
    """The answers about each text, those of earlier tries too, written down part by part."""
    asked_with = {"model": llm.model, "n": n}
    known = _written(journal, asked_with)
    answers = {text: known[text] for text in outgoing if text in known}
    missing = [text for text in outgoing if text not in answers]
    for start in range(0, len(missing), PART):
        part = missing[start : start + PART]
        new = {
            text: answer[ANSWER]
            for text, answer in zip(part, llm.judge(part), strict=True)
            if answer is not None
        }
        if new:
            _write_down(journal, new, asked_with)
        answers |= new
        on_progress(len(answers), len(outgoing))
    return answers


def _written(journal: Path, asked_with: Mapping[str, Any]) -> Answers:
    """The answers of a journal to the same question; a line that was cut short is none."""
    answers: Answers = {}
    if not journal.exists():
        return answers
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
            if all(row[name] == value for name, value in asked_with.items()):
                answers[row["text"]] = [str(text) for text in row[ANSWER]]
        except (ValueError, KeyError, TypeError):
            continue
    return answers


def _write_down(journal: Path, answers: Answers, asked_with: Mapping[str, Any]) -> None:
    journal.parent.mkdir(parents=True, exist_ok=True)
    cut_short = journal.exists() and journal.read_bytes()[-1:] not in (b"", b"\n")
    with journal.open("a", encoding="utf-8") as file:
        if cut_short:
            file.write("\n")
        for text, texts in answers.items():
            file.write(json.dumps({"text": text, ANSWER: texts, **asked_with}) + "\n")


def _rows(
    originals: Sequence[Original], answers: Answers, local: Reader, classes: Sequence[int]
) -> tuple[list[tuple[str, str]], Counter[str]]:
    """The rows of the file, and how many paraphrases are not in it, by the reason."""
    seen = {_letters(text) for original in originals for text in (original.text, original.sent)}
    dropped: Counter[str] = Counter()
    sound: dict[int, list[str]] = {}
    for number, original in enumerate(originals):
        for text in _plain(answers.get(original.sent, ())):
            reason = "the same text" if _letters(text) in seen else _unsound(text, original.sent)
            if reason is not None:
                dropped[reason] += 1
                continue
            seen.add(_letters(text))
            sound.setdefault(number, []).append(text)
    rows: list[tuple[str, str]] = []
    alike = _alike(originals, sound, local, classes)
    for number, original in enumerate(originals):
        label = LABELS[original.label]
        rows.append((original.text, label))
        for text in sound.get(number, ()):
            if next(alike):
                rows.append((text, label))
            else:
                dropped["another label"] += 1
    return rows, dropped


def _alike(
    originals: Sequence[Original],
    sound: Mapping[int, Sequence[str]],
    local: Reader,
    classes: Sequence[int],
) -> Iterator[bool]:
    """Of every paraphrase in order: whether the local model gives it the label of its original."""
    numbers = [number for number, texts in sound.items() for _ in texts]
    texts = [text for of_one in sound.values() for text in of_one]
    if not texts:
        return iter(())
    before = _labels(local, [originals[number].text for number in sound], classes)
    label_of = dict(zip(sound, before.tolist(), strict=True))
    after = _labels(local, texts, classes).tolist()
    return iter(label == label_of[number] for number, label in zip(numbers, after, strict=True))


def _labels(local: Reader, texts: Sequence[str], classes: Sequence[int]) -> Any:
    return np.asarray(local.sentiments(texts))[:, list(classes)].argmax(-1)


def _plain(texts: Sequence[str]) -> list[str]:
    """As the model reads them: no two lines, no half characters, no address of a link."""
    return [normalize(text) for text in texts]


def _unsound(text: str, sent: str) -> str | None:
    """Why a paraphrase cannot be learnt from, whatever the model says; None where it can."""
    if len(text) > 2 * len(sent) + 60:
        return "too long"
    if redact(text) != text:
        return "personal data"
    if set(_PARTICULAR.findall(text)) - set(_PARTICULAR.findall(sent)):
        return "a number, link, handle or placeholder of its own"
    return "held out" if part_of(text) == "validation" else None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))

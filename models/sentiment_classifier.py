"""Sentiment classifier of the lab: one ONNX file, its tokenizer, and their story."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.analysis import AbstainReason, Analysis, Sentiment
from models.analyzer import LABELS, softmax
from models.artifact import (
    MODEL,
    SENTIMENT_STORY,
    TOKENIZER,
    ArtifactError,
    broken,
    read_story,
    reading,
)
from models.encoder import groups, padded, shared
from models.engine import Engine
from models.language import UNDECIDED, detect
from models.text import LONGEST, normalize

STORY = SENTIMENT_STORY
FORMAT = 1
BATCH = 32  # texts of one run
# Of a text that is cut, a quarter is its beginning: reviews judge at their end (Sun et al., 2019).
HEAD_SHARE = 4

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """How a model reads a text: the same in training, comparison and serving.

    longest: tokens. both_ends: a longer text keeps its beginning and its end, else its beginning
    alone.
    """

    longest: int = 128
    both_ends: bool = False

    def text(self, text: str) -> str:
        text = _BREAK.sub(" ", text)
        if self.both_ends and len(text) > LONGEST:
            head = LONGEST // HEAD_SHARE
            text = f"{text[:head]} {text[head + 1 - LONGEST :]}"
        return normalize(text)

    def cut(self, ids: list[int]) -> list[int]:
        """Token ids with their marks of beginning and end, no more than `longest`."""
        if len(ids) <= self.longest:
            return ids
        if not self.both_ends:
            return [*ids[: self.longest - 1], ids[-1]]
        head = max(1, self.longest // HEAD_SHARE)
        return [*ids[:head], *ids[head - self.longest :]]


@dataclass(frozen=True)
class Classified:
    """A verified directory of the lab."""

    folder: Path
    version: str
    labels: tuple[str, ...]
    temperature: float
    reading: Reading
    languages: frozenset[str]
    story: Mapping[str, Any] = field(repr=False, compare=False)


def load_classified(folder: Path) -> Classified:
    """Read and verify a directory of the lab. Raises ArtifactError, one line."""
    if not folder.is_dir():
        raise broken(folder, "there is no such directory")
    with reading(folder, STORY, "a sentiment model's"):
        story = read_story(folder, STORY, (FORMAT,))
        labels = tuple(map(str, story["labels"]))
        if not set(labels) <= set(LABELS):
            raise ValueError(f"labels {', '.join(labels)}")
        return Classified(
            folder=folder,
            version=str(story["version"]),
            labels=labels,
            temperature=float(story["temperature"]),
            reading=Reading(int(story["reading"]["longest"]), bool(story["reading"]["both_ends"])),
            languages=frozenset(story.get("languages", ["en"])),
            story=story,
        )


class Classifier:
    """Texts to probabilities, as an `Analyzer` gives them. Raises ArtifactError."""

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        self.classified = load_classified(folder)
        self.version, self.labels = self.classified.version, self.classified.labels
        self._engine, self._tokenizer = opened(folder, threads)

    def sentiments(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities (texts, 3) in the order of LABELS; 0 for a class it lacks."""
        logits = run(self._engine, self.tokens(texts))
        columns = [LABELS.index(label) for label in self.labels]
        probabilities = np.zeros((len(texts), len(LABELS)), np.float32)
        probabilities[:, columns] = softmax(logits / np.float32(self.classified.temperature))
        return probabilities

    def __call__(self, texts: Sequence[str]) -> list[Analysis]:
        """As an `Analyzer`: the sentiment of each text, and nothing else. Abstains on a language
        that it does not know, and on a text without words.
        """
        analyses = []
        for text, row in zip(texts, self.sentiments(texts), strict=True):
            language = detect(text)
            reason = self._unreadable(text, language)
            sentiment = None if reason else _sentiment(row, self.labels)
            analyses.append(
                Analysis(
                    text, language, self.version, sentiment, abstained=bool(reason), why=reason
                )
            )
        return analyses

    def _unreadable(self, text: str, language: str) -> AbstainReason | None:
        if not text.strip():
            return "empty"
        is_known = language in self.classified.languages or language == UNDECIDED
        return None if is_known else "language"

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        read = self.classified.reading
        encoded = self._tokenizer.encode_batch_fast([read.text(text) for text in texts])
        return [read.cut(encoding.ids) for encoding in encoded]


def _sentiment(probabilities: Floats, labels: Sequence[str]) -> Sentiment:
    """probabilities: in the order of LABELS; a label that the model lacks is not named."""
    known = {
        label: float(value)
        for label, value in zip(LABELS, probabilities, strict=True)
        if label in labels
    }
    best = max(known, key=lambda label: known[label])
    return Sentiment(best, known[best], known)


def opened(folder: Path, threads: int) -> tuple[Engine, Tokenizer]:
    try:
        engine = Engine(folder / MODEL, threads=threads)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:
        # Both libraries raise bare Exceptions of their own for a file that they cannot read.
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(f"model directory {folder}: it cannot be loaded ({reason})") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return engine, tokenizer


def run(engine: Engine, tokens: Sequence[list[int]]) -> Floats:
    """Logits (texts, classes) for token ids, in order."""
    fewest = engine.fewest_rows
    lengths = [len(ids) for ids in tokens]
    runs = shared(list(groups(lengths, BATCH, fewest)), engine.threads, fewest)
    if not runs:
        return np.zeros((0, engine.outputs["sentiment"]), np.float32)
    feeds = [padded([tokens[row] for row in rows], width, fewest) for rows, width in runs]
    parts = [
        values[: len(rows)]
        for (rows, _), (values,) in zip(runs, engine.run_all(["sentiment"], feeds), strict=True)
    ]
    order = [row for rows, _ in runs for row in rows]
    logits: Floats = np.concatenate(parts)[np.argsort(order)]
    return logits


def written_story(story: Mapping[str, Any]) -> str:
    return json.dumps(dict(story), indent=1, ensure_ascii=False) + "\n"

"""One pass understands everything: texts in, an `Analysis` for each out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from models.analysis import Analysis, Sentiment, SentimentLabel
from models.artifact import Artifact, load_artifact
from models.encoder import Encoder, Outputs
from models.language import UNDECIDED, detect
from models.resemblance import Resemblance, read_examples
from models.taxonomy import Placed, read_taxonomy
from models.text import normalize

LABELS: tuple[SentimentLabel, ...] = get_args(SentimentLabel)

Floats = NDArray[np.float32]


class Analyzer:
    """The model of one directory, ready to read. `version` names it in everything that it says.

    threads: cores that it may use. batch: texts of one run, at most; results do not depend on it.
    Raises ArtifactError when the directory cannot be served.
    """

    def __init__(self, artifact: Artifact | Path, *, threads: int = 2, batch: int = 32) -> None:
        self._artifact = load_artifact(artifact) if isinstance(artifact, Path) else artifact
        self._encoder = Encoder(
            self._artifact.model,
            self._artifact.tokenizer,
            max_tokens=self._artifact.max_tokens,
            threads=threads,
            batch=batch,
        )
        self._taxonomy = Placed(
            read_taxonomy(),
            lambda phrases: self._encoder(phrases).embedding,
            topic_threshold=self._artifact.topic_threshold,
            problem_threshold=self._artifact.problem_threshold,
        )
        self._resemblance = Resemblance(read_examples(), lambda texts: self._encoder(texts).embedding)
        self.version = self._artifact.version

    def __call__(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[Analysis]:
        """Read each text. languages: what the source of each says, for those too short to tell.

        Abstains, with every judgement None, on a language that the model does not know and on nothing to read.
        """
        hints = [None] * len(texts) if languages is None else languages
        spoken = [detect(text, hint) for text, hint in zip(texts, hints, strict=True)]
        readable = [row for row, text in enumerate(texts) if self._reads(text, spoken[row])]
        outputs = self._encoder([texts[row] for row in readable])
        judged = self._judge([texts[row] for row in readable], [spoken[row] for row in readable], outputs)
        by_row = dict(zip(readable, judged, strict=True))
        return [
            by_row.get(row) or Analysis(text, spoken[row], self.version, abstained=True)
            for row, text in enumerate(texts)
        ]

    def sentiments(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities (texts, 3) in the order of LABELS, whatever the language."""
        return softmax(self._encoder(texts).sentiment / self._artifact.temperatures["sentiment"])

    def _reads(self, text: str, language: str) -> bool:
        return (language == UNDECIDED or language in self._artifact.languages) and bool(normalize(text))

    def _judge(self, texts: Sequence[str], languages: Sequence[str], outputs: Outputs) -> list[Analysis]:
        temperatures = self._artifact.temperatures
        sentiment = softmax(outputs.sentiment / temperatures["sentiment"])  # (texts, 3)
        complaint = softmax(outputs.complaint / temperatures["complaint"])[:, 1]  # (texts,)
        severity = softmax(outputs.severity / temperatures["severity"])  # (texts, 5)
        index = dissatisfaction(severity)
        topics = self._taxonomy.topics(outputs.embedding)
        problems = self._taxonomy.problems(texts, topics, outputs.embedding)
        likenesses = self._resemblance(outputs.embedding)
        return [
            Analysis(
                text=text,
                language=languages[row],
                model=self.version,
                sentiment=_sentiment(sentiment[row]),
                complaint=float(complaint[row]),
                severity=int(severity[row].argmax()),
                dissatisfaction=float(index[row]),
                topic=topics[row],
                problem=problems[row],
                alarm=likenesses[row].alarm,
                need=likenesses[row].need,
                embedding=outputs.embedding[row].astype(np.float16),
            )
            for row, text in enumerate(texts)
        ]


def analyze_lines(analyzer: Analyzer, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What `earshot analyze` prints, an object for each text."""
    for analysis in analyzer(texts):
        yield analysis.as_json()


def softmax(logits: Floats) -> Floats:
    """(rows, classes) logits to probabilities; rows sum to 1."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def dissatisfaction(severity: Floats) -> Floats:
    """Map severity probabilities to the dissatisfaction index.

    severity: (batch, 5), rows sum to 1; classes 0-4 after Jin & Aletras (2021), calibrated.
    Returns (batch,), 0 (content) to 100 (furious): the expected class as a share of the highest.
    Raises ValueError on another width.
    """
    if severity.shape[-1] != 5:
        raise ValueError(f"severity has five classes, not {severity.shape[-1]}")
    index: Floats = (severity * np.arange(0, 125, 25, dtype=np.float32)).sum(-1)  # a BLAS product would round by batch
    return index


def _sentiment(probabilities: Floats) -> Sentiment:
    best = int(probabilities.argmax())
    return Sentiment(
        label=LABELS[best],
        score=float(probabilities[best]),
        probabilities={label: float(value) for label, value in zip(LABELS, probabilities, strict=True)},
    )

"""Two more readers of urgency beside the heads, within the served graph; other outputs stay.

Wide and deep (Cheng et al., 2016): a linear model of words and pairs of words, which knows what was
written, and a hidden layer on the embedding, which knows what is like it. What the heads learned
they learned with the encoder, and are too sure of; the three err in different places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from torch.nn.functional import binary_cross_entropy_with_logits

from models.artifact import Artifact, load_artifact
from models.text import normalize
from models.training.release.release import served
from models.training.triage import graft
from models.training.triage.beside import TASKS, release_beside
from models.training.triage.calibrate import platt
from models.training.triage.data import TriageData
from models.training.triage.labelled import GRADES, Labelled
from models.training.triage.recipe import TriageRecipe
from models.training.triage.tune import level_loss
from models.urgency import LEVELS, REASONS

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Print = Callable[[str], None]

NAMES = (*LEVELS, *REASONS)  # of what the readers say
# What words may show by themselves: the highest level, and what somebody must see within minutes.
WIDE = ("P1", *REASONS[:7], "stranded", "self_harm", "violence", "escalated")
CLEARNESS = 20.0  # inverse of the wide reader's regularisation
FEWEST = 2  # texts that a word or a pair stands in, or it is not known
HIDDEN, RUNS, EPOCHS, BATCH = 512, 2, 30, 128
RATE, DECAY, DROPOUT = 1e-3, 0.01, 0.3
SPREAD = 20.0  # embeddings have unit length: their values are this much too small for the layer


@dataclass(frozen=True)
class Lesson:
    """What is learned. words: (texts, graft.BUCKETS) counts; places: (texts, dim) embeddings."""

    messages: Sequence[Labelled]
    words: csr_matrix
    places: Floats


def add_readers(
    recipe: TriageRecipe, data: TriageData, out: Path, say: Print = print
) -> dict[str, Any]:
    """Fit both readers to the recipe's labels, put them into its start, write `out/model`.

    Returns the story. Raises GateError where another output changed, or where held-out labels
    became less likely.
    """
    torch.set_num_threads(recipe.threads)
    artifact = load_artifact(Path(recipe.start))

    def write(model: Path) -> None:
        bare = model.with_name("bare.onnx")
        graft.without(artifact.model, bare)
        messages = [message for message in data.learned if message.grade is not None]
        lesson = Lesson(messages, *_read(artifact, bare, messages))
        say(f"{len(messages):,} messages are read")
        wide = _wide(lesson)
        say("words: learnt")
        deep = _deep(lesson, recipe.seed)
        say("embeddings: learnt")
        shares = _shares(artifact, bare, data.chosen_on, wide, deep)
        graft.put(bare, model, wide, deep, shares)
        bare.unlink()

    return release_beside(recipe, artifact, data, out, write, _lost, say)


def _read(
    artifact: Artifact, bare: Path, messages: Sequence[Labelled]
) -> tuple[csr_matrix, Floats]:
    """The words (texts, BUCKETS) and the embedding (texts, dim) of each message."""
    texts = [message.text for message in messages]
    tokenizer = Tokenizer.from_file(str(artifact.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(artifact.max_tokens)
    encodings = tokenizer.encode_batch([normalize(text) for text in texts])
    rows = [graft.buckets(np.array(encoding.ids, np.int64)) for encoding in encodings]
    ends = np.cumsum([0, *map(len, rows)])
    counts_of = np.ones(ends[-1], np.float32)
    words = csr_matrix((counts_of, np.concatenate(rows), ends), shape=(len(texts), graft.BUCKETS))
    words.sum_duplicates()
    places = served(bare, artifact.tokenizer, texts, artifact.max_tokens)["embedding"]
    return words, places


def _wide(lesson: Lesson) -> graft.Wide:
    """A logistic regression of the words for each of WIDE that has labels of both kinds, weighed
    by how rare the words are.
    """
    texts = np.bincount(lesson.words.indices, minlength=graft.BUCKETS)
    rarity = np.log((1 + len(lesson.messages)) / (1 + texts)) + 1
    rarity[texts < FEWEST] = 0
    rarity, squares = graft.whole(rarity)
    lengths = np.sqrt(np.maximum(lesson.words @ squares, graft.EPSILON))
    inputs = csr_matrix(lesson.words.multiply(rarity).multiply(1 / lengths[:, None]))
    truth, weight = _truth(lesson.messages)
    known = [NAMES.index(name) for name in WIDE]
    columns = np.array([at for at in known if len({*truth[weight[:, at] > 0, at]}) > 1])
    weights = np.zeros((graft.BUCKETS, len(columns)))
    biases = np.zeros(len(columns))
    for place, column in enumerate(columns):
        rows = np.flatnonzero(weight[:, column])
        line = LogisticRegression(C=CLEARNESS, max_iter=300)
        line.fit(inputs[rows], truth[rows, column], sample_weight=weight[rows, column])
        weights[:, place] = line.coef_[0] * rarity
        biases[place] = line.intercept_[0]
    return graft.Wide(weights, biases, squares, columns)


def _deep(lesson: Lesson, seed: int) -> graft.Deep:
    """The mean of RUNS hidden layers on the embedding, each begun elsewhere."""
    runs = [_hidden_layer(lesson, seed + run) for run in range(RUNS)]
    first = torch.cat([run[0].weight for run in runs]) * SPREAD
    second = torch.cat([run[1].weight for run in runs], dim=1) / RUNS
    return graft.Deep(
        *(
            part.detach().numpy().astype(np.float32)
            for part in (
                first,
                torch.cat([run[0].bias for run in runs]),
                second,
                torch.stack([run[1].bias for run in runs]).mean(0),
            )
        )
    )


def _hidden_layer(lesson: Lesson, seed: int) -> tuple[torch.nn.Linear, torch.nn.Linear]:
    torch.manual_seed(seed)
    first = torch.nn.Linear(lesson.places.shape[1], HIDDEN)
    second = torch.nn.Linear(HIDDEN, len(NAMES))
    drop = torch.nn.Dropout(DROPOUT)
    inputs = torch.from_numpy(lesson.places) * SPREAD
    truth, weight = (torch.from_numpy(part) for part in _truth(lesson.messages))
    trained = [*first.parameters(), *second.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=DECAY)
    for epoch in range(EPOCHS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - epoch / EPOCHS)
        order = torch.randperm(len(inputs))
        for begin in range(0, len(order), BATCH):
            rows = order[begin : begin + BATCH]
            logits = second(drop(torch.relu(first(drop(inputs[rows])))))
            loss = binary_cross_entropy_with_logits(logits, truth[rows], reduction="none")
            optimizer.zero_grad()
            ((loss * weight[rows]).sum(-1).mean()).backward()
            optimizer.step()
    return first, second


def _truth(messages: Sequence[Labelled]) -> tuple[Floats, Floats]:
    """What holds of each message, and how much that label weighs: (messages, NAMES) each."""
    truth = np.zeros((len(messages), len(NAMES)), np.float32)
    weight = np.zeros_like(truth)
    for row, message in enumerate(messages):
        truth[row, : message.grade or 0] = 1
        weight[row, : len(LEVELS)] = message.weight
        if message.reasons:
            truth[row, [NAMES.index(code) for code in message.reasons]] = 1
            weight[row, len(LEVELS) :] = message.weight / 2
    return truth, weight


def _shares(
    artifact: Artifact,
    bare: Path,
    messages: Sequence[Labelled],
    wide: graft.Wide,
    deep: graft.Deep,
) -> graft.Shares:
    """Every reader counts the same in what it says: by one over its spread on these messages."""
    words, places = _read(artifact, bare, messages)
    texts = [message.text for message in messages]
    outputs = served(bare, artifact.tokenizer, texts, artifact.max_tokens)
    heads = np.concatenate([outputs[task] for task in TASKS], axis=1)
    by_words = np.ones((len(texts), len(NAMES)))
    by_words[:, wide.columns] = wide(words)
    spreads = [heads.std(0), deep(places).std(0), by_words.std(0)]
    speaks = np.zeros(len(NAMES))
    speaks[wide.columns] = 1
    count = 2 + speaks
    unit = spreads[0] / count
    return graft.Shares(
        head=(1 / count).astype(np.float32),
        deep=(unit / np.maximum(spreads[1], 1e-6)).astype(np.float32),
        wide=(speaks * unit / np.maximum(spreads[2], 1e-6))[wide.columns].astype(np.float32),
    )


def _lost(levels: Floats, messages: Sequence[Labelled]) -> float:
    """Cross-entropy of calibrated levels (messages, 4), in nats."""
    grades = np.array([message.grade or 0 for message in messages])
    factors, shifts = np.array(
        [platt(grades > place, levels[:, place]) for place in range(len(GRADES) - 1)]
    ).T
    scaled = (levels * factors + shifts).astype(np.float32)
    return float(level_loss(torch.from_numpy(scaled), messages)) if messages else 0.0

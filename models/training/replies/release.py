"""Release of a replier: n-grams, ONNX, the learnt mix, the figures, the story and the card."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.artifact import CARD, sha256
from models.replier import ngram, sense
from models.replier.conditions import Vocabulary
from models.replier.mixture import Mixture, buckets, learned_share
from models.replier.network import ReplyNetwork as Served
from models.replier.replier import (
    FORMAT,
    NGRAM,
    READER,
    SENSE,
    STEP,
    STORY,
    TOKENIZER,
    WORDS,
)
from models.replier.subwords import END, START
from models.training.errors import TrainingError
from models.training.placed import put
from models.training.replies.batches import Encoded, tensors
from models.training.replies.card import card
from models.training.replies.export import export
from models.training.replies.network import ReplyNetwork
from models.training.replies.ngrams import estimate
from models.training.replies.sense import calibrated, train_sense
from models.training.replies.trainer import Trainer

PARITY = 5e-3  # nats a token: the divergence that INT8 and half floats may make
HELD_OUT = 3000  # pairs that the shares of the mixture are learnt and measured on
SIZE = 20_000_000  # bytes of the whole directory


class NotReleased(TrainingError):
    """The replier does not pass its gate."""


def release(
    trainer: Trainer,
    out: Path,
    *,
    hashes: dict[str, str],
    measure: Callable[[Path], dict[str, Any]] = lambda _: {},
) -> dict[str, Any]:
    """Write the run's replier, return its story.

    Raises NotReleased, and writes nothing, if it fails. measure: gets the finished directory and
    gives the figures that the story tells.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        model = Path(folder) / "replier"
        model.mkdir()
        story = _build(trainer, model, hashes)
        story["test"] = measure(model)
        (model / STORY).write_text(
            json.dumps(story, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        (model / CARD).write_text(card(story), encoding="utf-8")
        put(model, out)
    return story


def _build(trainer: Trainer, folder: Path, hashes: dict[str, str]) -> dict[str, Any]:
    recipe, corpus = trainer.recipe, trainer.corpus
    network = trainer.result()
    model = estimate(
        trainer.train_set.targets,
        trainer.subwords.size,
        order=recipe.order,
        start=START,
        end=END,
        keep=recipe.keep,
    )
    ngram.save(model, folder / NGRAM)
    export(network, folder, likely_words(trainer))
    corpus.tokenizer.save(str(folder / TOKENIZER))
    (folder / WORDS).write_text("\n".join(corpus.words) + "\n", encoding="utf-8")

    served = Served(folder / READER, folder / STEP, width=recipe.longest_source)
    mixture = Mixture(
        served, ngram.load(folder / NGRAM), np.full(buckets(recipe.order), 0.5, dtype=np.float32)
    )
    checks = [_parity(network, served, trainer.validation_set, corpus.vocabulary)]
    share, perplexities = learned_mix(mixture, trainer.validation_set, corpus.vocabulary)
    learned, held_out = trainer.train_set, trainer.validation_set
    check, sense_figures = calibrated(
        train_sense(learned.sources, learned.targets, trainer.subwords.size),
        held_out.sources,
        held_out.targets,
    )
    sense.save(check, folder / SENSE)
    names = (READER, STEP, NGRAM, TOKENIZER, WORDS, SENSE)
    files = {name: sha256(folder / name) for name in names}
    size = sum((folder / name).stat().st_size for name in files)
    checks.append(f"{size / 1e6:.1f} MB together (at most {SIZE / 1e6:.0f})")
    if size > SIZE:
        raise NotReleased(
            f"the replier is not released: {checks[-1]};"
            " set a smaller keep or decoder in the recipe"
        )
    story: dict[str, Any] = {
        "format": FORMAT,
        "version": f"{recipe.name}-{files[STEP][:12]}",
        "width": recipe.longest_source,
        "brands": list(corpus.vocabulary.brands),
        "topics": list(corpus.vocabulary.topics),
        "mix": [round(float(value), 4) for value in share],
        "files": files,
        "recipe": asdict(recipe) | {"start": trainer.start and trainer.start.version},
        "start": trainer.start and trainer.start.story,
        "steps": trainer.step,
        "minutes": round(trainer.seconds / 60, 1),
        "pairs": {name: len(rows) for name, rows in corpus.splits.items()},
        "data": hashes,
        "gate": checks,
        "validation": perplexities,
        "sense": sense_figures,
    }
    (folder / STORY).write_text(json.dumps(story), encoding="utf-8")
    return story


def likely_words(trainer: Trainer) -> NDArray[np.int64]:
    """The frequent subwords of clean replies, all slots, and the end, for drafts."""
    counts = np.zeros(trainer.subwords.size)
    for ids, conditions in zip(
        trainer.train_set.targets, trainer.train_set.conditions, strict=True
    ):
        counts[ids] += bool(conditions.clean)
    counts[[END, *trainer.subwords.slots]] = np.inf
    return np.sort(np.argsort(-counts, kind="stable")[: trainer.recipe.words])


def learned_mix(
    mixture: Mixture, encoded: Encoded, vocabulary: Vocabulary
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """The GRU's shares, learnt on half of held-out pairs, and perplexities on the other half."""
    conditions = vocabulary.ids(encoded.conditions)
    conditions[:, 3:] = 0  # what the reply does is not known before it is written
    halves: list[list[tuple[Any, ...]]] = [[], []]
    for start in range(0, min(HELD_OUT, len(encoded)), 64):
        rows = slice(start, min(start + 64, HELD_OUT, len(encoded)))
        scored = mixture.of_replies(encoded.sources[rows], conditions[rows], encoded.targets[rows])
        halves[start // 64 % 2].append(scored)
    learn, held_out = (
        tuple(np.concatenate(columns) for columns in zip(*(half or halves[0]), strict=True))
        for half in halves
    )
    share = learned_share(learn[0], learn[1], learn[2], buckets(mixture.ngrams.order))
    weight = share[held_out[2]]
    mixed = weight * held_out[0] + (1 - weight) * held_out[1]
    by_model = {"gru": held_out[0], "ngram": held_out[1], "mix": mixed}
    return share, {
        name: round(float(np.exp(-np.log(values).mean())), 3) for name, values in by_model.items()
    }


def _parity(network: ReplyNetwork, served: Served, encoded: Encoded, vocabulary: Vocabulary) -> str:
    """The exported network gives the trained one's scores, token by token, on held-out pairs."""
    rows = list(range(min(16, len(encoded))))
    conditions = vocabulary.ids([encoded.conditions[row] for row in rows])
    batch = tensors(encoded, rows)
    with torch.inference_mode():
        merged = network(batch.sources, batch.mask, torch.from_numpy(conditions), batch.inputs)
        exact = torch.log_softmax(network.logits(merged), -1).numpy()
    read = served.read([encoded.sources[row] for row in rows], conditions)
    state, apart, every = read.state, [], np.arange(len(rows))
    for step in range(batch.inputs.shape[1]):
        scores, state = served.step(batch.inputs[:, step].numpy(), state, every, read)
        live = batch.labels_mask[:, step].numpy()
        shares = np.exp(exact[live, step])
        apart += list((shares * (exact[live, step] - scores[live])).sum(-1))
    line = f"exported against trained: {np.mean(apart):.5f} nats a token (at most {PARITY})"
    if np.mean(apart) > PARITY:
        raise NotReleased(f"the replier is not released: {line}")
    return line

"""Release of a network with heads of triage: no worse than its start, or it is not written."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.artifact import MODEL, TOKENIZER, Artifact, UrgencyScale, load_artifact
from models.training.corpus.data import IGNORED, READ, Corpus
from models.training.encoder.base import load_base
from models.training.encoder.batches import TASKS, encode, predict
from models.training.encoder.network import Network
from models.training.encoder.recipe import Recipe
from models.training.encoder.restore import restore
from models.training.progress import Log, log_to, on_layer
from models.training.release import gate, remedies
from models.training.release.by_reading import by_reading
from models.training.release.export import export
from models.training.release.quantise import quantise
from models.training.release.refit_heads import hand_on_calls, no_worse
from models.training.release.release import CALIBRATION_TEXTS, publish, served, story_of, tested
from models.training.release.release import write as write_story
from models.training.triage.calibrate import calibrated, figures
from models.training.triage.data import TriageData
from models.training.triage.fitted_heads import fit_heads
from models.training.triage.labelled import Labelled
from models.training.triage.recipe import TriageRecipe
from models.training.triage.topics import TopicsByReaders
from models.training.triage.tune import Tuning
from models.urgency import LEVELS, REASONS, STATES

Floats = NDArray[np.float32]
Print = Callable[[str], None]

LOG, NETWORK = "train.log", "network.pt"  # NETWORK: as it is after its last whole epoch
HEADS_COST = 0.1  # share of the encoder's time that all heads together may take


@dataclass(frozen=True)
class Start:
    """The model directory that is tuned, and its network with heads of triage."""

    artifact: Artifact
    network: Network
    tokenizer: Tokenizer


def start_of(recipe: TriageRecipe) -> Start:
    """The start's network; its heads of triage are fresh where it has none."""
    artifact = load_artifact(Path(recipe.start))
    encoder, tokenizer = load_base(recipe.start)
    weights = restore(artifact.model)
    network = Network(
        encoder,
        recipe.dropout,
        topics=len(artifact.labels["topic"]),
        problems=len(artifact.labels["problem"]),
        triage=True,
    ).without_side()
    network.load_state_dict(weights, strict=False)
    return Start(artifact, network, tokenizer)


def train_triage(
    recipe: TriageRecipe, data: TriageData, corpus: Corpus, out: Path, say: Print = print
) -> dict[str, Any]:
    """Tune the start by the recipe, write `out/model`, and return its story.

    Raises GateError, and writes no model, where another head has become worse.
    """
    out.mkdir(parents=True, exist_ok=True)
    start = start_of(recipe)
    tuning = Tuning(
        recipe,
        start.network,
        start.tokenizer,
        data.learned,
        _rehearsal(recipe, corpus),
        data.paraphrases,
        data.sentiments,
        TopicsByReaders(corpus) if recipe.named_weight else None,
    )
    log = log_to(out / LOG, say)

    def look(network: Network) -> Mapping[str, Any]:
        torch.save(network.state_dict(), out / NETWORK)
        return _figures(tuning, network, data)

    tuning.run(log, look)
    fit_heads(start.network, corpus, tuning.ids, recipe.seed, data.sentiments)
    start.network.cpu()
    return release(recipe, start, data, corpus, out, log)


def _rehearsal(recipe: TriageRecipe, corpus: Corpus) -> list[str]:
    """Texts of the other heads' training: half of them tell complaints, of which there are few."""
    chance = random.Random(recipe.seed)  # noqa: S311 (no secret)
    complaints = [example.text for example in corpus.train if example.complaint != IGNORED]
    texts = [example.text for example in (*corpus.train, *corpus.by_turns)]
    half = recipe.rehearsal // 2
    mixed = [
        *chance.choices(complaints, k=half if complaints else 0),
        *chance.sample(texts, min(half, len(texts))),
    ]
    chance.shuffle(mixed)
    return mixed


def _figures(tuning: Tuning, network: Network, data: TriageData) -> Mapping[str, Any]:
    messages, conversations = data.chosen_on, data.chosen_on_conversations
    levels = predict(network, [tuning.ids(message.text) for message in messages])["level"]
    ids = [tuning.ids(message.text) for message in conversations]
    states = predict(network, ids)["state"] if ids else levels[:0]
    return figures(messages, levels, conversations, states)


def release(
    recipe: TriageRecipe,
    start: Start,
    data: TriageData,
    corpus: Corpus,
    out: Path,
    log: Log,
) -> dict[str, Any]:
    """The story of the network in `start`, exported, gated and written to `out/model`."""
    out.mkdir(parents=True, exist_ok=True)
    longest = start.artifact.max_tokens
    held_out = [example for part in corpus.validation.values() for example in part]
    texts = [example.text for example in held_out]
    encoded = encode(
        start.tokenizer,
        held_out,
        topics=corpus.topics,
        problems=corpus.problems,
        longest=longest,
    )
    with tempfile.TemporaryDirectory(dir=out) as spare:
        model = Path(spare) / "model"
        model.mkdir()
        shutil.copy(start.artifact.tokenizer, model / TOKENIZER)
        full_path = Path(spare) / "full.onnx"
        log(release="exporting")
        export(start.network.eval(), full_path)
        sample = _calibration(recipe, start, data, corpus)
        quantise(full_path, model / MODEL, sample, on_layer(log))
        log(release="measuring")
        full = served(full_path, model / TOKENIZER, texts, longest)
        small = served(model / MODEL, model / TOKENIZER, texts, longest)
        before = served(start.artifact.model, model / TOKENIZER, texts, longest)
        labels = {task: encoded.labels[task] for task in TASKS}
        checks = [
            *gate.compared(full, small, before["embedding"], labels),
            *no_worse(encoded, {task: before[task] for task in TASKS}, small),
        ]
        if any(corpus.intents):  # of full-size models
            checks.append(_cost(model / MODEL, Path(spare) / "bare.onnx"))
        for check in checks:
            log(check=str(check))
        gate.enforce(checks)
        story = story_of(
            Recipe(name=recipe.name, start=recipe.start),
            corpus,
            model,
            encoded,
            small,
            [str(check) for check in checks],
        )
        story |= _own_facts(recipe, start.artifact, data, model, longest)
        if recipe.named_weight:
            story["triage"]["named"] = TopicsByReaders(corpus).count(
                [row.text for row in data.learned]
            )
        story["labels"] |= {
            "level": list(LEVELS),
            "reason": list(REASONS),
            "state": list(STATES),
        }
        if READ in corpus.validation:
            story["least_probability"] = by_reading(corpus, model, story)
        write_story(model, story)
        hand_on_calls(start.artifact, model, story["version"])
        return publish(story | tested(model, story, corpus), model, out / "model")


def _own_facts(
    recipe: TriageRecipe, start: Artifact, data: TriageData, model: Path, longest: int
) -> dict[str, Any]:
    """What the story says of triage. The recipe of the encoder is that of the start."""
    messages, conversations = data.chosen_on, data.chosen_on_conversations
    of_messages = _served(model, [message.text for message in messages], longest)
    levels = of_messages["level"]
    last = [message.text for message in conversations]
    states = _served(model, last, longest)["state"] if last else levels[:0]
    scale = calibrated(messages, levels, of_messages["reason"], conversations, states)
    return {
        "max_tokens": longest,
        "recipe": start.story["recipe"],
        "started_from": start.version,
        "urgency": scale_facts(scale),
        "triage": {
            "recipe": recipe_facts(recipe, start.version),
            "before": encoder_of(start),
            "learned": counts(data.learned),
            "chosen on": counts(messages),
            "files": {str(path): digest for path, digest in data.hashes.items()},
            "figures": figures(messages, levels, conversations, states),
        },
    }


def encoder_of(artifact: Artifact) -> dict[str, Any] | None:
    """The recipe that tuned the encoder for triage, the labels that it learned from, the model that
    it began with, and the same of the tuning before.
    """
    triage = artifact.story.get("triage", {})
    names = ("recipe", "learned", "named", "before")
    known = {name: triage[name] for name in names if name in triage}
    if known:
        known["started_from"] = artifact.story.get("started_from")
        known["start"] = artifact.story["data"].get("start")
    whole: dict[str, Any] | None = triage.get("encoder") or known
    return whole or None


def recipe_facts(recipe: TriageRecipe, start: str) -> dict[str, Any]:
    """The recipe as a story has it: its start by its version, for a folder says nothing later."""
    return asdict(recipe) | {"start": start}


def scale_facts(scale: UrgencyScale) -> dict[str, Any]:
    """The scale as a story has it."""
    return {
        "level": [list(pair) for pair in scale.level],
        "reason": list(scale.reason),
        "state": scale.state,
    }


def _served(model: Path, texts: Sequence[str], longest: int) -> dict[str, Floats]:
    return served(model / MODEL, model / TOKENIZER, texts, longest)


def counts(messages: Sequence[Labelled]) -> dict[str, int]:
    """How many messages have each level."""
    numbers: dict[str, int] = {}
    for message in messages:
        numbers[message.level] = numbers.get(message.level, 0) + (message.grade is not None)
    return dict(sorted(numbers.items()))


def _calibration(
    recipe: TriageRecipe, start: Start, data: TriageData, corpus: Corpus
) -> list[list[int]]:
    """Token ids of training texts, labelled ones and public, that set the activation scales."""
    chance = random.Random(recipe.seed)  # noqa: S311 (no secret)
    half = CALIBRATION_TEXTS // 2
    labelled = [message.text for message in data.learned]
    public = [example.text for example in corpus.train]
    texts = [
        *chance.sample(labelled, min(half, len(labelled))),
        *chance.sample(public, min(half, len(public))),
    ]
    return [encoding.ids[: recipe.longest] for encoding in start.tokenizer.encode_batch(texts)]


def _cost(model: Path, bare: Path) -> gate.Check:
    onnx.utils.extract_model(str(model), str(bare), ["input_ids", "attention_mask"], ["embedding"])
    return gate.Check(
        "heads, share of the encoder's time",
        gate.cost(model, bare),
        HEADS_COST,
        remedy=remedies.COST,
    )

"""Trains the encoder and its heads with LoRA, on the CPU. Writes checkpoints and a log; `export` makes the artifact."""

from __future__ import annotations

import json
import math
import random
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from torch.nn.functional import cross_entropy
from transformers import DistilBertModel

from models.evaluate import macro_f1, macro_recall
from models.training.base import MINILM, load_base, mean_pooled
from models.training.batches import TASKS, Encoded, batches, encode, predict, tensors
from models.training.data import IGNORED, Corpus, public_corpus, shared_data, table_corpus
from models.training.errors import TrainingError
from models.training.network import HEADS, Network, adapted, lightened

Print = Callable[[str], None]


class RecipeError(TrainingError):
    """The recipe cannot be followed."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run. A config file holds only its differences from these."""

    name: str = "sentiment"
    base: str = MINILM
    layers: int | None = None
    table: str | None = None  # a CSV beside the config instead of the public sets
    epochs: int = 3
    batch: int = 64
    rate: float = 1e-3  # of the adapters; the heads learn at the same
    warmup: float = 0.06  # share of the steps
    decay: float = 0.01
    rank: int = 32
    alpha: int = 64
    dropout: float = 0.1  # in the heads; random numbers for every layer would cost a third of the time
    word_dropout: float = 0.05  # tokens read as [UNK]
    smoothing: float = 0.05
    balance: float = 0.5  # class weights: frequency ** -balance
    severity_weight: float = 1.0
    complaint_weight: float = 0.5
    embedding_weight: float = 1.0  # of 1 - cosine to the base's embedding
    average: float = 0.998  # exponential average of the weights, per step
    seed: int = 17
    threads: int = 2
    checkpoint_every: int = 250
    looks: int = 2  # validations in an epoch; the weights of the best one are the result


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises RecipeError, naming an unknown key."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RecipeError(f"{path}: the recipe is no TOML ({error})") from None
    unknown = set(given) - {field.name for field in fields(Recipe)}
    if unknown:
        raise RecipeError(f"{path}: unknown setting {', '.join(sorted(unknown))}")
    return Recipe(**given)


def corpus_of(recipe: Recipe, config: Path, data: Path | None = None) -> Corpus:
    return table_corpus(config.parent / recipe.table) if recipe.table else public_corpus(data or shared_data())


class Trainer:
    """One run: a recipe, its corpus, a folder for checkpoints and the log."""

    def __init__(self, recipe: Recipe, corpus: Corpus, out: Path, say: Print = print) -> None:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.corpus, self.out, self._print = recipe, corpus, out, say
        out.mkdir(parents=True, exist_ok=True)
        encoder, self.tokenizer = load_base(recipe.base, layers=recipe.layers)
        self.train_set = encode(self.tokenizer, corpus.train)
        self.model = lightened(fresh(recipe, encoder))
        self.unknown = self.tokenizer.token_to_id("[UNK]")
        self.trained = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        self.average = {name: weight.detach().clone() for name, weight in self.trained.items()}
        self.best, self.best_score = self.average, -1.0
        self.optimizer = torch.optim.AdamW(self.trained.values(), lr=recipe.rate, weight_decay=recipe.decay)
        self.class_weights = {task: self._class_weights(column) for column, task in enumerate(TASKS)}
        self.lengths = [len(one) for one in self.train_set.ids]
        self.steps_per_epoch = sum(1 for _ in batches(self.lengths, recipe.batch, None))
        self.step = 0

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one. `tuned` gives the result."""
        torch.set_flush_denormal(True)  # of this whole process: numbers next to zero cost a hundredfold
        try:
            self._train()
        finally:
            torch.set_flush_denormal(False)

    def _train(self) -> None:
        self._resume()
        total, started, losses = self.steps_per_epoch * self.recipe.epochs, time.monotonic(), []
        look = max(1, self.steps_per_epoch // self.recipe.looks)
        if self.step < total:
            self.targets = self.base_embeddings(self.train_set)
        self.model.train()
        for epoch in range(self.step // self.steps_per_epoch, self.recipe.epochs):
            order = random.Random(f"{self.recipe.seed}:{epoch}")  # noqa: S311 (no secret)
            for number, (indices, width) in enumerate(batches(self.lengths, self.recipe.batch, order)):
                if epoch * self.steps_per_epoch + number < self.step:
                    continue  # done before the run was interrupted
                losses.append(self._learn(indices, width, total))
                self.step += 1
                if self.step % 50 == 0:
                    minutes = (time.monotonic() - started) / 60
                    self._say(
                        step=self.step, of=total, loss=round(float(np.mean(losses[-50:])), 4), minutes=round(minutes, 1)
                    )
                if self.step % look == 0 and self.step <= self.recipe.epochs * self.recipe.looks * look:
                    self._look()
                if self.step % self.recipe.checkpoint_every == 0:
                    self._checkpoint()
        self._checkpoint()

    def tuned(self) -> PeftModel:
        """The best averaged adapters and heads on the base in full precision, ready to be merged."""
        encoder, _ = load_base(self.recipe.base, layers=self.recipe.layers)
        model = fresh(self.recipe, encoder)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if weight.requires_grad:
                    weight.copy_(self.best[name])
        model.eval()
        return model

    def validate(self) -> dict[str, Any]:
        """Macro-F1 (and recall) of each task on each validation set, and how near the embeddings stay to the base's."""
        report: dict[str, Any] = {}
        for name, examples in self.corpus.validation.items():
            encoded = encode(self.tokenizer, examples)
            outputs = predict(self.model, encoded.ids, fast=True)
            for column, task in enumerate(TASKS):
                labels = encoded.labels[:, column]
                known = labels != IGNORED
                if known.any():
                    guesses = outputs[task].argmax(-1)[known]
                    report[f"{name}.{task}.f1"] = round(macro_f1(labels[known], guesses, HEADS[task]), 4)
                    report[f"{name}.{task}.recall"] = round(macro_recall(labels[known], guesses, HEADS[task]), 4)
            report[f"{name}.embedding"] = round(self._nearness(encoded, outputs["embedding"]), 4)
        return report

    def base_embeddings(self, encoded: Encoded) -> torch.Tensor:
        """(texts, dim), of the base as it was before any training."""
        encoder, _ = load_base(self.recipe.base, layers=self.recipe.layers)
        return _embeddings(encoder, encoded.ids)

    def _look(self) -> None:
        """Validate the averaged weights, and keep them if sentiment is better than ever, on average over the sets."""
        with self.averaged():
            report = self.validate()
        score = float(np.mean([value for name, value in report.items() if name.endswith(".sentiment.f1")]))
        if score >= self.best_score:  # of equals, the later has learnt more
            self.best, self.best_score = {name: weight.clone() for name, weight in self.average.items()}, score
        self._say(step=self.step, epoch=round(self.step / self.steps_per_epoch, 2), score=round(score, 4), **report)

    def averaged(self) -> _Averaged:
        return _Averaged(self)

    def _learn(self, indices: list[int], width: int, total: int) -> float:
        recipe = self.recipe
        rate = recipe.rate * schedule(self.step, total, recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        ids, mask = tensors([self.train_set.ids[index] for index in indices], width)
        dropped = (torch.rand(ids.shape) < recipe.word_dropout) & (ids > self.unknown + 3)  # not the special tokens
        ids = ids.masked_fill(dropped, self.unknown)
        labels = torch.from_numpy(self.train_set.labels[indices])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = self.model(input_ids=ids, attention_mask=mask)
        loss = self._loss(outputs, labels, self.targets[indices])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimizer.step()
        keep = min(recipe.average, (self.step + 1) / (self.step + 10))  # the first steps are forgotten fast
        average = [self.average[name] for name in self.trained]
        torch._foreach_lerp_(average, [weight.detach() for weight in self.trained.values()], 1 - keep)
        return loss.item()

    def _loss(self, outputs: Mapping[str, torch.Tensor], labels: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        recipe = self.recipe
        weights = {"sentiment": 1.0, "complaint": recipe.complaint_weight, "severity": recipe.severity_weight}
        loss = recipe.embedding_weight * (1 - (outputs["embedding"].float() * target.float()).sum(-1)).mean()
        for column, task in enumerate(TASKS):
            known = labels[:, column] != IGNORED
            if known.any():
                # Weighted by the share of the batch that has a label, or the few would shout.
                one = cross_entropy(
                    outputs[task].float()[known],
                    labels[known, column],
                    weight=self.class_weights[task],
                    label_smoothing=recipe.smoothing,
                )
                loss = loss + weights[task] * one * known.float().mean()
        return loss

    def _class_weights(self, column: int) -> torch.Tensor:
        labels = self.train_set.labels[:, column]
        counts = np.bincount(labels[labels != IGNORED], minlength=HEADS[TASKS[column]]).clip(min=1)
        weights = (counts / counts.sum()) ** -self.recipe.balance
        return torch.tensor(weights / (weights * counts).sum() * counts.sum(), dtype=torch.float32)

    def _nearness(self, encoded: Encoded, embeddings: NDArray[np.float32]) -> float:
        with self.model.disable_adapter():
            base = predict(self.model, encoded.ids, fast=True)["embedding"]
        return float((base * embeddings).sum(-1).mean())

    def _checkpoint(self) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "weights": {name: weight.detach() for name, weight in self.trained.items()},
            "average": self.average,
            "best": self.best,
            "best_score": self.best_score,
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        partial = self.out / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.out / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["recipe"] | {"threads": 0} != asdict(self.recipe) | {"threads": 0}:
            raise RecipeError(f"{path} belongs to another recipe; choose another --out or delete it")
        self._load(state["weights"])
        self.average, self.best, self.best_score = state["average"], state["best"], state["best_score"]
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.step = state["step"]
        self._say(resumed_at=self.step)

    def _load(self, weights: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self.trained.items():
                weight.copy_(weights[name])

    def _say(self, **facts: Any) -> None:
        line = json.dumps(facts)
        with (self.out / "train.log").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        self._print(line)


def _embeddings(encoder: DistilBertModel, token_ids: Sequence[list[int]]) -> torch.Tensor:
    """(texts, dim) of the untuned encoder."""
    found = torch.zeros(len(token_ids), encoder.config.dim, dtype=torch.float16)
    encoder.eval()  # type: ignore[no-untyped-call]
    for indices, width in batches([len(one) for one in token_ids], 128, None):
        ids, mask = tensors([token_ids[index] for index in indices], width)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        found[indices] = mean_pooled(hidden.float(), mask).half()
    return found


def fresh(recipe: Recipe, encoder: DistilBertModel) -> PeftModel:
    """An untrained model of this recipe, in full precision, without dropout in the encoder."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return adapted(Network(encoder, recipe.dropout), rank=recipe.rank, alpha=recipe.alpha)


class _Averaged:
    """Within it, the model has the averaged weights and is in evaluation mode."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def __enter__(self) -> None:
        self.now = {name: weight.detach().clone() for name, weight in self.trainer.trained.items()}
        self.trainer._load(self.trainer.average)
        self.trainer.model.eval()

    def __exit__(self, *_: object) -> None:
        self.trainer._load(self.now)
        self.trainer.model.train()


def schedule(step: int, total: int, warmup: float) -> float:
    """The share of the full rate: up in a line, down in a cosine to 2 %."""
    rise = max(1, int(total * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))

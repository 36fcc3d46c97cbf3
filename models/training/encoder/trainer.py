"""Training of the encoder and its heads with LoRA, with checkpoints and a log."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from transformers import DistilBertModel

from models.artifact import STORY
from models.evaluation.metrics import macro_f1
from models.evaluation.typos import misprinted
from models.training.corpus.data import IGNORED, Corpus, Example, shared_data, table_corpus
from models.training.corpus.public import public_corpus
from models.training.encoder.base import load_base, mean_pooled
from models.training.encoder.batches import (
    LEARNED,
    TASKS,
    Encoded,
    batches,
    cut,
    encode,
    predict,
    tensors,
)
from models.training.encoder.losses import apart, class_weights, of_causes, of_labels
from models.training.encoder.network import HEADS, SIDE, Network, adapted, lightened
from models.training.encoder.paraphrase import reworded
from models.training.encoder.precision import device_of, mixed
from models.training.encoder.recipe import Recipe
from models.training.encoder.restore_lora import recovered
from models.training.progress import Print, averaged, load, log_to
from models.training.recipes import RecipeError

COMPARED = 256  # texts whose embedding is held against the base's in a look


def corpus_of(recipe: Recipe, config: Path, data: Path | None = None) -> Corpus:
    return (
        table_corpus(config.parent / recipe.table)
        if recipe.table
        else public_corpus(data or shared_data())
    )


class Trainer:
    """One run: a recipe, its corpus, a folder for checkpoints and the log."""

    def __init__(self, recipe: Recipe, corpus: Corpus, out: Path, say: Print = print) -> None:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.corpus, self.out = recipe, corpus, out
        self.device = device_of(recipe.device)
        out.mkdir(parents=True, exist_ok=True)
        self._say = log_to(out / "train.log", say)
        encoder, self.tokenizer = load_base(recipe.base, layers=recipe.layers)
        self.examples = [*corpus.train, *corpus.by_turns]
        self.train_set = self.encode(self.examples)
        self.model = lightened(fresh(recipe, encoder, corpus), self.device)
        self.unknown = self.tokenizer.token_to_id("[UNK]")
        self.trained = {
            name: weight for name, weight in self.model.named_parameters() if weight.requires_grad
        }
        self._begin()
        self.average = {name: weight.detach().clone() for name, weight in self.trained.items()}
        self.best, self.best_score = self.average, -1.0
        self.optimizer = torch.optim.AdamW(
            self.trained.values(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.class_weights = {task: self._class_weights(task).to(self.device) for task in TASKS}
        self.chance = random.Random(recipe.seed)  # noqa: S311 (no secret)
        self.steps = [sum(1 for _ in self._batches(epoch)) for epoch in range(recipe.epochs)]
        self.step, self.minutes = 0, 0.0

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one. `tuned` gives the result."""
        torch.set_flush_denormal(
            True
        )  # of this whole process: numbers next to zero cost a hundredfold
        try:
            self._train()
        finally:
            torch.set_flush_denormal(False)

    def encode(self, examples: Sequence[Example], longest: int | None = None) -> Encoded:
        return encode(
            self.tokenizer,
            examples,
            topics=self.corpus.topics,
            problems=self.corpus.problems,
            longest=longest or self.recipe.longest,
        )

    def _batches(self, epoch: int) -> Iterator[tuple[list[int], int]]:
        """(indices, width) of an epoch's batches.

        They are `corpus.train`, and in turns the easy or plain texts.
        """
        whole = len(self.corpus.train)
        plain = [number for number in range(whole) if tells(self.examples[number]) == {"sentiment"}]
        easy = [
            number
            for number in range(whole, len(self.examples))
            if self._is_weighted(self.examples[number])
        ]
        selected = sorted(
            [
                *set(range(whole)).difference(plain),
                *plain[epoch % self.recipe.plain :: self.recipe.plain],
                *easy[epoch % self.recipe.turns :: self.recipe.turns],
            ]
        )
        order = random.Random(f"{self.recipe.seed}:{epoch}")  # noqa: S311 (no secret)
        for places, width in batches(
            [len(self.train_set.ids[index]) for index in selected], self.recipe.batch, order
        ):
            yield [selected[place] for place in places], width

    def _train(self) -> None:
        self._resume()
        total, started, losses = sum(self.steps), time.monotonic() - 60 * self.minutes, []
        look, done = max(1, min(self.steps) // self.recipe.looks), 0
        self.model.train()
        for epoch, steps in enumerate(self.steps):
            for number, (indices, width) in enumerate(self._batches(epoch), 1):
                if done + number <= self.step or self._late():
                    continue  # done before the run was interrupted, or its time was over
                losses.append(self._learn(indices, width, self._progress(total)))
                self.step += 1
                self.minutes = (time.monotonic() - started) / 60
                if self.step % 50 == 0:
                    loss, minutes = round(float(np.mean(losses[-50:])), 4), round(self.minutes, 1)
                    self._say(step=self.step, of=total, loss=loss, minutes=minutes)
                if self._late():
                    break
                if number == steps or (number % look == 0 and number + look <= steps):
                    self._look(epoch + number / steps)
                if self.step % self.recipe.checkpoint_every == 0:
                    self._checkpoint()
            if self._late():
                self._look(epoch + (self.step - done) / steps)
                break
            done += steps
        self._checkpoint()

    def _late(self) -> bool:
        return self.recipe.minutes is not None and self.minutes >= self.recipe.minutes

    def _progress(self, total: int) -> float:
        """The share of the run that is over, by its steps or its time."""
        limit = self.recipe.minutes
        return max(self.step / total, self.minutes / limit if limit else 0.0)

    def _is_weighted(self, example: Example) -> bool:
        """True where the recipe gives weight to a label of the example."""
        return self.recipe.side_weight > 0 or not tells(example) <= set(SIDE)

    def tuned(self) -> PeftModel:
        """The best averaged adapters and heads on the base, in full precision."""
        encoder, _ = load_base(self.recipe.base, layers=self.recipe.layers)
        model = fresh(self.recipe, encoder, self.corpus)
        earlier = self._earlier() if self.recipe.of_start else {}
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if weight.requires_grad:
                    weight.copy_(self.best[name])
                    if name in earlier:
                        weight.lerp_(earlier[name], self.recipe.of_start)
        model.eval()
        return model

    def validate(self) -> dict[str, Any]:
        """Figures of each task on each set, and the nearness of the embeddings to the base.

        Macro-F1, but accuracy for topics and problems, of which a set has only some.
        """
        report: dict[str, Any] = {}
        for name, examples in self.corpus.validation.items():
            encoded = self.encode(examples)
            outputs = predict(self.model, encoded.ids, fast=True)
            for task in TASKS:
                labels = encoded.labels[task]
                known = labels != IGNORED
                if known.any():
                    guesses = outputs[task].argmax(-1)[known]
                    if task in HEADS:
                        report[f"{name}.{task}.f1"] = round(
                            macro_f1(labels[known], guesses, HEADS[task]), 4
                        )
                    else:
                        report[f"{name}.{task}.accuracy"] = round(
                            float((labels[known] == guesses).mean()), 4
                        )
            report[f"{name}.embedding"] = round(self._nearness(encoded, outputs["embedding"]), 4)
        return report

    def base_embeddings(self, token_ids: Sequence[list[int]]) -> torch.Tensor:
        """(texts, dim), of the base as it was before any training."""
        encoder, _ = load_base(self.recipe.base, layers=self.recipe.layers)
        moved = cast("torch.nn.Module", encoder).to(self.device)
        return _embeddings(cast(DistilBertModel, moved), token_ids)

    def _look(self, epoch: float) -> None:
        """Validate the averaged weights and keep the best; sentiment counts for half."""
        with averaged(self.model, self.average):
            report = self.validate()
        figures = {name: value for name, value in report.items() if not name.endswith(".embedding")}
        sentiment = [value for name, value in figures.items() if ".sentiment." in name]
        other_figures = [value for name, value in figures.items() if ".sentiment." not in name]
        score = float(np.mean([np.mean(group) for group in (sentiment, other_figures) if group]))
        if score >= self.best_score:  # of equals, the later has learnt more
            self.best, self.best_score = (
                {name: weight.clone() for name, weight in self.average.items()},
                score,
            )
        self._say(step=self.step, epoch=round(epoch, 2), score=round(score, 4), **report)

    def _learn(self, indices: list[int], width: int, progress: float) -> float:
        recipe = self.recipe
        rate = recipe.rate * schedule(progress, recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        clean = [self.chance.random() >= recipe.misprints + recipe.rewordings for _ in indices]
        ids, mask = tensors(self._wordings(indices, clean, width), width)
        special = ids <= self.unknown + 3
        dropped = (torch.rand(ids.shape) < recipe.word_dropout) & ~special
        noisy = ids.masked_fill(dropped, self.unknown).to(self.device)
        ids, mask = ids.to(self.device), mask.to(self.device)
        target = self._base(ids, mask) if self.step % recipe.embedding_every == 0 else None
        with mixed(device=self.device):
            outputs = self.model(input_ids=noisy, attention_mask=mask)
        loss = torch.zeros(())
        if target is not None:
            cosines = (outputs["embedding"].float() * target).sum(-1)
            loss = recipe.embedding_weight * (1 - cosines).mean()
        rows = np.array(indices)
        for term in of_labels(recipe, self.train_set, self.class_weights, outputs, rows):
            loss = loss + term
        # Misprints move the tokens, so misread texts say nothing of the cause.
        causes = [
            self.train_set.causes[index] if as_is else None
            for index, as_is in zip(indices, clean, strict=True)
        ]
        loss = loss + of_causes(recipe.cause_weight, outputs["cause"], causes)
        if recipe.same_weight and not all(clean):
            loss = loss + recipe.same_weight * self._same_loss(outputs, indices, width, clean)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimizer.step()
        self._average()
        return loss.item()

    def _average(self) -> None:
        """Move the average a little towards the weights; the first steps are forgotten fast."""
        keep = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        average = [self.average[name] for name in self.trained]
        weights = [weight.detach() for weight in self.trained.values()]
        torch._foreach_lerp_(average, weights, 1 - keep)

    def _wordings(
        self, indices: Sequence[int], clean: Sequence[bool], width: int
    ) -> list[list[int]]:
        """Token ids of the texts, of those that are not clean in another wording."""
        return [
            self.train_set.ids[index] if as_is else self._misread(index, width)
            for index, as_is in zip(indices, clean, strict=True)
        ]

    def _misread(self, index: int, width: int) -> list[int]:
        """Token ids of a text with misprints or in other words, cut to the width of its batch."""
        text, share = self.examples[index].text, self.recipe.rewordings
        other = share and self.chance.random() < share / (share + self.recipe.misprints)
        misread = (reworded if other else misprinted)(text, self.chance)
        return cut(self.tokenizer.encode(misread).ids, width)

    def _same_loss(
        self,
        outputs: Mapping[str, torch.Tensor],
        indices: Sequence[int],
        width: int,
        clean: Sequence[bool],
    ) -> torch.Tensor:
        """Distance of the judgements of misread texts from those of the texts themselves."""
        rows = [row for row, as_is in enumerate(clean) if not as_is]
        ids, mask = tensors([self.train_set.ids[indices[row]] for row in rows], width)
        self.model.eval()
        with torch.no_grad(), mixed(device=self.device):
            standard = self.model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
            )
        self.model.train()
        return apart(outputs, standard, rows) * len(rows) / len(indices)

    def _base(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The embeddings (batch, dim) of the base: the network without what was added to it."""
        encoder = cast(DistilBertModel, self.model.get_submodule("base_model.model.encoder"))
        with self.model.disable_adapter(), torch.no_grad(), mixed(device=self.device):
            hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return mean_pooled(hidden.float(), mask)

    def _class_weights(self, task: str) -> torch.Tensor:
        labels = self.train_set.labels[task]
        classes = (
            len(self.corpus.topics if task == "topic" else self.corpus.problems)
            if task not in HEADS
            else HEADS[task]
        )
        counts = np.bincount(labels[labels != IGNORED], minlength=classes)
        balance = self.recipe.balance
        if task not in HEADS and self.recipe.topic_balance is not None:
            balance = self.recipe.topic_balance
        return class_weights(counts, balance)

    def _nearness(self, encoded: Encoded, embeddings: NDArray[np.float32]) -> float:
        with self.model.disable_adapter():
            base = predict(self.model, encoded.ids[:COMPARED], fast=True)["embedding"]
        return float((base * embeddings[:COMPARED]).sum(-1).mean())

    def _checkpoint(self) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "minutes": self.minutes,
            "weights": {name: weight.detach() for name, weight in self.trained.items()},
            "average": self.average,
            "best": self.best,
            "best_score": self.best_score,
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "device_random": _device_random(self.device),
        }
        partial = self.out / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.out / "checkpoint.pt")

    def _begin(self) -> None:
        """Start from the best weights of an earlier run, where the recipe names one; new heads
        start untrained.
        """
        earlier = self._earlier()
        with torch.no_grad():
            for name in earlier:
                self.trained[name].copy_(earlier[name])

    def _earlier(self) -> dict[str, torch.Tensor]:
        """The best weights of the run, or those of the model directory, that this one started from:
        what both have.
        """
        if self.recipe.start is None:
            return {}
        if (Path(self.recipe.start) / STORY).is_file():
            base, _ = load_base(self.recipe.base, layers=self.recipe.layers)
            scale = self.recipe.alpha / self.recipe.rank
            return recovered(Path(self.recipe.start), self.trained, base.state_dict(), scale=scale)
        try:
            best = torch.load(self.recipe.start, weights_only=True, map_location="cpu")["best"]
        except (OSError, KeyError, RuntimeError) as error:
            raise RecipeError(
                f"start = {self.recipe.start!r}: that is no checkpoint of a run ({error})"
            ) from None
        same = [
            name
            for name, weight in self.trained.items()
            if name in best and best[name].shape == weight.shape
        ]
        return {name: best[name] for name in same}

    def _resume(self) -> None:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location="cpu")
        free = {
            "threads": 0,
            "device": "auto",
            "of_start": 0.0,
            "minutes": None,
        }  # they may differ on the way; a budget of minutes bends the rate from there on
        if state["recipe"] | free != asdict(self.recipe) | free:
            raise RecipeError(
                f"{path} belongs to another recipe; choose another --out or delete it"
            )
        load(self.model, state["weights"])
        self.average = _at(self.device, state["average"])
        self.best, self.best_score = _at(self.device, state["best"]), state["best_score"]
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and state.get("device_random") is not None:
            torch.cuda.set_rng_state(state["device_random"])
        self.step, self.minutes = state["step"], state.get("minutes", 0.0)
        self._say(resumed_at=self.step)


def tells(example: Example) -> set[str]:
    """The tasks that an example has a label for."""
    tasks = {task for task in LEARNED if getattr(example, task) != IGNORED}
    return tasks | {
        name
        for name, labels in (("topic", example.topics), ("problem", example.problems))
        if labels
    }


def _at(device: torch.device, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weight.to(device) for name, weight in weights.items()}


def _device_random(device: torch.device) -> torch.Tensor | None:
    """The state of a GPU's random numbers; None on the CPU, whose are torch's own."""
    return torch.cuda.get_rng_state() if device.type == "cuda" else None


def _embeddings(encoder: DistilBertModel, token_ids: Sequence[list[int]]) -> torch.Tensor:
    """(texts, dim) of the untuned encoder."""
    embeddings = torch.zeros(len(token_ids), encoder.config.dim, dtype=torch.float16)
    encoder.eval()
    for indices, width in batches([len(ids_) for ids_ in token_ids], 128, None):
        ids, mask = tensors([token_ids[index] for index in indices], width)
        ids, mask = ids.to(encoder.device), mask.to(encoder.device)
        with torch.inference_mode(), mixed(device=encoder.device):
            hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        embeddings[indices] = mean_pooled(hidden.float(), mask).half().cpu()
    return embeddings


def fresh(recipe: Recipe, encoder: DistilBertModel, corpus: Corpus) -> PeftModel:
    """An untrained model of this recipe, in full precision, without dropout in the encoder."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    network = Network(
        encoder, recipe.dropout, topics=len(corpus.topics), problems=len(corpus.problems)
    )
    return adapted(network, rank=recipe.rank, alpha=recipe.alpha)


def schedule(progress: float, warmup: float) -> float:
    """The share of the full rate at a share of the run: up in a line, down in a cosine to 2 %."""
    if progress < warmup:
        return max(progress, 0.01) / warmup
    return 0.02 + 0.98 * 0.5 * (
        1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup)))
    )

"""Trains the encoder and its heads with LoRA, on the CPU. Writes checkpoints and a log; `release` makes the model."""

from __future__ import annotations

import math
import random
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import DistilBertModel

from models.artifact import STORY
from models.evaluate import macro_f1
from models.misprints import misprinted
from models.training.base import MINILM, load_base, mean_pooled
from models.training.batches import LEARNED, TASKS, Encoded, batches, cut, encode, predict, tensors
from models.training.corpus import public_corpus
from models.training.data import IGNORED, Corpus, Example, shared_data, table_corpus
from models.training.errors import TrainingError
from models.training.network import HEADS, SIDE, Network, adapted, lightened
from models.training.precision import mixed
from models.training.progress import averaged, load, log_to
from models.training.recovered import recovered
from models.training.rewording import reworded

Print = Callable[[str], None]


class RecipeError(TrainingError):
    """The recipe cannot be followed."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run. A config file holds only its differences from these."""

    name: str = "sentiment"
    base: str = MINILM
    start: str | None = None  # checkpoint of an earlier run, or a model directory: its weights are the first ones
    of_start: float = 0.0  # share of the start's weights in the result (after Wortsman et al., 2022)
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
    polar_weight: float = 0.5  # sentiment of texts whose set knows no neutral
    topic_weight: float = 0.5  # and of problem
    topic_balance: float | None = None  # and of problem; that of the others, if it is not said
    index_weight: float = 0.0  # of the distance between the expected and the true severity
    same_weight: float = 0.0  # of a text's misprinted or reworded form being read as the text itself
    cause_weight: float = 0.5
    side_weight: float = 0.3  # emotion, irony ...: they only teach the encoder
    misprints: float = 0.15  # share of the texts that are learned with misprints
    rewordings: float = 0.0  # share of the texts that are learned in other words
    plain: int = 1  # of the texts that tell the sentiment alone, one in so many is learned in an epoch
    turns: int = 2  # and of the sets by turns
    longest: int = 128  # tokens; longer texts are cut
    embedding_weight: float = 3.0  # of 1 - cosine to the base's embedding
    embedding_every: int = 3  # steps; in the others the embedding is left alone
    average: float = 0.998  # exponential average of the weights, per step
    seed: int = 17
    threads: int = 2
    checkpoint_every: int = 250
    looks: int = 2  # validations in an epoch; the weights of the best one are the result
    heads_only: bool = False  # of the model directory `start`, the encoder stays as it is; see refit.py
    minutes: float | None = None  # the run ends by then, its rate at its lowest, be the epochs over or not


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
        self.recipe, self.corpus, self.out = recipe, corpus, out
        out.mkdir(parents=True, exist_ok=True)
        self._say = log_to(out / "train.log", say)
        encoder, self.tokenizer = load_base(recipe.base, layers=recipe.layers)
        self.examples = [*corpus.train, *corpus.by_turns]
        self.train_set = self.encode(self.examples)
        self.model = lightened(fresh(recipe, encoder, corpus))
        self.unknown = self.tokenizer.token_to_id("[UNK]")
        self.trained = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        self._begin()
        self.average = {name: weight.detach().clone() for name, weight in self.trained.items()}
        self.best, self.best_score = self.average, -1.0
        self.optimizer = torch.optim.AdamW(self.trained.values(), lr=recipe.rate, weight_decay=recipe.decay)
        self.class_weights = {task: self._class_weights(task) for task in TASKS}
        self.chance = random.Random(recipe.seed)  # noqa: S311 (no secret)
        self.steps = [sum(1 for _ in self._batches(epoch)) for epoch in range(recipe.epochs)]
        self.step, self.minutes = 0, 0.0

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one. `tuned` gives the result."""
        torch.set_flush_denormal(True)  # of this whole process: numbers next to zero cost a hundredfold
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
        """(indices, width) of an epoch's batches: `corpus.train`, and in turns the texts that are easy or plain."""
        whole = len(self.corpus.train)
        plain = [number for number in range(whole) if tells(self.examples[number]) == {"sentiment"}]
        easy = [number for number in range(whole, len(self.examples)) if self._taught(self.examples[number])]
        chosen = sorted(
            [
                *set(range(whole)).difference(plain),
                *plain[epoch % self.recipe.plain :: self.recipe.plain],
                *easy[epoch % self.recipe.turns :: self.recipe.turns],
            ]
        )
        order = random.Random(f"{self.recipe.seed}:{epoch}")  # noqa: S311 (no secret)
        for places, width in batches([len(self.train_set.ids[index]) for index in chosen], self.recipe.batch, order):
            yield [chosen[place] for place in places], width

    def _train(self) -> None:
        self._resume()
        total, started, losses = sum(self.steps), time.monotonic() - 60 * self.minutes, []
        look, done = max(1, min(self.steps) // self.recipe.looks), 0
        self.model.train()
        for epoch, steps in enumerate(self.steps):
            for number, (indices, width) in enumerate(self._batches(epoch), 1):
                if done + number <= self.step:
                    continue  # done before the run was interrupted
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
                self._look(epoch + number / steps)
                break
            done += steps
        self._checkpoint()

    def _late(self) -> bool:
        return self.recipe.minutes is not None and self.minutes >= self.recipe.minutes

    def _progress(self, total: int) -> float:
        """The share of the run that is over, by its steps or its time."""
        limit = self.recipe.minutes
        return max(self.step / total, self.minutes / limit if limit else 0.0)

    def _taught(self, example: Example) -> bool:
        """Whether the recipe gives weight to anything that the example tells."""
        return self.recipe.side_weight > 0 or not tells(example) <= set(SIDE)

    def tuned(self) -> PeftModel:
        """The best averaged adapters and heads on the base in full precision, ready to be merged."""
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
        """How well each task is done on each validation set, and how near the embeddings stay to the base's.

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
                        report[f"{name}.{task}.f1"] = round(macro_f1(labels[known], guesses, HEADS[task]), 4)
                    else:
                        report[f"{name}.{task}.accuracy"] = round(float((labels[known] == guesses).mean()), 4)
            report[f"{name}.embedding"] = round(self._nearness(encoded, outputs["embedding"]), 4)
        return report

    def base_embeddings(self, token_ids: Sequence[list[int]]) -> torch.Tensor:
        """(texts, dim), of the base as it was before any training."""
        encoder, _ = load_base(self.recipe.base, layers=self.recipe.layers)
        return _embeddings(encoder, token_ids)

    def _look(self, epoch: float) -> None:
        """Validate the averaged weights, and keep them if they are better than ever: sentiment counts for half."""
        with averaged(self.model, self.average):
            report = self.validate()
        figures = {name: value for name, value in report.items() if not name.endswith(".embedding")}
        sentiment = [value for name, value in figures.items() if ".sentiment." in name]
        others = [value for name, value in figures.items() if ".sentiment." not in name]
        score = float(np.mean([np.mean(one) for one in (sentiment, others) if one]))
        if score >= self.best_score:  # of equals, the later has learnt more
            self.best, self.best_score = {name: weight.clone() for name, weight in self.average.items()}, score
        self._say(step=self.step, epoch=round(epoch, 2), score=round(score, 4), **report)

    def _learn(self, indices: list[int], width: int, progress: float) -> float:
        recipe = self.recipe
        rate = recipe.rate * schedule(progress, recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        clean = [self.chance.random() >= recipe.misprints + recipe.rewordings for _ in indices]
        ids, mask = tensors(
            [
                self.train_set.ids[index] if as_is else self._misread(index, width)
                for index, as_is in zip(indices, clean, strict=True)
            ],
            width,
        )
        dropped = (torch.rand(ids.shape) < recipe.word_dropout) & (ids > self.unknown + 3)  # not the special tokens
        target = self._base(ids, mask) if self.step % recipe.embedding_every == 0 else None
        with mixed():
            outputs = self.model(input_ids=ids.masked_fill(dropped, self.unknown), attention_mask=mask)
        loss = self._loss(outputs, np.array(indices), mask, target)
        loss = loss + self._cause_loss(outputs["cause"], indices, clean)
        if recipe.same_weight and not all(clean):
            loss = loss + recipe.same_weight * self._same_loss(outputs, indices, width, clean)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimizer.step()
        keep = min(recipe.average, (self.step + 1) / (self.step + 10))  # the first steps are forgotten fast
        average = [self.average[name] for name in self.trained]
        torch._foreach_lerp_(average, [weight.detach() for weight in self.trained.values()], 1 - keep)
        return loss.item()

    def _misread(self, index: int, width: int) -> list[int]:
        """Token ids of a text with misprints or in other words, no longer than its batch is wide."""
        text, share = self.examples[index].text, self.recipe.rewordings
        other = share and self.chance.random() < share / (share + self.recipe.misprints)
        return cut(self.tokenizer.encode((reworded if other else misprinted)(text, self.chance)).ids, width)

    def _same_loss(
        self, outputs: Mapping[str, torch.Tensor], indices: Sequence[int], width: int, clean: Sequence[bool]
    ) -> torch.Tensor:
        """How differently misread texts are judged from the texts themselves, which are the standard."""
        rows = [row for row, as_is in enumerate(clean) if not as_is]
        ids, mask = tensors([self.train_set.ids[indices[row]] for row in rows], width)
        self.model.eval()
        with torch.no_grad(), mixed():
            standard = self.model(input_ids=ids, attention_mask=mask)
        self.model.train()
        loss = torch.zeros(())
        for task in TASKS:
            here, there = outputs[task].float()[rows].log_softmax(-1), standard[task].float().log_softmax(-1)
            loss = loss + (there.exp() * (there - here)).sum(-1).mean()
        apart = expected(outputs["severity"].float()[rows]) - expected(standard["severity"].float())
        return (loss + apart.abs().mean()) * len(rows) / len(indices)

    def _base(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The embeddings (batch, dim) of the base: the network without what was added to it."""
        encoder = cast(DistilBertModel, self.model.get_submodule("base_model.model.encoder"))
        with self.model.disable_adapter(), torch.no_grad(), mixed():
            hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return mean_pooled(hidden.float(), mask)

    def _loss(
        self,
        outputs: Mapping[str, torch.Tensor],
        indices: NDArray[np.int64],
        mask: torch.Tensor,
        target: torch.Tensor | None,
    ) -> torch.Tensor:
        recipe, labels = self.recipe, self.train_set.labels
        loss = torch.zeros(())
        if target is not None:
            loss = recipe.embedding_weight * (1 - (outputs["embedding"].float() * target).sum(-1)).mean()
        weights = {
            "sentiment": 1.0,
            "complaint": recipe.complaint_weight,
            "severity": recipe.severity_weight,
            "polar": recipe.polar_weight,
            **dict.fromkeys(SIDE, recipe.side_weight),
        }
        for task, weight in weights.items():
            truth = torch.from_numpy(labels[task][indices])
            known = truth != IGNORED
            if known.any():
                # Weighted by the share of the batch that has a label, or the few would shout.
                logits = outputs["sentiment"][:, [0, 2]] if task == "polar" else outputs[task]
                one = cross_entropy(
                    logits.float()[known],
                    truth[known],
                    weight=self.class_weights.get(task),
                    label_smoothing=recipe.smoothing,
                )
                loss = loss + weight * one * known.float().mean()
        truth = torch.from_numpy(labels["severity"][indices])
        known = truth != IGNORED
        if recipe.index_weight and known.any():
            apart = (expected(outputs["severity"].float()[known]) - truth[known]).abs().mean()
            loss = loss + recipe.index_weight * apart * known.float().mean()
        for task, table in self.train_set.allowed.items():
            allowed = torch.from_numpy(table[indices])
            known = allowed.any(-1)
            if known.any():
                one = allowed_entropy(outputs[task].float()[known], allowed[known], self.class_weights[task])
                loss = loss + recipe.topic_weight * one * known.float().mean()
        return loss

    def _cause_loss(self, logits: torch.Tensor, indices: Sequence[int], clean: Sequence[bool]) -> torch.Tensor:
        """Of the tokens whose text has a known cause; misprints move the tokens, so those texts say nothing."""
        truth = torch.full(logits.shape, -1.0)
        for row, index in enumerate(indices):
            flags = self.train_set.causes[index]
            if flags is not None and clean[row]:
                truth[row, : len(flags)] = torch.tensor(flags, dtype=torch.float32)
        known = truth >= 0
        if not known.any():
            return torch.zeros(())
        loss = binary_cross_entropy_with_logits(logits.float()[known], truth[known])
        return self.recipe.cause_weight * loss * known.any(-1).float().mean()

    def _class_weights(self, task: str) -> torch.Tensor:
        labels = self.train_set.labels[task]
        classes = (
            len(self.corpus.topics if task == "topic" else self.corpus.problems) if task not in HEADS else HEADS[task]
        )
        counts = np.bincount(labels[labels != IGNORED], minlength=classes)
        balance = self.recipe.balance
        if task not in HEADS and self.recipe.topic_balance is not None:
            balance = self.recipe.topic_balance
        return class_weights(counts, balance)

    def _nearness(self, encoded: Encoded, embeddings: NDArray[np.float32], most: int = 256) -> float:
        with self.model.disable_adapter():
            base = predict(self.model, encoded.ids[:most], fast=True)["embedding"]
        return float((base * embeddings[:most]).sum(-1).mean())

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
        }
        partial = self.out / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.out / "checkpoint.pt")

    def _begin(self) -> None:
        """Start from the best weights of an earlier run, where the recipe names one; new heads start untrained."""
        earlier = self._earlier()
        with torch.no_grad():
            for name in earlier:
                self.trained[name].copy_(earlier[name])

    def _earlier(self) -> dict[str, torch.Tensor]:
        """The best weights of the run, or those of the model directory, that this one started from: what both have."""
        if self.recipe.start is None:
            return {}
        if (Path(self.recipe.start) / STORY).is_file():
            base, _ = load_base(self.recipe.base, layers=self.recipe.layers)
            scale = self.recipe.alpha / self.recipe.rank
            return recovered(Path(self.recipe.start), self.trained, base.state_dict(), scale=scale)
        try:
            best = torch.load(self.recipe.start, weights_only=True)["best"]
        except (OSError, KeyError, RuntimeError) as error:
            raise RecipeError(f"start = {self.recipe.start!r}: that is no checkpoint of a run ({error})") from None
        same = [name for name, weight in self.trained.items() if name in best and best[name].shape == weight.shape]
        return {name: best[name] for name in same}

    def _resume(self) -> None:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        free = {"threads": 0, "of_start": 0.0, "minutes": None}  # they do not change what is learned
        if state["recipe"] | free != asdict(self.recipe) | free:
            raise RecipeError(f"{path} belongs to another recipe; choose another --out or delete it")
        load(self.model, state["weights"])
        self.average, self.best, self.best_score = state["average"], state["best"], state["best_score"]
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.step, self.minutes = state["step"], state.get("minutes", 0.0)
        self._say(resumed_at=self.step)


def tells(example: Example) -> set[str]:
    """What an example has a label for."""
    told = {task for task in LEARNED if getattr(example, task) != IGNORED}
    return told | {name for name, labels in (("topic", example.topics), ("problem", example.problems)) if labels}


def class_weights(counts: NDArray[Any], balance: float) -> torch.Tensor:
    """(classes,): frequency ** -balance, 1 on average over the examples. counts: examples of each class."""
    counts = counts.clip(min=1)
    weights = (counts / counts.sum()) ** -balance
    return torch.tensor(weights / (weights * counts).sum() * counts.sum(), dtype=torch.float32)


def expected(severity: torch.Tensor) -> torch.Tensor:
    """The expected class, (batch,) 0 to 4, of severity logits (batch, 5)."""
    return severity.softmax(-1) @ torch.arange(severity.shape[-1], dtype=severity.dtype)


def allowed_entropy(logits: torch.Tensor, allowed: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of labels that allow several classes: the classes share the probability as they like.

    logits, allowed: (batch, classes), at least one allowed in every row. weight: (classes,).
    """
    likely = logits.log_softmax(-1).masked_fill(~allowed, -torch.inf).logsumexp(-1)  # (batch,)
    weights = (weight * allowed).sum(-1) / allowed.sum(-1)
    return -(weights * likely).sum() / weights.sum()


def _embeddings(encoder: DistilBertModel, token_ids: Sequence[list[int]]) -> torch.Tensor:
    """(texts, dim) of the untuned encoder."""
    found = torch.zeros(len(token_ids), encoder.config.dim, dtype=torch.float16)
    encoder.eval()  # type: ignore[no-untyped-call]
    for indices, width in batches([len(one) for one in token_ids], 128, None):
        ids, mask = tensors([token_ids[index] for index in indices], width)
        with torch.inference_mode(), mixed():
            hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        found[indices] = mean_pooled(hidden.float(), mask).half()
    return found


def fresh(recipe: Recipe, encoder: DistilBertModel, corpus: Corpus) -> PeftModel:
    """An untrained model of this recipe, in full precision, without dropout in the encoder."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    network = Network(encoder, recipe.dropout, topics=len(corpus.topics), problems=len(corpus.problems))
    return adapted(network, rank=recipe.rank, alpha=recipe.alpha)


def schedule(progress: float, warmup: float) -> float:
    """The share of the full rate at a share of the run: up in a line, down in a cosine to 2 %."""
    if progress < warmup:
        return max(progress, 0.01) / warmup
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))

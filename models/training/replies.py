"""Trains the reply models on the CPU: subwords, a GRU decoder with attention. `reply_release` makes the artifact."""

from __future__ import annotations

import json
import math
import random
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from models.artifact import ArtifactError, read_story, reading
from models.conditions import Conditions, Vocabulary
from models.replier import FORMAT, STORY, TOKENIZER
from models.slots import Slots
from models.subwords import END, START, Subwords, train_subwords
from models.training.errors import TrainingError
from models.training.precision import mixed
from models.training.progress import averaged, load, log_to
from models.training.reply_data import (
    Judge,
    Prepared,
    common_words,
    grouped,
    loaded,
    part_of,
    prepared,
    read_pairs,
    saved,
)
from models.training.reply_network import ReplyNetwork, Sizes, SmoothedLoss
from models.training.reply_thaw import thawed

Print = Callable[[str], None]
EDIT_ROUNDS = 3  # how often an edit is read
EDIT_RATE = 0.3  # of the recipe's rate


class RecipeError(TrainingError):
    """The recipe cannot be followed."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run. A config file holds only its differences from these."""

    name: str = "replies"
    pairs: str = "replies/support_pairs.csv.gz"  # beside the config, or beneath the public sets
    vocabulary: int = 6000
    embedding: int = 256
    encoder: int = 192  # in each direction
    decoder: int = 512
    condition: int = 64
    epochs: int = 12
    batch: int = 32
    rate: float = 1.5e-3
    warmup: float = 0.04  # share of the run in which the rate rises
    fall: float = 0.04  # share of the run after which it falls
    decay: float = 0.02
    dropout: float = 0.1
    smoothing: float = 0.03
    forget: float = 0.3  # share of the pairs whose flags the network is not told
    forget_brand: float = 0.2
    brand_pairs: int = 100  # a brand with fewer is one of the others
    longest_source: int = 64
    longest_target: int = 64
    average: float = 0.998  # exponential average of the weights, per step
    order: int = 5  # of the n-grams
    keep: int = 2_000_000  # n-grams of order two and more that are kept
    words: int = 1500  # of the subwords, those that drafts are written with
    seed: int = 17
    threads: int = 1
    checkpoint_every: int = 500
    validate_every: int | None = None  # steps; unset: after every epoch
    start: str | None = None  # a replier's directory whose weights the run begins with
    # Of processor time, perhaps before the last epoch; the rate falls to its end by then. 0: of a released replier that
    # the run starts from, only the n-grams, the mix and the figures are made anew.
    minutes: float | None = None


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


@dataclass(frozen=True)
class Corpus:
    """Prepared pairs by split, and what they were prepared with."""

    words: list[str]
    splits: Mapping[str, list[Prepared]]
    tokenizer: Tokenizer
    vocabulary: Vocabulary


def corpus_of(recipe: Recipe, pairs: Path, folder: Path, judge: Judge) -> Corpus:
    """The pairs prepared once and kept in `folder`; the second time they are read from there."""
    done = folder / "corpus.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        raw = grouped(read_pairs(pairs))
        learned = [pair for pair in raw if part_of(pair.conversation) == "train"]
        words = common_words(learned)
        rows = prepared(raw, Slots(words), judge([pair.customer for pair in raw]))
        saved(rows, folder / "pairs.jsonl")
        train = [row for row in rows if part_of(row.conversation) == "train"]
        tokenizer = train_subwords((text for row in train for text in (row.target, row.source)), recipe.vocabulary)
        tokenizer.save(str(folder / "tokenizer.json"))
        done.write_text(json.dumps({"words": words, "brands": _frequent(train, recipe.brand_pairs)}))
    told = json.loads(done.read_text())
    splits: dict[str, list[Prepared]] = {"train": [], "validation": [], "test": []}
    for row in loaded(folder / "pairs.jsonl"):
        splits[part_of(row.conversation)].append(row)
    topics = sorted({row.conditions.topic for row in splits["train"] if row.conditions.topic})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return Corpus(told["words"], splits, tokenizer, Vocabulary(told["brands"], topics))


def _frequent(rows: Sequence[Prepared], least: int) -> list[str]:
    counts: dict[str, int] = {}
    for row in rows:
        if row.conditions.brand:
            counts[row.conditions.brand] = counts.get(row.conditions.brand, 0) + 1
    return sorted(brand for brand, count in counts.items() if count >= least)


@dataclass(frozen=True)
class Encoded:
    """Pairs as ids. targets: without the marks of start and end."""

    sources: list[list[int]]
    targets: list[list[int]]
    conditions: list[Conditions]
    weights: list[float]

    def __len__(self) -> int:
        return len(self.sources)


def encode(subwords: Subwords, rows: Sequence[Prepared], recipe: Recipe) -> Encoded:
    sources = subwords.encode([row.source for row in rows])
    targets = subwords.encode([row.target for row in rows])
    return Encoded(
        sources=[ids[: recipe.longest_source] or [END] for ids in sources],
        targets=[ids[: recipe.longest_target] for ids in targets],
        conditions=[row.conditions for row in rows],
        weights=[row.weight for row in rows],
    )


def joined(*parts: Encoded) -> Encoded:
    return Encoded(
        [ids for part in parts for ids in part.sources],
        [ids for part in parts for ids in part.targets],
        [one for part in parts for one in part.conditions],
        [one for part in parts for one in part.weights],
    )


def _of(encoded: Encoded, rows: Sequence[int]) -> Encoded:
    return Encoded(
        [encoded.sources[row] for row in rows],
        [encoded.targets[row] for row in rows],
        [encoded.conditions[row] for row in rows],
        [encoded.weights[row] for row in rows],
    )


def _without(rows: Sequence[Prepared], every: int) -> list[Prepared]:
    return [row for place, row in enumerate(rows) if place % every]


class Trainer:
    """One run: a recipe, its corpus, a folder for checkpoints and the log."""

    def __init__(self, recipe: Recipe, corpus: Corpus, out: Path, say: Print = print) -> None:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.start = start = None if recipe.start is None else read_start(Path(recipe.start))
        if start is not None:
            corpus = replace(corpus, tokenizer=start.tokenizer, vocabulary=start.vocabulary)
        self.recipe, self.corpus, self.out = recipe, corpus, out
        out.mkdir(parents=True, exist_ok=True)
        self._say = log_to(out / "train.log", say)
        self.subwords = Subwords(corpus.tokenizer)
        self.network = ReplyNetwork(sizes_of(recipe, corpus), recipe.dropout)
        self.parameters = dict(self.network.named_parameters())
        if start is not None:
            self._begin(start)
        self.average = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.98), fused=True
        )
        self.train_set = encode(self.subwords, corpus.splits["train"], recipe)
        self.validation_set = encode(self.subwords, corpus.splits["validation"], recipe)
        self.steps_per_epoch = math.ceil(len(self.train_set) / recipe.batch)
        self.step, self.seconds = 0, 0.0
        self.best, self.best_perplexity = self.average, math.inf

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one. `result` gives the network."""
        torch.set_flush_denormal(True)  # of this whole process: numbers next to zero cost a hundredfold
        try:
            self._train()
        finally:
            torch.set_flush_denormal(False)

    def _train(self) -> None:
        self._resume()
        if self.recipe.start is not None and not self.step:
            self._validate()  # what it starts from may stay the best
        losses: list[float] = []
        while self.progress < 1:
            epoch, done = divmod(self.step, self.steps_per_epoch)
            for indices in list(self._batches(epoch))[done:]:
                started = time.process_time()
                losses.append(self._learn(indices))
                self.step += 1
                self.seconds += time.process_time() - started
                if self.step % 100 == 0:
                    self._say(
                        step=self.step,
                        of=self.steps_per_epoch * self.recipe.epochs,
                        loss=round(float(np.mean(losses[-100:])), 4),
                        minutes=round(self.seconds / 60, 1),
                        progress=round(self.progress, 3),
                    )
                if self.recipe.validate_every and self.step % self.recipe.validate_every == 0:
                    self._validate()
                if self.step % self.recipe.checkpoint_every == 0:
                    self._checkpoint()
                if self.progress >= 1:
                    break
            if not self.recipe.validate_every or self.progress >= 1:
                self._validate()
        self._checkpoint()

    def _validate(self) -> None:
        """Measure the averaged weights on held-out replies, and keep them if they are better than ever."""
        with averaged(self.network, self.average):
            found = perplexity(self.network, self, self.validation_set)
        if found < self.best_perplexity:
            self.best, self.best_perplexity = {name: one.clone() for name, one in self.average.items()}, found
        self._say(step=self.step, validation_perplexity=round(found, 3), best=round(self.best_perplexity, 3))

    @property
    def progress(self) -> float:
        """The share of the run that is done, by its steps or by its time, whichever is further."""
        share = self.step / (self.steps_per_epoch * self.recipe.epochs)
        if self.recipe.minutes is None:
            return share
        return max(share, self.seconds / 60 / self.recipe.minutes) if self.recipe.minutes else 1.0

    def _begin(self, start: Start) -> None:
        try:
            load(self.network, start.weights)
        except (KeyError, RuntimeError):
            raise RecipeError(f"start = {self.recipe.start!r}: its network has other sizes than the recipe's") from None

    def result(self) -> ReplyNetwork:
        """The network with the best averaged weights, in full precision."""
        network = ReplyNetwork(self.network.sizes)
        load(network, self.best)
        return network.eval()

    def learn_edits(self, rows: Sequence[Prepared]) -> dict[str, Any]:
        """Go on from the averaged weights with what agents made of drafts, one in five held out to measure it.

        Each edit is read a few times among four times as many other pairs, so that the rest is not forgotten.
        Returns {"edits": their number and the perplexity of the held-out ones before and after}.
        """
        recipe, base = self.recipe, self.train_set
        held, learned = encode(self.subwords, rows[::5], recipe), encode(self.subwords, _without(rows, 5), recipe)
        before = perplexity(self.result(), self, held)
        load(self.network, self.best)
        self.average = {name: weight.clone() for name, weight in self.best.items()}
        drawn = random.Random(recipe.seed).sample(range(len(base)), min(len(base), 4 * len(learned)))  # noqa: S311
        self.train_set = joined(_of(base, drawn), *[learned] * EDIT_ROUNDS)
        for indices in self._batches(0):
            self._learn(indices, EDIT_RATE * recipe.rate)
            self.step += 1
        self.best = self.average
        self.train_set = joined(base, *[learned] * EDIT_ROUNDS)  # which the n-grams are counted in
        after = perplexity(self.result(), self, held)
        told = {"learned": len(learned), "held_out": len(held), "before": round(before, 3), "after": round(after, 3)}
        self._say(edits=told)
        return {"edits": told}

    def _batches(self, epoch: int) -> Iterator[list[int]]:
        """Indices of pairs of like length, in an order that the epoch decides."""
        order = random.Random(f"{self.recipe.seed}:{epoch}")  # noqa: S311 (no secret)
        shuffled = list(range(len(self.train_set)))
        order.shuffle(shuffled)
        span = self.recipe.batch * 64
        batches = []
        for start in range(0, len(shuffled), span):
            like = sorted(
                shuffled[start : start + span],
                key=lambda row: (len(self.train_set.targets[row]) // 4, len(self.train_set.sources[row])),
            )
            batches += [like[at : at + self.recipe.batch] for at in range(0, len(like), self.recipe.batch)]
        order.shuffle(batches)
        yield from batches

    def _learn(self, indices: Sequence[int], rate: float | None = None) -> float:
        recipe = self.recipe
        rate = rate or recipe.rate * schedule(self.progress, recipe.warmup, recipe.fall)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        forgetting = np.random.default_rng((recipe.seed, self.step))
        conditions = self.corpus.vocabulary.ids([self.train_set.conditions[index] for index in indices])
        conditions[forgetting.random(len(indices)) < recipe.forget_brand, 0] = 0
        conditions[:, 3:][forgetting.random((len(indices), 3)) < recipe.forget] = 0
        batch = tensors(self.train_set, indices)
        weights = torch.tensor([self.train_set.weights[index] for index in indices])
        self.network.train()
        with mixed():
            merged = self.network(batch.sources, batch.mask, torch.from_numpy(conditions), batch.given)
        kept = batch.wanted_mask
        loss: torch.Tensor = SmoothedLoss.apply(  # type: ignore[no-untyped-call]
            merged.float()[kept],
            self.network.embedding.weight,
            batch.wanted[kept],
            weights[:, None].expand_as(batch.wanted)[kept],
            recipe.smoothing,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()
        keep = min(recipe.average, (self.step + 1) / (self.step + 10))  # the first steps are forgotten fast
        torch._foreach_lerp_(
            list(self.average.values()), [weight.detach() for weight in self.parameters.values()], 1 - keep
        )
        return loss.item()

    def _checkpoint(self) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "weights": {name: weight.detach() for name, weight in self.parameters.items()},
            "average": self.average,
            "best": self.best,
            "best_perplexity": self.best_perplexity,
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
        free = dict.fromkeys(("threads", "minutes", "epochs", "order", "keep", "words"))
        if state["recipe"] | free != asdict(self.recipe) | free:
            raise RecipeError(f"{path} belongs to another recipe; choose another --out or delete it")
        load(self.network, state["weights"])
        self.average, self.best, self.best_perplexity = state["average"], state["best"], state["best_perplexity"]
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.step, self.seconds = state["step"], state["seconds"]
        self._say(resumed_at=self.step)


@dataclass(frozen=True)
class Start:
    """A replier that a run begins with: its weights, and the subwords, brands and topics that they are made for.

    told: how it was trained itself.
    """

    version: str
    told: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    tokenizer: Tokenizer
    vocabulary: Vocabulary


def read_start(folder: Path) -> Start:
    """Raises RecipeError for a directory that is no replier's."""
    try:
        with reading(folder, STORY, "a replier's"):
            story = read_story(folder, STORY, (FORMAT,))
            return Start(
                story["version"],
                {name: story.get(name) for name in ("version", "steps", "minutes", "start")},
                thawed(folder),
                Tokenizer.from_file(str(folder / TOKENIZER)),
                Vocabulary(story["brands"], story["topics"]),
            )
    except ArtifactError as error:
        raise RecipeError(f"start = {str(folder)!r}: {error}") from None


@dataclass(frozen=True)
class Batch:
    sources: torch.Tensor  # (batch, width)
    mask: torch.Tensor  # (batch, width)
    given: torch.Tensor  # (batch, steps) the start, then the reply
    wanted: torch.Tensor  # (batch, steps) the reply, then the end
    wanted_mask: torch.Tensor  # (batch, steps)


def tensors(encoded: Encoded, indices: Sequence[int]) -> Batch:
    sources = [encoded.sources[index] for index in indices]
    targets = [encoded.targets[index] for index in indices]
    width, steps = (-(-max(map(len, rows)) // 4) * 4 for rows in (sources, [[*one, END] for one in targets]))
    source = torch.zeros(len(indices), width, dtype=torch.long)
    given = torch.zeros(len(indices), steps, dtype=torch.long)
    wanted = torch.zeros(len(indices), steps, dtype=torch.long)
    for row, (one, target) in enumerate(zip(sources, targets, strict=True)):
        source[row, : len(one)] = torch.tensor(one)
        given[row, : len(target) + 1] = torch.tensor([START, *target])
        wanted[row, : len(target) + 1] = torch.tensor([*target, END])
    mask = torch.arange(width)[None, :] < torch.tensor([len(one) for one in sources])[:, None]
    return Batch(source, mask, given, wanted, wanted > 0)


def perplexity(network: ReplyNetwork, trainer: Trainer, encoded: Encoded, limit: int = 1500) -> float:
    """Per token, the end included, of the first pairs; the network is told brand, topic and sentiment, no flag."""
    total, count = 0.0, 0
    ids = trainer.corpus.vocabulary.ids(encoded.conditions)
    ids[:, 3:] = 0
    for start in range(0, min(limit, len(encoded)), 64):
        indices = list(range(start, min(start + 64, len(encoded))))
        batch = tensors(encoded, indices)
        with torch.inference_mode():
            merged = network(batch.sources, batch.mask, torch.from_numpy(ids[indices]), batch.given)
            scores = network.logits(merged[batch.wanted_mask])
            total += float(torch.nn.functional.cross_entropy(scores, batch.wanted[batch.wanted_mask], reduction="sum"))
        count += int(batch.wanted_mask.sum())
    return math.exp(total / max(count, 1))


def sizes_of(recipe: Recipe, corpus: Corpus) -> Sizes:
    return Sizes(
        vocabulary=corpus.tokenizer.get_vocab_size(),
        conditions=corpus.vocabulary.sizes,
        embedding=recipe.embedding,
        encoder=recipe.encoder,
        decoder=recipe.decoder,
        condition=recipe.condition,
    )


def schedule(progress: float, warmup: float, fall: float) -> float:
    """The share of the full rate: up in a line, then all of it, from `fall` on down in a cosine to 2 %."""
    if progress < warmup:
        return (progress + 1e-4) / warmup
    fallen = min(1.0, max(0.0, (progress - fall) / (1 - fall)))
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fallen))

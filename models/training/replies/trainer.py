"""Training of the reply network on the CPU, a GRU decoder with attention."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.replier.conditions import Vocabulary
from models.replier.subwords import Subwords
from models.training.encoder.precision import mixed
from models.training.progress import averaged, load, log_to
from models.training.recipes import RecipeError
from models.training.replies.batches import Encoded, encode, joined, ordered, subset, tensors
from models.training.replies.corpus import Corpus
from models.training.replies.data import Prepared
from models.training.replies.network import ReplyNetwork, Sizes, SmoothedLoss
from models.training.replies.recipe import Recipe
from models.training.replies.restore import Start, read_start

Print = Callable[[str], None]
LOOKED_AT = 1500  # held-out pairs of one look
EDIT_ROUNDS = 3  # how often an edit is read
EDIT_RATE = 0.3  # of the recipe's rate


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
        self.say = log_to(out / "train.log", say)
        self.subwords = Subwords(corpus.tokenizer)
        self.network = ReplyNetwork(sizes_of(recipe, corpus), recipe.dropout)
        self.parameters = dict(self.network.named_parameters())
        if start is not None:
            self._begin(start)
        self.average = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=recipe.rate,
            weight_decay=recipe.decay,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.train_set = encode(self.subwords, corpus.splits["train"], recipe)
        self.validation_set = encode(self.subwords, corpus.splits["validation"], recipe)
        self.steps_per_epoch = math.ceil(len(self.train_set) / recipe.batch)
        self.step, self.seconds = 0, 0.0
        self.best, self.best_perplexity = self.average, math.inf

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one; then see `result`."""
        torch.set_flush_denormal(
            True
        )  # of this whole process: numbers next to zero cost a hundredfold
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
            for indices in list(
                ordered(self.train_set, self.recipe.batch, self.recipe.seed, epoch)
            )[done:]:
                started = time.process_time()
                losses.append(self._learn(indices))
                self.step += 1
                self.seconds += time.process_time() - started
                if self.step % 100 == 0:
                    self.say(
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
        """Measure the averaged weights on held-out replies, and keep the best."""
        with averaged(self.network, self.average):
            value = perplexity(self.network, self.corpus.vocabulary, self.validation_set)
        if value < self.best_perplexity:
            self.best, self.best_perplexity = (
                {name: weight.clone() for name, weight in self.average.items()},
                value,
            )
        self.say(
            step=self.step,
            validation_perplexity=round(value, 3),
            best=round(self.best_perplexity, 3),
        )

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
            raise RecipeError(
                f"start = {self.recipe.start!r}: its network has other sizes than the recipe's"
            ) from None

    def result(self) -> ReplyNetwork:
        """The network with the best averaged weights, in full precision."""
        network = ReplyNetwork(self.network.sizes)
        load(network, self.best)
        return network.eval()

    def learn_edits(self, rows: Sequence[Prepared]) -> dict[str, Any]:
        """Go on from the averaged weights with agents' edits; a fifth is held out to measure it.

        Each edit is read a few times among four times as many other pairs, so that the rest is not
        forgotten. Returns {"edits": their number and the perplexity of the held-out ones before and
        after}.
        """
        recipe, base = self.recipe, self.train_set
        rest = [row for place, row in enumerate(rows) if place % 5]
        held_out, learned = (
            encode(self.subwords, rows[::5], recipe),
            encode(self.subwords, rest, recipe),
        )
        before = perplexity(self.result(), self.corpus.vocabulary, held_out)
        load(self.network, self.best)
        self.average = {name: weight.clone() for name, weight in self.best.items()}
        sample = random.Random(recipe.seed).sample(  # noqa: S311  no secret
            range(len(base)), min(len(base), 4 * len(learned))
        )
        self.train_set = joined(subset(base, sample), *[learned] * EDIT_ROUNDS)
        for indices in ordered(self.train_set, recipe.batch, recipe.seed, 0):
            self._learn(indices, EDIT_RATE * recipe.rate)
            self.step += 1
        self.best = self.average
        self.train_set = joined(base, *[learned] * EDIT_ROUNDS)  # which the n-grams are counted in
        after = perplexity(self.result(), self.corpus.vocabulary, held_out)
        figures = {
            "learned": len(learned),
            "held_out": len(held_out),
            "before": round(before, 3),
            "after": round(after, 3),
        }
        self.say(edits=figures)
        return {"edits": figures}

    def _learn(self, indices: Sequence[int], rate: float | None = None) -> float:
        recipe = self.recipe
        rate = rate or recipe.rate * schedule(self.progress, recipe.warmup, recipe.fall)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        forgetting = np.random.default_rng((recipe.seed, self.step))
        conditions = self.corpus.vocabulary.ids(
            [self.train_set.conditions[index] for index in indices]
        )
        conditions[forgetting.random(len(indices)) < recipe.forget_brand, 0] = 0
        conditions[:, 3:][forgetting.random((len(indices), 3)) < recipe.forget] = 0
        batch = tensors(self.train_set, indices)
        weights = torch.tensor([self.train_set.weights[index] for index in indices])
        self.network.train()
        with mixed():
            merged = self.network(
                batch.sources, batch.mask, torch.from_numpy(conditions), batch.inputs
            )
        mask = batch.labels_mask
        loss: torch.Tensor = SmoothedLoss.apply(  # type: ignore[no-untyped-call]  # torch has no type for it
            merged.float()[mask],
            self.network.embedding.weight,
            batch.labels[mask],
            weights[:, None].expand_as(batch.labels)[mask],
            recipe.smoothing,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()
        keep = min(
            recipe.average, (self.step + 1) / (self.step + 10)
        )  # the first steps are forgotten fast
        torch._foreach_lerp_(
            list(self.average.values()),
            [weight.detach() for weight in self.parameters.values()],
            1 - keep,
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
            raise RecipeError(
                f"{path} belongs to another recipe; choose another --out or delete it"
            )
        load(self.network, state["weights"])
        self.average, self.best, self.best_perplexity = (
            state["average"],
            state["best"],
            state["best_perplexity"],
        )
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.say(resumed_at=self.step)


def perplexity(network: ReplyNetwork, vocabulary: Vocabulary, encoded: Encoded) -> float:
    """Perplexity per token, the end included, of the first pairs.

    The network gets brand, topic and sentiment, no flag.
    """
    total, count = 0.0, 0
    ids = vocabulary.ids(encoded.conditions)
    ids[:, 3:] = 0
    for start in range(0, min(LOOKED_AT, len(encoded)), 64):
        indices = list(range(start, min(start + 64, len(encoded))))
        batch = tensors(encoded, indices)
        with torch.inference_mode():
            merged = network(
                batch.sources, batch.mask, torch.from_numpy(ids[indices]), batch.inputs
            )
            scores = network.logits(merged[batch.labels_mask])
            total += float(
                torch.nn.functional.cross_entropy(
                    scores, batch.labels[batch.labels_mask], reduction="sum"
                )
            )
        count += int(batch.labels_mask.sum())
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
    """The share of the full rate: up in a line, all of it, from `fall` in a cosine to 2 %."""
    if progress < warmup:
        return (progress + 1e-4) / warmup
    fallen = min(1.0, max(0.0, (progress - fall) / (1 - fall)))
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fallen))

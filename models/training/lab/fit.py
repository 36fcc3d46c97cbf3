"""The loop of the lab: one process or many under `accelerate launch`, the same batches and the same
losses.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, logsigmoid

from models.analyzer import softmax
from models.evaluation.metrics import macro_f1
from models.training.encoder.precision import has_bfloat16
from models.training.lab.augment import augmented
from models.training.lab.preference import Preference
from models.training.lab.recipe import Recipe
from models.training.lab.sets import Sets
from models.training.lab.tokens import Tokens, groups
from models.training.progress import Print, log_to
from models.training.recipes import RecipeError

Floats = NDArray[np.float32]

EVERY = 10  # steps between lines of the log
LIKE = 50  # batches whose texts are sorted by their length together
FREE = {
    "threads": 0,
    "checkpoint_every": 0,
    "looks": 0,
    "patience": None,
    "steps": None,
    "minutes": None,
}  # a resumed run may change


def accelerator_of(recipe: Recipe) -> Accelerator:
    """On the GPUs where there are some, else on the processor; precision as the recipe says."""
    gpu = torch.cuda.is_available()
    fast = torch.cuda.is_bf16_supported() if gpu else has_bfloat16()
    low = recipe.precision == "bf16" or (recipe.precision == "auto" and fast)
    return Accelerator(cpu=not gpu, mixed_precision="bf16" if low else "no")


class Fit:
    """One run: a network, its sets, a folder for the log and the checkpoint."""

    def __init__(
        self,
        recipe: Recipe,
        sets: Sets,
        model: Any,
        tokens: Tokens,
        out: Path,
        say: Print,
        preferences: Sequence[Preference] = (),
        accelerator: Accelerator | None = None,
    ) -> None:
        self.recipe, self.sets, self.out = recipe, sets, out
        self.accelerator = accelerator or accelerator_of(recipe)
        self._say = log_to(out / "train.log", say) if self.accelerator.is_main_process else _nothing
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed + self.accelerator.process_index)
        self.tokens, self.preferences = tokens, preferences
        self.trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
        self.parameters = {
            "all": sum(weight.numel() for weight in model.parameters()),
            "trained": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        }
        self.model = self.accelerator.prepare(model)
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimizer = self.accelerator.prepare(
            torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=recipe.decay, fused=True)
        )
        self.ids = self.tokens(sets.train.texts)
        self.held_out = tokens(sets.validation.texts)
        self.pair_ids = self.tokens([one.text for one in preferences])
        counts = np.bincount(sets.train.labels, minlength=len(sets.names)).clip(min=1)
        balance = (counts / counts.sum()) ** -recipe.balance
        self.class_weights = torch.tensor(
            balance / (balance * counts).sum() * counts.sum(), dtype=torch.float32
        )
        self.margins = torch.zeros(
            len(preferences)
        )  # how much the untrained network prefers the better label
        self.step, self.best_step, self.best_score, self.waited = 0, 0, -1.0, 0
        self.seconds, self.busy = 0.0, 0.0  # of the steps: by the clock, and of the processor
        whole = recipe.epochs * math.ceil(len(self.ids) / recipe.batch)
        self.total = min(whole, recipe.steps or whole)
        self._begun = time.perf_counter()

    def run(self) -> None:
        """Train to the end, from the checkpoint if there is one; `best` gives the result."""
        self._prefer_from()
        self._resume()
        self._begun = time.perf_counter() - self.seconds
        losses: list[float] = []
        look = max(
            1, min(self.total, math.ceil(len(self.ids) / self.recipe.batch)) // self.recipe.looks
        )
        for epoch, rows in self._from_here():
            begun = time.process_time()
            losses.append(self._learn(rows, epoch))
            self.step += 1
            self.busy += time.process_time() - begun
            self.seconds = time.perf_counter() - self._begun
            done = self.progress >= 1
            if self.step % EVERY == 0 or done:
                mean = round(float(np.mean(losses[-EVERY:])), 5)
                self._say(
                    step=self.step, of=self.total, loss=mean, minutes=round(self.seconds / 60, 2)
                )
            if self.step % look == 0 or done:
                self._look()
                if self.recipe.patience is not None and self.waited >= self.recipe.patience:
                    self._say(step=self.step, stopped_early=True, best_step=self.best_step)
                    break
            if done:
                break
            if self.step % self.recipe.checkpoint_every == 0:
                self._checkpoint()
        self._checkpoint()

    @property
    def progress(self) -> float:
        """The share of the run that is done, by its steps or by its time, whichever is further."""
        share = self.step / self.total
        return (
            share
            if self.recipe.minutes is None
            else max(share, self.seconds / 60 / self.recipe.minutes)
        )

    def best(self) -> dict[str, torch.Tensor]:
        """The weights of the best look, by their names."""
        found: dict[str, torch.Tensor] = torch.load(self.out / "best.pt", weights_only=True)
        return found

    def _logits(self, ids: Sequence[list[int]]) -> Floats:
        """(texts, classes), in order; the processes share the work."""
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        rows = groups(ids, self.recipe.batch)
        self.model.eval()
        mine: list[tuple[int, list[float]]] = []
        for turn in range(-(-len(rows) // world)):
            place = turn * world + rank
            some = (
                rows[place] if place < len(rows) else rows[0]
            )  # all walk in step: sharded weights need everyone
            with torch.no_grad(), self.accelerator.autocast():
                found = self.model(**self._tensors([ids[row] for row in some])).logits.float().cpu()
            if place < len(rows):
                mine += zip(some, found.tolist(), strict=True)
        self.model.train()
        every = dict(gather_object(mine) if world > 1 else mine)
        return np.array([every[row] for row in range(len(ids))], dtype=np.float32).reshape(
            len(ids), -1
        )

    def _learn(self, rows: Sequence[int], epoch: int) -> float:
        recipe, world = self.recipe, self.accelerator.num_processes
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate * schedule(self.progress, recipe.warmup)
        mine = list(rows[self.accelerator.process_index :: world])
        pairs = self._pairs()
        own_pairs = pairs[self.accelerator.process_index :: world]
        ids = [self._wording(row, epoch) for row in mine] + [
            self.pair_ids[pair] for pair in own_pairs
        ]
        ids = ids or [self.ids[rows[0]]]  # a process without a share still takes part
        with self.accelerator.autocast():
            logits = self.model(**self._tensors(ids)).logits.float()
        # Divided by the weight of the whole step, not of the share: the mean over the processes is
        # then exact.
        loss = self._loss(logits[: len(mine)], mine, rows) + self._preference(
            logits[len(mine) :], own_pairs, pairs
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss * world + 0.0 * logits.sum())
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return float(self.accelerator.reduce(loss.detach(), reduction="sum"))

    def _loss(self, logits: torch.Tensor, mine: Sequence[int], rows: Sequence[int]) -> torch.Tensor:
        if not mine:
            return logits.new_zeros(())
        labels, weights = self.sets.train.labels, self.sets.train.weights
        truth = torch.tensor([labels[row] for row in mine], device=logits.device)
        each = cross_entropy(logits, truth, reduction="none", label_smoothing=self.recipe.smoothing)

        def weight(some: Sequence[int]) -> torch.Tensor:
            return torch.tensor(
                [weights[row] * float(self.class_weights[labels[row]]) for row in some]
            )

        return (each * weight(mine).to(each.device)).sum() / weight(rows).sum().to(each.device)

    def _preference(
        self, logits: torch.Tensor, mine: Sequence[int], pairs: Sequence[int]
    ) -> torch.Tensor:
        """Of pairs, after Rafailov et al. (2023): the better label is to gain on the worse, from
        where it was.
        """
        if not mine:
            return logits.sum() * 0.0
        gained = self._margins(logits, mine) - self.margins[list(mine)].to(logits.device)
        lost = -logsigmoid(self.recipe.preference_beta * gained).sum()
        return self.recipe.preference_weight * lost / len(pairs)

    def _margins(self, logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        likely, at = logits.log_softmax(-1), range(len(rows))
        return (
            likely[at, [self.preferences[row].better for row in rows]]
            - likely[at, [self.preferences[row].worse for row in rows]]
        )

    def _prefer_from(self) -> None:
        if self.preferences:
            before = torch.from_numpy(self._logits(self.pair_ids))
            self.margins = self._margins(before, range(len(self.preferences)))

    def _pairs(self) -> list[int]:
        count = min(self.recipe.preference_batch, len(self.preferences))
        return random.Random(f"{self.recipe.seed}:pairs:{self.step}").sample(  # noqa: S311 (no secret)
            range(len(self.preferences)), count
        )

    def _wording(self, row: int, epoch: int) -> list[int]:
        """Token ids of a text, in another wording by the recipe's chance; every process draws the
        same.
        """
        recipe = self.recipe
        chance = random.Random(f"{recipe.seed}:{epoch}:{row}")  # noqa: S311 (no secret)
        if chance.random() >= recipe.augment:
            return self.ids[row]
        return self.tokens([augmented(self.sets.train.texts[row], chance, recipe.augment_ways)])[0]

    def _tensors(self, ids: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        return self.tokens.tensors(ids, self.accelerator.device)

    def _from_here(self) -> Iterator[tuple[int, list[int]]]:
        """(epoch, rows) of the steps that are still to do."""
        number = 0
        for epoch in range(self.recipe.epochs):
            for rows in self._batches(epoch):
                number += 1
                if self.step < number <= self.total:
                    yield epoch, rows

    def _batches(self, epoch: int) -> Iterator[list[int]]:
        """Rows of an epoch's steps, of like length, in an order that the seed decides."""
        order = random.Random(f"{self.recipe.seed}:{epoch}")  # noqa: S311 (no secret)
        rows = list(range(len(self.ids)))
        order.shuffle(rows)
        size, made = self.recipe.batch, []
        for at in range(0, len(rows), size * LIKE):
            like = sorted(rows[at : at + size * LIKE], key=lambda row: len(self.ids[row]))
            made += [like[start : start + size] for start in range(0, len(like), size)]
        order.shuffle(made)
        yield from made

    def _look(self) -> None:
        """Validate, and keep the weights if they are better than ever."""
        truth = np.array(self.sets.validation.labels)
        found = softmax(self._logits(self.held_out))
        score = macro_f1(truth, found.argmax(-1), len(self.sets.names))
        loss = float(-np.log(found[np.arange(len(truth)), truth] + 1e-9).mean())
        self.waited += 1
        if score > self.best_score:
            self.best_score, self.best_step, self.waited = score, self.step, 0
            state = self.accelerator.get_state_dict(self.model)
            if self.accelerator.is_main_process:
                plain = {name.removeprefix("module."): weight for name, weight in state.items()}
                partial = self.out / "best.partial"
                torch.save(
                    {name: plain[name].detach().cpu().clone() for name in self.trained}, partial
                )
                partial.replace(self.out / "best.pt")
        self._say(
            step=self.step,
            epoch=round(self.step * self.recipe.batch / len(self.ids), 2),
            score=round(score, 4),
            validation_loss=round(loss, 5),
            accuracy=round(float((found.argmax(-1) == truth).mean()), 4),
        )

    def _checkpoint(self) -> None:
        partial, whole = self.out / "checkpoint.partial", self.out / "checkpoint"
        self.accelerator.save_state(str(partial))
        if self.accelerator.is_main_process:
            (partial / "run.json").write_text(
                json.dumps(
                    {"recipe": asdict(self.recipe), "data": self.sets.hashes, **self._where()}
                ),
                encoding="utf-8",
            )
            shutil.rmtree(whole, ignore_errors=True)
            partial.rename(whole)
        self.accelerator.wait_for_everyone()

    def _where(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in ("step", "best_step", "best_score", "waited", "seconds", "busy")
        }

    def _resume(self) -> None:
        folder = (
            self.out / "checkpoint"
        )  # of a finished run it is at the end, and nothing is left to do
        if not (folder / "run.json").exists():
            return
        state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        asked = json.loads(json.dumps(asdict(self.recipe)))
        if state["recipe"] | FREE != asked | FREE or state["data"] != self.sets.hashes:
            raise RecipeError(
                f"{folder} belongs to another recipe or other data; choose another --out or delete it"
            )
        self.accelerator.load_state(str(folder))
        for name in self._where():
            setattr(self, name, state[name])
        self._say(resumed_at=self.step)


def _nothing(**facts: object) -> None:
    """Of several processes one writes the log."""


def schedule(progress: float, warmup: float) -> float:
    """The share of the full rate: up in a line, down in a cosine to 2 %."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.02 + 0.98 * 0.5 * (
        1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup)))
    )

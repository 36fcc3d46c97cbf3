"""Training run of the lab: transformers' Trainer with one callback for log, looks and saving."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid
from torch.utils.data import DataLoader
from transformers import (
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from models.evaluation.metrics import macro_f1
from models.training.encoder.precision import has_bfloat16
from models.training.lab.preference import Preference
from models.training.lab.recipe import Recipe
from models.training.lab.sets import Sets
from models.training.lab.steps import Batch, Steps
from models.training.lab.tokens import Tokens, groups, logits_of
from models.training.progress import Print, log_to
from models.training.recipes import RecipeError

LOG_EVERY = 10  # steps
CHECKPOINT, BEST = "checkpoint", "best.pt"
# A resumed run may change these.
FREE: dict[str, Any] = {
    "threads": 0,
    "checkpoint_every": 0,
    "looks": 0,
    "patience": None,
    "steps": None,
    "minutes": None,
    "log_to": "none",
    "languages": (),
}
LOGGERS = {"tensorboard": ("tensorboard", "tensorboardX"), "mlflow": ("mlflow",)}  # packages


def processes() -> PartialState:
    """The processes of this run, on the GPUs where the machine has some."""
    return PartialState(cpu=not torch.cuda.is_available())


@dataclass
class Progress:
    """Figures of a run that its checkpoint holds. seconds: by the clock; busy: of the processor."""

    step: int = 0
    best_step: int = 0
    best_score: float = -1.0
    waited: int = 0  # looks without a better one
    seconds: float = 0.0
    busy: float = 0.0


@dataclass(frozen=True)
class Fit:
    """A finished run. parameters: how many, `all` and `trained`."""

    recipe: Recipe
    sets: Sets
    out: Path
    tokens: Tokens
    held_out: list[list[int]]  # token ids of the validation texts
    parameters: dict[str, int]
    progress: Progress
    total: int  # steps that the recipe asks for
    processes: int
    precision: str

    def best(self) -> dict[str, Tensor]:
        """The trained weights of the best look, by their names."""
        weights: dict[str, Tensor] = torch.load(self.out / BEST, weights_only=True)
        return weights


def fit(
    recipe: Recipe,
    sets: Sets,
    model: Any,
    tokens: Tokens,
    out: Path,
    say: Print,
    preferences: Sequence[Preference] = (),
) -> Fit:
    """Train a network to the end of its recipe, from the checkpoint in `out` if it has one.

    Raises RecipeError when the checkpoint belongs to another recipe or other data.
    """
    check_logger(recipe)
    torch.set_num_threads(recipe.threads)
    state = processes()
    steps = Steps(
        recipe,
        sets,
        tokens,
        preferences,
        untrained_margins(model, tokens, preferences),
        rank=state.process_index,
        world=state.num_processes,
    )
    counts = {
        "all": sum(weight.numel() for weight in model.parameters()),
        "trained": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
    }
    held_out = tokens(sets.validation.texts)
    trainer = LabTrainer(recipe, sets, model, steps, held_out, out)
    log = log_to(out / "train.log", say) if state.is_main_process else _silent
    callback = RunCallback(trainer, read_progress(out / CHECKPOINT, recipe, sets), log)
    trainer.add_callback(callback)  # type: ignore[no-untyped-call]  # transformers has no type
    progress = callback.progress
    if progress.step:
        log(resumed_at=progress.step)
    if not callback.finished:
        trainer.train(resume_from_checkpoint=str(out / CHECKPOINT) if progress.step else None)
    return Fit(
        recipe=recipe,
        sets=sets,
        out=out,
        tokens=tokens,
        held_out=held_out,
        parameters=counts,
        progress=progress,
        total=steps.total,
        processes=state.num_processes,
        precision=trainer.accelerator.mixed_precision,
    )


def check_logger(recipe: Recipe) -> None:
    """Raises RecipeError where the package that it would log to is missing."""
    packages = LOGGERS.get(recipe.log_to, ())
    if packages and not any(map(find_spec, packages)):
        raise RecipeError(
            f'log_to = "{recipe.log_to}" needs one more package: pip install {packages[0]}'
        )


class LabTrainer(Trainer):
    """Trainer with the lab's steps, its loss, and a rate that can follow the clock."""

    def __init__(
        self,
        recipe: Recipe,
        sets: Sets,
        model: Any,
        steps: Steps,
        held_out: Sequence[list[int]],
        out: Path,
    ) -> None:
        self.recipe, self.sets, self.steps, self.out = recipe, sets, steps, out
        self.share_done: Callable[[int], float] = lambda step: step / steps.total
        (in_order,) = groups(held_out, max(1, len(held_out)))  # by length: less padding
        labels = sets.validation.labels
        super().__init__(
            model=model,
            args=_arguments(recipe, out, steps.total),
            data_collator=self._collate,
            eval_dataset=[(held_out[row], labels[row]) for row in in_order],
            compute_metrics=self._scores,
        )
        self.remove_callback(PrinterCallback)  # type: ignore[no-untyped-call]  # as above

    def get_train_dataloader(self) -> DataLoader[Batch]:
        # A step is drawn whole and is this process's share already: no sampler of accelerate.
        return DataLoader(self.steps, batch_size=1, collate_fn=lambda steps: steps[0])

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The recipe's own schedule. It is asked at every step, as `minutes` follow the clock."""
        scheduled: Any = optimizer or self.optimizer
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            scheduled,
            lambda step: schedule(self.share_done(step), self.recipe.warmup),
        )
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        if "weights" not in inputs:  # a look: the plain loss of the network itself
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"]
        network_inputs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        logits = model(**network_inputs).logits.float()  # (texts and pairs, classes)
        losses = cross_entropy(
            logits[: len(labels)],
            labels,
            reduction="none",
            label_smoothing=self.recipe.smoothing,
        )
        loss = (losses * inputs["weights"]).sum()
        if len(inputs["better"]):
            loss = loss + self._preference(logits[len(labels) :], inputs)
        return loss + 0.0 * logits.sum()  # a process without a share has gradients too

    def _preference(self, logits: Tensor, inputs: Batch) -> Tensor:
        """The better label is to gain on the worse from the start, after Rafailov et al. (2023)."""
        gains = margins_of(logits, inputs["better"], inputs["worse"]) - inputs["margins"]
        losses = -logsigmoid(self.recipe.preference_beta * gains)
        weight = self.recipe.preference_weight * self.steps.world / self.steps.pairs_a_step
        return weight * losses.sum()

    def _collate(self, examples: Sequence[tuple[list[int], int]]) -> Batch:
        batch = self.steps.tokens.tensors([ids for ids, _ in examples])
        return {**batch, "labels": torch.tensor([label for _, label in examples])}

    def _scores(self, prediction: EvalPrediction) -> dict[str, float]:
        """Figures of a look. Trainer's own loss counts the texts that fill up a batch twice."""
        truth = torch.from_numpy(prediction.label_ids)
        logits = torch.from_numpy(prediction.predictions).float()  # (texts, classes)
        guesses = logits.argmax(-1)
        return {
            "score": macro_f1(truth.numpy(), guesses.numpy(), len(self.sets.names)),
            "accuracy": float((guesses == truth).float().mean()),
            "validation_loss": float(cross_entropy(logits, truth)),
        }


class RunCallback(TrainerCallback):
    """Decides when to log, look and save; keeps the best weights; stops early or by the clock.

    Trainer's own strategies cannot: they save the best weights at checkpoints alone, and know no
    end by the clock.
    """

    def __init__(self, trainer: LabTrainer, progress: Progress, log: Callable[..., None]) -> None:
        self.trainer, self.progress, self._log = trainer, progress, log
        recipe, steps = trainer.recipe, trainer.steps
        self.recipe, self.total = recipe, steps.total
        self.look_every = max(1, min(steps.total, steps.per_epoch) // recipe.looks)
        model: Any = trainer.model
        self.trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
        self._begun = time.perf_counter() - progress.seconds
        self._busy_since = time.process_time()
        trainer.share_done = self._share_done

    @property
    def finished(self) -> bool:
        """True where steps, clock or patience are at their end."""
        return self._share_done(self.progress.step) >= 1 or self._out_of_patience()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._begun = time.perf_counter() - self.progress.seconds
        self._busy_since = time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        progress, step = self.progress, state.global_step
        progress.step = step
        progress.seconds = time.perf_counter() - self._begun
        progress.busy += time.process_time() - self._busy_since
        self._busy_since = time.process_time()
        done = self._share_done(step) >= 1
        control.should_log = done or step % LOG_EVERY == 0
        control.should_evaluate = done or step % self.look_every == 0
        control.should_save = done or step % self.recipe.checkpoint_every == 0
        control.should_training_stop = done

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs: dict[str, float] = kwargs["logs"]
        if "loss" in logs:
            step, minutes = self.progress.step, round(self.progress.seconds / 60, 2)
            rate = logs.get("learning_rate", 0.0)
            self._log(step=step, of=self.total, loss=logs["loss"], rate=rate, minutes=minutes)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        progress, metrics = self.progress, kwargs["metrics"]
        progress.waited += 1
        if metrics["eval_score"] > progress.best_score:
            progress.best_score, progress.best_step = metrics["eval_score"], progress.step
            progress.waited = 0
            self._save_best()
        texts_seen = progress.step * self.recipe.batch
        self._log(
            step=progress.step,
            epoch=round(texts_seen / len(self.trainer.sets.train), 2),
            score=round(metrics["eval_score"], 4),
            validation_loss=round(metrics["eval_validation_loss"], 5),
            accuracy=round(metrics["eval_accuracy"], 4),
        )
        if self._out_of_patience():
            self._log(step=progress.step, stopped_early=True, best_step=progress.best_step)
            control.should_training_stop = control.should_save = True
        self._busy_since = time.process_time()  # a look is no training

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the new checkpoint in the place of the last, whole or not at all."""
        accelerator, out = self.trainer.accelerator, self.trainer.out
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            new = out / f"{CHECKPOINT}-{self.progress.step}"
            story = {
                "recipe": asdict(self.recipe),
                "data": self.trainer.sets.hashes,
                **asdict(self.progress),
            }
            (new / "run.json").write_text(json.dumps(story), encoding="utf-8")
            shutil.rmtree(out / CHECKPOINT, ignore_errors=True)
            new.rename(out / CHECKPOINT)
        accelerator.wait_for_everyone()

    def _share_done(self, step: int) -> float:
        """The share of the run that is done, by its steps or the clock, whichever is further."""
        share = step / self.total
        if self.recipe.minutes is None:
            return share
        minutes = (time.perf_counter() - self._begun) / 60
        return max(share, minutes / self.recipe.minutes)

    def _out_of_patience(self) -> bool:
        return self.recipe.patience is not None and self.progress.waited >= self.recipe.patience

    def _save_best(self) -> None:
        accelerator, out = self.trainer.accelerator, self.trainer.out
        weights = accelerator.get_state_dict(self.trainer.model_wrapped)  # all take part in it
        if accelerator.is_main_process:
            plain = {name.removeprefix("module."): weight for name, weight in weights.items()}
            partial = out / "best.partial"
            torch.save({name: plain[name].detach().cpu().clone() for name in self.trained}, partial)
            partial.replace(out / BEST)


def read_progress(checkpoint: Path, recipe: Recipe, sets: Sets) -> Progress:
    """The figures of a checkpoint; those of a fresh run where it has none."""
    path = checkpoint / "run.json"
    if not (checkpoint / "trainer_state.json").exists() or not path.exists():
        return Progress()
    story = json.loads(path.read_text(encoding="utf-8"))
    current = json.loads(json.dumps(asdict(recipe)))
    if story["recipe"] | FREE != current | FREE or story["data"] != sets.hashes:
        raise RecipeError(
            f"{checkpoint} belongs to another recipe or other data;"
            " choose another --out or delete it"
        )
    return Progress(**{field.name: story[field.name] for field in fields(Progress)})


def untrained_margins(model: Any, tokens: Tokens, preferences: Sequence[Preference]) -> Tensor:
    """(pairs,): log-odds of the better label over the worse, before any training."""
    if not preferences:
        return torch.zeros(0)
    logits = logits_of(model, tokens, tokens([pair.text for pair in preferences]))
    better = torch.tensor([pair.better for pair in preferences])
    worse = torch.tensor([pair.worse for pair in preferences])
    return margins_of(torch.from_numpy(logits), better, worse)


def margins_of(logits: Tensor, better: Tensor, worse: Tensor) -> Tensor:
    """(pairs,): log-odds of one class over another. logits: (pairs, classes)."""
    rows = torch.arange(len(logits), device=logits.device)
    likely = logits.log_softmax(-1)
    return likely[rows, better] - likely[rows, worse]


def schedule(progress: float, warmup: float) -> float:
    """The share of the full rate: up in a line, down in a cosine to 2 %."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    after = min(1.0, (progress - warmup) / (1 - warmup))
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * after))


def _arguments(recipe: Recipe, out: Path, steps: int) -> TrainingArguments:
    gpu = torch.cuda.is_available()
    fast = torch.cuda.is_bf16_supported() if gpu else has_bfloat16()
    low = recipe.precision == "bf16" or (recipe.precision == "auto" and fast)
    # Trainer would take the precision of an earlier run, or of the launcher, over the recipe's.
    os.environ["ACCELERATE_MIXED_PRECISION"] = "bf16" if low else "no"
    arguments = TrainingArguments(
        output_dir=str(out),
        use_cpu=not gpu,
        bf16=low,
        max_steps=steps,
        per_device_eval_batch_size=recipe.batch,
        learning_rate=recipe.rate,
        weight_decay=recipe.decay,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        seed=recipe.seed,
        eval_strategy="no",  # RunCallback says when
        logging_strategy="no",
        save_strategy="no",
        report_to=recipe.log_to,
        logging_dir=str(out / "tensorboard"),
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # several GPUs take several processes
    return arguments


def _silent(**facts: object) -> None:
    """Of several processes one writes the log."""

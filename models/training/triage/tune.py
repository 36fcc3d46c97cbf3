"""Tuning of a served encoder for the heads of triage, its other heads held by their own judgement.

The start is the teacher: what its heads say about rehearsed texts is what they shall say (learning
without forgetting, Li & Hoiem, 2016). The layers below `frozen` are run once for both.
"""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
)

from models.text import normalize
from models.training.encoder.base import mean_pooled
from models.training.encoder.batches import TASKS, cut, tensors
from models.training.encoder.network import TRIAGE, Network
from models.training.encoder.precision import device_of, mixed
from models.training.triage.labelled import Labelled
from models.training.triage.paraphrases import apart, shared_judgement
from models.training.triage.recipe import TriageRecipe
from models.training.triage.topics import TopicsByReaders, topic_loss
from models.training.triage.variations import varied
from models.urgency import REASONS, STATES

Log = Callable[..., None]
Outputs = dict[str, torch.Tensor]

REHEARSED_TOKENS = 96  # the other heads are held by the beginnings of texts
CAUSE_WEIGHT = 4.0  # of the squared distance of a token's probability to show a problem
NOISE = 8.0  # tokens by which lengths are blurred when batches of like length are made


class Tuning:
    """One run. network: the start with fresh heads of triage; it is tuned in place."""

    def __init__(
        self,
        recipe: TriageRecipe,
        network: Network,
        tokenizer: Tokenizer,
        learned: Sequence[Labelled],
        rehearsal: Sequence[str],
        paraphrases: Sequence[Sequence[str]] = (),
        sentiments: Sequence[tuple[str, int]] = (),
        topics: TopicsByReaders | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        torch.set_num_threads(recipe.threads)
        self.device = device_of(recipe.device)
        self.recipe, self.network, self.tokenizer = recipe, network.to(self.device), tokenizer
        self.learned = list(learned)
        self._chance = random.Random(recipe.seed)  # noqa: S311 (no secret)
        self._ids = [self.ids(message.text) for message in self.learned]
        self._rehearsal = [cut(self.ids(text), REHEARSED_TOKENS) for text in rehearsal]
        self._paraphrases, self._sentiments = list(paraphrases), list(sentiments)
        self._allowed = topics.allowed([row.text for row in self.learned]) if topics else {}
        self._teacher = copy.deepcopy(network).eval().requires_grad_(False)
        network.encoder.embeddings.requires_grad_(False)
        for layer in network.encoder.transformer.layer[: recipe.frozen]:
            layer.requires_grad_(False)

    def ids(self, text: str) -> list[int]:
        return cut(self.tokenizer.encode(normalize(text)).ids, self.recipe.longest)

    def run(self, log: Log, look: Callable[[Network], Mapping[str, Any]] = lambda _: {}) -> None:
        """Train all epochs. look: figures of the network after an epoch, for the log."""
        recipe, network = self.recipe, self.network
        optimizer, scheduler = self._optimizer()
        begun, step = time.monotonic(), 0
        for epoch in range(recipe.epochs):
            network.train()
            losses: list[float] = []
            rehearsal = self._endless(self._rehearsal, recipe.rehearsed)
            felt = self._endless([self.ids(text) for text, _ in self._sentiments], recipe.felt)
            for rows in self._buckets([len(ids) for ids in self._ids], recipe.batch):
                loss, of_level = self._loss(rows, next(rehearsal, None))
                loss = loss + self._alike() + self._felt(next(felt, None))
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                losses.append(of_level)
                step += 1
                if step % 50 == 0:
                    minutes = round((time.monotonic() - begun) / 60, 1)
                    mean = round(sum(losses[-50:]) / len(losses[-50:]), 4)
                    log(step=step, of=self._steps(), loss=mean, minutes=minutes)
            network.eval()
            log(epoch=epoch + 1, **look(network))
        network.eval()
        self._blend()

    @torch.no_grad()
    def _blend(self) -> None:
        """Between the start and what was tuned other heads lose less than labels gain (Wortsman et
        al., 2022, "Robust fine-tuning").
        """
        before = dict(self._teacher.named_parameters())
        for name, weight in self.network.named_parameters():
            weight.lerp_(before[name], self.recipe.start_share)

    def _steps(self) -> int:
        return self.recipe.epochs * math.ceil(len(self.learned) / self.recipe.batch)

    def _optimizer(self) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
        recipe = self.recipe
        total = self._steps() * max(recipe.falling, recipe.epochs) // recipe.epochs
        heads = [weight for task in TRIAGE for weight in getattr(self.network, task).parameters()]
        own = {id(weight) for weight in heads}
        encoder_weights = [
            weight
            for weight in self.network.parameters()
            if weight.requires_grad and id(weight) not in own
        ]
        groups = [
            {"params": encoder_weights, "lr": recipe.rate},
            {"params": heads, "lr": recipe.head_rate},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=recipe.decay)

        def share(step: int) -> float:
            return min(1.0, step / recipe.warmup) * max(0.02, 1 - step / total)

        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)

    def _loss(
        self, rows: Sequence[int], rehearsed: Sequence[int] | None
    ) -> tuple[torch.Tensor, float]:
        recipe, chance = self.recipe, self._chance
        messages = [self.learned[row] for row in rows]
        ids = [
            self.ids(varied(message.text, chance))
            if chance.random() < recipe.varied
            else self._ids[row]
            for row, message in zip(rows, messages, strict=True)
        ]
        allowed = {task: table[list(rows)].to(self.device) for task, table in self._allowed.items()}
        outputs, drift = self._judged(ids, allowed)
        of_level = level_loss(outputs["level"], messages)
        loss = (
            of_level
            + recipe.named_weight * topic_loss(outputs, allowed)
            + recipe.reason_weight * reason_loss(outputs["reason"], messages)
            + recipe.state_weight * state_loss(outputs["state"], messages)
            + recipe.keep_labelled_weight * drift
        )
        if rehearsed is not None:
            _, drift = self._judged([self._rehearsal[row] for row in rehearsed])
            loss = loss + recipe.keep_weight * drift
        return loss, float(of_level.detach())

    def _alike(self) -> torch.Tensor:
        """How far a few groups of paraphrases, some of them mistyped, are from what the teacher
        says of each group as a whole.
        """
        recipe, chance = self.recipe, self._chance
        picked = chance.sample(self._paraphrases, min(recipe.groups, len(self._paraphrases)))
        texts = [text for group in picked for text in group]
        if not texts:
            return torch.zeros(())
        groups = [row for row, group in enumerate(picked) for _ in group]
        with torch.no_grad():
            target = shared_judgement(self._teacher_of([self.ids(text) for text in texts]), groups)
        forms = [
            varied(text, chance) if chance.random() < recipe.varied else text for text in texts
        ]
        outputs, _ = self._judged([self.ids(text) for text in forms])
        return recipe.alike_weight * apart(outputs, target)

    def _felt(self, rows: Sequence[int] | None) -> torch.Tensor:
        """The loss of sentiments, with the drift of the other heads on their texts."""
        if rows is None:
            return torch.zeros(())
        outputs, drift = self._judged([self.ids(self._sentiments[row][0]) for row in rows])
        truth = torch.tensor([self._sentiments[row][1] for row in rows]).to(self.device)
        of_sentiment = cross_entropy(outputs["sentiment"], truth)
        recipe = self.recipe
        return recipe.sentiment_weight * of_sentiment + recipe.keep_labelled_weight * drift

    def _batch(self, ids: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, mask = tensors(ids, max(map(len, ids)))
        return tokens.to(self.device), mask.to(self.device)

    def _teacher_of(self, ids: Sequence[list[int]]) -> Outputs:
        tokens, mask = self._batch(ids)
        with mixed(device=self.device):
            hidden = self._teacher.encoder.embeddings(tokens)
            return _above(self._teacher, 0, hidden, mask)

    def _judged(
        self, ids: Sequence[list[int]], labels_of: Mapping[str, torch.Tensor] | None = None
    ) -> tuple[Outputs, torch.Tensor]:
        """The outputs, and how far those of the other heads are from the teacher's.

        labels_of: by task, (batch, classes); rows with any learn from it, not from the teacher.
        """
        tokens, mask = self._batch(ids)
        frozen, teacher, network = self.recipe.frozen, self._teacher, self.network
        with mixed(device=self.device):
            with torch.no_grad():
                hidden = teacher.encoder.embeddings(tokens)
                for layer in teacher.encoder.transformer.layer[:frozen]:
                    hidden = layer(hidden, mask)[-1]
                target = _above(teacher, frozen, hidden, mask)
            outputs = _above(network, frozen, hidden, mask)
        loss = torch.zeros(())
        for task in TASKS:
            apart_by_row = kl_div(
                outputs[task].log_softmax(-1), target[task].softmax(-1), reduction="none"
            ).sum(-1)
            if labels_of and task in labels_of:
                apart_by_row = apart_by_row.masked_fill(labels_of[task].any(-1), 0.0)
            loss = loss + apart_by_row.mean()
        distance = (outputs["cause"].sigmoid() - target["cause"].sigmoid()).square()
        loss = loss + CAUSE_WEIGHT * (distance * mask).sum() / mask.sum()
        cosine = (outputs["embedding"] * target["embedding"]).sum(-1)
        return outputs, loss + self.recipe.embedding_weight * (1 - cosine).mean()

    def _buckets(self, lengths: Sequence[int], size: int) -> list[list[int]]:
        """Rows in batches of about like length, in random order."""
        blurred = [length + self._chance.uniform(0, NOISE) for length in lengths]
        order = sorted(range(len(lengths)), key=blurred.__getitem__)
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        self._chance.shuffle(batches)
        return batches

    def _endless(self, texts: Sequence[list[int]], size: int) -> Iterator[list[int]]:
        while texts and size:
            yield from self._buckets([len(ids) for ids in texts], size)


def _above(network: Network, frozen: int, hidden: torch.Tensor, mask: torch.Tensor) -> Outputs:
    """The outputs from the hidden states (batch, tokens, dim) below the layers that are tuned."""
    for layer in network.encoder.transformer.layer[frozen:]:
        hidden = layer(hidden, mask)[-1]
    outputs: Outputs = {task: getattr(network, task)(hidden, mask) for task in network.classes}
    outputs["cause"] = network.cause(hidden).squeeze(-1)
    outputs["embedding"] = mean_pooled(hidden, mask)
    return {name: values.float() for name, values in outputs.items()}


def level_loss(logits: torch.Tensor, messages: Sequence[Labelled]) -> torch.Tensor:
    """Binary cross-entropy of "at least so urgent" for each level (Frank & Hall, 2001).

    logits: (batch, 4).
    """
    levels = torch.arange(1, logits.shape[-1] + 1)
    grades = torch.tensor([message.grade or 0 for message in messages])
    known = [message.weight if message.grade is not None else 0.0 for message in messages]
    truth = (grades[:, None] >= levels).float().to(logits.device)
    loss = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (loss * torch.tensor(known).to(logits.device)[:, None]).mean()


def reason_loss(logits: torch.Tensor, messages: Sequence[Labelled]) -> torch.Tensor:
    """Binary cross-entropy of each reason, where any was named. logits: (batch, reasons)."""
    codes_of = [message.reasons or () for message in messages]
    flags = [[float(code in codes) for code in REASONS] for codes in codes_of]
    truth = torch.tensor(flags).to(logits.device)
    weights = [message.weight if message.reasons else 0.0 for message in messages]
    loss = binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(-1)
    known = sum(1 for codes in codes_of if codes)
    shares = torch.tensor(weights).to(logits.device)
    return (loss * shares).sum() / max(1, known) / 10


def state_loss(logits: torch.Tensor, messages: Sequence[Labelled]) -> torch.Tensor:
    """Cross-entropy of the state that a message leaves a conversation in. logits: (batch, 3)."""
    states = [STATES.index(message.state or "open") for message in messages]
    truth = torch.tensor(states).to(logits.device)
    weights = torch.tensor([message.state_weight for message in messages]).to(logits.device)
    return (cross_entropy(logits, truth, reduction="none") * weights).sum() / len(messages)

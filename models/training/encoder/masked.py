"""Masked-language training of an encoder on texts without labels (Devlin et al., 2019).

Of the tokens 15 % are to be guessed: 80 % of these are read as [MASK], 10 % as any token, 10 % as
they are. The guess is a product with the word embeddings. What the sentence embedding was holds it
in place, or it would be lost.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn.functional import cross_entropy, gelu, linear
from transformers import DistilBertModel, PreTrainedTokenizerFast

from models.training.corpus.unlabelled import Unlabelled
from models.training.encoder.base import load_base, mean_pooled
from models.training.encoder.batches import batches, cut, tensors
from models.training.encoder.masked_recipe import MaskedRecipe
from models.training.encoder.precision import device_of, mixed
from models.training.encoder.trainer import schedule
from models.training.progress import Print, log_to
from models.training.recipes import RecipeError

MASKED, OTHER = 0.8, 0.9  # read as [MASK] below the first share, as any token below the second
CHECKPOINT, MODEL = "checkpoint.pt", "model"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# They may differ on the way; a budget of minutes bends the rate from there on.
_FREE = {"threads": 0, "device": "auto", "minutes": None}


class Guesser(nn.Module):
    """Logits of the vocabulary at single places, by the word embeddings of the encoder."""

    def __init__(self, dim: int, words: int) -> None:
        super().__init__()
        self.mix = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, hidden: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """hidden: (places, dim), embeddings: (words, dim). Returns (places, words)."""
        return linear(self.norm(gelu(self.mix(hidden))), embeddings, self.bias)


class MaskedTraining:
    """One run: a recipe, its texts, a folder for checkpoints, the log and the encoder.

    The masks of a step depend on the seed and its number alone, so that a run goes on to the same
    bytes on a processor, without a budget of minutes: the rate follows the time that is over.
    """

    def __init__(
        self, recipe: MaskedRecipe, texts: Unlabelled, out: Path, say: Print = print
    ) -> None:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.out, self.device = recipe, out, device_of(recipe.device)
        out.mkdir(parents=True, exist_ok=True)
        self._say = log_to(out / "train.log", say)
        encoder, self.tokenizer = load_base(recipe.base, layers=recipe.layers)
        self.encoder = _placed(encoder, self.device)
        self._before = copy.deepcopy(self.encoder)
        self._before.eval().requires_grad_(False)
        self.guesser = Guesser(encoder.config.dim, encoder.config.vocab_size).to(self.device)
        self.weights = nn.ModuleDict({"encoder": self.encoder, "guesser": self.guesser})
        self._digest = texts.digest()
        self._learned, self._held_out = self._ids(texts.learned), self._ids(texts.held_out)
        special = [self.tokenizer.token_to_id(token) for token in SPECIALS]
        self._special = torch.tensor([token for token in special if token is not None])
        self._mask = self.tokenizer.token_to_id("[MASK]")
        self.optimizer = torch.optim.AdamW(
            self.weights.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self._steps = [len(self._batches(epoch)) for epoch in range(recipe.epochs)]
        self.step, self.minutes, self.best_loss = 0, 0.0, float("inf")
        self.best: dict[str, torch.Tensor] = {}

    def run(self) -> dict[str, Any]:
        """Train to the end, from the last checkpoint if there is one; write `out/model`, a folder
        that a recipe's `base` takes. Returns the figures.
        """
        self._resume()
        first = self.step
        if self.step == 0:
            self._look()
        started = time.monotonic() - 60 * self.minutes
        done, total = 0, sum(self._steps)
        for epoch, steps in enumerate(self._steps):
            for number, (rows, width) in enumerate(self._batches(epoch), done + 1):
                if number <= self.step or self._late():
                    continue
                loss = self._learn(rows, width, self._progress(total))
                self.step, self.minutes = number, (time.monotonic() - started) / 60
                if self.step % 50 == 0:
                    self._say(step=self.step, of=total, loss=round(loss, 4), minutes=self._time())
                if self.step % self._between() == 0:
                    self._look()
                if self.step % self.recipe.checkpoint_every == 0:
                    self._checkpoint()
            done += steps
        if self.step > first:
            if self.step % self._between():
                self._look()
            self._checkpoint()
        return self._save()

    def _between(self) -> int:
        """Steps from look to look."""
        return max(1, min(self._steps) // self.recipe.looks)

    def _late(self) -> bool:
        return self.recipe.minutes is not None and self.minutes >= self.recipe.minutes

    def _progress(self, total: int) -> float:
        """The share of the run that is over, by its steps or its time."""
        limit = self.recipe.minutes
        return max(self.step / total, self.minutes / limit if limit else 0.0)

    def _time(self) -> float:
        return round(self.minutes, 1)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self.tokenizer.encode_batch(list(texts))
        return [cut(encoding.ids, self.recipe.longest) for encoding in encodings]

    def _batches(self, epoch: int) -> list[tuple[list[int], int]]:
        order = random.Random(f"{self.recipe.seed}:{epoch}")  # noqa: S311 (no secret)
        return list(batches([len(ids) for ids in self._learned], self.recipe.batch, order))

    def _learn(self, rows: Sequence[int], width: int, progress: float) -> float:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate * schedule(progress, recipe.warmup)
        self.weights.train()
        ids, mask = tensors([self._learned[row] for row in rows], width)
        loss, hidden = self._guessed(ids, mask, self.step)
        total = loss
        if self.step % recipe.embedding_every == 0:
            with torch.no_grad():
                target = self._embedding(self._before, ids, mask)
            cosines = (mean_pooled(hidden.float(), mask.to(self.device)) * target).sum(-1)
            total = loss + recipe.embedding_weight * (1 - cosines).mean()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.weights.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def _guessed(
        self, ids: torch.Tensor, mask: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean loss of the tokens to guess, and the hidden states (batch, tokens, dim).

        ids, mask: (batch, tokens). number: what the masks are drawn by.
        """
        read, places = self._hidden_words(ids, mask, number)
        at = places.to(self.device)
        with mixed(device=self.device):
            hidden = self.encoder(
                input_ids=read.to(self.device), attention_mask=mask.to(self.device)
            ).last_hidden_state
            words = self.encoder.embeddings.word_embeddings.weight
            logits = self.guesser(hidden.flatten(0, 1)[at], words)
        truth = ids.flatten()[places].to(self.device)
        return cross_entropy(logits.float(), truth), hidden

    def _hidden_words(
        self, ids: torch.Tensor, mask: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is read instead of `ids`, and the places, of all in a row, to guess: one or more."""
        chance = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        draws, ways = (torch.rand(ids.shape, generator=chance) for _ in range(2))
        random_ids = torch.randint(self.encoder.config.vocab_size, ids.shape, generator=chance)
        plain = (mask == 1) & ~torch.isin(ids, self._special)
        draws = draws.masked_fill(~plain, 2.0)
        hidden = draws <= max(self.recipe.masked, float(draws.min()))
        read = torch.where(ways < MASKED, self._mask, torch.where(ways < OTHER, random_ids, ids))
        return torch.where(hidden, read, ids), hidden.flatten().nonzero().squeeze(-1)

    def _embedding(
        self, encoder: DistilBertModel, ids: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        with mixed(device=self.device):
            hidden = encoder(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
            ).last_hidden_state
        return mean_pooled(hidden.float(), mask.to(self.device))

    @torch.no_grad()
    def _look(self) -> None:
        """The loss and the nearness of the embeddings on the texts held out; the best is kept."""
        self.weights.eval()
        losses, nearness, count = 0.0, 0.0, 0
        parts = batches([len(ids) for ids in self._held_out], self.recipe.batch, None)
        for number, (rows, width) in enumerate(parts):
            ids, mask = tensors([self._held_out[row] for row in rows], width)
            loss, _ = self._guessed(ids, mask, -1 - number)
            before, now = (
                self._embedding(encoder, ids, mask) for encoder in (self._before, self.encoder)
            )
            losses += float(loss) * len(rows)
            nearness += float((before * now).sum())
            count += len(rows)
        loss_of_all = losses / max(1, count)
        self._say(
            step=self.step,
            dev_loss=round(loss_of_all, 4),
            embedding=round(nearness / max(1, count), 4),
            minutes=self._time(),
        )
        if loss_of_all < self.best_loss:
            self.best_loss = loss_of_all
            self.best = {name: at.cpu().clone() for name, at in self.weights.state_dict().items()}

    def _checkpoint(self) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "texts": self._digest,
            "step": self.step,
            "minutes": self.minutes,
            "weights": self.weights.state_dict(),
            "best": self.best,
            "best_loss": self.best_loss,
            "optimizer": self.optimizer.state_dict(),
        }
        partial = self.out / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.out / CHECKPOINT)

    def _resume(self) -> None:
        path = self.out / CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location="cpu")
        if (
            state["recipe"] | _FREE != asdict(self.recipe) | _FREE
            or state.get("texts") != self._digest
        ):
            raise RecipeError(
                f"{path} belongs to another recipe or other texts;"
                " choose another --out or delete it"
            )
        self.weights.load_state_dict(state["weights"])
        self.best, self.best_loss = state["best"], state["best_loss"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.minutes = state["step"], state["minutes"]
        self._say(resumed_at=self.step)

    def _save(self) -> dict[str, Any]:
        """Write the best encoder and its tokenizer as `from_pretrained` reads them."""
        self.weights.load_state_dict(self.best)
        folder = self.out / MODEL
        self.encoder.save_pretrained(folder)
        _saved_tokenizer(self.tokenizer, folder)
        return {
            "encoder": str(folder),
            "steps": self.step,
            "minutes": self._time(),
            "dev_loss": round(self.best_loss, 4),
            "texts": len(self._learned),
            "held_out": len(self._held_out),
        }


def _placed(encoder: DistilBertModel, device: torch.device) -> DistilBertModel:
    """The encoder on the device, without dropout: its random numbers cost a third of the time."""
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    nn.Module.to(encoder, device)
    return encoder


def _saved_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokens = dict(zip(names, SPECIALS, strict=True))
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, **tokens).save_pretrained(folder)

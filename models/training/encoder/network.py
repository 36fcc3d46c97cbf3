"""Network of the encoder and its heads in torch."""

from __future__ import annotations

import math
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import DistilBertModel

from models.training.encoder.base import mean_pooled
from models.training.encoder.precision import CPU, low
from models.urgency import LEVELS, REASONS, STATES

HEADS = {
    "sentiment": 3,
    "complaint": 2,
    "severity": 5,
}  # task -> classes; `topic` and `problem` have a taxonomy's
# Levels from P4 up, each "at least so urgent"; reasons; states: see models/urgency.py
TRIAGE = {"level": len(LEVELS), "reason": len(REASONS), "state": len(STATES)}
# They teach the encoder and are thrown away.
SIDE = {"emotion": 4, "irony": 2, "offensive": 2, "extraction": 3, "feeling": 28}
ADAPTED = [
    "q_lin",
    "k_lin",
    "v_lin",
    "out_lin",
    "lin1",
    "lin2",
]  # every linear layer of the encoder


class Head(nn.Module):
    """Looks at the tokens with a query of its own, so that the mean of the tokens stays free to be
    the embedding.
    """

    def __init__(self, dim: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(dim))
        self.mix = nn.Linear(2 * dim, dim)
        self.dropout = nn.Dropout(dropout)
        self.decide = nn.Linear(dim, classes)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """hidden: (batch, tokens, dim), mask: (batch, tokens). Returns logits (batch, classes)."""
        return self.logits_of(self.pooled(hidden, mask), hidden[:, 0])

    def pooled(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the query sees, (batch, dim)."""
        score = hidden @ self.query / math.sqrt(hidden.shape[-1])  # (batch, tokens)
        score = score + (mask.to(score.dtype) - 1.0) * 1e4
        return (score.softmax(-1).unsqueeze(-1) * hidden).sum(1)

    def logits_of(self, seen: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes). seen: by the query; first: the first token; (batch, dim)."""
        both = torch.cat([seen, first], dim=-1)
        logits: torch.Tensor = self.decide(
            self.dropout(nn.functional.gelu(self.mix(self.dropout(both))))
        )
        return logits


class Network(nn.Module):
    """tokens -> logits of every task and of the cause by token, and the unit-length embedding.

    triage: with the heads of TRIAGE.
    """

    def __init__(
        self,
        encoder: DistilBertModel,
        dropout: float = 0.1,
        *,
        topics: int = 1,
        problems: int = 1,
        triage: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config  # optimum asks a model for it
        dim = encoder.config.dim
        self.classes = {**HEADS, "topic": topics, "problem": problems}
        if triage:
            self.classes |= TRIAGE
        self.side: tuple[str, ...] = tuple(SIDE)
        for task, classes in {**self.classes, **SIDE}.items():
            setattr(self, task, Head(dim, classes, dropout))
        self.cause = nn.Linear(dim, 1)
        self.strange = nn.Linear(dim, 1)  # of the embedding; set after the training, see strange.py

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        embedding = mean_pooled(hidden, attention_mask)
        if not self.side:
            return {
                **self._stacked(hidden, attention_mask),
                "strange": self.strange(embedding),
                "embedding": embedding,
            }
        return {
            **{
                task: getattr(self, task)(hidden, attention_mask)
                for task in (*self.classes, *self.side)
            },
            "cause": self.cause(hidden).squeeze(-1),  # (batch, tokens)
            "strange": self.strange(embedding),  # (batch, 1)
            "embedding": embedding,
        }

    def _stacked(self, hidden: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """The same heads for serving, a few times faster: all queries in one product."""
        heads = [getattr(self, task) for task in self.classes]
        looks = torch.stack(
            [head.query / math.sqrt(hidden.shape[-1]) for head in heads] + [self.cause.weight[0]]
        )
        looked = hidden @ looks.T  # (batch, tokens, heads + 1)
        score = looked[..., :-1].transpose(1, 2) + (mask.to(hidden.dtype) - 1.0).unsqueeze(1) * 1e4
        seen = score.softmax(-1) @ hidden  # (batch, heads, dim)
        logits = {
            task: head.logits_of(seen[:, row], hidden[:, 0])
            for row, (task, head) in enumerate(zip(self.classes, heads, strict=True))
        }
        return {**logits, "cause": looked[..., -1] + self.cause.bias}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it serves, in its order."""
        return (*self.classes, "cause", "strange", "embedding")

    def without_side(self) -> Network:
        """The network to serve."""
        for task in self.side:
            delattr(self, task)
        self.side = ()
        return self


SERVED = (*HEADS, "topic", "problem", "cause")  # the modules that are trained whole and served


def adapted(network: Network, *, rank: int, alpha: int) -> PeftModel:
    """The network with LoRA on every linear layer of the encoder; the heads are trained whole."""
    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules=ADAPTED, modules_to_save=[*SERVED, *SIDE]
    )
    return cast(PeftModel, get_peft_model(cast("torch.nn.Module", network), config))


def lightened(model: PeftModel, device: torch.device = CPU) -> PeftModel:
    """For training alone, on its device: frozen weights in bfloat16, where that is fast, and no
    casts around the adapters.
    """
    for name, weight in model.named_parameters():
        if not weight.requires_grad and "layer_norm" not in name.lower():
            weight.data = weight.data.to(low(device))
    for module in model.modules():
        if hasattr(module, "cast_input_dtype_enabled"):
            module.cast_input_dtype_enabled = False  # type: ignore[assignment]  # torch takes it for a tensor
    return model.to(device)


def merged(model: PeftModel) -> Network:
    """The plain network with the adapters folded in. Its return value is the model: the argument is
    spent.
    """
    network = cast(Network, model.merge_and_unload())
    return network.without_side().eval()

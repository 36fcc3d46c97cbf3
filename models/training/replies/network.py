"""Reply network: a small bi-GRU over the message, a GRU decoder with attention.

Embeddings are tied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from models.training.encoder.precision import low


@dataclass(frozen=True)
class Sizes:
    vocabulary: int
    conditions: Sequence[int]  # values of each condition
    embedding: int = 256
    encoder: int = 192  # in each direction
    decoder: int = 512
    condition: int = 64


class ReplyNetwork(nn.Module):
    """Attention comes after the recurrence (Luong et al., 2015), so that all steps of a known reply
    run at once.
    """

    def __init__(self, sizes: Sizes, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes, self.dropout = sizes, dropout
        memory = 2 * sizes.encoder
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.embedding)
        self.conditions = nn.ModuleList(
            nn.Embedding(count, sizes.condition) for count in sizes.conditions
        )
        self.forward_encoder = GRU(sizes.embedding, sizes.encoder)
        self.backward_encoder = GRU(sizes.embedding, sizes.encoder)
        self.start = nn.Linear(memory + sizes.condition, sizes.decoder)
        self.decoder = GRU(sizes.embedding + sizes.condition, sizes.decoder)
        self.query = nn.Linear(sizes.decoder, memory, bias=False)
        self.merge = nn.Linear(sizes.decoder + memory + sizes.condition, sizes.embedding)
        nn.init.normal_(self.embedding.weight, std=sizes.embedding**-0.5)

    def condition(self, ids: Tensor) -> Tensor:
        """(batch, fields) to (batch, condition): the sum of the values' embeddings."""
        return torch.stack(
            [table(ids[:, field]) for field, table in enumerate(self.conditions)]
        ).sum(0)

    def encode(self, source: Tensor, mask: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (batch, width, 2 x encoder) and the first state.

        source, mask: (batch, width).
        """
        read = self._dropped(self.embedding(source))
        empty = read.new_zeros(len(source), self.sizes.encoder)
        forward, last = self.forward_encoder(read, empty, mask)
        backward, first = self.backward_encoder(read, empty, mask, back=True)
        state = torch.tanh(self.start(torch.cat([last, first, condition], -1)))
        return torch.cat([forward, backward], -1), state

    def decode(
        self, tokens: Tensor, state: Tensor, condition: Tensor, memory: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Predictors of the next tokens (batch, steps, embedding), and the state.

        tokens: (batch, steps).
        """
        conditions = condition[:, None, :].expand(-1, tokens.shape[1], -1)
        hidden, last = self.decoder(
            torch.cat([self._dropped(self.embedding(tokens)), conditions], -1), state
        )
        scores = self.query(hidden) @ memory.transpose(1, 2)  # (batch, steps, width)
        share = torch.softmax(scores.float().masked_fill(~mask[:, None, :], -1e4), -1)
        seen = share.to(memory.dtype) @ memory
        merged = torch.tanh(self.merge(self._dropped(torch.cat([hidden, seen, conditions], -1))))
        return merged, last

    def logits(self, merged: Tensor) -> Tensor:
        return linear(merged, self.embedding.weight)

    def forward(self, source: Tensor, mask: Tensor, conditions: Tensor, tokens: Tensor) -> Tensor:
        """(batch, steps, embedding) for tokens that are known; `logits` makes scores of it."""
        condition = self.condition(conditions)
        memory, state = self.encode(source, mask, condition)
        merged, _ = self.decode(tokens, state, condition, memory, mask)
        return merged

    def _dropped(self, values: Tensor) -> Tensor:
        """Without some features, the same ones at every step of a text (Gal & Ghahramani, 2016)."""
        if not self.training or not self.dropout:
            return values
        mask = torch.rand(len(values), 1, values.shape[2]) >= self.dropout
        return values * (mask.to(values.dtype) / (1 - self.dropout))


class SmoothedLoss(torch.autograd.Function):
    """Cross-entropy with label smoothing over a tied vocabulary, in low precision.

    The gradient is taken in the same pass. The general kernels read and write the (tokens,
    vocabulary) scores ten times, and take half the training time. What the smoothing adds to the
    gradient is the same for every word, so it is added after the products.
    """

    @staticmethod
    def forward(
        context: Any, merged: Tensor, table: Tensor, truth: Tensor, weight: Tensor, smoothing: float
    ) -> Tensor:
        small = table.to(low())
        share = (weight / weight.sum())[:, None]  # (tokens, 1)
        gradient = torch.softmax(merged.to(low()) @ small.t(), -1)  # (tokens, vocabulary)
        rows = torch.arange(len(truth))
        right = gradient[rows, truth].float().clamp_min(1e-9)
        gradient[rows, truth] -= 1 - smoothing
        smooth = smoothing / len(table)
        shared = (merged * share).to(low())
        context.save_for_backward(
            share * ((gradient @ small).float() - smooth * small.sum(0, dtype=torch.float32)),
            (gradient.t() @ shared).float() - smooth * shared.sum(0, dtype=torch.float32),
        )
        return -(right.log() * share[:, 0]).sum()

    @staticmethod
    def backward(context: Any, *scale: Any) -> Any:
        merged, table = context.saved_tensors
        return merged * scale[0], table * scale[0], None, None, None


class GRU(nn.Module):
    """A gated recurrent unit (Cho et al., 2014) as torch's `nn.GRU`, three times as fast here.

    Its parameters have torch's names and layout. Products run in low precision while training (see
    precision.py).
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(3 * size, width))
        self.weight_hh = nn.Parameter(torch.empty(3 * size, size))
        self.bias_ih = nn.Parameter(torch.zeros(3 * size))
        self.bias_hh = nn.Parameter(torch.zeros(3 * size))
        for weight in (self.weight_ih, self.weight_hh):
            nn.init.uniform_(weight, -(size**-0.5), size**-0.5)

    def forward(
        self, inputs: Tensor, state: Tensor, mask: Tensor | None = None, *, back: bool = False
    ) -> tuple[Tensor, Tensor]:
        """given: (batch, steps, size). mask: (batch, steps), False keeps the state. Returns all
        states and the last.
        """
        gates = linear(inputs, self.weight_ih, self.bias_ih).float()
        states: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]  # torch has no type for it
            gates.transpose(0, 1),
            state.float(),
            self.weight_hh,
            self.bias_hh,
            mask,
            back,
            self.training,
        )
        return states.transpose(0, 1), states[0 if back else -1]


class _Recurrence(torch.autograd.Function):
    """The steps of a GRU; backwards, the weight's gradient is one product over all steps."""

    @staticmethod
    def forward(
        context: Any,
        gates: Tensor,
        start: Tensor,
        weight: Tensor,
        bias: Tensor,
        mask: Tensor | None,
        back: bool,
        quick: bool,
    ) -> Tensor:
        kind = low() if quick else torch.float32
        across = weight.to(kind).t()
        state, states, saved_steps = start, [], []
        order = range(len(gates) - 1, -1, -1) if back else range(len(gates))
        for step in order:
            recurrent = (state.to(kind) @ across).float() + bias
            reset, update = torch.sigmoid(
                gates[step, :, : 2 * state.shape[1]] + recurrent[:, : 2 * state.shape[1]]
            ).chunk(2, -1)
            inner = recurrent[:, 2 * state.shape[1] :]
            new = torch.tanh(gates[step, :, 2 * state.shape[1] :] + reset * inner)
            after = torch.lerp(new, state, update)
            if mask is not None:
                after = torch.where(mask[:, step, None], after, state)
            saved_steps.append((state, reset, update, inner, new))
            states.append(after)
            state = after
        context.steps, context.order, context.mask, context.kind = (
            saved_steps,
            list(order),
            mask,
            kind,
        )
        context.save_for_backward(weight)
        return torch.stack(states[::-1] if back else states)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        (weight,) = context.saved_tensors
        across = weight.to(context.kind)
        incoming = gradients[0]
        carried = torch.zeros_like(incoming[0])
        into = incoming.new_empty(*incoming.shape[:2], len(weight))
        inward = torch.empty_like(into)
        for place in range(len(context.order) - 1, -1, -1):
            step = context.order[place]
            state, reset, update, inner, new = context.steps[place]
            total = carried + incoming[step]
            change = total
            if context.mask is not None:
                change = total * context.mask[:, step, None]
            to_new = change * (1 - update) * (1 - new * new)
            to_reset = to_new * inner * reset * (1 - reset)
            to_update = change * (state - new) * update * (1 - update)
            into[step] = torch.cat([to_reset, to_update, to_new], -1)
            inward[step] = torch.cat([to_reset, to_update, to_new * reset], -1)
            carried = change * update + (inward[step].to(context.kind) @ across).float()
            if context.mask is not None:
                carried = carried + (total - change)
        before = torch.empty_like(incoming)
        for place, step in enumerate(context.order):
            before[step] = context.steps[place][0]
        flat = inward.flatten(0, 1)
        to_weight = (flat.to(context.kind).t() @ before.flatten(0, 1).to(context.kind)).float()
        return into, carried, to_weight, flat.sum(0), None, None, None

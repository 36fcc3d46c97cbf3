"""Export of the reply network as two ONNX files: one reads messages, one takes a step of drafts.

Weights are half floats; those of a step's large products are INT8.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from models.replier.replier import READER, STEP
from models.training.replies.graph import CONTRIBUTED, halved, in_integers, with_scores
from models.training.replies.network import GRU, ReplyNetwork

OPSET = 18


class _Reader(nn.Module):
    """(messages, width) to everything that each step of the drafts needs, multiplied once."""

    def __init__(self, network: ReplyNetwork) -> None:
        super().__init__()
        self.network = network
        self.encoder = _both_ways(network.forward_encoder, network.backward_encoder)
        sizes = network.sizes
        parts = [sizes.decoder, 2 * sizes.encoder, sizes.condition]
        _, seen, conditions_weight = torch.split(network.merge.weight, parts, 1)
        self.query = network.query.weight  # (2 x encoder, decoder)
        self.merge_seen, self.merge_given = _turned(seen), _turned(conditions_weight)
        self.gates_given = _turned(network.decoder.weight_ih[:, sizes.embedding :])
        self.gates_bias, self.merge_bias = network.decoder.bias_ih, network.merge.bias

    def forward(
        self, source: Tensor, lengths: Tensor, conditions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        network = self.network
        condition = network.condition(conditions)
        packed = nn.utils.rnn.pack_padded_sequence(
            network.embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        read, last = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(
            read, batch_first=True, total_length=source.shape[1]
        )
        state = torch.tanh(network.start(torch.cat([last[0], last[1], condition], -1)))
        keys = (memory @ self.query).transpose(1, 2)  # (messages, decoder, width)
        gates = condition @ self.gates_given + self.gates_bias  # (messages, 3 x decoder)
        merge = condition @ self.merge_given + self.merge_bias  # (messages, embedding)
        return memory @ self.merge_seen, keys, state, torch.cat([gates, merge], -1)


class _Step(nn.Module):
    """Another token of each draft, which is a row.

    tokens, message: (rows,); state: (rows, decoder). A message has any number of rows. Attention
    alone needs them by message: grid: (messages, drafts), the row that lies there; place: (rows,),
    where in the flat grid a row lies. The rest is as `_Reader` gives it.
    """

    def __init__(self, network: ReplyNetwork) -> None:
        super().__init__()
        sizes = network.sizes
        self.decoder = sizes.decoder
        self.embedding = network.embedding.weight  # (words, embedding)
        self.into = _turned(
            network.decoder.weight_ih[:, : sizes.embedding]
        )  # (embedding, 3 x decoder)
        self.recurrent, self.bias = _turned(network.decoder.weight_hh), network.decoder.bias_hh
        self.merge_hidden = _turned(
            network.merge.weight[:, : sizes.decoder]
        )  # (decoder, embedding)

    def forward(
        self,
        tokens: Tensor,
        state: Tensor,
        message: Tensor,
        grid: Tensor,
        place: Tensor,
        memory: Tensor,
        keys: Tensor,
        mask: Tensor,
        conditioned: Tensor,
    ) -> tuple[Tensor, Tensor]:
        gates_given, merge_given = torch.split(
            conditioned[message], [3 * self.decoder, self.embedding.shape[1]], -1
        )
        table = (
            self.embedding @ self.into
        ).half()  # of constants: multiplied once, when a session is made
        reset, update, new = (table[tokens].float() + gates_given).chunk(3, -1)
        state_reset, state_update, state_new = (state @ self.recurrent + self.bias).chunk(3, -1)
        new = torch.tanh(new + torch.sigmoid(reset + state_reset) * state_new)
        share = torch.sigmoid(update + state_update)
        hidden = new + share * (state - new)
        seen = (
            torch.softmax(hidden[grid] @ keys + mask[:, None, :], -1) @ memory
        )  # (messages, drafts, embedding)
        merged = torch.tanh(hidden @ self.merge_hidden + seen.flatten(0, 1)[place] + merge_given)
        return merged, hidden


def _turned(weight: Tensor) -> nn.Parameter:
    """A weight transposed for a product on the right, under its own name."""
    return nn.Parameter(weight.detach().t().contiguous())


def export(network: ReplyNetwork, folder: Path, likely: NDArray[np.int64] | None = None) -> None:
    """Write `reader.onnx` and `step.onnx`.

    likely: the words that drafts are written with; None: all of them.
    """
    network = network.eval()
    sizes, width = network.sizes, 8
    source = torch.ones(2, width, dtype=torch.long)
    conditions = torch.zeros(2, len(sizes.conditions), dtype=torch.long)
    reader = _Reader(network)
    inputs = (source, torch.tensor([width, width - 1]), conditions)
    with torch.no_grad():
        memory, keys, state, conditioned = reader(*inputs)
    read = _traced(
        reader,
        inputs,
        {
            "source": {0: "messages", 1: "width"},
            "lengths": {0: "messages"},
            "conditions": {0: "messages"},
        },
        {
            "memory": {0: "messages", 1: "width"},
            "keys": {0: "messages", 2: "width"},
            "state": {0: "messages"},
            "given": {0: "messages"},
        },
    )
    halved(read.graph)
    onnx.save(read, str(folder / READER))

    rows = torch.tensor([0, 0, 1])
    places = torch.tensor([[0, 1], [2, 0]]), torch.tensor([0, 1, 2])
    step = _traced(
        _Step(network),
        (
            torch.ones(3, dtype=torch.long),
            state[rows],
            rows,
            *places,
            memory,
            keys,
            torch.zeros(2, width),
            conditioned,
        ),
        {
            **{name: {0: "rows"} for name in ("tokens", "state", "message")},
            "grid": {0: "messages", 1: "drafts"},
            "place": {0: "rows"},
            "memory": {0: "messages", 1: "width"},
            "keys": {0: "messages", 2: "width"},
            "mask": {0: "messages", 1: "width"},
            "given": {0: "messages"},
        },
        {"merged": {0: "rows"}, "next": {0: "rows"}},
        fold=False,  # products of weights take more room than they do
    )
    words = network.embedding.weight.detach().numpy().T
    in_integers(step.graph, frozenset({"recurrent", "merge_hidden"}))
    with_scores(step.graph, words, np.arange(sizes.vocabulary) if likely is None else likely)
    halved(step.graph)
    step.opset_import.append(helper.make_opsetid(CONTRIBUTED, 1))
    onnx.save(step, str(folder / STEP))


def _both_ways(forward: GRU, backward: GRU) -> nn.GRU:
    """Torch's own bidirectional GRU with these weights: that is what the exporter knows."""
    encoder = nn.GRU(
        forward.weight_ih.shape[1], forward.weight_hh.shape[1], bidirectional=True, batch_first=True
    )
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(encoder, f"{name}_l0").copy_(getattr(forward, name))
            getattr(encoder, f"{name}_l0_reverse").copy_(getattr(backward, name))
    return encoder.eval()


def _traced(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    inputs_axes: Mapping[str, Mapping[int, str]],
    outputs_axes: Mapping[str, Mapping[int, str]],
    *,
    fold: bool = True,
) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), _quiet():
        warnings.simplefilter(
            "ignore"
        )  # the tracer warns about constants that are meant to be constant
        torch.onnx.export(
            module.eval(),
            inputs,
            Path(folder) / "traced.onnx",
            input_names=list(inputs_axes),
            output_names=list(outputs_axes),
            dynamic_axes={**inputs_axes, **outputs_axes},
            opset_version=OPSET,
            do_constant_folding=fold,
            dynamo=False,
        )
        return onnx.load(Path(folder) / "traced.onnx")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)

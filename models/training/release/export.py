"""Export of the merged network as an ONNX file by optimum; `quantise` makes it small."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from optimum.exporters.onnx import export as write
from optimum.exporters.onnx.model_configs import DistilBertOnnxConfig

from models.training.encoder.network import Network

OPSET = 18


class NetworkOnnxConfig(DistilBertOnnxConfig):  # type: ignore[misc]  # optimum has no types
    """DistilBERT's inputs, a network's outputs."""

    names: tuple[str, ...] = ()

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        tokens = {"cause": {0: "batch_size", 1: "sequence_length"}}
        return {name: tokens.get(name, {0: "batch_size"}) for name in self.names}


def export(network: Network, path: Path) -> None:
    """Write the network as ONNX with the outputs that it names."""
    config = NetworkOnnxConfig(network.config, task="feature-extraction")
    config.names = network.outputs
    write_onnx(network, config, path)


def write_onnx(network: torch.nn.Module, config: DistilBertOnnxConfig, path: Path) -> None:
    """Write a network with token ids and their mask as inputs. config: names of its outputs."""
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter(
            "ignore"
        )  # the tracer warns about constants that are meant to be constant
        write(network.eval(), config, path, opset=OPSET, do_constant_folding=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

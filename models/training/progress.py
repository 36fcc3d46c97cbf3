"""Log of a training run, progress of its release, and its averaged weights for a moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

Print = Callable[[str], None]
Log = Callable[..., None]  # takes named facts


def silent(line: str) -> None:
    """Nobody waits."""


def lines_to(say: Print) -> Log:
    """A function that says its named facts as a line of JSON."""

    def log(**facts: object) -> None:
        say(json.dumps(facts))

    return log


def on_layer(log: Log) -> Callable[[int, int], None]:
    """Takes how many activations are quantised, of how many, and logs a tenth of them."""

    def on_progress(done: int, total: int) -> None:
        if done == total or done % max(1, total // 10) == 0:
            log(release="quantising", done=done, layers=total)

    return on_progress


def log_to(path: Path, say: Print) -> Log:
    """A function that writes its named facts as a line of JSON to the file and to `say`."""

    def log(**facts: object) -> None:
        line = json.dumps(facts)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        say(line)

    return log


def load(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy `weights` into the parameters of those names; the others stay as they are."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            parameters[name].copy_(weight)


@contextmanager
def averaged(network: nn.Module, average: Mapping[str, Tensor]) -> Iterator[None]:
    """A context in which the network has the averaged weights and is in evaluation mode."""
    parameters = dict(network.named_parameters())
    now = {name: parameters[name].detach().clone() for name in average}
    load(network, average)
    network.eval()
    try:
        yield
    finally:
        load(network, now)
        network.train()

"""Run cost of the encoder: tokens that could be read in the time that a run takes by itself.

`make bench-runs`, or `PYTHONPATH=tests python -m benchmarks.runs`. Processor time on one thread,
all shapes in turn, so that a busy machine slows each alike.
"""

from __future__ import annotations

import argparse
import json
import time
from statistics import median
from typing import Any

import numpy as np

from models.encoder import RUN_COST, Encoder, padded
from stream.bootstrap.loading import model_folder
from stream.settings import read_settings

ROWS = (1, 2, 4, 8, 16, 32)
WIDTHS = (16, 24, 32, 40, 56, 72, 96)
ANY_TOKEN = 1000


def measure_runs(encoder: Encoder, *, rounds: int) -> dict[str, Any]:
    """Microseconds of a run by its shape, fitted as `fixed + tokens * per token`."""
    seconds: dict[tuple[int, int], list[float]] = {
        (rows, width): [] for rows in ROWS for width in WIDTHS
    }
    for number in range(rounds + 1):
        for (rows, width), times in seconds.items():
            batch = padded([[ANY_TOKEN] * width] * rows, width, fewest=1)
            started = time.process_time()
            encoder._engine.run(encoder._names, batch)
            if number:  # the first round warms up
                times.append(time.process_time() - started)
    medians = {shape: 1e6 * median(times) for shape, times in seconds.items()}
    tokens = np.array([rows * width for rows, width in medians], dtype=float)
    taken = np.array(list(medians.values()))
    terms = np.stack([np.ones_like(tokens), tokens], axis=1) / taken[:, None]  # relative errors
    (fixed, per_token), *_ = np.linalg.lstsq(terms, np.ones_like(taken), rcond=None)
    return {
        "run_cost_tokens": round(fixed / per_token, 1),
        "in_use": RUN_COST,
        "fixed_us": round(fixed),
        "per_token_us": round(per_token, 1),
        "per_token_us_by_shape": {
            f"{rows}x{width}": round(taken / (rows * width), 1)
            for (rows, width), taken in medians.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    folder = model_folder(read_settings())
    encoder = Encoder(
        folder / "model.onnx", folder / "tokenizer.json", max_tokens=max(WIDTHS), threads=1
    )
    print(json.dumps(measure_runs(encoder, **vars(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()

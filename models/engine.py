"""Engine: one ONNX file, ready to run; token ids in, named outputs out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.processor import session_precision

Feed = Mapping[str, NDArray[np.int64]]  # name of an input -> (rows, width)
Array = NDArray[np.float32]

# First axis of the outputs of a graph that gives its heads a second row (training/release/
# second_row.py): its outputs have a row more than its input.
ONE_MORE = "batch_size + 1"


class Engine:
    """A network of ONNX Runtime, as it is served. Safe to call from several threads.

    threads: runs at the same time, each on a core of its own: two cores took a fifth less time for
    two runs side by side than for one after the other on both, and a lone text gains nothing from
    the second. outputs: the names that the graph gives, with the length of the last axis, 0 where
    it is free. fewest_rows: of a run, so that a row comes out the same in any; 2 for a graph
    without ONE_MORE. Raises whatever ONNX Runtime raises for a file that it cannot read.
    """

    def __init__(self, model: Path | bytes, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for name, value in session_precision().items():
            options.add_session_config_entry(name, value)
        self._session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=["CPUExecutionProvider"],
            # The fused kernel is a scalar loop: a fifth of the whole time, for what two fast
            # kernels do in a tenth.
            disabled_optimizers=["SkipLayerNormFusion"],
        )
        self.threads = threads
        self._side_by_side = ThreadPoolExecutor(threads, "model")
        outputs = self._session.get_outputs()
        self.outputs = {
            output.name: last if isinstance(last := output.shape[-1], int) else 0
            for output in outputs
        }
        has_row_more = any(output.shape[:1] == [ONE_MORE] for output in outputs)
        self.fewest_rows = 1 if has_row_more else 2

    def run(self, names: Sequence[str], feed: Feed) -> list[Array]:
        """The named outputs, (rows, ...) each."""
        values: list[Array] = self._session.run(list(names), dict(feed))
        return values

    def run_all(self, names: Sequence[str], feeds: Sequence[Feed]) -> list[list[Array]]:
        """What `run` says of each feed, in order. The largest begins first, to end together."""
        if self.threads < 2 or len(feeds) < 2:
            return [self.run(names, feed) for feed in feeds]
        sizes = [max(value.size for value in feed.values()) for feed in feeds]
        begun = {
            at: self._side_by_side.submit(self.run, names, feeds[at])
            for at in sorted(range(len(feeds)), key=sizes.__getitem__, reverse=True)
        }
        return [begun[at].result() for at in range(len(feeds))]

"""Engine: one ONNX file, ready to run; token ids in, named outputs out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.processor import session_precision

Feed = Mapping[str, NDArray[np.int64]]  # name of an input -> (rows, width)
Array = NDArray[np.float32]


class Engine:
    """A network of ONNX Runtime, as it is served. Safe to call from several threads.

    threads: cores that a run may use. outputs: the names that the graph gives, with the length of
    the last axis, 0 where it is free. Raises whatever ONNX Runtime raises for a file that it cannot
    read.
    """

    def __init__(self, model: Path | bytes, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # the cores are shared with the rest
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
        self.outputs = {
            output.name: last if isinstance(last := output.shape[-1], int) else 0
            for output in self._session.get_outputs()
        }

    def run(self, names: Sequence[str], feed: Feed) -> list[Array]:
        """The named outputs, (rows, ...) each."""
        values: list[Array] = self._session.run(list(names), dict(feed))
        return values

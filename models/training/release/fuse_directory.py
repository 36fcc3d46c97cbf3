"""Fusion of the network of a model directory that was released before there was all of `fuse`.

    $ python -m models.training.release.fuse_directory models/artifacts/default

The version stays, for everything that the model says stays the same to the last bit; where one bit
differs, nothing is written. A release fuses by itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from models.artifact import MODEL, STORY, load_artifact, sha256
from models.encoder import Encoder, Outputs
from models.examples.kernel import read_examples
from models.training.embed_examples import with_places
from models.training.release import gate, remedies
from models.training.release.fuse import fuse_file

LONE_STEP = 10  # every tenth example is read alone, too


def fuse_directory(folder: Path) -> None:
    """Fuse the network in place. Raises GateError where an output of a labelled example differs."""
    artifact = load_artifact(folder)
    texts = [example.text for example in read_examples()]
    with tempfile.TemporaryDirectory(dir=folder.parent) as spare:
        fused = Path(spare) / MODEL
        fuse_file(artifact.model, fused)
        plain, other = (
            Encoder(model, artifact.tokenizer, max_tokens=artifact.max_tokens, threads=1)
            for model in (artifact.model, fused)
        )
        changed = _changed(plain(texts), other(texts))
        changed += sum(_changed(plain([text]), other([text])) for text in texts[::LONE_STEP])
        check = gate.Check("outputs that fusing changed", changed, 0, remedy=remedies.FAULT)
        gate.enforce([check])
        fused.replace(artifact.model)
    story = dict(artifact.story)
    story["files"] = story["files"] | {MODEL: sha256(artifact.model)}
    story = with_places(folder, story)
    (folder / STORY).write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")


def _changed(before: Outputs, after: Outputs) -> int:
    return sum(not np.array_equal(old, new) for old, new in zip(before, after, strict=True))


if __name__ == "__main__":
    fuse_directory(Path(sys.argv[1]))

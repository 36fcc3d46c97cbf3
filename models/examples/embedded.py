"""Embeddings of the labelled examples, stored in a model directory.

With them a start need not embed a thousand texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.artifact import MODEL, Artifact
from models.text import normalize

PLACES = "examples.npz"

Floats = NDArray[np.float32]


def keep_places(folder: Path, model: str, texts: Sequence[str], places: Floats) -> None:
    """Write PLACES into a model directory. model: SHA-256 of its network. places: (texts, dim)."""
    np.savez_compressed(
        folder / PLACES, model=np.array(model), texts=np.array(_key(texts)), places=places
    )


def kept_places(artifact: Artifact, texts: Sequence[str]) -> Floats | None:
    """(texts, dim), or None where the directory keeps none, or those of other texts or of another
    network.
    """
    files = artifact.story["files"]
    if PLACES not in files:
        return None
    with np.load(artifact.folder / PLACES, allow_pickle=False) as archive:
        if str(archive["model"]) != files[MODEL] or str(archive["texts"]) != _key(texts):
            return None
        places: Floats = archive["places"]
        return places


def _key(texts: Sequence[str]) -> str:
    """Of the texts as the network gets to see them: another normalisation reads some of them
    otherwise.
    """
    return hashlib.sha256("\n".join(map(normalize, texts)).encode()).hexdigest()

"""Writer of the embeddings of the labelled examples into a model directory, for a fast start.

    $ python -m models.training.embed_examples models/artifacts/default

A release does so by itself; the command is for examples that were changed since.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from models.artifact import MODEL, STORY, TOKENIZER, load_artifact, sha256
from models.encoder import Encoder
from models.examples.embedded import PLACES, keep_places
from models.examples.kernel import read_examples


def with_places(folder: Path, story: dict[str, Any]) -> dict[str, Any]:
    """Write PLACES for the network in `made`; the story with that file in it."""
    texts = [example.text for example in read_examples()]
    encoder = Encoder(folder / MODEL, folder / TOKENIZER, max_tokens=story["max_tokens"], threads=1)
    keep_places(folder, story["files"][MODEL], texts, encoder(texts).embedding)
    return story | {"files": story["files"] | {PLACES: sha256(folder / PLACES)}}


def main(folder: Path) -> None:
    story = with_places(folder, dict(load_artifact(folder).story))
    (folder / STORY).write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

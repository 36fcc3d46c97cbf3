"""Where the labelled examples lie is kept with the model, so that no start embeds them again."""

from __future__ import annotations

import numpy as np
import pytest

from models.artifact import MODEL, default_artifact, load_artifact
from models.encoder import Encoder
from models.examples.embedded import kept_places
from models.examples.kernel import read_examples
from models.training import embed_examples

EXAMPLES = read_examples()
TEXTS = [example.text for example in EXAMPLES]
SOME = slice(0, None, 50)


@pytest.fixture(scope="module")
def shipped():
    return load_artifact(default_artifact())


def test_the_shipped_model_keeps_the_places_of_todays_examples(shipped):
    kept = kept_places(shipped, TEXTS)

    assert kept is not None, (
        "run `python -m models.training.embed_examples models/artifacts/default`"
    )
    encoder = Encoder(shipped.model, shipped.tokenizer, max_tokens=shipped.max_tokens, threads=1)
    embedded = encoder(TEXTS[SOME]).embedding
    assert (kept[SOME] * embedded).sum(-1) == pytest.approx(
        1, abs=1e-3
    )  # cosines; kernels of processors differ


def test_other_examples_or_another_network_have_no_places_yet(shipped, tmp_path):
    assert kept_places(shipped, [*TEXTS, "the lift is stuck"]) is None

    for path in shipped.folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    story = shipped.story | {"files": shipped.story["files"] | {MODEL: "0" * 64}}
    assert (
        kept_places(type(shipped)(**vars(shipped) | {"folder": tmp_path, "story": story}), TEXTS)
        is None
    )


def test_what_is_kept_is_verified_and_what_is_read_back(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr(embed_examples, "read_examples", lambda: EXAMPLES[SOME])
    for path in (shipped.model, shipped.tokenizer):
        (tmp_path / path.name).symlink_to(path)
    story = embed_examples.with_places(tmp_path, dict(shipped.story))

    assert story["files"].keys() == shipped.story["files"].keys()
    made = type(shipped)(**vars(shipped) | {"folder": tmp_path, "story": story})
    kept = kept_places(made, TEXTS[SOME])
    assert kept is not None
    assert len(kept) == len(TEXTS[SOME])
    assert np.linalg.norm(kept, axis=1) == pytest.approx(1, abs=1e-4)

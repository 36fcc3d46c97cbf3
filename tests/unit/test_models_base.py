"""The base that training starts from."""

import re

import pytest
import torch
from released import released_copy
from transformers import DistilBertConfig, DistilBertModel

from models.artifact import default_artifact, load_artifact
from models.training.encoder.base import (
    BaseError,
    base_in_story,
    load_base,
    mean_pooled,
    minilm_bert,
)
from models.training.recipes import MINILM


def test_minilm_in_distilberts_layout_says_what_the_bert_says():
    bert = minilm_bert()
    distilbert, tokenizer = load_base(MINILM)
    texts = [
        "my bag is lost",
        "thank you so much for the quick answer, you made my day",
        "no",
        "what? " * 60,
    ]
    encodings = [tokenizer.encode(text).ids for text in texts]
    width = max(len(ids) for ids in encodings)
    ids = torch.tensor([one + [0] * (width - len(one)) for one in encodings])
    mask = (ids != 0).long()

    with torch.inference_mode():
        before = bert(ids, attention_mask=mask).last_hidden_state
        after = distilbert(ids, attention_mask=mask).last_hidden_state

    assert distilbert.config.model_type == "distilbert"
    assert (before - after).abs()[mask.bool()].max() < 1e-4
    assert (mean_pooled(before, mask) - mean_pooled(after, mask)).abs().max() < 1e-4


def test_a_base_can_be_cut_to_its_first_layers():
    encoder, _ = load_base(MINILM, layers=2)

    assert len(encoder.transformer.layer) == encoder.config.n_layers == 2


def test_a_distilbert_in_a_local_folder_is_a_base(tmp_path):
    encoder, tokenizer = load_base(MINILM, layers=1)
    encoder.save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))

    again, _ = load_base(str(tmp_path))

    assert all(
        torch.equal(a, b) for a, b in zip(encoder.parameters(), again.parameters(), strict=True)
    )


def test_a_story_names_a_folder_of_minilms_shape_by_its_weights(tmp_path):
    encoder, _ = load_base(MINILM, layers=1)
    encoder.save_pretrained(tmp_path / "one")
    with torch.no_grad():
        encoder.embeddings.word_embeddings.weight[7] += 1
    encoder.save_pretrained(tmp_path / "two")

    one, two = (base_in_story(str(tmp_path / name)) for name in ("one", "two"))

    assert re.fullmatch(r"masked-[0-9a-f]{12}", one)
    assert re.fullmatch(r"masked-[0-9a-f]{12}", two)
    assert one != two
    assert base_in_story(MINILM) == MINILM


def test_a_story_names_a_folder_of_another_shape_where_it_is_read_from(tmp_path):
    other = DistilBertConfig(vocab_size=50, dim=16, n_heads=2, hidden_dim=32, n_layers=1)
    DistilBertModel(other).save_pretrained(tmp_path)

    assert base_in_story(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize("base", ["masked-0123456789ab", "/nowhere/masked/model"])
def test_a_model_is_read_whose_base_was_made_on_the_way_and_is_gone(tmp_path, base):
    recipe = load_artifact(default_artifact()).story["recipe"] | {"base": base}
    folder = released_copy(tmp_path / "model", "own-1", recipe=recipe)

    (gone, tokens), (shipped, _) = (load_base(str(path)) for path in (folder, default_artifact()))

    own = gone.state_dict()
    assert all(torch.equal(weight, own[name]) for name, weight in shipped.state_dict().items())
    sentence = "my bag is lost, again"
    assert tokens.encode(sentence).ids == load_base(MINILM)[1].encode(sentence).ids


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(BaseError, match="nowhere"):
        load_base(str(tmp_path / "nowhere"))

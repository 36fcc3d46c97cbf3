"""The base that training starts from."""

import pytest
import torch

from models.training.encoder.base import BaseError, load_base, mean_pooled, minilm_bert
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


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(BaseError, match="nowhere"):
        load_base(str(tmp_path / "nowhere"))

"""The fused graph: the same outputs to the last bit, and weights that training can start from."""

import json
from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from toy_model import write_toy_model
from transformers import DistilBertConfig, DistilBertModel

from models.artifact import MODEL, STORY, load_artifact
from models.encoder import padded
from models.engine import Engine
from models.examples.embedded import PLACES
from models.training.encoder.network import Network
from models.training.encoder.restore import restore
from models.training.encoder.restore_lora import in_order
from models.training.release import fuse_directory as directories
from models.training.release import quantise as quantising
from models.training.release.export import export
from models.training.release.fuse import fuse, fuse_file
from models.training.release.fuse_directory import fuse_directory
from models.training.release.gate import GateError
from models.training.triage.graft import BUCKETS, Deep, Shares, Wide, put, without
from models.urgency import LEVELS, REASONS

CONFIG = DistilBertConfig(
    vocab_size=1000,
    dim=64,
    hidden_dim=256,
    n_layers=2,
    n_heads=4,
    max_position_embeddings=64,
    attn_implementation="eager",
)


def network():
    torch.manual_seed(0)
    made = Network(DistilBertModel(CONFIG), topics=4, problems=5, triage=True).without_side()
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(0, 0.2)
        made.encoder.transformer.layer[0].ffn.lin1.bias[:3] = 8.0  # loud channels
    return made.eval()


def token_ids(lengths):
    generator = np.random.default_rng(len(lengths))
    return [generator.integers(5, 1000, length).tolist() for length in lengths]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same network in INT8, as the exporter wrote it and fused."""
    folder = tmp_path_factory.mktemp("fused")
    plain, fused = folder / "plain.onnx", folder / "fused.onnx"
    export(network(), folder / "full.onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantising, "fuse", lambda _: None)
        quantising.quantise(folder / "full.onnx", plain, token_ids([20] * 30))
    quantising.quantise(folder / "full.onnx", fused, token_ids([20] * 30))
    return plain, fused


def outputs(file, tokens, width):
    engine = Engine(file, threads=1)
    feed = padded(tokens, width, engine.fewest_rows)
    rows = engine.run(list(engine.outputs), feed)
    values = {name: value[: len(tokens)] for name, value in zip(engine.outputs, rows, strict=True)}
    is_read = feed["attention_mask"][: len(tokens)] == 1
    values["cause"] = np.where(is_read, values["cause"], 0)
    return values


@pytest.mark.parametrize(
    "lengths", [[1], [5], [8], [33], [64], [8, 8], [3, 30, 17, 1], [40] * 9, [64, 2, 33]]
)
def test_a_fused_graph_has_the_same_outputs_bit_for_bit(files, lengths):
    width = -(-max(lengths) // 8) * 8
    plain, fused = (outputs(file, token_ids(lengths), width) for file in files)

    assert plain.keys() == fused.keys()
    assert [name for name in plain if not np.array_equal(plain[name], fused[name])] == []


def test_a_text_has_the_same_outputs_in_any_batch_of_a_fused_graph(files):
    short, *others = token_ids([6, 60, 25, 9])

    alone = outputs(files[1], [short], 8)
    beside = outputs(files[1], [*others, short], 64)

    del alone["cause"], beside["cause"]  # as long as the longest
    assert [name for name in alone if not np.array_equal(alone[name][0], beside[name][-1])] == []


@pytest.mark.parametrize("length", [1, 8, 30, 64])
def test_a_lone_text_of_a_fused_graph_needs_no_row_beside_it(files, length):
    (text,) = token_ids([length])
    width = -(-length // 8) * 8
    engines = [Engine(file, threads=1) for file in files]
    names = list(engines[1].outputs)

    alone = engines[1].run(names, padded([text], width, fewest=1))
    beside_nothing = engines[0].run(names, padded([text], width, fewest=2))

    assert [engine.fewest_rows for engine in engines] == [2, 1]
    pairs = zip(names, alone, beside_nothing, strict=True)
    assert [name for name, one, two in pairs if not np.array_equal(one[0], two[0])] == []


def urgency(seed):
    chance = np.random.default_rng(seed)
    classes = len(LEVELS) + len(REASONS)

    def numbers(*shape):
        return chance.normal(0, 1, shape).astype(np.float32)

    wide = Wide(
        weights=numbers(BUCKETS, 3).astype(float),
        biases=numbers(3).astype(float),
        squares=abs(numbers(BUCKETS)).astype(float),
        columns=np.array([0, 1, 5]),
    )
    deep = Deep(numbers(32, CONFIG.dim), numbers(32), numbers(classes, 32), numbers(classes))
    return wide, deep, Shares(numbers(classes), numbers(classes), numbers(3))


def test_readers_of_urgency_can_be_put_in_before_and_after_the_fusion(files, tmp_path):
    made = [tmp_path / name for name in ("plain", "fused", "fused after", "bare", "again")]
    for source, target in zip(files, made, strict=False):
        put(source, target, *urgency(1))
    fuse_file(made[0], made[2])
    without(made[2], made[3])
    put(made[3], made[4], *urgency(1))

    for lengths in ([7], [30, 7, 1]):
        tokens = token_ids(lengths)
        first, *others = (outputs(file, tokens, 32) for file in (*made[:3], made[4]))
        bare, own = outputs(made[3], tokens, 32), outputs(files[0], tokens, 32)
        for other in others:
            assert [name for name in first if not np.array_equal(first[name], other[name])] == []
        assert [name for name in own if not np.array_equal(own[name], bare[name])] == []
        assert not np.array_equal(first["level"], bare["level"])


def test_attention_gelu_and_quiet_channels_take_one_pass(files):
    plain, fused = (onnx.load(file).graph.node for file in files)
    before, after = (Counter(node.op_type for node in nodes) for nodes in (plain, fused))

    assert after["Attention"] == CONFIG.n_layers
    assert (after["Erf"], after["Where"], after["Softmax"]) == (0, 0, 1)
    assert len(fused) - 4 < len(plain) / 2  # four give the heads a row more
    assert before["Mul"] > after["Mul"]


def test_a_fused_graph_stays_as_it_is(files, tmp_path):
    fuse_file(files[1], tmp_path / "again.onnx")

    assert (tmp_path / "again.onnx").read_bytes() == files[1].read_bytes()


def test_a_graph_without_an_encoder_stays_as_it_is():
    node = onnx.helper.make_node("Erf", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(name, 1, [2]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", values[:1], values[1:]))
    before = model.SerializeToString()

    fuse(model)

    assert model.SerializeToString() == before


def test_a_network_restored_from_a_fused_graph_is_the_same_network(files):
    plain, fused = (restore(file) for file in files)

    assert plain.keys() == fused.keys()
    seen = torch.randn(10, CONFIG.dim)
    for layer in range(CONFIG.n_layers):
        place = f"encoder.transformer.layer.{layer}.ffn"
        made = [
            torch.relu(seen @ weights[f"{place}.lin1.weight"].T + weights[f"{place}.lin1.bias"])
            @ weights[f"{place}.lin2.weight"].T
            for weights in (plain, fused)
        ]
        assert torch.allclose(*made, atol=1e-4)  # its channels stand in another order
    same = [name for name in plain if ".ffn." not in name]
    assert all(torch.equal(plain[name], fused[name]) for name in same)


def test_channels_stand_as_in_the_base_again(files):
    base = network().encoder.state_dict()
    first, second = (f"transformer.layer.0.ffn.{name}" for name in ("lin1.weight", "lin2.weight"))

    fused = in_order(restore(files[1]), base)

    for name in (first, second):
        assert torch.allclose(fused[f"encoder.{name}"], base[name], atol=0.05)


def negated(source, target):
    model = onnx.load(source)
    for constant in model.graph.initializer:
        if constant.name == "sentiment.table":
            table = -onnx.numpy_helper.to_array(constant)
            constant.CopyFrom(onnx.numpy_helper.from_array(table, constant.name))
    onnx.save(model, target)


def test_a_model_directory_is_fused_in_place_or_not_at_all(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    write_toy_model(folder)
    story = json.loads((folder / STORY).read_text(encoding="utf-8"))

    fuse_directory(folder)
    after = load_artifact(folder).story

    assert after["version"] == story["version"]
    assert {MODEL, PLACES} <= after["files"].keys()
    monkeypatch.setattr(directories, "fuse_file", negated)
    with pytest.raises(GateError, match=r"outputs that fusing changed.*Next: .*constraints.txt"):
        fuse_directory(folder)
    assert load_artifact(folder).story == after

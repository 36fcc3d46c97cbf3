"""A replier is trained on a few made-up pairs, released, served, and learns from edits."""

from __future__ import annotations

import csv
import itertools
import json

import numpy as np
import pytest
import torch

from models.replier.conditions import Conditions, Vocabulary
from models.replier.draft import ReplyRequest
from models.replier.mixture import learned_share
from models.replier.network import ReplyNetwork as Served
from models.replier.replier import Replier
from models.training.progress import load
from models.training.recipes import RecipeError
from models.training.replies.batches import ordered
from models.training.replies.corpus import corpus_of
from models.training.replies.data import (
    PairsError,
    edits_in,
    grouped,
    part_of,
    read_edits,
    read_pairs,
)
from models.training.replies.export import export
from models.training.replies.network import GRU, ReplyNetwork, Sizes, SmoothedLoss
from models.training.replies.recipe import read_recipe
from models.training.replies.release import release
from models.training.replies.restore import thawed
from models.training.replies.trainer import Trainer, schedule

OPENINGS = (
    "my flight is late",
    "my bag is gone",
    "the crew was lovely",
    "the app is down",
    "I lost my seat",
)
PLACES = (
    "in Denver",
    "at gate 12",
    "on flight 403",
    "since 9 am",
    "again",
    "for the third time",
    "today",
    "now",
)
ANSWERS = (
    "We are sorry to hear that.",
    "We are sorry about your bag.",
    "Thank you for telling us!",
    "We look into it.",
)
RECIPE = """
name = "few"
vocabulary = 300
embedding = 16
encoder = 8
decoder = 24
condition = 4
epochs = 2
batch = 16
brand_pairs = 5
checkpoint_every = 5
order = 3
pairs = "pairs.csv"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replies")
    (folder / "few.toml").write_text(RECIPE)
    with (folder / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("source", "brand", "conv_id", "turn", "customer_text", "agent_text"))
        for number, (said, where, answer) in enumerate(
            itertools.product(OPENINGS, PLACES, ANSWERS)
        ):
            writer.writerow(
                (
                    "made",
                    "SkyNorth",
                    number,
                    0,
                    f"@company {said} {where}, {number}",
                    f"{answer} ^JH",
                )
            )
    return folder


def nothing_known(texts):
    return [("baggage", "negative") for _ in texts]


def trainer_in(folder, out):
    recipe = read_recipe(folder / "few.toml")
    corpus = corpus_of(recipe, folder / "pairs.csv", folder / "corpus", nothing_known)
    return Trainer(recipe, corpus, folder / out, lambda line: None)


@pytest.fixture(scope="module")
def trained(folder):
    trainer = trainer_in(folder, "run")
    trainer.run()
    return trainer


@pytest.fixture(scope="module")
def released(folder, trained):
    release(trained, folder / "model", hashes={})
    return folder / "model"


def test_a_released_replier_answers_with_what_passes_the_gate(released):
    replier = Replier(released)

    drafts = replier(
        [ReplyRequest("my bag is gone, 5", "SkyNorth"), ReplyRequest("it is late", "VoltLine")]
    )

    assert [draft.candidates[0].passes for draft in drafts] == [True, True]
    assert {draft.model for draft in drafts} == {replier.version}


def test_an_interrupted_run_goes_on_where_it_was(folder, trained):
    first = trainer_in(folder, "interrupted")
    for indices in itertools.islice(
        ordered(first.train_set, first.recipe.batch, first.recipe.seed, 0), 5
    ):
        first._learn(indices)
        first.step += 1
    first._checkpoint()
    second = trainer_in(folder, "interrupted")
    second.run()

    assert second.step == trained.step
    for name, weight in second.average.items():
        assert torch.allclose(weight, trained.average[name], atol=1e-5), name


def test_a_run_of_another_recipe_is_not_gone_on_with(folder, trained):
    (folder / "few.toml").write_text(RECIPE.replace("decoder = 24", "decoder = 32"))
    with pytest.raises(RecipeError, match="belongs to another recipe"):
        trainer_in(folder, "run").run()
    (folder / "few.toml").write_text(RECIPE)


def test_edits_are_learnt_and_measured_on_edits_held_out(folder, trained):
    edits = [
        {
            "draft": "Sorry.",
            "final": "Dear guest, we look into it at once.",
            "customer_text": f"the app is down {number}",
        }
        for number in range(20)
    ]
    (folder / "edits.jsonl").write_text("".join(json.dumps(edit) + "\n" for edit in edits))
    trainer = trainer_in(folder, "edited")
    trainer.run()
    from models.replier.slots import Slots

    told = trainer.learn_edits(
        read_edits(folder / "edits.jsonl", Slots(trainer.corpus.words), nothing_known)
    )

    assert told["edits"]["learned"] == 16
    assert told["edits"]["after"] < told["edits"]["before"]


def test_edits_without_a_final_text_are_told_by_their_row(folder):
    from models.replier.slots import Slots

    (folder / "bad.jsonl").write_text('{"draft": "a", "customer_text": "b"}\n')
    with pytest.raises(PairsError, match="row 1 has no final"):
        read_edits(folder / "bad.jsonl", Slots([]), nothing_known)


def test_conversations_that_share_a_message_are_in_one_split(folder):
    pairs = read_pairs(folder / "pairs.csv")
    twin = [
        *pairs[:1],
        *[type(pairs[0])("other", "X", pairs[0].customer + " and so on and so on", "Hello there.")],
    ]

    assert len({pair.conversation for pair in grouped(twin)}) in (1, 2)
    long = (
        "the very same long message that both of the published sets hold under numbers of their own"
    )
    both = [type(pairs[0])(name, "X", long, "Hello there.") for name in ("a", "b")]
    assert len({part_of(pair.conversation) for pair in grouped(both)}) == 1
    assert len({pair.conversation for pair in grouped(both)}) == 1


def test_the_exported_network_says_what_the_trained_one_says(tmp_path):
    torch.manual_seed(0)
    network = ReplyNetwork(Sizes(60, (4, 5, 4, 3, 3, 3), 16, 8, 24, 4)).eval()
    likely = np.arange(2, 40)
    export(network, tmp_path, likely)
    served = Served(tmp_path / "reader.onnx", tmp_path / "step.onnx", width=12)
    messages = [[5, 6, 7], list(range(4, 16)), [9]]
    conditions = Vocabulary(["a", "b", "c"], list("wxyz")).ids(
        [Conditions("b", "x"), Conditions(), Conditions(clean=True)]
    )
    replies = torch.tensor([[2, 8, 9, 10], [2, 4, 4, 4], [2, 30, 31, 32]])
    source = torch.zeros(3, 12, dtype=torch.long)
    for row, ids in enumerate(messages):
        source[row, : len(ids)] = torch.tensor(ids)
    with torch.no_grad():
        merged = network(source, source > 0, torch.from_numpy(conditions), replies)
        wanted = torch.log_softmax(network.logits(merged), -1).numpy()

    read = served.read(messages, conditions)
    state, rows = read.state, np.arange(3)
    for step in range(4):
        given = replies[:, step].numpy()
        best, which, _ = served.best(given, state, rows, read)
        scores, state = served.step(given, state, rows, read)
        assert scores == pytest.approx(wanted[:, step], abs=0.05)
        assert set(which.ravel()) <= set(likely)
        shares = np.exp(scores[:, likely]) / np.exp(scores[:, likely]).sum(1, keepdims=True)
        assert np.exp(best) == pytest.approx(-np.sort(-shares)[:, : best.shape[1]], abs=1e-5)


def test_rows_of_any_message_are_computed_as_each_would_be_alone(tmp_path):
    torch.manual_seed(0)
    network = ReplyNetwork(Sizes(60, (4, 5, 4, 3, 3, 3), 16, 8, 24, 4)).eval()
    export(network, tmp_path)
    served = Served(tmp_path / "reader.onnx", tmp_path / "step.onnx", width=12)
    read = served.read([[5, 6, 7], [9], [8, 8]], np.zeros((3, 6), dtype=np.int64))
    message, words = np.array([0, 0, 2, 2, 2]), np.array([4, 5, 6, 7, 4])

    together = served.step(words, read.state[message], message, read)

    for row, of in enumerate(message):
        alone = served.step(words[row : row + 1], read.state[[of]], np.array([0]), read.of([of]))
        for one, other in zip(together, alone, strict=True):
            assert np.array_equal(one[row], other[0])


def test_the_little_that_is_learnt_on_top_of_a_served_network_survives_its_export(tmp_path):
    torch.manual_seed(0)
    network = ReplyNetwork(Sizes(60, (4, 5, 4, 3, 3, 3), 16, 8, 24, 4)).eval()
    export(network, tmp_path)
    served = thawed(tmp_path)
    load(network, served)
    little = 0.2 * network.decoder.weight_hh.abs().max().item() / 63
    with torch.no_grad():
        network.decoder.weight_hh += little
    export(network, tmp_path)

    moved = (thawed(tmp_path)["decoder.weight_hh"] - served["decoder.weight_hh"]).mean().item()

    assert moved == pytest.approx(little, rel=0.3)


@pytest.mark.parametrize("back", [False, True])
def test_the_own_gru_is_torchs(back):
    torch.manual_seed(0)
    own, other = GRU(5, 7).eval(), torch.nn.GRU(5, 7, batch_first=True)
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(other, f"{name}_l0").copy_(getattr(own, name))
    given, copy = (
        torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
        for _ in range(2)
    )
    mask = torch.tensor([[True] * 6] * 3)

    states, last = own(given, torch.zeros(3, 7), mask, back=back)
    wanted, final = other(copy.flip(1) if back else copy)
    (states.square().sum() + last.sum()).backward()
    (wanted.square().sum() + final.sum()).backward()

    assert torch.allclose(states, wanted.flip(1) if back else wanted, atol=1e-6)
    assert torch.allclose(given.grad, copy.grad, atol=1e-5)
    assert torch.allclose(own.weight_hh.grad, other.weight_hh_l0.grad, atol=1e-4)


def test_the_loss_and_its_gradient_are_torchs():
    torch.manual_seed(0)
    merged, table = torch.randn(9, 4, requires_grad=True), torch.randn(20, 4, requires_grad=True)
    truth = torch.randint(0, 20, (9,))

    SmoothedLoss.apply(merged, table, truth, torch.ones(9), 0.1).backward()
    own = merged.grad.clone(), table.grad.clone()
    merged.grad = table.grad = None
    torch.nn.functional.cross_entropy(merged @ table.t(), truth, label_smoothing=0.1).backward()

    for mine, torchs in zip(own, (merged.grad, table.grad), strict=True):
        assert (mine - torchs).abs().max() < 0.02 * torchs.abs().max()


def test_the_share_of_the_mix_goes_to_the_model_that_is_right():
    good, bad = np.full(4000, 0.5, dtype=np.float32), np.full(4000, 0.01, dtype=np.float32)
    which = np.arange(4000) % 2

    share = learned_share(
        np.where(which == 0, good, bad), np.where(which == 0, bad, good), which, 3
    )

    assert share[0] > 0.9
    assert share[1] < 0.1
    assert 0.4 < share[2] < 0.6  # nothing was seen there


def test_a_run_starts_from_the_weights_of_a_released_replier(folder, trained, released):
    (folder / "more.toml").write_text(RECIPE + f'\nstart = "{released}"')
    recipe = read_recipe(folder / "more.toml")
    trainer = Trainer(recipe, trained.corpus, folder / "more", lambda line: None)

    for name, weight in trained.result().named_parameters():
        assert torch.allclose(trainer.parameters[name], weight, atol=5e-3), name  # a step of INT8


def test_a_run_starts_from_a_replier_alone_that_is_whole_and_of_its_sizes(
    folder, trained, released, tmp_path
):
    for changes, why in (
        (f'start = "{tmp_path}"', "is missing"),
        (f'start = "{released}"\nprojected = 1', "unknown setting projected"),
    ):
        (folder / "more.toml").write_text(f"{RECIPE}\n{changes}")
        with pytest.raises(RecipeError, match=why):
            Trainer(
                read_recipe(folder / "more.toml"),
                trained.corpus,
                folder / "more",
                lambda line: None,
            )
    (folder / "more.toml").write_text(
        RECIPE.replace("decoder = 24", "decoder = 32") + f'\nstart = "{released}"'
    )
    with pytest.raises(RecipeError, match="other sizes"):
        Trainer(
            read_recipe(folder / "more.toml"), trained.corpus, folder / "more", lambda line: None
        )


def test_the_best_weights_of_a_run_are_its_result(folder, trained):
    trainer = Trainer(trained.recipe, trained.corpus, folder / "best", lambda line: None)
    trainer._validate()
    best = {name: weight.clone() for name, weight in trainer.best.items()}
    for weight in trainer.average.values():
        weight.mul_(5)
    trainer._validate()

    for name, weight in trainer.result().named_parameters():
        assert torch.equal(weight, best[name]), name


def test_the_rate_rises_stays_and_falls():
    rates = [schedule(progress, 0.1, 0.5) for progress in (0, 0.05, 0.1, 0.3, 0.5, 0.75, 1)]

    assert rates == pytest.approx([0, 0.5, 1, 1, 1, 0.51, 0.02], abs=2e-3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("first_line", [False, True])
def test_a_table_of_edits_is_read_as_spreadsheets_write_it(
    tmp_path, encoding, separator, first_line
):
    path = tmp_path / "edits.csv"
    lines = [
        *([f"sep={separator}"] if first_line else []),
        separator.join(("draft", "final", "customer_text")),
        separator.join(("We are sorry", '"We are sorry, José"', '"late again; no, really"')),
    ]
    path.write_bytes("\r\n".join(lines).encode(encoding))

    (row,) = edits_in(path)

    assert (row["final"], row["customer_text"]) == ("We are sorry, José", "late again; no, really")

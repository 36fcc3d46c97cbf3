"""Training of the heads of a released model alone; its other outputs stay, bit for bit.

A head is two small matrices on what its query saw. The encoder reads every text once, and each head
then learns in a minute. What the gate measured of the encoder still holds, and is carried over;
what changed is measured anew.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy

from models.artifact import MODEL, TOKENIZER, Artifact, load_artifact
from models.calls.cues import read_cues
from models.calls.head import CARD, HEAD, load_head
from models.evaluation.typos import misprinted
from models.text import normalize
from models.training.calls.train import card
from models.training.corpus.data import IGNORED, READ, Corpus, Example, text_hash
from models.training.encoder.batches import Encoded, encode
from models.training.encoder.features import Features
from models.training.encoder.losses import allowed_entropy, class_weights, expected
from models.training.encoder.network import HEADS, Head
from models.training.encoder.paraphrase import reworded
from models.training.encoder.recipe import Recipe
from models.training.encoder.restore import restore
from models.training.encoder.trainer import schedule, tells
from models.training.progress import log_to
from models.training.recipes import RecipeError
from models.training.release import gate, remedies
from models.training.release.by_reading import by_reading, truth_of
from models.training.release.release import PARITY_TEXTS, publish, served, story_of, tested, write

Floats = NDArray[np.float32]
Print = Callable[[str], None]

LOG = "train.log"
GRAFTED, UNCHANGED = "served against learnt", "other outputs that changed"  # lines of the gate
PARTS = ("mix.weight", "mix.bias", "decide.weight", "decide.bias")


@dataclass(frozen=True)
class Lesson:
    """Inputs and labels of a head. seen, other: (texts, 2 x dim), of a text and its misread form.

    truth: (texts, classes), which classes the label allows; other_rows: the rows of `seen` that
    `other` belongs to.
    """

    seen: torch.Tensor
    truth: torch.Tensor
    other: torch.Tensor
    other_rows: torch.Tensor


def refit(recipe: Recipe, corpus: Corpus, out: Path, say: Print = print) -> dict[str, Any]:
    """Train the heads `recipe.heads` of the model directory `recipe.start`, write `out/model`.

    Returns the model's story. Raises RecipeError for a start that is no model directory or has
    other classes, GateError for heads that are worse.
    """
    torch.set_num_threads(recipe.threads)
    start = load_artifact(Path(str(recipe.start)))
    if (
        tuple(start.labels.get("topic", ())) != corpus.topics
        or tuple(start.labels.get("problem", ())) != corpus.problems
    ):
        raise RecipeError(
            f"start = {recipe.start!r}: its topics and problems are not those of the taxonomy"
        )
    examples = selected(recipe, corpus)
    misread = _misread(recipe, examples)
    features = Features(
        start.folder, recipe.heads, out / "features", longest=_longest(recipe, start)
    )
    seen = features.cached([example.text for example in [*examples, *misread.values()]], say)
    before, heads = restore(start.model), {}
    log = log_to(out / LOG, lambda _: None)
    for task in recipe.heads:
        lesson = _lesson(task, corpus, examples, misread, seen[task])
        if not len(lesson.seen):
            continue  # the corpus says nothing about it
        heads[task] = mean_head(
            [_learnt(recipe, lesson, task, before, log, run) for run in range(recipe.soup)]
        )
        say(f"{task}: learnt from {len(lesson.seen):,} texts")
    with tempfile.TemporaryDirectory(dir=out) as spare:
        model = Path(spare) / "model"
        model.mkdir()
        shutil.copy(start.tokenizer, model / TOKENIZER)
        put(start.model, model / MODEL, heads)
        story = _build(recipe, corpus, start, model, heads, features)
        hand_on_calls(start, model, story["version"])
        return publish(story | tested(model, story, corpus), model, out / "model")


def _longest(recipe: Recipe, start: Artifact) -> int:
    """Tokens that the heads read: they may be taught to read more than the start does, not less."""
    return max(recipe.longest, start.max_tokens)


def hand_on_calls(start: Artifact, model: Path, version: str) -> None:
    """Copy the head for calls, under the new name.

    It reads embeddings and words, which are the same, and what the model says of turns (sentiment,
    complaint, settled): where a head of these was taught again, `earshot train calls` fits it anew.
    """
    head = load_head(start.folder, start.version, read_cues())
    if head is not None:
        own_head = replace(head, encoder=version)
        (model / HEAD).write_text(own_head.as_json(), encoding="utf-8")
        (model / CARD).write_text(card(own_head), encoding="utf-8")


def selected(recipe: Recipe, corpus: Corpus) -> list[Example]:
    """The texts that tell something to a head that is taught; of the easy sets one in `turns`."""

    def teaches(example: Example) -> bool:
        return bool(tells(example) & set(recipe.heads))

    easy = [example for example in corpus.by_turns if teaches(example)]
    again = corpus.read * (recipe.read - 1)
    return [*filter(teaches, corpus.train), *easy[:: recipe.turns], *again]


def _misread(recipe: Recipe, examples: Sequence[Example]) -> dict[int, Example]:
    """Misread forms of texts with a severity, by their numbers.

    They hold the index steady.
    """
    misread: dict[int, Example] = {}
    for number, example in enumerate(examples):
        chance = random.Random(f"{recipe.seed}:{text_hash(example.text)}")  # noqa: S311 (no secret)
        draw = chance.random()
        if example.severity != IGNORED and draw < recipe.misprints + recipe.rewordings:
            text = (misprinted if draw < recipe.misprints else reworded)(example.text, chance)
            if text != example.text:
                misread[number] = replace(example, text=text)
    return misread


def _lesson(
    task: str,
    corpus: Corpus,
    examples: Sequence[Example],
    misread: Mapping[int, Example],
    seen: Floats,
) -> Lesson:
    truth = truth_of(task, examples, corpus)
    rows = np.flatnonzero(truth.any(-1))
    place = {int(row): number for number, row in enumerate(rows)}
    pairs = [
        (len(examples) + number, place[row]) for number, row in enumerate(misread) if row in place
    ]
    return Lesson(
        seen=torch.from_numpy(seen[rows]),
        truth=torch.from_numpy(truth[rows]),
        other=torch.from_numpy(seen[[other_row for other_row, _ in pairs]]),
        other_rows=torch.tensor([row for _, row in pairs], dtype=torch.long),
    )


def _learnt(
    recipe: Recipe,
    lesson: Lesson,
    task: str,
    before: Mapping[str, torch.Tensor],
    log: Callable[..., None],
    run: int,
) -> Head:
    """The head after its epochs; their mean losses are logged.

    run: number in the soup, with its own seed.
    """
    torch.manual_seed(recipe.seed + run)
    head = _head(task, before, recipe.dropout)
    trained = [weight for name, weight in head.named_parameters() if name != "query"]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.decay)
    counts = (lesson.truth.float() / lesson.truth.sum(-1, keepdim=True)).sum(0).numpy()
    balance = (
        recipe.balance if task in HEADS or recipe.topic_balance is None else recipe.topic_balance
    )
    weights = class_weights(counts, balance)
    size = min(recipe.batch, len(lesson.seen))
    total, step = recipe.epochs * (len(lesson.seen) // size), 0
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(lesson.seen))
        losses = []
        for begin in range(0, len(order) - size + 1, size):
            rows = order[begin : begin + size]
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * schedule(step / total, recipe.warmup)
            loss = _loss(
                recipe,
                task,
                head.logits_of(*_halves(lesson.seen[rows])),
                lesson.truth[rows],
                weights,
            )
            if recipe.same_weight and len(lesson.other):
                pairs = torch.randint(len(lesson.other), (size // 2,))
                loss = loss + _apart(recipe, task, head, lesson, pairs, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            step += 1
        log(
            **{
                "step": run * recipe.epochs + epoch + 1,
                f"loss, {task}": round(float(np.mean(losses)), 5),
            }
        )
    return head.eval()


def mean_head(heads: Sequence[Head]) -> Head:
    """A head with the mean of their weights: a model soup (Wortsman et al., 2022).

    The runs have the same start.
    """
    mean = heads[0]
    weights = [head.state_dict() for head in heads]
    mean.load_state_dict(
        {name: torch.stack([state[name] for state in weights]).mean(0) for name in weights[0]}
    )
    return mean


def _halves(both: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    seen, first = both.chunk(2, dim=-1)
    return seen, first


def _loss(
    recipe: Recipe, task: str, logits: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    if task not in HEADS:
        return allowed_entropy(logits, truth, weights)
    labels = truth.long().argmax(-1)
    loss = cross_entropy(logits, labels, weight=weights)
    if task == "severity":
        loss = loss + recipe.index_weight * (expected(logits) - labels).abs().mean()
    return loss


def _apart(
    recipe: Recipe,
    task: str,
    head: Head,
    lesson: Lesson,
    pairs: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Distance of the judgements of texts and their misread forms.

    The loss of the latter is added at a third.
    """
    rows = lesson.other_rows[pairs]
    first, second = (
        head.logits_of(*_halves(lesson.seen[rows])),
        head.logits_of(*_halves(lesson.other[pairs])),
    )
    if task == "severity":
        apart = (expected(first) - expected(second)).abs().mean()
    else:
        calm = first.log_softmax(-1).detach()
        apart = (calm.exp() * (calm - second.log_softmax(-1))).sum(-1).mean()
    return recipe.same_weight * apart + 0.3 * _loss(
        recipe, task, second, lesson.truth[rows], weights
    )


def put(source: Path, target: Path, heads: Mapping[str, Head]) -> None:
    """Write the served graph with the weights of these heads in the place of its own."""
    graph = onnx.load(source)
    own = {
        f"{task}.{part}": head.get_parameter(part) for task, head in heads.items() for part in PARTS
    }
    for constant in graph.graph.initializer:
        if constant.name in own:
            value = own.pop(constant.name).detach().numpy()
            constant.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), constant.name))
    if own:
        raise RecipeError(f"{source}: it has no {', '.join(own)}")
    onnx.save(graph, target)


def _build(
    recipe: Recipe,
    corpus: Corpus,
    start: Artifact,
    model: Path,
    heads: Mapping[str, Head],
    features: Features,
) -> dict[str, Any]:
    """The story of the model in `made`, after its gate."""
    held_out = [example for part in corpus.validation.values() for example in part]
    texts = [example.text for example in held_out]
    tokenizer = Tokenizer.from_file(str(start.tokenizer))
    tokenizer.no_padding()
    longest = _longest(recipe, start)
    encoded = encode(
        tokenizer, held_out, topics=corpus.topics, problems=corpus.problems, longest=longest
    )
    sample = [
        text for text in texts[:: max(1, len(texts) // PARITY_TEXTS)] if normalize(text) == text
    ]
    before, after = (
        served(model, start.tokenizer, sample, longest) for model in (start.model, model / MODEL)
    )
    now = served(model / MODEL, start.tokenizer, texts, longest)
    checks = [
        _grafted(heads, features.read(sample), after),
        _unchanged(before, after, heads),
        *no_worse(encoded, _before(start, heads, features.cached(texts)), now),
    ]
    gate.enforce(checks)
    story = story_of(
        recipe, corpus, model, encoded, now, [*_carried(start, heads), *map(str, checks)]
    )
    story |= {"started_from": start.version, "max_tokens": longest} | _triage_story(
        recipe, start, story
    )
    if READ in corpus.validation and {"topic", "problem"} <= set(heads):
        story["least_probability"] = by_reading(corpus, model, story)
    write(model, story)
    return story


def _triage_story(recipe: Recipe, start: Artifact, story: Mapping[str, Any]) -> dict[str, Any]:
    """What the story of a start with heads of triage says of these and of the encoder: they stay.
    The recipe of the encoder is that of the start; `heads` is what its heads were taught by since.
    """
    before = start.story
    if "triage" not in before:
        return {}
    return {
        "recipe": before["recipe"],
        "heads": asdict(recipe) | {"start": start.version, "base": story["recipe"]["base"]},
        "labels": {**before["labels"], **story["labels"]},
        "urgency": before["urgency"],
        "triage": before["triage"],
        "data": {**story["data"], "start": before["data"].get("start")},
    }


def _before(
    start: Artifact, tasks: Collection[str], seen: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Logits of the start's own heads."""
    weights = restore(start.model)
    return _logits({task: _head(task, weights) for task in tasks}, seen)


def _logits(heads: Mapping[str, Head], seen: Mapping[str, Floats]) -> dict[str, Floats]:
    with torch.no_grad():
        return {
            task: head.eval().logits_of(*_halves(torch.from_numpy(seen[task]))).numpy()
            for task, head in heads.items()
        }


def _head(task: str, weights: Mapping[str, torch.Tensor], dropout: float = 0.0) -> Head:
    classes, dim = weights[f"{task}.decide.weight"].shape
    head = Head(dim, classes, dropout)
    head.load_state_dict({name: weights[f"{task}.{name}"] for name in ("query", *PARTS)})
    return head


def _carried(start: Artifact, tasks: Collection[str]) -> list[str]:
    """The gate's lines of the start that still hold: they are about unchanged outputs."""
    anew = (*(f" {task}, " for task in tasks), *(f" {name}: " for name in (GRAFTED, UNCHANGED)))
    return [line for line in start.story["gate"] if not any(part in line for part in anew)]


def _grafted(
    heads: Mapping[str, Head], seen: Mapping[str, Floats], after: Mapping[str, Floats]
) -> gate.Check:
    """The graph gives the learnt logits."""
    learnt = _logits(heads, seen)
    return gate.same(GRAFTED, learnt, {task: after[task] for task in heads})


def _unchanged(
    before: Mapping[str, Floats], after: Mapping[str, Floats], tasks: Collection[str]
) -> gate.Check:
    unchanged = [name for name in before if name not in tasks]
    changed = sum(not np.array_equal(before[name], after[name]) for name in unchanged)
    return gate.Check(UNCHANGED, changed, 0, remedy=remedies.FAULT)


def no_worse(
    encoded: Encoded, before: Mapping[str, Floats], after: Mapping[str, Floats]
) -> list[gate.Check]:
    """Each trained head is as good and as well calibrated as the start's.

    Up to chance.
    """
    checks = []
    for task in before:
        known = encoded.labels[task] != IGNORED
        if not known.any():
            continue
        truth, was, now = encoded.labels[task][known], before[task][known], after[task][known]
        lost, error = gate.lost_f1(truth, was.argmax(-1), now.argmax(-1), was.shape[-1])
        checks.append(
            gate.Check(
                f"{task}, macro-F1 below the start's",
                lost,
                max(gate.LOST_F1, gate.ONE_SIDED * error),
                remedy=remedies.START,
            )
        )
        worse = gate.calibrated_error(truth, now) - gate.calibrated_error(truth, was)
        checks.append(
            gate.Check(
                f"{task}, calibration below the start's",
                worse,
                gate.LOST_CALIBRATION,
                remedy=remedies.calibration(len(truth)),
            )
        )
    return checks

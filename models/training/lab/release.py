"""Release of a run of the lab: export, INT8, the gate, and a directory with story and card."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from models.analyzer import LABELS, softmax
from models.artifact import CARD, MODEL, TOKENIZER, sha256
from models.evaluation.compare_sentiment import Contestant
from models.evaluation.metrics import calibration_error, scores
from models.sentiment_classifier import FORMAT, STORY, Floats, opened, run, written_story
from models.training.lab import keep
from models.training.lab.fit import Fit
from models.training.lab.tokens import logits_of
from models.training.placed import put
from models.training.progress import Print, lines_to, on_layer, silent
from models.training.release import gate, remedies
from models.training.release.export import NetworkOnnxConfig, write_onnx
from models.training.release.quality import better_than, enforce_quality, quality
from models.training.release.quantise import quantise

CALIBRATION_TEXTS, CALIBRATION_TOKENS = 256, 12_000  # at most
SMALLER = 0.7  # share of the full model's bytes that INT8 saves


class Served(torch.nn.Module):
    """Token ids and their mask to logits, whatever the architecture."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder, self.config = model, model.config

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        return {
            "sentiment": self.encoder(input_ids=input_ids, attention_mask=attention_mask).logits
        }


class ServedOnnxConfig(NetworkOnnxConfig):
    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        return {"sentiment": {0: "batch_size"}}


def release(
    fit: Fit,
    out: Path,
    story: Mapping[str, Any],
    in_use: Contestant | None = None,
    say: Print = silent,
) -> dict[str, Any]:
    """Write the run's small model to `out`, return its story.

    in_use: the model that it must not be worse than. say: takes lines of JSON about how far it is.
    Raises GateError or QualityError, and writes
    nothing, if it fails.
    """
    with tempfile.TemporaryDirectory(dir=fit.out) as spare:
        model = Path(spare) / "made"
        model.mkdir()
        story = _build(fit, model, Path(spare) / "full", story, in_use, say)
        put(model, out)
    return story


def _build(
    fit: Fit,
    folder: Path,
    full: Path,
    run_story: Mapping[str, Any],
    in_use: Contestant | None,
    say: Print,
) -> dict[str, Any]:
    full.mkdir()
    log = lines_to(say)
    log(release="exporting")
    model = AutoModelForSequenceClassification.from_pretrained(
        fit.out / keep.MODEL, attn_implementation="eager"
    )
    served = Served(model.eval())
    write_onnx(served, ServedOnnxConfig(served.config, task="feature-extraction"), full / MODEL)
    learned = fit.sets.train.texts
    sample = random.Random(fit.recipe.seed).sample(learned, k=min(CALIBRATION_TEXTS, len(learned)))  # noqa: S311
    quantise(
        full / MODEL, folder / MODEL, _first(fit.tokens(sample), CALIBRATION_TOKENS), on_layer(log)
    )
    log(release="measuring")
    for directory in (full, folder):
        fit.tokens.backend.save(str(directory / TOKENIZER))
    held_out, tokens = fit.sets.validation, fit.held_out
    exact, small = (run(opened(path, fit.recipe.threads)[0], tokens) for path in (full, folder))
    truth = np.array(held_out.labels)
    checks = [
        gate.same(
            "exported against trained",
            {"sentiment": logits_of(model, fit.tokens, tokens)},
            {"sentiment": exact},
        ),
        *agreement(truth, exact, small),
        gate.Check(
            "INT8, share of the bytes saved",
            1 - _bytes(folder) / _bytes(full),
            SMALLER,
            at_least=True,
            remedy=remedies.KEPT_BYTES,
        ),
    ]
    gate.enforce(checks, fit.out / keep.MODEL)
    judged, beside = _quality(fit, small, in_use)
    checks += judged
    temperature = gate.temperature(truth, small)
    files = {name: sha256(folder / name) for name in (MODEL, TOKENIZER)}
    calm = softmax(small / np.float32(temperature))
    story = {
        "format": FORMAT,
        "version": f"{fit.recipe.name}-{files[MODEL][:12]}",
        "languages": list(fit.recipe.languages),
        "labels": list(fit.sets.names),
        "temperature": temperature,
        "reading": asdict(fit.tokens.reading),
        "files": files,
        "recipe": run_story["recipe"],
        "data": run_story["data"],
        "texts": run_story["texts"],
        "steps": run_story["best_step"],
        "bytes": {"fp32": _bytes(full), "int8": _bytes(folder)},
        "gate": [str(check) for check in checks],
        "validation": scores(truth, calm, fit.sets.names),
        **beside,
    }
    if len(fit.sets.test):  # read here, after every choice
        logits = run(opened(folder, fit.recipe.threads)[0], fit.tokens(fit.sets.test.texts))
        probabilities = softmax(logits / np.float32(temperature))
        story["test"] = scores(np.array(fit.sets.test.labels), probabilities, fit.sets.names)
        keep.add_predictions(fit.out, "test", fit.sets.test, probabilities, fit.sets.names)
    (folder / STORY).write_text(written_story(story), encoding="utf-8")
    (folder / CARD).write_text(card(story), encoding="utf-8")
    return story


def _quality(
    fit: Fit, logits: Floats, in_use: Contestant | None
) -> tuple[list[gate.Check], dict[str, Any]]:
    """The checks of quality, and the comparison with the model in use for the story."""
    names, held_out = list(fit.sets.names), fit.sets.validation
    truth, ours = np.array(held_out.labels), logits.argmax(-1)
    majority = int(np.bincount(fit.sets.train.labels, minlength=len(names)).argmax())
    if in_use is None:
        checks, beside = quality(truth, ours, majority), {}
    else:
        likely = in_use.sentiments(held_out.texts)[:, [LABELS.index(name) for name in names]]
        rivals = likely.argmax(-1)  # of the labels of this run
        checks = quality(truth, ours, majority, (in_use.version, rivals))
        beside = {"in_use": better_than(truth, ours, in_use.version, rivals)}
    enforce_quality(checks, fit.out / keep.MODEL)
    return checks, beside


def _first(ids: Sequence[list[int]], limit: int) -> list[list[int]]:
    """The first texts, until `limit` tokens are reached."""
    return [
        row
        for row, before in zip(ids, accumulate(map(len, ids), initial=0), strict=False)
        if before < limit
    ]


def agreement(truth: NDArray[np.int64], exact: Floats, small: Floats) -> list[gate.Check]:
    """The small model is as good as the full one: judgements, logits and calibration."""
    lost, error = gate.lost_f1(truth, exact.argmax(-1), small.argmax(-1), exact.shape[-1])
    worse = _error(truth, small) - _error(truth, exact)
    allowed = gate.LOST_F1 if error <= gate.LOST_F1 else gate.ONE_SIDED * error
    return [
        gate.Check("sentiment, lost macro-F1", lost, allowed, remedy=remedies.SMALL),
        gate.Check(
            "sentiment, mean change of the logits",
            float(np.abs(exact - small).mean()),
            gate.SMALL_LOGITS,
            remedy=remedies.SMALL,
        ),
        gate.Check(
            "sentiment, lost calibration",
            worse,
            max(gate.LOST_CALIBRATION, 3 / len(truth)),
            remedy=remedies.calibration(len(truth), "`validation`, a CSV with text,label,"),
        ),
    ]


def _error(truth: NDArray[np.int64], logits: Floats) -> float:
    return calibration_error(truth, softmax(logits / np.float32(gate.temperature(truth, logits))))


def _bytes(folder: Path) -> int:
    return (folder / MODEL).stat().st_size


def card(story: Mapping[str, Any]) -> str:
    """The Markdown of a directory's story."""
    recipe, reading = story["recipe"], story["reading"]
    labels, texts = ", ".join(story["labels"]), _texts_in(story["languages"])
    steps = f"{story['steps']:,} steps of {recipe['batch']}"
    rows = [_row(part, story[part]) for part in ("validation", "test") if story.get(part)]
    tested = "; the test part was read after every choice" if "test" in story else ""
    ends = ", the middle first" if reading["both_ends"] else ""
    table, gate_lines = "\n".join(rows), "\n".join(story["gate"])
    data = ", ".join(f"{name} ({digest[:12]})" for name, digest in story["data"].items())
    return f"""# {story["version"]}

Sentiment of {texts} ({labels}): {recipe["base"]}, tuned ({recipe["way"]}), INT8 ONNX.
Texts are cut after {reading["longest"]} tokens{ends}.

| part | n | accuracy | macro-F1 | macro-recall | ECE |
|---|---|---|---|---|---|
{table}

The validation part chose the weights and the temperature ({story["temperature"]}){tested}.
Learnt in {steps} from {story["texts"]["train"]:,} texts, seed {recipe["seed"]}.
Files: {data}.
{story["bytes"]["int8"]:,} bytes; FP32 {story["bytes"]["fp32"]:,}.

## The gate of this release

```
{gate_lines}
```
"""


def _texts_in(languages: Sequence[str]) -> str:
    return "English texts" if list(languages) == ["en"] else f"texts in {', '.join(languages)}"


def _row(part: str, figures: Mapping[str, Any]) -> str:
    shares = [figures[name] for name in ("accuracy", "macro_f1", "macro_recall", "ece")]
    cells = " | ".join(f"{share:.4f}" for share in shares)
    return f"| {part} | {figures['n']:,} | {cells} |"

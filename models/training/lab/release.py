"""From a finished run of the lab to its small model: export, INT8, the gate, a directory with its
story and card.
"""

from __future__ import annotations

import random
import shutil
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

from models.analyzer import softmax
from models.artifact import CARD, MODEL, TOKENIZER, sha256
from models.evaluation.metrics import calibration_error, scores
from models.sentiment_classifier import FORMAT, STORY, Floats, opened, run, written_story
from models.training.lab import keep
from models.training.lab.fit import Fit
from models.training.lab.tokens import logits_of
from models.training.release import gate
from models.training.release.export import NetworkOnnxConfig, write_onnx
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


def release(fit: Fit, out: Path, story: Mapping[str, Any]) -> dict[str, Any]:
    """Write the run's small model to `out`, return its story. Raises GateError, and writes nothing,
    if it fails.
    """
    with tempfile.TemporaryDirectory(dir=fit.out) as spare:
        made = Path(spare) / "made"
        made.mkdir()
        told = _build(fit, made, Path(spare) / "full", story)
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    return told


def _build(fit: Fit, made: Path, full: Path, run_story: Mapping[str, Any]) -> dict[str, Any]:
    full.mkdir()
    model = AutoModelForSequenceClassification.from_pretrained(
        fit.out / keep.MODEL, attn_implementation="eager"
    )
    served = Served(model.eval())
    write_onnx(served, ServedOnnxConfig(served.config, task="feature-extraction"), full / MODEL)
    learned = fit.sets.train.texts
    some = random.Random(fit.recipe.seed).sample(learned, k=min(CALIBRATION_TEXTS, len(learned)))  # noqa: S311
    quantise(full / MODEL, made / MODEL, _first(fit.tokens(some), CALIBRATION_TOKENS))
    for folder in (full, made):
        fit.tokens.backend.save(str(folder / TOKENIZER))
    held, tokens = fit.sets.validation, fit.held_out
    exact, small = (run(opened(folder, fit.recipe.threads)[0], tokens) for folder in (full, made))
    truth = np.array(held.labels)
    checks = [
        gate.same(
            "exported against trained",
            {"sentiment": logits_of(model, fit.tokens, tokens)},
            {"sentiment": exact},
        ),
        *agreement(truth, exact, small),
        gate.Check(
            "INT8, share of the bytes saved",
            1 - _bytes(made) / _bytes(full),
            SMALLER,
            at_least=True,
        ),
    ]
    gate.enforce(checks)
    temperature = gate.temperature(truth, small)
    files = {name: sha256(made / name) for name in (MODEL, TOKENIZER)}
    calm = softmax(small / np.float32(temperature))
    story = {
        "format": FORMAT,
        "version": f"{fit.recipe.name}-{files[MODEL][:12]}",
        "languages": ["en"],
        "labels": list(fit.sets.names),
        "temperature": temperature,
        "reading": asdict(fit.tokens.reading),
        "files": files,
        "recipe": run_story["recipe"],
        "data": run_story["data"],
        "texts": run_story["texts"],
        "steps": run_story["best_step"],
        "bytes": {"fp32": _bytes(full), "int8": _bytes(made)},
        "gate": [str(check) for check in checks],
        "validation": scores(truth, calm, fit.sets.names),
    }
    if len(fit.sets.test):  # read here, after every choice
        logits = run(opened(made, fit.recipe.threads)[0], fit.tokens(fit.sets.test.texts))
        said = softmax(logits / np.float32(temperature))
        story["test"] = scores(np.array(fit.sets.test.labels), said, fit.sets.names)
        keep.add_predictions(fit.out, "test", fit.sets.test, said, fit.sets.names)
    (made / STORY).write_text(written_story(story), encoding="utf-8")
    (made / CARD).write_text(card(story), encoding="utf-8")
    return story


def _first(ids: Sequence[list[int]], most: int) -> list[list[int]]:
    """As many texts as so many tokens are, and one at least."""
    return [
        one
        for one, before in zip(ids, accumulate(map(len, ids), initial=0), strict=False)
        if before < most
    ]


def agreement(truth: NDArray[np.int64], exact: Floats, small: Floats) -> list[gate.Check]:
    """That the small model is as good as the full one: judgements, logits and calibration."""
    lost, error = gate.lost_f1(truth, exact.argmax(-1), small.argmax(-1), exact.shape[-1])
    worse = _error(truth, small) - _error(truth, exact)
    allowed = gate.LOST_F1 if error <= gate.LOST_F1 else gate.ONE_SIDED * error
    return [
        gate.Check("sentiment, lost macro-F1", lost, allowed),
        gate.Check(
            "sentiment, mean change of the logits",
            float(np.abs(exact - small).mean()),
            gate.SMALL_LOGITS,
        ),
        gate.Check(
            "sentiment, lost calibration", worse, max(gate.LOST_CALIBRATION, 3 / len(truth))
        ),
    ]


def _error(truth: NDArray[np.int64], logits: Floats) -> float:
    return calibration_error(truth, softmax(logits / np.float32(gate.temperature(truth, logits))))


def _bytes(folder: Path) -> int:
    return (folder / MODEL).stat().st_size


def card(story: Mapping[str, Any]) -> str:
    """The Markdown of a directory's story."""
    recipe, reading = story["recipe"], story["reading"]
    rows = [
        f"| {part} | {told['n']:,} | {told['accuracy']:.4f} | {told['macro_f1']:.4f} | {told['macro_recall']:.4f} "
        f"| {told['ece']:.4f} |"
        for part in ("validation", "test")
        if (told := story.get(part))
    ]
    tested = "; the test part was read after every choice" if "test" in story else ""
    gate_lines = "\n".join(story["gate"])
    data = ", ".join(f"{name} ({digest[:12]})" for name, digest in story["data"].items())
    return f"""# {story["version"]}

Sentiment of English texts ({", ".join(story["labels"])}): {recipe["base"]}, tuned ({recipe["way"]}), INT8 ONNX.
Texts are cut after {reading["longest"]} tokens{", the middle first" if reading["both_ends"] else ""}.

| part | n | accuracy | macro-F1 | macro-recall | ECE |
|---|---|---|---|---|---|
{chr(10).join(rows)}

The validation part chose the weights and the temperature ({story["temperature"]}){tested}.
Learnt in {story["steps"]:,} steps of {recipe["batch"]} from {story["texts"]["train"]:,} texts, seed {recipe["seed"]}.
Files: {data}.
{story["bytes"]["int8"]:,} bytes; FP32 {story["bytes"]["fp32"]:,}.

## The gate of this release

```
{gate_lines}
```
"""

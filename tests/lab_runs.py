"""Tiny recipes of the lab for tests: a config of ours with differences, in a folder that has its
data.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / "models" / "training" / "configs"


def config_of(folder, name="lab_tiny", **changes):
    for data in ("lab_tiny.csv", "lab_tiny_validation.csv"):
        shutil.copy(CONFIGS / data, folder)
    lines = [
        line
        for line in (CONFIGS / f"{name}.toml").read_text().splitlines()
        if line.split(" ")[0] not in changes
    ]
    said = {key: json.dumps(value) for key, value in changes.items()}
    path = folder / "recipe.toml"
    path.write_text(
        "\n".join([*lines, *(f"{key} = {value}" for key, value in said.items())]) + "\n"
    )
    return path

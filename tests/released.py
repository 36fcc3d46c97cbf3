"""A released model for tests: a copy of the shipped one under another version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from models.artifact import STORY, default_artifact


def released_copy(folder: Path, version: str, **changes: object) -> Path:
    """changes: of its story."""
    shutil.copytree(default_artifact(), folder)
    story = json.loads((folder / STORY).read_text())
    (folder / STORY).write_text(json.dumps(story | {"version": version} | changes))
    calls = folder / "calls.json"
    if calls.is_file():
        head = json.loads(calls.read_text())
        calls.write_text(json.dumps(head | {"encoder": version}))
    return folder

"""The wheel holds what the packages need: every file of theirs that is no code is named as package
data.
"""

from __future__ import annotations

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


@pytest.mark.parametrize("package", ["connectors", "models", "stream"])
def test_every_file_of_a_package_is_code_or_package_data(package):
    listed = subprocess.run(
        ["git", "ls-files", package], cwd=ROOT, capture_output=True, text=True, check=True
    )
    data = TOOL["package-data"][package]
    files = [
        name.removeprefix(f"{package}/")
        for name in listed.stdout.splitlines()
        if not name.endswith(".py") and "/exposed/" not in name  # a package of its own, below
    ]
    assert files

    left_out = {name for name in files if not any(_matches(name, pattern) for pattern in data)}

    assert left_out == set(), "name it in pyproject.toml, [tool.setuptools.package-data]"


def test_folders_with_code_are_found_as_packages():
    found = TOOL["packages"]["find"]

    assert found["include"] == ["stream*", "models*", "connectors*", "earshot*"]
    assert found["where"] == [".", "stream/exposed"]  # earshot alone lies in the second
    assert [path.parent.name for path in (ROOT / "stream/exposed").glob("*/__init__.py")] == [
        "earshot"
    ]


def _matches(name: str, pattern: str) -> bool:
    """As setuptools reads it: * stays in its folder, ** goes through any number of them."""
    if "**" in pattern:
        return fnmatch(name, pattern.replace("**/", ""))
    return name.count("/") == pattern.count("/") and fnmatch(name, pattern)

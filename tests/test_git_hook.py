"""The hook of `make hooks`: what is staged is checked before it is committed, whatever lies in the
folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GOOD, BAD, UGLY = 'ANSWER = "yes"\n', "import os\n", "ANSWER='yes'\n"


@pytest.fixture
def repository(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "core.hooksPath", str(ROOT / ".githooks"))
    git(tmp_path, "add", "pyproject.toml")
    return tmp_path


def git(folder, *arguments):
    """In a repository of its own, whichever one the tests are run from."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("staged", "in_the_folder", "committed"),
    [
        pytest.param(GOOD, GOOD, True, id="good"),
        pytest.param(BAD, BAD, False, id="an import of nothing"),
        pytest.param(UGLY, UGLY, False, id="laid out otherwise"),
        pytest.param(GOOD, BAD, True, id="good, and changed since"),
        pytest.param(BAD, GOOD, False, id="mended, but not staged"),
    ],
)
def test_only_what_ruff_passes_is_committed(repository, staged, in_the_folder, committed):
    file = repository / "answer.py"
    file.write_text(staged)
    git(repository, "add", "answer.py")
    file.write_text(in_the_folder)

    done = git(repository, "commit", "-m", "an answer")

    assert (done.returncode == 0) == committed, done.stderr
    assert ("make format" in done.stderr) == (not committed)


def test_a_commit_without_python_is_not_kept(repository):
    (repository / "notes.md").write_text("words\n")
    git(repository, "add", "notes.md")

    assert git(repository, "commit", "-m", "words").returncode == 0

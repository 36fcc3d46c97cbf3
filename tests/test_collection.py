"""The same tests are collected whenever, wherever and by whichever process: otherwise the run ends
before it begins.

Each process of `make test` collects by itself and must find what its neighbours find.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import schedule

TESTS = Path(__file__).parent
ROOT = TESTS.parent
SETTINGS = ROOT / "pyproject.toml"
APART = 2.5  # seconds; what holds the clock holds it in whole seconds at the coarsest

# Ways in which two processes, machines or days differ, and no id of a test may.
ONE_WAY = {"PYTHONHASHSEED": "1", "TZ": "UTC"}
ANOTHER_WAY = {"PYTHONHASHSEED": "2", "TZ": "Pacific/Auckland"}


def ids_collected_twice(where: Path) -> tuple[list[str], list[str]]:
    """The ids that two processes collect, some seconds apart, each in its own way."""
    collecting = [_collecting(where, ONE_WAY)]
    time.sleep(APART)
    collecting.append(_collecting(where, ANOTHER_WAY))
    return _ids(collecting[0]), _ids(collecting[1])


def _collecting(where: Path, differences: dict[str, str]) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        SETTINGS,
        "--collect-only",
        "-p",
        "no:cacheprovider",
        where,
    ]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    } | differences
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def _ids(collecting: subprocess.Popen[str]) -> list[str]:
    lines = collecting.communicate()[0].splitlines()
    assert collecting.returncode == 0, "\n".join(lines[-20:])
    return [line for line in lines if "::" in line]  # the last lines count them


def test_every_process_collects_the_same_tests(request):
    """This process has collected them, too, where it runs them all; each takes 20 s for it."""
    here = list(request.config.stash[schedule.COLLECTED])
    if _files_of(here) == {str(path.relative_to(ROOT)) for path in TESTS.rglob("test_*.py")}:
        first, second = here, _ids(_collecting(TESTS, ANOTHER_WAY))
    else:
        first, second = ids_collected_twice(TESTS)

    assert len(first) > 1000
    assert first == second


def _files_of(ids: list[str]) -> set[str]:
    return {name.partition("::")[0] for name in ids}


def test_the_makefile_finds_every_file_that_holds_a_long_test(request):
    [search] = re.findall(
        r"^LONG = \$\(shell (.*)\)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    named = subprocess.run(search, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    files = {file.removeprefix("tests/") for file in named.stdout.split()}

    assert request.config.stash[schedule.LONG] <= files
    assert "acceptance/test_kills.py" in files


def test_an_id_that_holds_the_clock_or_an_order_by_chance_is_noticed(tmp_path):
    (tmp_path / "test_by_chance.py").write_text(
        "import gzip, pytest\n"
        "@pytest.mark.parametrize('content', [gzip.compress(b'x')])\n"
        "def test_clock(content): pass\n"
        "@pytest.mark.parametrize('name', {'ada', 'ben', 'eve', 'vic', 'sky'})\n"
        "def test_order(name): pass\n"
    )

    first, second = ids_collected_twice(tmp_path)

    assert len(first) == len(second) == 6
    assert [id for id in first if "clock" in id] != [id for id in second if "clock" in id]
    assert [id for id in first if "order" in id] != [id for id in second if "order" in id]

"""The guide of the training data names every public file that recipes read, and its columns."""

from __future__ import annotations

import csv
import gzip
import re
import tomllib
from pathlib import Path

import pytest

from models.training import recipes
from models.training.corpus.data import shared_data
from models.training.corpus.keyed import OWN, SETS
from models.training.corpus.public import FILES
from models.training.lab.sets import IMDB, UNLABELLED

TRAINING = Path(recipes.__file__).parent
GUIDE = (TRAINING / "DATA.md").read_text(encoding="utf-8")
ROWS = [
    [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:3]]
    for line in GUIDE.splitlines()
    if line.startswith("| `")
]
TABLES = [
    (path, columns)
    for paths, columns in ROWS
    for path in paths
    if path.endswith((".csv", ".csv.gz")) and "manual" not in path  # which has no header
]


def of_recipes():
    """The files below the public data that recipes name."""
    for path in sorted((TRAINING / "configs").glob("*.toml")):
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = [value if isinstance(value, list) else [value] for value in recipe.values()]
        files = [str(name) for names in settings for name in names if "/" in str(name)]
        yield from (name for name in files if name.endswith((".csv", ".jsonl", ".gz")))


def test_every_public_file_that_recipes_read_is_in_the_guide():
    paths = {path for row_paths, _ in ROWS for path in row_paths}
    imdb = {f"{IMDB}/imdb_{part}.csv.gz" for part in ("train", "test")}

    assert len(list(of_recipes())) > 10
    assert {*FILES, *SETS, *UNLABELLED, *imdb, *of_recipes()} - paths == set()


@pytest.mark.parametrize(("path", "columns"), TABLES)
def test_the_columns_are_those_of_the_files(path, columns):
    file = shared_data() / path
    if not file.exists():
        pytest.skip(f"{path} is not there; EARSHOT_SHARED names the folder that has data/{path}")
    unpacked = gzip.open if file.suffix == ".gz" else open
    with unpacked(file, "rt", encoding="utf-8", newline="") as opened:
        header = next(csv.reader(opened))

    assert set(columns) - {"sampage10"} <= set(header)


def test_the_labels_that_come_with_the_sources_have_the_columns_of_the_guide():
    for name in ("topic_labels.csv", "triage_real_labels.csv"):
        with (OWN / name).open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        _, _, rest = GUIDE.partition(f"`tests/data/{name}` (")
        assert re.findall(r"`([^`]+)`", rest.partition(")")[0]) == header

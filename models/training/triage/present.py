"""Files of the public sets that recipes read: which of them are missing below a directory.

    $ python -m models.training.triage.present ../shared/data

Exit code 1: some are missing, a line each.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

from models.training import recipes
from models.training.corpus.keyed import OWN
from models.training.corpus.public import FILES
from models.training.triage.recipe import TriageRecipe, read_triage_recipe

CALLS = "calls/transcripts_v3/labels.csv"
TRIAGE = ("triage.toml", "triage_together.toml", "triage_readers.toml")


def missing(data: Path) -> Iterator[str]:
    """Names of the files that the recipes of the shipped model want and `data` lacks."""
    configs = Path(recipes.__file__).with_name("configs")
    names = {*FILES, CALLS}
    for name in TRIAGE:
        names |= {*_files(read_triage_recipe(configs / name))}
    for name in sorted(names):
        if not (data / name).exists() and not (OWN / name).exists():
            yield name


def _files(recipe: TriageRecipe) -> Iterator[str]:
    for value in astuple(recipe):
        if isinstance(value, tuple):
            yield from value


def main() -> None:
    data = Path(sys.argv[1])
    names = list(missing(data))
    for name in names:
        line = f"{data / name}: it is missing; models/training/DATA.md says where it is from"
        print(line, file=sys.stderr)
    sys.exit(1 if names else 0)


if __name__ == "__main__":
    main()

"""Pairs that say which label of a text is better and which is worse: from examples, and from what
agents corrected.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.training.corpus.data import DataError, file_hash

COLUMNS = ("text", "better", "worse")


@dataclass(frozen=True, slots=True)
class Preference:
    """A text as it was written, and the class numbers of two labels."""

    text: str
    better: int
    worse: int


def read_preferences(path: Path, names: Sequence[str]) -> tuple[list[Preference], dict[str, str]]:
    """The pairs of a CSV with text,better,worse, and its hash. names: of the classes.

    Without a worse label, every other one is. Raises DataError naming the column, row or label that
    is wrong.
    """
    found: list[Preference] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                there = ", ".join(reader.fieldnames or ["(none)"])
                raise DataError(
                    f"{path}: no column {' and '.join(missing)}; its columns are {there}"
                )
            for line, row in enumerate(reader, 2):
                better, worse = ((row[name] or "").strip().lower() for name in ("better", "worse"))
                for label in (better, *([worse] if worse else [])):
                    if label not in names:
                        raise DataError(
                            f"{path}: row {line}: unknown label {label!r}; use {', '.join(names)}"
                        )
                if better == worse:
                    raise DataError(f"{path}: row {line}: better and worse are the same")
                others = [worse] if worse else [name for name in names if name != better]
                found += [
                    Preference(row["text"] or "", names.index(better), names.index(one))
                    for one in others
                ]
    except OSError as error:
        raise DataError(f"{path}: it cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: it is no CSV in UTF-8 ({error})") from None
    if not found:
        raise DataError(f"{path}: it has no pairs")
    return found, {path.name: file_hash(path)}


def write_preferences(pairs: Sequence[tuple[str, str, str | None]], path: Path) -> None:
    """(text, better, worse) as a CSV that `read_preferences` takes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((text, better, worse or "") for text, better, worse in pairs)

"""The code keeps its shape: names of the field, functions that a reader can hold, files as well."""

from __future__ import annotations

import ast
import re

import pytest
from shape import BANNED, PACKAGES, ROOT, functions_of, is_banned, map_of_rooms, measure, sources

PRODUCT = sources([ROOT / package for package in PACKAGES])
LONGEST_FILE = 480  # lines; most are under 300


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_is_a_verb_form_or_a_pronoun(package):
    banned = measure(sources([ROOT / package])).banned

    assert [f"{name.path.relative_to(ROOT)}:{name.line} {name.name}" for name in banned] == []


def test_the_list_is_of_words_and_finds_them_whatever_their_dress():
    assert {"told", "found", "said", "one", "each", "given"} <= BANNED
    assert is_banned("_told")
    assert is_banned("Told")
    assert not is_banned("told_at")


def test_no_function_branches_more_than_twelve_ways():
    functions = [
        function for path in PRODUCT for function in functions_of(path, ast.parse(path.read_text()))
    ]

    assert [
        f"{function.path.relative_to(ROOT)}:{function.line} {function.name} {function.branches}"
        for function in functions
        if function.branches > 12
    ] == []


def test_no_file_is_longer_than_a_reader_can_hold():
    lengths = {path: len(path.read_text().splitlines()) for path in PRODUCT}

    assert [str(path) for path, lines in lengths.items() if lines > LONGEST_FILE] == []


def test_every_module_says_in_one_line_what_it_is():
    wrong = []
    for path in PRODUCT:
        text = ast.get_docstring(ast.parse(path.read_text()))
        if not text or not text.splitlines()[0].endswith("."):
            wrong.append(str(path.relative_to(ROOT)))

    assert wrong == []


def test_contributing_maps_every_room():
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    start, end = "<!-- rooms: python tests/shape.py --map -->\n", "<!-- /rooms -->"

    assert guide.partition(start)[2].partition(end)[0] == map_of_rooms()


def test_the_map_names_rooms_that_are_there():
    rows = map_of_rooms().splitlines()[2:]

    assert all((ROOT / row.split("`")[1]).exists() for row in rows)


def test_no_test_clicks_whatever_says_some_words_first():
    """The first of several places may be the words for a screen reader, as a live region is."""
    chance = re.compile(r"get_by_text\([^)]*\)\.first\.(click|press|fill)")
    wrong = [
        path.name for path in ROOT.glob("tests/**/*.py") if chance.search(path.read_text("utf-8"))
    ]
    assert wrong == []

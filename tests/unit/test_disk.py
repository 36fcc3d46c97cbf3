"""A full disk is said in one line before anything stands still, and again when there is room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stream import disk
from stream.errors import UserError


def test_a_folder_that_is_not_there_yet_is_judged_by_the_disk_that_it_will_be_on(tmp_path: Path):
    left = disk.left_on(tmp_path / "not" / "yet")

    assert left is not None
    assert left > 0


def test_a_full_disk_is_one_line_with_what_is_left_and_what_to_do(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(disk, "left_on", lambda _: 5 * 2**20)

    with pytest.raises(UserError, match="5 MB are left") as refused:
        disk.refuse_full_disk(tmp_path)

    assert "EARSHOT_HOME" in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_disk_that_fills_up_and_empties_is_said_once_each(tmp_path: Path, monkeypatch):
    lefts = iter([2**30, 0, 0, 2**30, 2**30])
    lines: list[str] = []
    over = asyncio.Event()

    def left_on(_: Path) -> int:
        left = next(lefts, None)
        if left is None:
            over.set()
            return 2**30
        return left

    monkeypatch.setattr(disk, "left_on", left_on)
    monkeypatch.setattr(disk, "LOOK_EVERY", 0.0)
    watching = asyncio.create_task(disk.watch_disk(tmp_path, lines.append))
    await over.wait()
    watching.cancel()

    assert [line.split(":")[0] for line in lines] == [
        "the disk is full",
        "there is room on the disk again",
    ]

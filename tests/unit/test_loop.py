"""The worker's event loop: uvloop's, in its own thread and in those that make loops."""

from __future__ import annotations

import subprocess
import sys

import pytest

uvloop = pytest.importorskip("uvloop")
TOLD = """
import asyncio
from stream.loop import run

async def kinds():
    own = asyncio.get_running_loop()
    other = await asyncio.to_thread(asyncio.new_event_loop)
    other.close()
    return type(own).__module__, type(other).__module__

print(*run(kinds()))
"""


def test_a_worker_and_its_threads_turn_in_uvloop():
    told = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["uvloop", "uvloop"]

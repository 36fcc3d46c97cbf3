"""Who writes the drafts of a worker: a process beside it, started when it is first asked, ended
with the worker.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import models
from models.replier.draft import Draft, ReplyRequest
from models.replier.process import asked, drafts_of

LONGEST_LINE = 64 * 1024 * 1024
PATIENCE = 300.0  # seconds for a batch: at its priority it waits for everything else on the machine


class ScribeAway(Exception):
    """The replier cannot be used."""


class ScribeDied(Exception):
    """The process that drafts ended, or said nothing for too long: what it was asked may be the
    reason.
    """


class Scribe:
    """Writes drafts with the replier in `folder`. A process of its own: a worker's threads share
    one interpreter lock, so that a thread that drafts would hold up messages however low its
    priority is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __call__(
        self, requests: Sequence[ReplyRequest], recent: Collection[str]
    ) -> list[Draft]:
        """A draft for each request. Raises ScribeAway, ScribeDied, and ValueError for requests that
        it cannot answer.

        Whoever is cancelled here leaves no half-read answer behind: the process is ended, the next
        call starts another.
        """
        async with self._turn:
            try:
                async with asyncio.timeout(PATIENCE):
                    process = self._process or await self._start()
                    answer = await _said(process, asked(requests, recent))
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                await self.close()
                raise ScribeDied(type(error).__name__) from None
            except BaseException:
                await self.close()
                raise
        return drafts_of(answer)

    async def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        home = str(Path(models.__file__).parents[1])
        path = os.pathsep.join(one for one in (home, os.environ.get("PYTHONPATH")) if one)
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "models.replier.process", str(self._folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        told = json.loads(await _said(process))
        if "version" not in told:
            raise ScribeAway(told["error"])
        return process


async def _said(process: asyncio.subprocess.Process, question: str | None = None) -> str:
    """Its next line, after `question`. Raises OSError and IncompleteReadError where it has ended."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise BrokenPipeError
    if question is not None:
        stdin.write(f"{question}\n".encode())
        await stdin.drain()
    return (await stdout.readuntil(b"\n")).decode()

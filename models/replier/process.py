"""Replier process: requests come in as lines of JSON, drafts go out as such.

A worker starts it as `python -m models.replier.process DIRECTORY`. It runs at the lowest priority,
so that it writes in the time that reading messages leaves over, and ends with its input, so that it
never outlives its worker.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from models.artifact import ArtifactError
from models.replier.draft import Candidate, Draft, Refusal, ReplyRequest

LOWEST = 19


def request_line(requests: Sequence[ReplyRequest], recent: Collection[str]) -> str:
    """The line that asks for drafts."""
    return json.dumps(
        {"requests": [asdict(request) for request in requests], "recent": sorted(recent)}
    )


def drafts_of(line: str) -> list[Draft]:
    """The drafts in a line of answer.

    Raises ValueError with the error that the line reports, and for any other line.
    """
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("no answer")
    if "drafts" not in answer:
        raise ValueError(answer.get("error"))
    return [_draft(draft) for draft in answer["drafts"]]


def _draft(draft: dict[str, Any]) -> Draft:
    candidates = [
        Candidate(**{**candidate, "refusals": _refusals(candidate["refusals"])})
        for candidate in draft["candidates"]
    ]
    return Draft(tuple(candidates), draft["model"])


def _refusals(rows: Sequence[dict[str, str]]) -> tuple[Refusal, ...]:
    return tuple(Refusal(**row) for row in rows)


def _request(row: dict[str, Any]) -> ReplyRequest:
    past = tuple((text, reply) for text, reply in row["past"])
    return ReplyRequest(**row | {"known": tuple(row["known"]), "past": past})


def serve(folder: Path, lines: TextIO, output: TextIO) -> None:
    """Answer every line of requests.

    The first line of the output is the version, or the reason why the replier cannot be used.
    """
    from models.replier.replier import Replier

    def answer(**facts: object) -> None:
        print(json.dumps(facts), file=output, flush=True)

    try:
        replier = Replier(folder, threads=1)
    except ArtifactError as error:
        return answer(error=str(error))
    answer(version=replier.version)
    for line in lines:
        try:
            message = json.loads(line)
            requests = [_request(request) for request in message["requests"]]
            drafts = replier(requests, recent=frozenset(message["recent"]))
            answer(drafts=[asdict(draft) for draft in drafts])
        except Exception as error:
            # Whatever one message does to the model, the next one is drafted for.
            answer(error=type(error).__name__)
    return None


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(LOWEST)
    # Ctrl-C in the terminal is for the worker, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    serve(Path(sys.argv[1]), sys.stdin, output)


if __name__ == "__main__":
    main()

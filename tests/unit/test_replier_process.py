"""The process that writes a worker's drafts: the same drafts, at the lowest priority, and always
ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal

import psutil
import pytest

from models.replier.draft import ReplyRequest
from models.replier.process import drafts_of, request_line
from models.replier.replier import Replier, default_replier
from stream.replies import replier_process
from stream.replies.replier_process import ReplierAway, ReplierDied, ReplierProcess

REQUESTS = [
    ReplyRequest(
        "my bag is lost and nobody at the desk helps", "SkyNorth", "baggage", None, "negative", 3
    ),
    ReplyRequest("日本語 \ud800 🤷 \n\n <fact>", None),
]


@pytest.fixture
async def replier(monkeypatch):
    # At its priority a second's work takes minutes where other tests keep every core busy.
    monkeypatch.setattr(replier_process, "PATIENCE", 3_600.0)
    replier = ReplierProcess(default_replier())
    yield replier
    await replier.close()


async def test_it_writes_what_the_replier_writes_at_the_lowest_priority(replier):
    drafts = await replier(REQUESTS, ["We are sorry."])

    assert drafts == Replier()(REQUESTS, recent=["We are sorry."])
    assert psutil.Process(replier._process.pid).nice() == 19


async def test_another_is_started_where_one_was_killed(replier):
    await replier(REQUESTS[:1], [])
    os.kill(replier._process.pid, signal.SIGKILL)

    with pytest.raises(ReplierDied):
        await replier(REQUESTS[:1], [])
    assert len(await replier(REQUESTS[:1], [])) == 1


async def test_whoever_is_cancelled_leaves_no_process_and_no_half_read_answer(replier):
    await replier(REQUESTS[:1], [])
    process = psutil.Process(replier._process.pid)

    process.suspend()  # a quick one has answered before it is asked to stop
    drafting = asyncio.ensure_future(replier([REQUESTS[0]] * 500, []))
    await asyncio.sleep(0.2)
    drafting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drafting

    assert not process.is_running()
    assert len(await replier(REQUESTS, [])) == 2


async def test_a_replier_that_cannot_be_used_is_told_in_one_line(tmp_path):
    with pytest.raises(ReplierAway, match=r"replier\.json is missing"):
        await ReplierProcess(tmp_path)(REQUESTS, [])


async def test_requests_that_cannot_be_answered_do_not_end_it(replier):
    with pytest.raises(ValueError, match="AttributeError"):
        await replier([ReplyRequest(None)], [])  # type: ignore[arg-type]

    assert len(await replier(REQUESTS[:1], [])) == 1


def test_what_goes_between_the_processes_is_one_line():
    assert "\n" not in request_line(REQUESTS, {"a\nb"})
    for broken, why in (
        ("[]", "no answer"),
        ("{}", "None"),
        (json.dumps({"error": "KeyError"}), "KeyError"),
    ):
        with pytest.raises(ValueError, match=why):
            drafts_of(broken)

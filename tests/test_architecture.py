"""The arrows of the design, drawn from the imports: a wrong one fails here."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("stream", "models", "connectors")

# From the top; a room may import rooms of the floors below its own, and nothing of its own floor or
# above. A room is a package or a module; of two that fit a module, the longer name is its room.
FLOORS = (
    {"stream.cli", "stream.exposed"},
    {"stream.benchmark"},
    {"stream.bootstrap"},
    {"stream.app", "stream.web"},
    {"stream.web.api", "stream.web.console"},
    {"stream.web.joined_acts"},
    {"stream.web.desk_services"},
    {"stream.web.auth", "stream.web.batcher", "stream.web.live", "stream.web.reads"},
    {"stream.web.http"},
    {"stream.desk"},
    {"stream.controls", "stream.incidents"},
    {"stream.replies"},
    {"stream.ingest", "stream.pipeline", "stream.shadow"},
    {"stream.store", "stream.monitor", "stream.reports"},
    {"stream.bursts", "stream.accounts"},
    {"stream.alerts", "stream.triage"},
    {"stream.kafka", "stream.kafka_login"},
    {"stream.observe", "stream.migrations.versions"},
    {"stream.postgres", "stream.migrations"},
    {
        "stream.brands",
        "stream.embedded",
        "stream.loop",
        "stream.offsets",
        "stream.overlap",
        "stream.retry",
        "stream.settings",
    },
    {"stream.disk"},
    {"stream.cancellation", "stream.errors", "stream.records", "stream"},
    {"models.training.lab.report", "models.training.custom", "models.training.replies"},
    {"models.training.lab"},
    {"models.training.triage"},
    {"models.training.release"},
    {"models.training.encoder", "models.training.calls", "models.training.explore"},
    {"models.training.corpus"},
    {"models.training"},
    {"models.evaluation"},
    {"models.calls", "models.sentiment_classifier"},
    {"models.analyzer"},
    {"models.encoder", "models.examples", "models.llm", "models.replier"},
    {"models.engine", "models.redact", "models.registry", "models.taxonomy"},
    {"models.analysis", "models.artifact", "models.errors", "models.language", "models.personal"},
    {"models.hindi"},
    {
        "models.cosines",
        "models.log_odds",
        "models.passages",
        "models.processor",
        "models.stop_words",
        "models.text",
        "models.time_limit",
        "models.urgency",
        "models",
    },
    {"connectors.catalog"},
    {
        "connectors.bluesky",
        "connectors.demo",
        "connectors.email_out",
        "connectors.files",
        "connectors.imap",
        "connectors.mastodon",
        "connectors.outbox",
        "connectors.pagerduty",
        "connectors.slack",
        "connectors.teams",
        "connectors.webhook",
        "connectors.webhook_out",
        "connectors.x",
    },
    {"connectors.formats", "connectors.posting", "connectors.deletions"},
    {
        *("connectors.markup", "connectors.notices", "connectors.guard", "connectors.network"),
        "connectors.pictures",
    },
    {
        "connectors.backoff",
        "connectors.base",
        "connectors.json_path",
        "connectors.keywords",
        "connectors.links",
        "connectors.revisions",
    },
    {"connectors.events", "connectors.skipped", "connectors"},
    {"connectors.tabular.rows"},
    {"connectors.tabular.text_file"},
    {"connectors.tabular.encodings", "connectors.tabular"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What opens, decodes and splits a file, for `models` as well: the one room of another package that
# they know.
READER_OF_ROWS = "connectors.tabular"
OUTSIDE_OF_MODELS = {"faust", "aiokafka", "sqlalchemy", "asyncpg", "stream"}
OUTSIDE_OF_CONNECTORS = {
    "faust",
    "aiokafka",
    "sqlalchemy",
    "asyncpg",
    "onnxruntime",
    "torch",
    "models",
    "stream",
}
ONLY_FOR_TRAINING = {"torch", "transformers", "peft", "optimum", "accelerate", "sklearn"}


# The constructors of what is real: engines, stores, Kafka, the embedded parts, apps and models.
COMPOSED = {
    "create_async_engine",
    "open_engine",
    "Store",
    "Kafka",
    "Embedded",
    "create_app",
    "create_web",
    "Analyzer",
    "LlmAnalyzer",
    "Replier",
    "Registry",
    "call_reader",
    "load_artifact",
    "load_taxonomy",
}
COMPOSERS = ("stream.bootstrap", "stream.benchmark")
# Modules that call one of them all the same, with the reason.
COMPOSED_ELSEWHERE = {
    ("stream.postgres.database", "create_async_engine"): "it is what open_engine does",
    (
        "stream.postgres.schema",
        "open_engine",
    ): "a migration has one connection without a time limit",
    ("stream.desk.erasure", "Store"): "folds anew in the transactions of the engine that it gets",
    ("stream.desk.joining", "Store"): "folds anew in its own transactions, on the engine it gets",
    ("stream.cli.registry", "load_artifact"): "`earshot model show` reads the card of one model",
}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sources(package)}


@cache
def imports(path: Path, *, everywhere: bool = True) -> tuple[str, ...]:
    """The dotted names that a file imports; not everywhere: only those that run when it is
    imported.
    """
    tree = ast.parse(path.read_text())
    lazy = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) or _is_type_checking(outer)
        for inner in ast.walk(outer)
    }
    names: list[str] = []
    for node in ast.walk(tree):
        if not everywhere and id(node) in lazy:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def _is_type_checking(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def roots(path: Path, *, everywhere: bool = True) -> set[str]:
    return {name.partition(".")[0] for name in imports(path, everywhere=everywhere)}


def _within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def own_imports(module: str) -> set[str]:
    """The modules of this project that a module imports anywhere, late and for types included."""
    names = set(imports(MODULES[module])) & set(MODULES)
    # `from package import module` names the package as well; only a package with code is imported.
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)} - {
        module
    }


def room_of(module: str) -> str | None:
    """The longest name of a floor that is the module or a package that holds it."""
    while module not in FLOOR_OF and "." in module:
        module = module.rpartition(".")[0]
    return module if module in FLOOR_OF else None


@pytest.mark.parametrize("path", sources("models"), ids=str)
def test_models_know_no_kafka_no_postgres_and_no_connector(path):
    assert not roots(path) & OUTSIDE_OF_MODELS
    of_connectors = {name for name in imports(path) if _within(name, "connectors")}
    assert all(_within(name, READER_OF_ROWS) for name in of_connectors)


@pytest.mark.parametrize("path", sources("connectors"), ids=str)
def test_connectors_know_no_kafka_no_postgres_and_no_model(path):
    assert not roots(path) & OUTSIDE_OF_CONNECTORS


@pytest.mark.parametrize("path", sources("connectors/tabular"), ids=str)
def test_the_reader_of_rows_knows_nothing_of_those_that_read_with_it(path):
    assert not roots(path) & (OUTSIDE_OF_MODELS | OUTSIDE_OF_CONNECTORS)
    ours = {name for name in imports(path) if _within(name, "connectors")}
    assert all(_within(name, READER_OF_ROWS) for name in ours)


@pytest.mark.parametrize(
    "path", [path for path in sources("models") if "training" not in path.parts], ids=str
)
def test_serving_never_imports_training(path):
    assert not roots(path) & ONLY_FOR_TRAINING
    assert not any(name.startswith("models.training") for name in imports(path))


def test_every_module_stands_in_a_room_and_every_room_stands():
    # `stream`, `models` and `connectors` are no rooms: what lies in them is named by itself.
    loose = {name for name in MODULES if room_of(name) in PACKAGES and name not in PACKAGES}

    assert loose == set()
    assert {room for room in FLOOR_OF if not any(_within(name, room) for name in MODULES)} == set()


def test_rooms_import_downwards_only():
    """Late imports and those for types count as well: no circle of any kind."""
    wrong = [
        f"{module} imports {imported}"
        for module in MODULES
        for imported in own_imports(module)
        if (here := room_of(module)) != (there := room_of(imported))
        and module.split(".")[0] == imported.split(".")[0]
        and FLOOR_OF[there] <= FLOOR_OF[here]
    ]

    assert wrong == []


def test_no_module_is_part_of_a_circle():
    remaining = {module: own_imports(module) for module in MODULES}
    while free := [module for module, needed in remaining.items() if not needed & remaining.keys()]:
        for module in free:
            del remaining[module]

    assert sorted(remaining) == []


def calls(path: Path) -> set[str]:
    """Names that a file calls: `Kafka(...)`, also as `kafka.Kafka(...)`."""
    called = (
        node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    )
    return {
        function.id if isinstance(function, ast.Name) else function.attr
        for function in called
        if isinstance(function, ast.Name | ast.Attribute)
    }


def test_what_is_real_is_constructed_in_bootstrap_alone():
    composed = {
        (module, name)
        for module, path in MODULES.items()
        if module.startswith("stream.")
        if not any(_within(module, room) for room in COMPOSERS)
        for name in calls(path) & COMPOSED
    }

    assert composed == set(COMPOSED_ELSEWHERE)


def test_only_the_command_line_reaches_training_and_only_when_asked():
    for path in sources("stream"):
        assert not any(
            name.startswith("models.training") for name in imports(path, everywhere=False)
        ), path


def test_a_worker_holds_no_torch():
    told = "import sys, stream.bootstrap, models.analyzer; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert not ONLY_FOR_TRAINING & {name.partition(".")[0] for name in loaded.split()}


def test_the_command_line_is_there_before_what_only_some_commands_need():
    told = "import sys, stream.cli; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {
        "sqlalchemy",
        "asyncpg",
        "numpy",
        "faust",
        "onnxruntime",
        "tokenizers",
        "fastapi",
    } & set(loaded)


def test_no_folder_of_tests_shadows_a_package():
    assert not [name for name in PACKAGES if (ROOT / "tests" / name).exists()]


def test_whatever_serves_imports_only_what_the_install_brings():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    declared.add(
        canonicalize_name("pydantic-core")
    )  # pydantic and its core are one, version for version
    brought = packages_distributions()
    # each in an extra, imported where it is needed, with one line for whoever lacks it
    optional = {
        "authlib": ("stream/web/auth/oidc.py",),
        "httpx2": ("stream/web/auth/oidc.py",),
        "joserfc": ("stream/web/auth/oidc.py",),
        "openai": ("models/llm/backend.py", "models/llm/tuning.py"),
        "pyarrow": ("stream/web/api/parquet.py",),
        "opentelemetry": ("stream/observe/otel.py",),
        "sacrebleu": ("models/evaluation/replies.py",),
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

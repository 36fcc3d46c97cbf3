"""The documentation is true: its commands exist, its settings are the settings, its lists are
complete.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from environment import VARIABLES
from packaging.requirements import Requirement
from typer.main import get_command

from stream.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
GUIDES = [
    ROOT / name
    for name in (
        "README.md",
        "connectors/README.md",
        "models/README.md",
        "stream/README.md",
        "deploy/README.md",
    )
]
COMMANDS = get_command(app)


def every_command(group=COMMANDS, path=()):
    for name, command in getattr(group, "commands", {}).items():
        if getattr(command, "commands", None):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


def lines_with_earshot():
    """What the guides tell a person to type."""
    for guide in GUIDES:
        for block in re.findall(r"```console\n(.*?)```", guide.read_text(), re.DOTALL):
            for line in block.splitlines():
                typed = re.split(r"\s#\s", line.removeprefix("$ "))[0].strip()
                if re.match(r"(EARSHOT_\w+=\S+ )*(\.venv/bin/)?earshot ", typed):
                    yield typed


def test_the_contracts_commands_of_the_main_path_exist():
    main_path = {
        "demo",
        "up",
        "worker",
        "web",
        "ingest",
        "replay",
        "analyze",
        "tickets",
        "sql",
        "dead",
        "migrate",
    }

    assert main_path | {"bench", "evaluate", "train"} <= set(COMMANDS.commands)


@pytest.mark.parametrize(
    ("path", "command"), list(every_command()), ids=lambda given: str(given)[:30]
)
def test_every_command_and_every_option_has_help(path, command):
    assert command.help, path
    for parameter in command.params:
        if parameter.name not in ("help", "show_completion", "install_completion") and not getattr(
            parameter, "hidden", False
        ):
            assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name}"


@pytest.mark.parametrize(("path", "command"), list(every_command()), ids=str)
def test_the_summary_of_a_command_is_one_line_that_tables_may_wrap(path, command):
    assert "\n" not in command.help.partition("\n\n")[0], path


def test_the_readme_types_only_commands_and_options_that_exist():
    typed = list(lines_with_earshot())
    assert len(typed) > 8
    for line in typed:
        words = [word for word in shlex.split(line) if not word.startswith("EARSHOT_")][1:]
        command = COMMANDS
        while words and getattr(command, "commands", None) and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert not getattr(command, "commands", None) or words == ["--version"], (
            f"no such command: {line}"
        )
        known = {option for parameter in command.params for option in parameter.opts} | {
            "--help",
            "--version",
        }
        assert {word for word in words if re.fullmatch(r"--[a-z-]+", word)} <= known, line


def test_every_setting_is_in_the_example_with_its_default_and_nothing_else_is():
    example = (ROOT / "deploy/env.example").read_text()
    examples = dict(re.findall(r"^#(EARSHOT_\w+)=(.*)$", example, re.MULTILINE))

    assert set(examples) == set(VARIABLES)
    for name, field in VARIABLES.items():
        assert field.description, name
        if field.default is not None:
            assert examples[name] == str(field.default)


def test_every_dependency_is_bounded_and_was_tested_in_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [
        each for extra in project["optional-dependencies"].values() for each in extra
    ]
    lines = (ROOT / "constraints.txt").read_text()
    tested = dict(re.findall(r"^([\w.-]+)==(\S+)$", lines, re.MULTILINE))
    for requirement in map(Requirement, wanted):
        assert {each.operator for each in requirement.specifier} & {"<", "=="}, (
            f"{requirement} has no upper bound"
        )
        assert tested[requirement.name] in requirement.specifier, (
            f"{requirement} is not what was tested"
        )
    assert "://" not in lines


def test_the_runtime_is_pinned_by_hashes_in_the_versions_that_were_tested():
    versions = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    )
    lines = (ROOT / "constraints.hashed.txt").read_text()
    blocks = re.split(r"\n(?=[\w.-]+==)", lines.partition("\n#    make pins\n")[2])
    pins = {}
    for block in blocks:
        requirement = Requirement(block.partition(" \\")[0])
        pins[requirement.name] = str(requirement.specifier).removeprefix("==")
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block)
        assert hashes, requirement
        assert len(hashes) == block.count("--hash"), requirement
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert {Requirement(each).name for each in project["dependencies"]} <= pins.keys()
    assert {name: pins[name] for name in pins.keys() & versions.keys()} == {
        name: versions[name] for name in pins.keys() & versions.keys()
    }
    elsewhere = pins.keys() - versions.keys()  # of other platforms and Pythons
    assert elsewhere <= {"colorama", "fasttext-predict-v2"}


def test_the_list_of_packages_is_made_by_tools_that_are_pinned_and_bounded():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = {Requirement(tool).name for tool in project["optional-dependencies"]["sbom"]}
    recipe = (ROOT / "Makefile").read_text().partition("\nsbom:")[2].partition("\n\n")[0]

    [installed] = re.findall(r"-c constraints\.txt ([a-z -]+);", recipe)
    assert set(installed.split()) == tools
    assert {"sbom.json", "licences.md"} <= set((ROOT / ".gitignore").read_text().split())


def test_a_version_of_the_console_s_library_with_published_faults_is_not_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {each.name: each.specifier for each in map(Requirement, project["dependencies"])}
    faulty = ["3.0.0", "3.4.1", "3.12.1"]  # the last of them

    assert list(wanted["nicegui"].filter(faulty)) == []


def test_continuous_integration_runs_what_the_readme_types():
    typed = set(re.findall(r"^\$ make (\w+)", README, re.MULTILINE)) - {
        "image"
    }  # which takes a builder of images
    [ran] = re.findall(r"^make (.*)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    known = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {"demo", "test"} <= typed <= set(ran.split()) <= known


def test_the_version_is_in_the_changelog():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_file_names_the_path_of_a_machine():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    wrong = re.compile(r"(?<![\w.~-])/(?:work|root|home/\w+)/")
    for name in listed:
        path = ROOT / name
        if path.suffix in (".onnx", ".npz") or not path.exists():
            continue
        assert not wrong.search(path.read_text(errors="replace")), name


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.parent.name)
def test_links_within_the_guides_lead_somewhere(guide):
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", guide.read_text()):
        assert (guide.parent / target).exists(), target


def test_every_yes_beside_other_desks_has_its_test_and_every_other_its_address():
    guide = (ROOT / "stream/README.md").read_text()
    table = guide.split("## Beside other desks")[1].split("\n## ")[0]
    lines = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 20
    for what, ours, *others in lines:
        proof = re.fullmatch(r'\[yes\]\(\.\./(tests/\S+\.py) "(test_\w+)"\)|—', ours)
        assert proof, (what, ours)
        if proof[1]:
            tests = (ROOT / proof[1]).read_text()
            assert re.search(rf"^(async )?def {proof[2]}\(", tests, re.MULTILINE), (what, ours)
        assert len(others) == 3, what
        for cell in others:
            cell = cell.removesuffix(" |")
            assert cell == "unknown" or "](https://" in cell, (what, cell)


def test_each_kind_of_trouble_names_a_test_that_is_there():
    guide = (ROOT / "connectors/README.md").read_text()
    kinds = re.findall(r"^\| F(\d+) \|.*`([\w/]+)::(\w+)` \|$", guide, re.MULTILINE)

    assert [int(number) for number, _, _ in kinds] == list(range(1, 29))
    for _, file, name in kinds:
        assert f"def {name}(" in (ROOT / f"tests/{file}.py").read_text(), name

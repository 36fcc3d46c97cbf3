"""The shape of the code, measured: `python tests/shape.py [FOLDER ...]` prints it."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("stream", "models", "connectors")

# Verb forms and pronouns that say nothing of what a thing is: a name comes from the field.
BANNED = frozenset(
    [
        "told",
        "found",
        "said",
        "one",
        "ones",
        "each",
        "given",
        "asked",
        "wanted",
        "heard",
        "taught",
        "made",
        "kept",
        "held",
        "named",
        "chosen",
        "shown",
        "taken",
        "gone",
        "did",
        "came",
        "went",
        "telling",
        "giving",
        "asking",
        "getting",
        "doing",
        "mine",
        "spoken",
        "drawn",
        "who",
        "whom",
        "whose",
        "what",
        "which",
        "why",
        "there",
        "here",
        "some",
        "others",
        "most",
        "least",
        "but",
        "at_once",
        "yes",
        "nobody",
        "everything",
        "behind",
        "standing",
    ]
)
# Names that others rely on (columns, JSON, options): the files that may have them, and why.
ALLOWED: dict[str, tuple[str, ...]] = {
    "most": ("models/training/lab/recipe.py",),  # a setting of the lab's recipes
    "behind": ("stream/web/api/stats.py",),  # a key of /v1/stats
    "said": ("stream/web/api/records.py",),  # a key of corrections
    "what": ("stream/web/http/problems.py",),  # a key of the errors in a problem document
    "who": ("stream/web/api/records.py",),  # a key of notes, changes and corrections
    "why": (  # a key of analyses and of the policy's refusals
        "models/analysis.py",
        "models/calls/analyzer.py",
        "models/replier/draft.py",
        "stream/web/api/messages.py",
        "stream/web/api/records.py",
        "stream/web/api/replies.py",
    ),
}

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_LAYOUT = {
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.COMMENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert)


@dataclass(frozen=True)
class Function:
    path: Path
    name: str
    line: int
    lines: int  # without the docstring
    branches: int  # cyclomatic complexity after McCabe, nested functions apart


@dataclass(frozen=True)
class Name:
    path: Path
    line: int
    name: str


@dataclass(frozen=True)
class Shape:
    """Figures of a set of files. tokens: of code, without comments and docstrings."""

    files: int
    lines: int
    file_lines: tuple[int, ...]
    functions: tuple[Function, ...]
    names: int
    banned: tuple[Name, ...]
    tokens_a_line: float


def sources(folders: Sequence[Path]) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in ([folder] if folder.suffix == ".py" else folder.rglob("*.py"))
    )


def measure(paths: Sequence[Path]) -> Shape:
    functions: list[Function] = []
    names: list[Name] = []
    lengths: list[int] = []
    tokens = code_lines = 0
    for path in paths:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        lengths.append(text.count("\n"))
        functions += functions_of(path, tree)
        names += names_of(path, tree)
        counted, on_lines = _tokens(text, _docstring_lines(tree))
        tokens += counted
        code_lines += on_lines
    return Shape(
        files=len(paths),
        lines=sum(lengths),
        file_lines=tuple(sorted(lengths)),
        functions=tuple(functions),
        names=len(names),
        banned=tuple(name for name in names if is_banned(name.name) and not is_allowed(name)),
        tokens_a_line=tokens / max(1, code_lines),
    )


def is_banned(name: str) -> bool:
    return name.strip("_").lower() in BANNED


def is_allowed(name: Name) -> bool:
    files = ALLOWED.get(name.name, ())
    return str(name.path.resolve().relative_to(ROOT)) in files


def names_of(path: Path, tree: ast.AST) -> Iterator[Name]:
    """Every place where a name is given: definitions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, Definition | ast.ClassDef):
            yield Name(path, node.lineno, node.name)
        elif isinstance(node, ast.arg):
            yield Name(path, node.lineno, node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Name(path, node.lineno, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield Name(path, node.lineno, node.attr)


def functions_of(path: Path, tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
            yield Function(path, node.name, node.lineno, lines, 1 + _branches(node.body))


def _branches(nodes: Sequence[ast.AST]) -> int:
    count = 0
    for node in nodes:
        if isinstance(node, Definition | ast.ClassDef | ast.Lambda):
            continue
        count += isinstance(node, _BRANCHES)
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
        elif isinstance(node, ast.Match):
            count += len(node.cases)
        count += _branches(list(ast.iter_child_nodes(node)))
    return count


def _docstring_lines(tree: ast.AST) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, Definition | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            text = node.body[0]
            lines |= set(range(text.lineno, (text.end_lineno or 0) + 1))
    return lines


def _tokens(text: str, docstrings: set[int]) -> tuple[int, int]:
    """Tokens of code, and the lines that they stand on."""
    lines: set[int] = set()
    count = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _LAYOUT or token.start[0] in docstrings:
            continue
        count += 1
        lines.add(token.start[0])
    return count, len(lines)


def percentile(values: Sequence[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def map_of_rooms() -> str:
    """A table of the rooms: packages with code, and modules that stand beside them, each with the
    first line of its docstring.
    """
    rows = []
    for package in PACKAGES:
        folder = ROOT / package
        for init in sorted(folder.rglob("__init__.py")):
            if len(list(init.parent.glob("*.py"))) > 1:
                rows.append(_room(f"{init.parent.relative_to(ROOT)}/", init))
                if init.parent == folder:
                    modules = sorted(folder.glob("*.py"))
                    rows += [_room(str(path.relative_to(ROOT)), path) for path in modules[1:]]
    return "| room | what happens there |\n|---|---|\n" + "".join(rows)


def _room(name: str, path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return f"| `{name}` | {text.partition(chr(10))[0]} |\n"


def circles(paths: Sequence[Path]) -> list[list[str]]:
    """Groups of modules that import one another, late imports and those for types included."""
    modules = {_module(path): path for path in paths}
    needs = {name: _imports(path) & modules.keys() - {name} for name, path in modules.items()}
    reach = {name: _reachable(name, needs) for name in needs}
    groups = {
        frozenset(other for other in reach[name] if name in reach[other]) | {name}
        for name in needs
        if name in reach[name]
    }
    return sorted(sorted(group) for group in groups)


def _module(path: Path) -> str:
    parts = path.resolve().relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    # `from package import module` imports the module; the package itself is its docstring.
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def _reachable(start: str, needs: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(needs[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += needs[name]
    return reached


def lines_of_rooms() -> dict[str, int]:
    """Lines of each package with code, without those of the packages in it."""
    return {
        str(init.parent.relative_to(ROOT)): sum(
            path.read_text(encoding="utf-8").count("\n") for path in init.parent.glob("*.py")
        )
        for package in PACKAGES
        for init in sorted((ROOT / package).rglob("__init__.py"))
    }


def report(folders: Sequence[Path]) -> str:
    shape = measure(sources(folders))
    lengths = [function.lines for function in shape.functions]
    knots = [function for function in shape.functions if function.branches > 12]
    rows = [
        ("files, lines", f"{shape.files}, {shape.lines:,}"),
        (
            "lines of a file, median / p95 / most",
            f"{percentile(shape.file_lines, 0.5)} / {percentile(shape.file_lines, 0.95)}"
            f" / {shape.file_lines[-1]}",
        ),
        (
            "lines of a function, median / p95 / most",
            f"{percentile(lengths, 0.5)} / {percentile(lengths, 0.95)} / {max(lengths, default=0)}",
        ),
        ("tokens a line", f"{shape.tokens_a_line:.1f}"),
        ("functions over 12 branches", f"{len(knots)} of {len(lengths):,}"),
        ("banned names", f"{len(shape.banned)} of {shape.names:,}"),
        ("circles of imports", str(len(circles(sources(folders))))),
    ]
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:{width}}  {value}" for label, value in rows)


def main(arguments: Sequence[str]) -> None:
    if "--map" in arguments:
        print(map_of_rooms(), end="")
        return
    if "--rooms" in arguments:
        for room, lines in lines_of_rooms().items():
            print(f"{lines:6,}  {room}/")
        return
    folders = [Path(argument) for argument in arguments if not argument.startswith("-")]
    folders = folders or [ROOT / package for package in PACKAGES]
    print(report(folders))
    if "--list" in arguments:
        shape = measure(sources(folders))
        for name in shape.banned:
            print(f"{name.path}:{name.line}: {name.name}")
        for function in shape.functions:
            if function.branches > 12:
                print(
                    f"{function.path}:{function.line}: {function.name} branches {function.branches}"
                )
        print(Counter(name.name for name in shape.banned).most_common(20))


if __name__ == "__main__":
    main(sys.argv[1:])

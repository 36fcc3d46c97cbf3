"""Regular expressions of the code, each with texts that are made to be slow for it."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as signs  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType

Pattern = re.Pattern[str] | re.Pattern[bytes]

_CALLS = frozenset(
    ("compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")
)
_REPEATS = (signs.MAX_REPEAT, signs.MIN_REPEAT, signs.POSSESSIVE_REPEAT)
_CATEGORIES = {
    signs.CATEGORY_DIGIT: "0",
    signs.CATEGORY_NOT_DIGIT: "a",
    signs.CATEGORY_SPACE: " ",
    signs.CATEGORY_NOT_SPACE: "a",
    signs.CATEGORY_WORD: "a",
    signs.CATEGORY_NOT_WORD: "-",
}
_ANY = "a0 -A@.'\n<>"  # for what a pattern does not say
# What slows many patterns, whatever they are.
COMMON = (*" 01aA-.,@&\n<'\"\\", "Aa ", "a ", "a-", "a.", "1,", "a@", "<a ", "a='", " \n")
_LONGEST_ALPHABET = 24


def modules(*rooms: ModuleType) -> Iterator[ModuleType]:
    """Every module of the rooms, imported."""
    for room in rooms:
        for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                yield importlib.import_module(module.name)


def patterns(*rooms: ModuleType) -> dict[str, Pattern]:
    """Every pattern in the rooms by the place that holds it: in the namespaces of the modules and
    of their classes, in tables there, and written within a function.
    """
    places: dict[tuple[str | bytes, int], tuple[str, Pattern]] = {}
    for module in modules(*rooms):
        for name, pattern in [*_held(module), *_written(module)]:
            key = pattern.pattern, pattern.flags
            places.setdefault(key, (f"{module.__name__}.{name}", pattern))
    return {f"{place} {pattern.pattern!r:.60}": pattern for place, pattern in places.values()}


def compiled(written: str) -> Pattern:
    return re.compile(written)


def _held(module: ModuleType) -> Iterator[tuple[str, Pattern]]:
    for name, value in vars(module).items():
        yield from ((name, pattern) for pattern in _compiled(value))
        if inspect.isclass(value) and value.__module__ == module.__name__:
            for attribute, held in vars(value).items():
                yield from ((f"{name}.{attribute}", pattern) for pattern in _compiled(held))


def _compiled(value: object) -> Iterator[Pattern]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from _compiled([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _compiled(part)


def _written(module: ModuleType) -> Iterator[tuple[str, Pattern]]:
    """The patterns that are an argument, as in `re.sub(r"\\s+$", "", text)`; of those put together
    there, what stands between the names.
    """
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    within = [part for part in ast.walk(ast.parse(_source(module))) if isinstance(part, functions)]
    for node in [node for function in within for node in ast.walk(function)]:
        if isinstance(node, ast.Call) and _is_of_re(node.func):
            written = _text(node.args[0])
            flags = next((_flags(arg) for arg in [*node.args, *node.keywords] if _flags(arg)), 0)
            if written:
                yield f"line {node.lineno}", re.compile(written, flags)


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text("utf-8")


def _is_of_re(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in _CALLS
    )


def _text(node: ast.expr) -> str | bytes | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [
            part.value if isinstance(part, ast.Constant) else "(?:abc)" for part in node.values
        ]
        return "".join(parts)
    return None


def _flags(node: ast.AST) -> int:
    names = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    flags = 0
    for name in names & re.RegexFlag.__members__.keys():
        flags |= re.RegexFlag[name]
    return flags


def tree(pattern: Pattern):
    return parser.parse(pattern.pattern, pattern.flags)


def ends_with_dollar(pattern: Pattern) -> bool:
    """Whether a `$` in it matches before a last line feed, too."""
    ends = [argument for sign, argument in _walk(tree(pattern)) if sign is signs.AT]
    return signs.AT_END in ends and not pattern.flags & re.MULTILINE


def _walk(sequence) -> Iterator[tuple]:
    """Every item of a pattern and of the patterns in it."""
    for sign, argument in sequence:
        yield sign, argument
        for inner in _sequences(argument):
            yield from _walk(inner)


def _sequences(argument) -> Iterator:
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from _sequences(part)


def growing(pattern: Pattern) -> list[tuple[str, str]]:
    """(beginning, piece) of texts that may be slow: the piece is repeated after the beginning.

    Pieces are signs that slow many patterns, the signs of this one, and what its parts take: the
    inside of each repetition, alone and with what stands before and after it.
    """
    whole = tree(pattern)
    texts = [("", _sample(whole))]
    for sequence in [whole, *_all_sequences(whole)]:
        items = list(sequence)
        for at, (sign, argument) in enumerate(items):
            if sign in _REPEATS:
                inside = _sample(argument[2])
                before, last = _sample(items[:at]), _sample(items[max(at - 1, 0) : at])
                texts += [("", before), ("", last), ("", before + inside), ("", last + inside)]
                texts += [("", inside + _sample(items[at + 1 : at + 2])), (before, inside)]
            elif sign is signs.BRANCH:
                texts += [("", _sample(branch)) for branch in argument[1][:_LONGEST_ALPHABET]]
    alphabet = dict.fromkeys(_one(*item) for item in _walk(whole))
    texts += [("", sign) for sign in [*list(alphabet)[:_LONGEST_ALPHABET], *COMMON]]
    return [text for text in dict.fromkeys(texts) if text[1]]


def _all_sequences(sequence) -> Iterator:
    for _, argument in sequence:
        for inner in _sequences(argument):
            yield inner
            yield from _all_sequences(inner)


def _sample(sequence) -> str:
    """A text that a pattern takes, or nearly."""
    return "".join(_one(sign, argument) for sign, argument in sequence)


def _one(sign, argument) -> str:
    if sign is signs.LITERAL:
        return chr(argument)
    if sign is signs.NOT_LITERAL:
        return next(other for other in _ANY if ord(other) != argument)
    if sign is signs.ANY:
        return "a"
    if sign is signs.IN:
        return _member(argument)
    if sign is signs.BRANCH:
        return _sample(argument[1][0])
    if sign in _REPEATS:
        return _sample(argument[2]) * max(argument[0], 1)
    if sign in (signs.SUBPATTERN, signs.ATOMIC_GROUP):
        return _sample(argument[-1] if sign is signs.SUBPATTERN else argument)
    return ""  # places, looks ahead and behind


def _member(members) -> str:
    if members[0][0] is signs.NEGATE:
        taken = re.compile("|".join(re.escape(_one_member(*member)) for member in members[1:]))
        return next(other for other in _ANY if not taken.match(other))
    return _one_member(*members[0])


def _one_member(sign, argument) -> str:
    if sign is signs.CATEGORY:
        return _CATEGORIES[argument]
    return chr(argument[0] if sign is signs.RANGE else argument)

"""Regular expressions of the code, each with texts that are made to be slow for it."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _constants as signs  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import TypeGuard

Pattern = re.Pattern[str] | re.Pattern[bytes]

_CALLS = frozenset(
    ("compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")
)
_ANCHORED = frozenset(("match", "fullmatch"))
_UNKNOWN = "(?:abc)"
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
COMMON = (
    *" 01aA-_.,:@&\n<'\"\\",
    "Aa ",
    "a ",
    "a-",
    "a.",
    "1,",
    "a@",
    "<a ",
    "a='",
    " \n",
    "a:",
    "--a ",
)
_LONGEST_ALPHABET, _LONGEST_SET = 24, 6
_FEW = 100  # repeats


def modules(*rooms: ModuleType) -> Iterator[ModuleType]:
    """Every module of the rooms, imported."""
    for room in rooms:
        for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                yield importlib.import_module(module.name)


@dataclass(frozen=True)
class Use:
    """A pattern and how it is called: from the beginning of a text alone, or anywhere in it."""

    pattern: Pattern
    methods: frozenset[str]

    def __call__(self, text: str) -> object:
        if isinstance(self.pattern.pattern, bytes):
            return self.pattern.sub(b"", text.encode("latin-1", "replace"))
        if self.methods and self.methods <= _ANCHORED:
            return [getattr(self.pattern, method)(text) for method in sorted(self.methods)]
        return self.pattern.sub("", text)


def patterns(*rooms: ModuleType) -> dict[str, Use]:
    """Every pattern in the rooms by the place that holds it: in the namespaces of the modules and
    of their classes, in tables there, and written within a function.
    """
    everything = list(modules(*rooms))
    methods = _methods(everything)
    places: dict[tuple[str | bytes, int], tuple[str, Pattern, frozenset[str]]] = {}
    for module in everything:
        held = [(name, pattern, _of_name(methods, module, name)) for name, pattern in _held(module)]
        for name, pattern, used in [*held, *_written(module)]:
            key = pattern.pattern, pattern.flags
            place, _, before = places.get(key, (f"{module.__name__}.{name}", pattern, used))
            places[key] = (place, pattern, before | used if before and used else frozenset())
    return {
        f"{place} {pattern.pattern!r:.60}": Use(pattern, used)
        for place, pattern, used in places.values()
    }


def _methods(everything: list[ModuleType]) -> dict[tuple[str, str], set[str]]:
    """(module, name) -> the methods that are called on what has this name; "" for another use. A
    name that is not private has the module "".
    """
    methods: dict[tuple[str, str], set[str]] = {}
    for module in everything:
        tree = ast.parse(_source(module))
        called = {
            id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
        }
        for node in ast.walk(tree):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)
            if isinstance(name, str) and isinstance(getattr(node, "ctx", None), ast.Load):
                methods.setdefault(_key(module, name), set()).add(called.get(id(node), ""))
    return methods


def _key(module: ModuleType, name: str) -> tuple[str, str]:
    return (module.__name__ if name.startswith("_") else "", name)


def _of_name(
    methods: dict[tuple[str, str], set[str]], module: ModuleType, name: str
) -> frozenset[str]:
    """The methods that a pattern of this name is used by; empty where that is not plain."""
    used = methods.get(_key(module, name.rpartition(".")[2]), set())
    return frozenset(used) if used <= _CALLS else frozenset()


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


def _written(module: ModuleType) -> Iterator[tuple[str, Pattern, frozenset[str]]]:
    """The patterns that are an argument, as in `re.sub(r"\\s+$", "", text)`, or are put together by
    a function that returns one.
    """
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    whole = ast.parse(_source(module))
    methods = {id(node.value): node.attr for node in ast.walk(whole) if _is_method(node)}
    within = [part for part in ast.walk(whole) if isinstance(part, functions)]
    for node in [node for function in within for node in ast.walk(function)]:
        if not isinstance(node, ast.Call):
            continue
        made = _made(module, node)
        if made is not None:
            used = methods.get(id(node))
            yield f"line {node.lineno}", made, frozenset({used} if used else ())
        elif _is_of_re(node.func):
            written = _text(module, node.args[0])
            flags = next((_flags(arg) for arg in [*node.args, *node.keywords] if _flags(arg)), 0)
            if written:
                used = node.func.attr  # type: ignore[attr-defined]
                methods_used = frozenset({used} & _ANCHORED)
                yield f"line {node.lineno}", re.compile(written, flags), methods_used


def _is_method(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr in _CALLS


def _made(module: ModuleType, call: ast.Call) -> Pattern | None:
    """What a function of this module's namespace that returns a pattern makes of its arguments."""
    if not isinstance(call.func, ast.Name) or call.keywords:
        return None
    function = inspect.unwrap(vars(module).get(call.func.id, _made))
    annotations = dict(getattr(function, "__annotations__", {}))
    if annotations.pop("return", "") != "re.Pattern[str]" or {*annotations.values()} != {"str"}:
        return None
    arguments: list[str] = []
    for argument in call.args:
        value = argument.value if isinstance(argument, ast.Starred) else argument
        known = _known(module, value)
        if isinstance(argument, ast.Starred) and isinstance(known, tuple):
            arguments += known
        else:
            text = known if isinstance(known, str) else _text(module, value)
            arguments.append(str(text or _UNKNOWN))
    return vars(module)[call.func.id](*arguments)


def _known(module: ModuleType, node: ast.expr) -> object:
    """The value of an expression of names that the module holds; None where there are others."""
    if any(isinstance(part, ast.Call) and not _is_join(part) for part in ast.walk(node)):
        return None
    try:
        return eval(compile(ast.Expression(node), "pattern", "eval"), dict(vars(module)))
    except (NameError, TypeError, AttributeError):
        return None


def _is_join(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "join"


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text("utf-8")


def _is_of_re(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in _CALLS
    )


def _text(module: ModuleType, node: ast.expr) -> str | bytes | None:
    """The text of an expression; of one put together, with a word for what only running tells."""
    known = _known(module, node)
    if isinstance(known, str | bytes):
        return known
    if isinstance(node, ast.JoinedStr):
        parts = [
            part.value if isinstance(part, ast.FormattedValue) else part for part in node.values
        ]
        return "".join(str(_text(module, part) or _UNKNOWN) for part in parts)
    return None


def _flags(node: ast.AST) -> int:
    names = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    flags = 0
    for name in names & re.RegexFlag.__members__.keys():
        flags |= re.RegexFlag[name]
    return flags


def tree(pattern: Pattern):
    return parser.parse(pattern.pattern, pattern.flags)


def is_bounded(pattern: Pattern) -> bool:
    """Whether it repeats nothing many times: it looks at a few characters from each place, so that
    a text takes its length, however long it is.
    """
    repeats = [argument[1] for sign, argument in _walk(tree(pattern)) if sign in _REPEATS]
    return all(most <= _FEW for most in repeats)


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
    alphabet = dict.fromkeys(_signs(whole))
    texts += [("", sign) for sign in [*list(alphabet)[:_LONGEST_ALPHABET], *COMMON]]
    return [text for text in dict.fromkeys(texts) if text[1]]


def _signs(sequence) -> Iterator[str]:
    """The signs that a pattern names: of a set, each of the first."""
    for sign, argument in _walk(sequence):
        yield _one(sign, argument)
        if sign is signs.IN and argument[0][0] is not signs.NEGATE:
            yield from (_one_member(*member) for member in argument[1:_LONGEST_SET])


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

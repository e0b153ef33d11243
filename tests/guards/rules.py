"""The rules of the house that no linter knows. Each takes a file and lists what breaks it."""

import ast
import re
from pathlib import PurePosixPath

from tests.guards.tree import Source

MAX_LINES = 400
GRAB_BAGS = {"common", "helper", "helpers", "misc", "util", "utils"}
COMPARISONS = {"allclose", "array_equal", "equal", "isclose"}
RAISING = {"deprecated_call", "raises", "warns"}
NOT_MECHANISMS = {"split"}  # takes a score apart and computes none
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
MACHINE_PATH = re.compile(r"(?<![\w.:$}~-])/(?:home|mnt|opt|root|tmp|Users|work)/\w")


def discarded_comparisons(source: Source) -> list[str]:
    """Find comparisons whose verdict nobody reads: `torch.allclose(a, b)` as a statement."""
    return [
        f"{source.path}:{node.lineno}: the result of {last_word(node.value.func)} is thrown away"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and last_word(node.value.func) in COMPARISONS
    ]


def unexplained_skips(source: Source) -> list[str]:
    """Find tests that are skipped, or expected to fail, without a reason."""
    tree = source.tree
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [
        f"{source.path}:{node.lineno}: {last_word(node)} without a reason"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and is_bare_mark(node) and id(node) not in called)
        or (isinstance(node, ast.Call) and skips_silently(node))
    ]


def is_bare_mark(node: ast.Attribute) -> bool:
    return node.attr in {"skip", "xfail"} and last_word(node.value) == "mark"


def skips_silently(call: ast.Call) -> bool:
    if last_word(call) not in {"importorskip", "skip", "skipif", "xfail"}:
        return False
    reasons = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    if last_word(call) == "skip":
        reasons += call.args
    return not any(not isinstance(reason, ast.Constant) or reason.value for reason in reasons)


def tests_without_assertion(source: Source) -> list[str]:
    """Find tests that cannot fail: no assert, no expected error, no helper that asserts."""
    return [
        f"{source.path}:{node.lineno}: {node.name} asserts nothing"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any(asserts(inner) for inner in ast.walk(node))
    ]


def asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant | ast.Tuple)
    if not isinstance(node, ast.Call):
        return False
    return last_word(node) in RAISING or last_word(node).startswith(("assert_", "check_"))


def grab_bag_names(source: Source) -> list[str]:
    """Find modules and packages named after nothing: utils, common, helpers, misc."""
    parts = PurePosixPath(source.path).with_suffix("").parts
    return [
        f"{source.path}: name the module after what is in it, not {part!r}"
        for part in parts
        if part.strip("_") in GRAB_BAGS
    ]


def unfinished_work(source: Source) -> list[str]:
    """Find what says of itself that it is not done."""
    return [
        f"{source.path}:{number}: {found.group()}"
        for number, line in enumerate(source.text.splitlines(), start=1)
        for found in UNFINISHED.finditer(line)
    ]


def long_files(source: Source) -> list[str]:
    """Find files too long to be read in one sitting."""
    length = len(source.text.splitlines())
    return [f"{source.path}: {length} lines, at most {MAX_LINES}"] if length > MAX_LINES else []


def postponed_annotations(source: Source) -> list[str]:
    """Find the `__future__` import that turns jaxtyping's shapes into unread strings."""
    return [
        f"{source.path}:{node.lineno}: jaxtyping cannot check postponed annotations"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
    ]


def machine_paths(source: Source) -> list[str]:
    """Find absolute paths that exist on one machine only."""
    return [
        f"{source.path}:{number}: a path of one machine: {line.strip()}"
        for number, line in enumerate(source.text.splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]


def mechanisms_without_source(source: Source) -> list[str]:
    """Find public functions that do not say where their formula comes from."""
    return [
        f"{source.path}:{node.lineno}: the docstring of {node.name} needs a line 'Source: …'"
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and node.name not in NOT_MECHANISMS
        and not re.search(r"^\s*Source: \S", ast.get_docstring(node) or "", re.MULTILINE)
    ]


def inexact_exports(source: Source) -> list[str]:
    """Find modules whose `__all__` is unsorted, or is not what they define for others.

    Functions and classes are for others unless they begin with an underscore; constants and type
    aliases are when `__all__` says so. A package's `__init__` offers what it imports.
    """
    is_package = source.path.endswith("__init__.py")
    defined = [name for node in source.tree.body for name in definitions(node)]
    required = [name for node in source.tree.body for name in offers(node, is_package)]
    exported = exports(source.tree)
    missing = [name for name in required if not name.startswith("_") and name not in exported]
    unknown = [name for name in exported if name not in defined + required]
    return [
        f"{source.path}: {complaint}"
        for complaint, is_true in [
            (f"{missing} must be in __all__ or begin with an underscore", missing),
            (f"{unknown} stand in __all__ and nowhere else", unknown),
            ("__all__ is not sorted", exported != sorted(exported, key=export_order)),
        ]
        if is_true
    ]


def exports(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and last_word(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def offers(node: ast.stmt, is_package: bool) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.ImportFrom(names=aliases) if is_package:
            return [alias.asname or alias.name for alias in aliases]
        case _:
            return []


def definitions(node: ast.stmt) -> list[str]:
    match node:
        case ast.Assign(targets=targets):
            elements = [getattr(target, "elts", [target]) for target in targets]
            return [last_word(element) for group in elements for element in group]
        case ast.AnnAssign(target=target):
            return [last_word(target)]
        case _:
            return []


def export_order(name: str) -> tuple[int, str]:
    """Order as ruff does: constants, classes, then functions."""
    if name.isupper():
        return 0, name
    return (1 if name[0].isupper() else 2), name


def version_mismatch(project_version: str, changelog: str) -> list[str]:
    """Compare the version of the package with the newest entry of the changelog."""
    newest = re.search(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    if newest and newest.group(1) == project_version:
        return []
    entry = newest.group(1) if newest else "nothing"
    return [f"pyproject.toml says {project_version}, the top of CHANGELOG.md says {entry}"]


def last_word(node: ast.AST) -> str:
    """Name a node by its last word: `torch.testing.assert_close(…)` is `assert_close`."""
    match node:
        case ast.Call(func=function):
            return last_word(function)
        case ast.Attribute(attr=attribute):
            return attribute
        case ast.Name(id=identifier):
            return identifier
        case _:
            return ""

"""A content hash of the code behind a stage, so that an edit reruns exactly the stages whose results it can change.

Snakemake tracks a script's modification time, but not the modules that it imports. This module follows the static imports from a script
into the package and hashes the syntax trees without docstrings: comments, formatting and documentation do not matter, any other edit
does. Plugins, which are imported by name at run time, are passed by the caller.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = "spurprune"
# Modules that cannot change a result: logs, devices, local copies, folders, errors, plugin lookup, this module,
# checkpoints, where files lie, files of times, the version.
CANNOT_CHANGE_RESULTS = frozenset({PACKAGE}) | frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        "machine.logs",
        "machine.devices",
        "machine.scratch",
        "machine.folders",
        "machine.expansion",
        "machine.prefork",
        "errors",
        "dag.plugins",
        "dag.codehash",
        "training.checkpoints",
        "storage.layout",
        "storage.timings",
    )
)

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_hash(root: Path, script: Path, *modules: str) -> str:
    """Return a 16-digit hash of a script, of further ``modules``, and of the package modules that these import.

    ``root`` is the folder that holds the package; ``script`` is a path below it.
    """
    digests = _walk(root, script, modules)
    text = "\n".join(f"{name} {digests[name]}" for name in sorted(digests))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hashed_modules(root: Path, script: Path, *modules: str) -> frozenset[str]:
    """Return the dotted names of the package modules that ``code_hash`` covers for the same arguments."""
    return frozenset(_walk(root, script, modules)) - {script.relative_to(root).as_posix()}


def _walk(root: Path, script: Path, modules: Iterable[str]) -> dict[str, str]:
    """Return the hash of the script, by path, and of every module that it or ``modules`` import, by name."""
    digest, imports = _parse(script.read_text(encoding="utf-8"))
    digests = {script.relative_to(root).as_posix(): digest}
    pending = [*modules, *imports]
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        path = _path(root, module)
        if path is None or module in seen:
            continue
        seen.add(module)
        digest, imports = _parse(path.read_text(encoding="utf-8"))
        if module not in CANNOT_CHANGE_RESULTS:
            digests[module] = digest
        # An excluded module may import one that changes results; importing a module also runs its packages' code.
        pending += [*imports, module.rpartition(".")[0]]
    return digests


def _path(root: Path, module: str) -> Path | None:
    """Return the file of a module of the package, or None if the name is not one (an attribute, or another package)."""
    if module.split(".")[0] != PACKAGE:
        return None
    base = root.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _parse(source: str) -> tuple[str, tuple[str, ...]]:
    """Return (hash of the syntax tree without docstrings, names that may be package modules) of one file's text."""
    imports: set[str] = set()
    text = _text(ast.parse(source), imports)
    names = tuple(sorted(name for name in imports if name.split(".")[0] == PACKAGE))
    return hashlib.sha256(text.encode()).hexdigest(), names


def _text(node: object, imports: set[str]) -> str:
    """Return a part of a syntax tree as text without docstrings, and add what it imports to ``imports``.

    One pass instead of ``ast.dump`` and ``ast.walk``, which take twice as long.
    """
    if isinstance(node, list):
        return f"[{','.join([_text(one, imports) for one in node])}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Import):
        imports.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        imports.add(node.module)
        imports.update(f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False):
        node.body = node.body[1:]
    return f"{type(node).__name__}({','.join([_text(getattr(node, field, None), imports) for field in node._fields])})"

"""The layout of the package: imports run downward only, without circles, wherever they stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import digitzip

PACKAGE: Final = Path(__file__).parents[1] / "digitzip"

# The rooms by floor, the lowest first. A module imports from its own room and from lower floors.
FLOORS: Final = (
    {"blas", "errors", "limits", "version"},
    {"arguments", "jobs", "metrics"},
    {"atomic", "format", "kernels"},
    {"entropy", "fetch", "images"},
    {"model"},
    {"codec"},
    {"fidelity"},
    {"archive"},
    {"__init__", "training"},
    {"cli"},
    {"__main__"},
)
FLOOR: Final = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# Packages from outside that only these rooms import.
ONLY_IN: Final = {
    "torch": {"training"},
    "tensorboard": {"training"},
    "click": {"cli"},
    "rich": {"cli", "training"},
    "PIL": {"images"},
    "safetensors": {"model"},
    "zstandard": {"entropy", "format"},
}
WITHOUT_NUMPY: Final = {
    "__init__",
    "__main__",
    "arguments",
    "atomic",
    "blas",
    "errors",
    "fetch",
    "format",
    "jobs",
    "limits",
}

PENDING: Final[set[tuple[str, str]]] = set()
"""Imports that still run upward or in a circle."""


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name below `digitzip`."""
    found: dict[str, Path] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        found[name] = path
    return found


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, at its top, in functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> set[tuple[str, str]]:
    """Return which module of the package imports which other, as (importer, imported)."""
    known = modules()
    found: set[tuple[str, str]] = set()
    for module, path in known.items():
        for name in imported(path):
            top, _, rest = name.partition(".")
            if top != "digitzip":
                continue
            while rest and rest not in known:
                rest = rest.rpartition(".")[0]
            found.add((module, rest or "__init__"))
    return {(one, other) for one, other in found if one != other} - PENDING


def test_every_module_stands_on_a_floor() -> None:
    assert {room_of(module) for module in modules()} == set(FLOOR)


def test_imports_run_downward() -> None:
    upward = [
        (one, other)
        for one, other in arrows()
        if room_of(one) != room_of(other) and FLOOR[room_of(one)] <= FLOOR[room_of(other)]
    ]
    assert not sorted(upward)


def test_modules_import_each_other_in_no_circle() -> None:
    left: dict[str, set[str]] = {module: set() for module in modules()}
    for one, other in arrows():
        left[one].add(other)
    packages = {module for module in left if any(m.startswith(f"{module}.") for m in left)}
    for package in packages:  # a package imports its modules to show them: that is no circle
        left[package] = {m for m in left[package] if not m.startswith(f"{package}.")}
    while free := [module for module, others in left.items() if not others & left.keys()]:
        for module in free:
            del left[module]
    assert not sorted(left)


@pytest.mark.parametrize("package", ONLY_IN)
def test_packages_from_outside_stay_in_their_rooms(package: str) -> None:
    for module, path in modules().items():
        if package in {name.partition(".")[0] for name in imported(path)}:
            assert room_of(module) in ONLY_IN[package], module


def test_rooms_of_bytes_and_names_do_without_numpy() -> None:
    for module, path in modules().items():
        if room_of(module) in WITHOUT_NUMPY:
            assert "numpy" not in {name.partition(".")[0] for name in imported(path)}, module


def test_the_command_line_imports_the_public_api_only() -> None:
    public = {f"digitzip.{name}" for name in dir(digitzip)}
    for module, path in modules().items():
        if room_of(module) != "cli":
            continue
        allowed: tuple[str, ...] = ("digitzip.cli", "digitzip.limits", "digitzip.version")
        if module.startswith("cli.train"):
            allowed += ("digitzip.training",)
        for name in imported(path):
            if name.startswith("digitzip.") and not name.startswith(allowed):
                assert name in public, f"{module} imports {name}"

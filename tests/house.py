"""The floors of the package as tables: their size, what each imports, how long functions are.

Usage: python tests/house.py [PACKAGE]; of an older state:
git archive 397e765 workflow/emc | tar x -C /tmp && python tests/house.py /tmp/workflow/emc
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

PACKAGE = Path(__file__).parents[1] / "workflow/emc"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def floors(package: Path) -> dict[str, list[Path]]:
    """Files of each floor: a folder of the package, or a single module of it."""
    found: dict[str, list[Path]] = {}
    for file in sorted(package.rglob("*.py")):
        first = file.relative_to(package).parts[0].removesuffix(".py")
        if first != "__init__":
            found.setdefault(first, []).append(file)
    return found


def imports(files: list[Path], own: str) -> Counter[str]:
    """How many imports of these files name a module of each other floor."""
    found: Counter[str] = Counter()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                package, _, rest = node.module.partition(".")
                floor = rest.partition(".")[0]
                found[floor] += package == "emc" and floor not in {own, ""}
    return +found


def functions(package: Path) -> Iterator[tuple[str, int]]:
    """Place and lines of each function and method, without decorators and docstring."""
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, Function) and node.end_lineno:
                place = f"{file.relative_to(package)}:{node.lineno} {node.name}"
                yield place, node.end_lineno - node.lineno + 1 - _docstring(node)


def _docstring(node: Function) -> int:
    first = node.body[0]
    if ast.get_docstring(node) is None or first.end_lineno is None:
        return 0
    return first.end_lineno - first.lineno + 1


def table(package: Path) -> Iterator[str]:
    """A row per floor: files, lines of Python, and the floors that it imports, most first."""
    yield "| floor | files | lines | imports |"
    yield "| --- | --- | --- | --- |"
    for name, files in floors(package).items():
        lines = sum(len(file.read_text().splitlines()) for file in files)
        below = ", ".join(f"{floor} {n}" for floor, n in imports(files, name).most_common())
        yield f"| {name} | {len(files)} | {lines:,} | {below} |"


def lengths(package: Path) -> str:
    """How many functions there are, their median length, and the longest."""
    found = dict(functions(package))
    place, most = max(found.items(), key=lambda one: one[1])
    middle = median(found.values())
    return f"{len(found):,} functions, median {middle:g} lines, longest {most} ({place})"


if __name__ == "__main__":
    asked = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    print(*table(asked), "", lengths(asked), sep="\n")

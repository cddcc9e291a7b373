"""Studies with plug-ins, for tests."""

from pathlib import Path
from textwrap import dedent

from emc.study import Cell, load_file

IMPORTS = "import emc, torch\nfrom torch import nn\nfrom math import prod\n"
"""The first three lines of each plug-in."""


def written(folder: Path, plugin: str, *cells: str, files: str = "[own.py]") -> Path:
    """A study of cells on digits with `own.py` as its plug-in."""
    (folder / "own.py").write_text(IMPORTS + dedent(plugin))
    study = folder / "study.yaml"
    study.write_text(
        f"study: s\nplugins: {files}\ndefaults: {{dataset: digits}}\n"
        f"sections: {{a: {{cells: [{', '.join(cells)}]}}}}\n"
    )
    return study


def cell_of(folder: Path, plugin: str, keys: str) -> Cell:
    """The one cell of such a study."""
    (planned,) = load_file(written(folder, plugin, keys)).cells
    return planned.cell

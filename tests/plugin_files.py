"""Plug-ins, and studies that have them, for tests."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

from emc.study import Cell, load_file
from emc.study.plugins import load_plugin, plugin_at

IMPORTS = "import emc, torch\nfrom torch import nn\nfrom math import prod\n"
"""The first three lines of each plug-in."""


def plugin_file(file: Path, plugin: str) -> Path:
    """The file, with the imports of each plug-in before what is its own."""
    file.write_text(IMPORTS + dedent(plugin))
    return file


def written(folder: Path, plugin: str, *cells: str, files: str = "[own.py]") -> Path:
    """A study of cells on digits with `own.py` as its plug-in."""
    plugin_file(folder / "own.py", plugin)
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


def raising(file: Path, error: str) -> Callable[[], Any]:
    """Calls a plug-in's function, which raises the error on line 6 of the file."""
    plugin = f"""
        @emc.architecture("mine")
        def mine(shape, classes, activation): raise {error}
    """
    (mine,) = load_plugin(plugin_at(plugin_file(file, plugin)))
    return lambda: mine.function((1,), 2, "relu")


def failing_net(name: str, when: str, message: str) -> str:
    """A plug-in with a linear net, which fails where the condition holds; `sys` and `os` help."""
    return f"""
import os, sys

@emc.architecture("{name}")
class Failing(nn.Module):
    def __init__(self, shape, classes, activation):
        super().__init__()
        self.layer = nn.Linear(prod(shape), classes)

    def forward(self, x):
        if {when}:
            raise RuntimeError("{message}")
        return self.layer(x.flatten(1))
"""

"""The documentation as a site: `make docs` copies its pages together and writes public/html."""

from typing import Any

from emc import __version__

project = "emc"
author = "The emc authors"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4
default_role = "code"
autodoc_typehints_format = "short"
html_theme = "furo"
html_title = f"emc {__version__}"


def _asterisks_are_plain(*event: Any) -> None:
    """Docstrings write shapes as [batch, *shape], which would begin an emphasis."""
    lines = event[-1]
    lines[:] = [line.replace("*", r"\*") for line in lines]


def setup(app: Any) -> None:
    """Take part in what Sphinx does."""
    app.connect("autodoc-process-docstring", _asterisks_are_plain)

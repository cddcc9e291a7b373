"""HTML from Jinja templates: text is escaped, and a part that is missing is an error."""

import re
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

_PER_CENT: Final = re.compile(r"(?s)<(script|style)\b.*?</\1>|(\d)\s+%")


def rendered(package: str, name: str, **parts: object) -> str:
    """The template `name` of a package's folder `assets`, with its parts filled in.

    Raises:
        jinja2.UndefinedError: the template names a part that is not given.
    """
    return _unbroken(_environment(package).get_template(name).render(parts))


@cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package, "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _unbroken(page: str) -> str:
    """The same, with numbers on one line with their per-cent signs; scripts and styles stay."""
    return _PER_CENT.sub(lambda found: found[0] if found[1] else f"{found[2]}\u00a0%", page)

"""HTML from Jinja templates: text is escaped, and a part that is missing is an error."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def rendered(package: str, name: str, **parts: object) -> str:
    """The template `name` of a package's folder `assets`, with its parts filled in.

    Raises:
        jinja2.UndefinedError: the template names a part that is not given.
    """
    return _environment(package).get_template(name).render(parts)


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

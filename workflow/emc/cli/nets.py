"""Print the architectures a study can name, and their sizes."""

from math import isfinite
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from rich.table import Table

from emc.cli.console import show
from emc.errors import EmcError
from emc.study import load_file
from emc.study.architectures import FAMILIES, Family, Scaled, at_width, sized
from emc.study.architectures.plugin import plugin_architecture
from emc.study.complaints import complaints, report
from emc.study.plugins import Registered, load_plugins, of_kind
from emc.study.sources import DataSet, Facts
from emc.study.strict import named

_WIDTHS: Final = (4, 16, 64, 256)
_LEFT_OUT: Final = {"name", "width", "params", "multiplier"}


def print_nets(dataset: str, params: float | None, study: Path | None = None) -> None:
    """A table: each architecture, its keys with their defaults, its parameters at some widths.

    With a study its plug-ins' nets and data sets are known too.

    Raises:
        EmcError: `params` is not finite, the study has a fault, the data set is not known, or its
            shape is not before it is prepared.
    """
    if params is not None and not isfinite(params):
        raise EmcError(f"--params: a finite count is wanted, found {params:g}")
    plugins = _plugins(study)
    facts = _facts(dataset, plugins)
    wanted = [f"nearest to {params:g}"] if params is not None else []
    widths = [f"width {width}" for width in _WIDTHS]
    table = Table("architecture", "keys", *widths, *wanted, box=None)
    of_plugins = of_kind("architecture", plugins)
    families = {
        **FAMILIES,
        **{name: plugin_architecture(entry) for name, entry in of_plugins.items()},
    }
    for name, family in families.items():
        table.add_row(name, *_row(family, name, facts, params))
    show(f"parameters for inputs of {facts.shape} in {facts.classes} classes", table)
    if study is None:
        print("A study's plug-ins may register others: `emc nets STUDY` lists them too.")


def _plugins(study: Path | None) -> tuple[Registered, ...]:
    return () if study is None else load_plugins(study.parent, load_file(study).study.plugins)


def _row(family: type[Family], name: str, facts: Facts, params: float | None) -> list[str]:
    if any(field.is_required() for field in _shown(family).values()):
        return [_keys(family), "with the keys that it wants"]
    try:
        return _sizes(family, name, facts, params)
    except EmcError as error:
        return [_keys(family), str(error)]


def _sizes(family: type[Family], name: str, facts: Facts, params: float | None) -> list[str]:
    shape, classes, _ = facts
    size = {"params": 1} if issubclass(family, Scaled) else {}
    net = family.model_validate({"name": name, **size})
    if problem := net.problem(shape):
        return [problem]
    if not isinstance(net, Scaled):
        return [_keys(family), f"{net.parameters(shape, classes):,}"]
    counts = [f"{at_width(net, width).parameters(shape, classes):,}" for width in _WIDTHS]
    if params is None:
        return [_keys(family), *counts]
    nearest = sized(net.model_copy(update={"params": params}), shape, classes)
    found = f"{nearest.parameters(shape, classes):,} (width {nearest.width})"
    return [_keys(family), *counts, found]


def _facts(dataset: str, plugins: tuple[Registered, ...]) -> Facts:
    """`dataset` is a name, or an entry as in a study file."""
    try:
        entry = named(yaml.safe_load(dataset))
        found = TypeAdapter[Any](DataSet).validate_python(entry, context={"plugins": plugins})
    except yaml.YAMLError as error:
        raise EmcError(f"--dataset {dataset}: not valid YAML: {error}") from None
    except ValidationError as error:
        raise EmcError(report("--dataset", complaints("", error, entry))) from None
    if found.facts is None:
        raise EmcError(f"--dataset {dataset}: its shape is unknown until it is prepared")
    facts: Facts = found.facts
    return facts


def _shown(family: type[Family]) -> dict[str, FieldInfo]:
    return {key: field for key, field in family.model_fields.items() if key not in _LEFT_OUT}


def _keys(family: type[Family]) -> str:
    return ", ".join(f"{key}: {_default(field)}" for key, field in _shown(family).items())


def _default(field: FieldInfo) -> str:
    return "wanted" if field.is_required() else _yaml(field.default)


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

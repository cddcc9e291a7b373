"""Print the architectures a study can name, and their sizes."""

from math import isfinite
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from rich.table import Table

from emc.cli.console import show
from emc.data.lookup import Lookup
from emc.errors import EmcError
from emc.store.layout import Results
from emc.study import StudyPlan, load_file
from emc.study.architectures import FAMILIES, Family, Scaled, at_width, sized
from emc.study.architectures.family import Shape
from emc.study.architectures.plugin import plugin_architecture
from emc.study.datasets import DataSet, dataset_name
from emc.study.faults import report, study_faults
from emc.study.labels import label_classes
from emc.study.plugins import Registered, load_plugins, of_kind
from emc.study.strict import named

Inputs = tuple[Shape, int]
"""The shape of inputs, and the number of classes."""

_DATA_SET: Final = "mnist"
_WIDTHS: Final = (4, 16, 64, 256)
_LEFT_OUT: Final = {"name", "width", "params", "multiplier"}


def print_nets(
    dataset: str | None, params: float | None, study: Path | None, results: Path
) -> None:
    """A table: each architecture, its keys with their defaults, its parameters at some widths.

    With a study there is one for each kind of inputs that its data sets have, unless `dataset`
    names another, and its plug-ins' nets are known too. Prepared data sets lie in `results`.

    Raises:
        EmcError: `params` is not finite, the study has a fault, or a data set is not known or
            cannot be read.
    """
    if params is not None and not isfinite(params):
        raise EmcError(f"--params: expected a finite count, found {params:g}")
    lookup = Lookup(Results(results))
    plan = None if study is None else load_file(study, lookup.facts)
    plugins = () if plan is None else load_plugins(plan.file.parent, plan.study.plugins)
    if plan is not None and dataset is None:
        inputs = _inputs_of(plan, lookup)
    else:
        inputs = {_inputs(dataset or _DATA_SET, plugins, lookup): ""}
    for (shape, classes), names in inputs.items():
        title = f"parameters for inputs of {shape} in {classes} classes{names}"
        show(title, _table((shape, classes), params, plugins))
    if study is None:
        print("A study's plug-ins may register others: `emc nets STUDY` lists them too.")


def _inputs_of(plan: StudyPlan, lookup: Lookup) -> dict[Inputs, str]:
    """Shape and classes of a study's nets, with the names of the data sets they are those of."""
    names: dict[Inputs, dict[str, None]] = {}
    for cell in (planned.cell for planned in plan.cells):
        facts = lookup.facts(cell.dataset, plan.study.data_dir)
        inputs = facts.shape, label_classes(cell.labels, facts.classes)
        names.setdefault(inputs, {})[dataset_name(cell.dataset)] = None
    return {inputs: f": {', '.join(found)}" for inputs, found in names.items()}


def _table(inputs: Inputs, params: float | None, plugins: tuple[Registered, ...]) -> Table:
    wanted = [f"nearest to {params:g}"] if params is not None else []
    widths = [f"width {width}" for width in _WIDTHS]
    table = Table("architecture", "keys", *widths, *wanted, box=None)
    entries = of_kind("architecture", plugins)
    known = {name: plugin_architecture(entry) for name, entry in entries.items()}
    for name, family in {**FAMILIES, **known}.items():
        table.add_row(name, *_row(family, name, inputs, params))
    return table


def _row(family: type[Family], name: str, inputs: Inputs, params: float | None) -> list[str]:
    if any(field.is_required() for field in _shown(family).values()):
        return [_keys(family), "with the keys that it wants"]
    try:
        return _sizes(family, name, inputs, params)
    except EmcError as error:
        return [_keys(family), str(error)]


def _sizes(family: type[Family], name: str, inputs: Inputs, params: float | None) -> list[str]:
    shape, classes = inputs
    size = {"params": 1} if issubclass(family, Scaled) else {}
    net = family.model_validate({"name": name, **size})
    if reason := net.unsuitable(shape):
        return [reason]
    if not isinstance(net, Scaled):
        return [_keys(family), f"{net.parameters(shape, classes):,}"]
    counts = [f"{at_width(net, width).parameters(shape, classes):,}" for width in _WIDTHS]
    if params is None:
        return [_keys(family), *counts]
    nearest = sized(net.model_copy(update={"params": params}), shape, classes)
    found = f"{nearest.parameters(shape, classes):,} (width {nearest.width})"
    return [_keys(family), *counts, found]


def _inputs(dataset: str, plugins: tuple[Registered, ...], lookup: Lookup) -> Inputs:
    """`dataset` is a name, or an entry as in a study file."""
    try:
        entry = named(yaml.safe_load(dataset))
        found = TypeAdapter[Any](DataSet).validate_python(entry, context={"plugins": plugins})
        facts = lookup.facts(found, None)
    except yaml.YAMLError as error:
        raise EmcError(f"--dataset {dataset}: not valid YAML: {error}") from None
    except ValidationError as error:
        raise EmcError(report("--dataset", study_faults("", error, entry))) from None
    except EmcError as error:
        raise EmcError(f"--dataset {dataset}: {error}") from None
    return facts.shape, facts.classes


def _shown(family: type[Family]) -> dict[str, FieldInfo]:
    return {key: field for key, field in family.model_fields.items() if key not in _LEFT_OUT}


def _keys(family: type[Family]) -> str:
    return ", ".join(f"{key}: {_default(field)}" for key, field in _shown(family).items())


def _default(field: FieldInfo) -> str:
    return "wanted" if field.is_required() else _yaml(field.default)


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

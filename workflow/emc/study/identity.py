"""Content-addressed ids: a readable stem and a hash of everything that decides the number."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

from pydantic import TypeAdapter

from emc.errors import EmcError
from emc.study.activation import activation_name
from emc.study.architectures import Scaled
from emc.study.cell import Cell
from emc.study.certificate import CertificateSettings
from emc.study.datasets import DataSet, dataset_name
from emc.study.parameterisation import Full
from emc.study.plugin_entry import PluginEntry, plugin_document
from emc.study.strict import Strict

PROTOCOL: Final = 10
"""Version of the measurement: raised when the same cell would give other probes than before."""

_LONGEST: Final = 200
"""Characters of a text that a message shows."""

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(cell: Cell) -> str:
    """The cell as JSON: sorted keys, defaults written out.

    What a plug-in registered comes with the plug-in's file and the hash of its content.
    """
    return _text({"protocol": PROTOCOL, **_document(cell)})


def from_canonical(text: str) -> Cell:
    """The cell that `canonical` was given; nets of plug-ins are not tried again.

    Raises:
        EmcError: the text is no cell, or of another version of the measurement.
    """
    try:
        document = dict(json.loads(text))
        version = document.pop("protocol", None)
        if version != PROTOCOL:
            raise EmcError(f"cell: expected measurement protocol {PROTOCOL}, found {version}")
        return Cell.model_validate(document, context={"canonical": True})
    except (ValueError, TypeError) as error:
        shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
        raise EmcError(f"not the canonical JSON of a cell: {shown}: {error}") from None


def cell_id(cell: Cell) -> str:
    """The cell's id: lower-case letters, digits and hyphens."""
    return identified(cell)[0]


def identified(cell: Cell) -> tuple[str, str]:
    """The cell's id and the canonical JSON behind it.

    The id is of the same text without the places of plug-ins' files, only their content counts.
    """
    definition = hashed = canonical(cell)
    if '"plugin":' in definition:
        hashed = _text({"protocol": PROTOCOL, **_document(cell, with_files=False)})
    digest = sha256(hashed.encode()).hexdigest()[:12]
    return f"{_stem(cell)}-{digest}", definition


def settings_definition(settings: CertificateSettings) -> str:
    """A group of settings as canonical JSON."""
    return _text(_document(settings))


def settings_from_definition(text: str) -> CertificateSettings:
    """The settings that `settings_definition` was given."""
    return CertificateSettings.model_validate_json(text, context={"canonical": True})


def settings_id(settings: CertificateSettings) -> str:
    """Eight hexadecimal digits that name a group of settings."""
    return sha256(settings_definition(settings).encode()).hexdigest()[:8]


def plan_id(asked: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Eight hexadecimal digits that name what a study asks for.

    `asked` is the definition of each cell and the sections that ask for it, in the study's order.
    """
    digest = sha256()
    for one in asked:
        digest.update(_ENCODER.encode(one).encode())
    return digest.hexdigest()[:8]


def _document(model: Strict, *, with_files: bool = True) -> dict[str, Any]:
    document = {name: getattr(model, name) for name in type(model).model_fields}
    for name, value in document.items():
        if isinstance(value, Strict):
            document[name] = _document(value, with_files=with_files)
    if isinstance(model, PluginEntry):
        document["plugin"] = plugin_document(model, with_file=with_files)
    return document


def _stem(cell: Cell) -> str:
    net = cell.architecture
    size = f"{net.width}" if isinstance(net, Scaled) else ""
    source = (dataset_name(cell.dataset), cell.labels.name)
    words = (*source, net.name + size, activation_name(cell.activation))
    trained = () if isinstance(cell.parameterisation, Full) else (cell.parameterisation.name,)
    return "-".join((*words, cell.optimizer.name, *trained))


def dataset_id(dataset: DataSet) -> str:
    """Name of a data set's folder: what it is called, and a hash of its keys if it has any."""
    if set(_document(dataset)) == {"name"}:
        return dataset.name
    hashed = _text(_document(dataset, with_files=False))
    digest = sha256(hashed.encode()).hexdigest()[:8]
    return f"{dataset_name(dataset)}-{digest}"


def dataset_definition(dataset: DataSet) -> str:
    """The data set as canonical JSON."""
    return _text(_document(dataset))


def dataset_from_definition(text: str) -> DataSet:
    """The data set that `dataset_definition` was given."""
    return TypeAdapter(DataSet).validate_json(text, context={"canonical": True})


def _text(document: dict[str, Any]) -> str:
    return _ENCODER.encode(document)

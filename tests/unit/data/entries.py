"""Entries of a study file, read."""

from typing import Any

from pydantic import TypeAdapter

from emc.study.datasets import DataSet
from emc.study.labels import Labels


def dataset_of(entry: Any) -> Any:
    return TypeAdapter(DataSet).validate_python(entry)


def labels_of(entry: Any) -> Labels:
    return TypeAdapter(Labels).validate_python(entry)

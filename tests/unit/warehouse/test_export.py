"""The exported tables and the package that describes them."""

import json

import polars as pl
import pytest

from emc.warehouse import RELATIONS
from emc.warehouse.export import DESCRIPTION, export


@pytest.fixture(scope="module")
def folder(warehouse, tmp_path_factory):
    made = tmp_path_factory.mktemp("tables")
    export(warehouse, made, "made-up", "A made-up study")
    return made


def test_every_table_and_view_is_exported_as_it_is(warehouse, folder):
    for relation in RELATIONS:
        found = pl.read_parquet(folder / f"{relation.name}.parquet")
        assert found.equals(warehouse.view(relation.name))


def test_fields_are_the_columns(folder):
    package = json.loads((folder / DESCRIPTION).read_text())
    for resource, relation in zip(package["resources"], RELATIONS, strict=True):
        found = pl.read_parquet(folder / resource["path"])
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == found.columns
        required = [field["name"] for field in fields if field["constraints"]["required"]]
        assert all(found[name].null_count() == 0 for name in required)
        kinds = {field["name"]: field["type"] for field in fields}
        for column in relation.columns:
            listed = isinstance(found.schema[column.name], pl.List)
            assert (kinds[column.name] == "array") == listed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_frictionless_accepts_the_package(folder):
    frictionless = pytest.importorskip("frictionless")
    descriptor = json.loads((folder / DESCRIPTION).read_text())
    package = frictionless.Package.from_descriptor(descriptor)
    assert package.resource_names == [name.replace("_", "-") for name in names()]
    broken = descriptor | {"resources": [{"path": "x.parquet", "schema": {"fields": [{}]}}]}
    with pytest.raises(frictionless.FrictionlessException, match="descriptor is not valid"):
        frictionless.Package.from_descriptor(broken)


def names() -> list[str]:
    return [relation.name for relation in RELATIONS]

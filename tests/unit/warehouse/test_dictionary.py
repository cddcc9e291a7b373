"""The dictionary is what the database really holds."""

import pytest

from emc.warehouse import RELATIONS, data_dictionary
from emc.warehouse.relations import SQL_TYPES


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_columns_are_those_of_describe(warehouse, relation):
    found = warehouse.sql(f'DESCRIBE "{relation.name}"')
    assert dict(found.select("column_name", "column_type").iter_rows()) == {
        column.name: SQL_TYPES[column.kind] for column in relation.columns
    }
    assert found["column_name"].to_list() == [column.name for column in relation.columns]


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_comments_are_in_the_database(warehouse, relation):
    columns = warehouse.sql(
        "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = $name",
        name=relation.name,
    )
    assert dict(columns.iter_rows()) == {c.name: c.meaning for c in relation.columns}
    (comment,) = warehouse.sql(
        "SELECT comment FROM (SELECT table_name AS name, comment FROM duckdb_tables()"
        " UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal)"
        " WHERE name = $name",
        name=relation.name,
    )["comment"]
    assert comment == relation.meaning


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_only_columns_that_may_be_empty_are(warehouse, relation):
    frame = warehouse.view(relation.name)
    empty = {name for name in frame.columns if frame[name].null_count()}
    assert empty <= {column.name for column in relation.columns if column.nullable}


def test_nothing_else_is_in_the_database(warehouse):
    found = warehouse.sql("SELECT table_name FROM information_schema.tables")
    assert set(found["table_name"]) == {relation.name for relation in RELATIONS}


def test_markdown_names_every_column():
    text = data_dictionary()
    for relation in RELATIONS:
        section = text.split(f"## {relation.name} (")[1].split("## ")[0]
        for column in relation.columns:
            line = f"| `{column.name}` | {SQL_TYPES[column.kind]} |"
            assert line in section
            assert column.meaning in section

"""What the keys of a study mean, for its JSON schema: the docstrings below the models' fields.

Only the schema asks for them. Were pydantic to read them itself, it would parse the sources of
all models each time that a job starts.
"""

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from emc.study.strict import Strict


class Described(GenerateJsonSchema):
    """Writes a model's schema with its fields' docstrings as descriptions of the keys."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """The schema of one model, whose core schema is given."""
        document = super().model_schema(schema)
        for name, text in docstrings(schema["cls"]).items():
            document["properties"][name].setdefault("description", text)
        return document


def docstrings(model: type[Strict]) -> dict[str, str]:
    """For each field that has one, inherited or its own, the string that follows it."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Strict):
            found |= _own_docstrings(base)
    return {name: text for name, text in found.items() if name in model.model_fields}


def _own_docstrings(model: type[Strict]) -> dict[str, str]:
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text)
        for field, after in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(text := after.value.value, str)
    }

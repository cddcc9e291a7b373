"""Small JSON documents: estimates, manifests, settings."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emc.store.atomic import write_text_atomically
from emc.store.rebuilt import missing, unusable


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values have equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON object, one key per line."""
    write_text_atomically(path, json.dumps(document, indent=1) + "\n")


def number(value: Any) -> float:
    """A number of a document, which neither text nor true or false is.

    Raises:
        TypeError: it is none.
    """
    if type(value) not in {int, float}:
        raise TypeError(f"expected a number, found {json.dumps(value)}")
    return float(value)


def whole(value: Any) -> int:
    """The same of a whole number."""
    if type(value) is not int:
        raise TypeError(f"expected a whole number, found {json.dumps(value)}")
    return value


def read_document(path: Path, rebuilt_by: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileError: the file is missing or damaged; the message says what rebuilds it.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise missing(path, rebuilt_by) from None
    except (ValueError, RecursionError, OSError) as error:
        raise unusable(path, f"damaged ({error})", rebuilt_by) from None
    if not isinstance(document, dict):
        raise unusable(path, "not a JSON object", rebuilt_by)
    return document

"""A study file's YAML as a mapping."""

from collections.abc import Hashable
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import yaml

from emc.errors import EmcError

_MERGE: Final = "tag:yaml.org,2002:merge"
_Number = TypeVar("_Number", int, float)


def read(path: Path) -> dict[str, Any]:
    """A YAML file's mapping; a key that is given twice is an error."""
    try:
        with path.open(encoding="utf-8") as file:
            content = yaml.load(file, _Loader)
    except FileNotFoundError:
        raise EmcError(f"{path}: no such study file") from None
    except UnicodeDecodeError:
        raise EmcError(f"{path}: {_no_text(path.read_bytes())}") from None
    except OSError as error:
        raise EmcError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise EmcError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        found = "an empty file" if content is None else type(content).__name__
        raise EmcError(f"{path}: expected a mapping with 'study' and 'sections', found {found}")
    return content


def _no_text(content: bytes) -> str:
    """Where bytes are no UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        return f"line {line}: byte 0x{byte:02x} is no text in utf-8: save the file as UTF-8"
    return "it changed while it was read"


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses what is seldom meant.

    These are a key given twice, an anchor that contains itself, and numbers that YAML 1.1 reads to
    the base 8 or 60.
    """

    def __init__(self, stream: IO[str]) -> None:
        """Build each node at once, so that no alias can reach a node that is not yet whole."""
        super().__init__(stream)
        self.deep_construct = True

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, each key once; keys that a merge brings may be overridden."""
        seen = set()
        for key, _ in node.value:
            word = _word(key)
            if word in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(word)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Build a whole number."""
        found: int = super().construct_yaml_int(node)
        digits = node.value.lstrip("+-").replace("_", "")
        if digits.isdecimal() and len(digits) > 1 and digits.startswith("0"):
            raise self._odd_number(node, found, "a leading zero")
        return self._to_base_ten(node, found)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Build a number."""
        found: float = super().construct_yaml_float(node)
        return self._to_base_ten(node, found)

    def _to_base_ten(self, node: yaml.ScalarNode, found: _Number) -> _Number:
        if ":" in node.value:
            raise self._odd_number(node, found, "colons")
        return found

    def _odd_number(
        self, node: yaml.ScalarNode, found: float, without: str
    ) -> yaml.constructor.ConstructorError:
        return yaml.constructor.ConstructorError(
            None,
            None,
            f"{node.value} means {found} to YAML: write a number without {without}, or a text in"
            " quotes",
            node.start_mark,
        )

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what `<<` names; of several mappings the first that has a key gives it.

        PyYAML 6.0.4 takes the last; so it is given one mapping only.
        """
        node.value = [
            (key, self._as_one(value) if key.tag == _MERGE else value) for key, value in node.value
        ]
        super().flatten_mapping(node)

    def _as_one(self, merged: yaml.Node) -> yaml.Node:
        """Several mappings as one; anything else as it is."""
        if not isinstance(merged, yaml.SequenceNode):
            return merged
        if not all(isinstance(one, yaml.MappingNode) for one in merged.value):
            return merged
        pairs = {}
        for one in reversed(merged.value):
            self.flatten_mapping(one)
            pairs.update({_word(key): (key, value) for key, value in one.value})
        ends = merged.start_mark, merged.end_mark
        return yaml.MappingNode("tag:yaml.org,2002:map", list(pairs.values()), *ends)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def _word(key: yaml.Node) -> Hashable:
    """What tells a key from others."""
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)

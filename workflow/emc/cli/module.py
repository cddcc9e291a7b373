"""A study that another workflow gives to this one, its module, as a part of its own config."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from emc.errors import EmcError
from emc.store.atomic import write_text_atomically
from emc.store.layout import OF_RUNS
from emc.study.yaml_file import read


def given_study(config: Mapping[str, Any], files: Sequence[str | Path]) -> Path | None:
    """The file into which a study in `config` was written, or None where a file holds it already.

    Plug-ins are those of the working folder. The file is written again only if it changes.

    Raises:
        EmcError: the study has no name, is part of another, or holds what YAML cannot say.
    """
    if "study" not in config or any(read(Path(f)).get("study") == config["study"] for f in files):
        return None
    if "part_of" in config:
        raise EmcError("config: part_of: only a study in a file can be part of another")
    if not isinstance(config["study"], str):
        raise EmcError(f"config: study: expected a name, found {config['study']!r}")
    file = OF_RUNS.study(Path(config["study"]).name).given
    text = _as_yaml(config)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write_text_atomically(file, text)
    return file


def _as_yaml(config: Mapping[str, Any]) -> str:
    try:
        study = json.loads(json.dumps(config))
    except (TypeError, ValueError) as error:
        raise EmcError(f"config: expected a study that YAML can write, found {error}") from None
    if isinstance(study.get("plugins"), list):
        study["plugins"] = [str(Path(str(file)).absolute()) for file in study["plugins"]]
    return yaml.safe_dump(study, sort_keys=False, allow_unicode=True)

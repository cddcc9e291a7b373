"""The checkpoint of a round under way: where its training stands, there whole or not at all.

Unlike a journal's rounds it holds nothing that training cannot bring again, so that one which is
damaged, or belongs to something else, is told and left out: the round begins anew.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from emc.store.atomic import write_bytes_atomically
from emc.store.sealed import DamageError, sealed, unsealed

Kept = tuple[dict[str, Any], dict[str, np.ndarray]]

_FORMAT: Final = 1

log = logging.getLogger(__name__)


def beside(journal: Path) -> Path:
    """Where the checkpoint of a journal's next round lies."""
    return journal.with_name("round.checkpoint")


def write_checkpoint(
    path: Path, key: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write facts, as JSON, and arrays; `key` says what they belong to.

    Raises:
        FileError: the disk does not take it; what was there before is kept.
    """
    document = json.dumps({"format": _FORMAT, "key": key, "facts": facts})
    write_bytes_atomically(path, sealed("checkpoint", document, arrays))


def read_checkpoint(path: Path, key: str) -> Kept | None:
    """Facts and arrays that `write_checkpoint` was given with this key, or None."""
    try:
        text, arrays = unsealed("checkpoint", path.read_bytes())
    except FileNotFoundError:
        return None
    except (DamageError, OSError) as error:
        log.warning("%s: damaged (%s): the round begins anew", path, error)
        return None
    document = json.loads(text)
    if (document["format"], document["key"]) != (_FORMAT, key):
        log.info("%s: of another round or version: this round begins anew", path)
        return None
    return document["facts"], arrays

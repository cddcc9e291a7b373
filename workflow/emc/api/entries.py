"""Arguments that are written as an entry of a study file."""

from collections.abc import Mapping
from typing import Any, Final, get_args

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError

from emc.errors import EmcError, shown
from emc.study.faults import report, study_faults
from emc.study.plugins import registered_here
from emc.study.training import Loss, Schedule

_NAMES: Final = {
    "loss": get_args(Loss.model_fields["name"].annotation),
    "schedule": get_args(Schedule.model_fields["name"].annotation),
}
"""Names that an argument can have, where they are few."""


def entry_of(argument: str, kind: Any, value: Any) -> Any:
    """What an argument means as an entry of this kind: a name, or a mapping of its keys.

    Raises:
        EmcError: it is none; the message names the key.
    """
    if not isinstance(value, str | Mapping):
        known = f" ({', '.join(_NAMES[argument])})" if argument in _NAMES else ""
        raise EmcError(
            f"{argument}: expected a name{known}, or keys as in a study file, found {shown(value)}"
        )
    raw = value if isinstance(value, str) else {key: plain(each) for key, each in value.items()}
    try:
        return TypeAdapter(kind).validate_python(raw, context={"plugins": registered_here()})
    except ValidationError as error:
        raise EmcError(report(argument, study_faults("", error, raw))) from None


def plain(value: Any) -> Any:
    """Numbers of numpy and torch as Python's, arrays as lists; all else as it is."""
    if isinstance(value, np.generic | np.ndarray | torch.Tensor):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value

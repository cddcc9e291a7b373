"""Tensor files of arrays that tests have as a whole."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from emc.store.tensors import Spec, stream_tensors


def write_tensors(
    path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    specs = {name: Spec(array.dtype.name, array.shape) for name, array in tensors.items()}
    with stream_tensors(path, specs, metadata) as places:
        for name, array in tensors.items():
            places[name][...] = array

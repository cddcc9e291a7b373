"""Studies with a fault, and what their author is told of it, for tests."""

import re
from pathlib import Path

import pytest
from tests.unit.study.files import planned, text

from emc.errors import EmcError

CELL_KEYS = (
    "dataset, labels, architecture, activation, initialisation, parameterisation, optimizer,"
    " schedule, batch, loss, budget, criterion, stopping, finish, search, endpoints, seed"
)
FAMILIES = "linear, mlp, cnn, resnet, vit, efficientnet, mlp-mixer"
ACTIVATIONS = "relu, leaky-relu, gelu, silu, tanh, sigmoid, identity"
A_NAME = "expected lower-case letters, digits and single hyphens"


def grid(key: str, *values: str) -> str:
    return text(f"{{grid: {{{key}: [{', '.join(values)}]}}}}")


def fault(name: str, content: str, *lines: str) -> object:
    return pytest.param(content, "\n".join(f"FILE: {line}" for line in lines), id=name)


def check_refused(content: str, message: str, folder: Path) -> None:
    """See that a study file of this content is refused by exactly this message."""
    file = folder / "study.yaml"
    wanted = message.replace("FILE", str(file))
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}$"):
        planned(folder, content)

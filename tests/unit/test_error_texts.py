"""Errors of other packages are still worded as the program reads them.

Those of databases that cannot be opened are raised in `warehouse/test_open.py`.
"""

import os
import re
import signal
from pathlib import Path
from threading import Timer

import duckdb
import pytest
import torch

import emc
from emc.error_texts import (
    says_interrupted,
    says_no_indices,
    says_no_memory,
    says_other_channels,
)


def test_no_memory_on_the_processor() -> None:
    with pytest.raises(RuntimeError, match="allocate") as told:
        torch.empty(10**15)
    assert says_no_memory(told.value)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED: 64 GB wanted"), True),
        (RuntimeError("shapes do not fit"), False),
    ],
)
def test_no_memory_on_a_device(error: Exception, memory: bool) -> None:
    assert says_no_memory(error) is memory


def test_floating_point_numbers_as_indices() -> None:
    table = torch.nn.Embedding(3, 2)
    with pytest.raises(RuntimeError, match="indices") as told:
        table(torch.zeros(2))
    assert says_no_indices(told.value)
    assert not says_no_indices(RuntimeError("shapes do not fit"))


def test_images_of_another_number_of_channels() -> None:
    with pytest.raises(RuntimeError, match="channels") as told:
        torch.nn.Conv2d(3, 2, 1)(torch.zeros(1, 4, 2, 2))
    assert says_other_channels(told.value)
    assert not says_other_channels(RuntimeError("shapes do not fit"))


def test_an_interrupted_query() -> None:
    Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    query = "SELECT sum(a.range * b.range) FROM range(30000) a, range(30000) b"
    interrupted = pytest.raises(RuntimeError, match=r"(?i)interrupted")
    with duckdb.connect() as connection, interrupted as told:
        connection.execute(query).fetchall()
    assert says_interrupted(told.value)


def test_all_of_them_are_in_one_module() -> None:
    package = Path(emc.__file__).parent
    for path in package.rglob("*.py"):
        if path.name not in {"error_texts.py", "text_table.py"}:  # the latter's are Python's own
            assert not re.search(r"\" in (str\(|error\b|said\b)", path.read_text()), path

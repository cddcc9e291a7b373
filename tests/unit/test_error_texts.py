"""Errors of other packages are still worded as the program reads them.

Those of databases that cannot be opened are raised in `warehouse/test_open.py`.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.until import interrupted

import emc
from emc.error_texts import (
    says_interrupted,
    says_mixed_precision,
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
    with pytest.raises(RuntimeError, match="indices") as told:
        table(torch.zeros(2, dtype=torch.float64))
    assert says_no_indices(told.value)
    assert not says_no_indices(RuntimeError("shapes do not fit"))


def test_float64_and_float32_together() -> None:
    logits, labels = torch.zeros(2, 3, dtype=torch.float64), torch.tensor([0, 1])
    with pytest.raises(RuntimeError, match="Float") as told:
        torch.nn.functional.cross_entropy(logits, labels, weight=torch.ones(3))
    assert says_mixed_precision(told.value)
    assert not says_mixed_precision(RuntimeError("shapes do not fit"))


def test_images_of_another_number_of_channels() -> None:
    with pytest.raises(RuntimeError, match="channels") as told:
        torch.nn.Conv2d(3, 2, 1)(torch.zeros(1, 4, 2, 2))
    assert says_other_channels(told.value)
    assert not says_other_channels(RuntimeError("shapes do not fit"))


INTERRUPTED = """
import duckdb

database = duckdb.connect(config={"threads": 1})  # of several some may never end
query = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
while True:
    try:
        print("ready", flush=True)
        database.sql(query).fetchall()
    except KeyboardInterrupt:  # the signal came before the query had begun
        continue
    except RuntimeError as error:
        print(error, flush=True)
        break
"""


def test_an_interrupted_query() -> None:
    """In a process of its own, since nothing tells from outside that a query has begun."""
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = interrupted(process)
    assert says_interrupted(RuntimeError(said))


def test_all_of_them_are_in_one_module() -> None:
    package = Path(emc.__file__).parent
    for path in package.rglob("*.py"):
        if path.name not in {"error_texts.py", "text_table.py"}:  # the latter's are Python's own
            assert not re.search(r"\" in (str\(|error\b|said\b)", path.read_text()), path

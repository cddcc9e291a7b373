"""Which operator differentiates a layered net, and what is told of it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.curvature.nets import PLAIN, mlp, parameters, samples

from emc.curvature import choose
from emc.curvature.choose import choose_operator
from emc.curvature.native import NativeOperator
from emc.curvature.written.operator import WrittenOperator


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    choose._available.cache_clear()
    yield
    choose._available.cache_clear()


def test_the_kernels_where_they_can() -> None:
    found = choose_operator(mlp(), parameters(mlp()), *samples(5, 6), PLAIN)
    assert isinstance(found, NativeOperator)


def test_numpy_where_they_refuse(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("emc.curvature.native.LARGEST", 100)
    found = choose_operator(mlp(), parameters(mlp()), *samples(5, 6), PLAIN)
    assert isinstance(found, WrittenOperator)
    assert (
        "the native kernels do not differentiate this net: the samples take 240 bytes"
        in caplog.text
    )


def test_numpy_where_there_is_no_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for _ in range(2):
        found = choose_operator(mlp(), parameters(mlp()), *samples(5, 6), PLAIN)
        assert isinstance(found, WrittenOperator)
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 1
    assert "the native kernels are not used to differentiate nets: no C++ compiler" in warnings[0]

"""Chunks of a device; what a card holds and says is made up."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import parameters, samples
from tests.unit.engine.elsewhere import ELSEWHERE, moved, moved_net
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from emc.curvature import chunks
from emc.curvature.autograd import AutogradOperator, AutogradStack
from emc.curvature.chunks import CHUNK, chunk_on
from emc.curvature.functional import DifferentiatedNet
from emc.curvature.objective import Objective
from emc.curvature.row_losses import Rows
from emc.nets.layers import Dense
from emc.nets.module import module

LAYERS = (Dense(20, 12, True, "gelu"), Dense(12, 10, True, "identity"))
PARAMETERS = 21 * 12 + 13 * 10
SAMPLES = 60


@pytest.mark.parametrize(
    ("gibibytes", "chunk"), [(139.8, 32_768), (79.2, 16_384), (23.6, 4_096), (1, 512), (0.1, 512)]
)
def test_chunks_of_a_card_follow_its_memory_whoever_uses_it(
    monkeypatch: pytest.MonkeyPatch, gibibytes: float, chunk: int
) -> None:
    for free in (0, 1 << 30):
        memory = free, int(gibibytes * (1 << 30))
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, said=memory: said)
        assert chunk_on("cuda") == chunk
    assert chunk_on("cpu") == CHUNK


def operator(n: int = SAMPLES) -> AutogradOperator:
    data = samples(n, 20, classes=10)
    objective = Objective(weight_decay=0.1)
    return AutogradOperator(module(LAYERS), parameters(LAYERS), *data, objective)


@dataclass
class Count:
    """Products that were asked for and made; of more than `most` rows memory ends."""

    most: int
    tries: int = 0
    calls: int = 0


def counted(monkeypatch: pytest.MonkeyPatch, most: int = 1 << 30) -> Count:
    count, product = Count(most), DifferentiatedNet.product

    def counting(net: DifferentiatedNet, *arguments: Any) -> Any:
        count.tries += 1
        if len(arguments[-1].labels) > count.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        count.calls += 1
        return product(net, *arguments)

    monkeypatch.setattr(DifferentiatedNet, "product", counting)
    return count


def on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "chunk_on", lambda _: 32_768)


def test_a_whole_hessian_takes_a_card_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    here = operator()
    expected = here.dense()
    count = counted(monkeypatch)
    here.dense()
    assert count.calls == 6 * 8
    on_a_card(monkeypatch)
    there = operator()
    count.calls = 0
    np.testing.assert_allclose(there.dense(), expected, atol=1e-15)
    assert count.calls == -(-PARAMETERS * SAMPLES // 32_768)


def test_end_points_share_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_card(monkeypatch)
    ends = [operator(n) for n in (60, 30, 45)]
    vectors = np.random.default_rng(0).normal(size=(3, PARAMETERS))
    expected = [one.products(vector[None])[0] for one, vector in zip(ends, vectors, strict=True)]
    stack, count = AutogradStack(ends), counted(monkeypatch)
    np.testing.assert_allclose(stack.products(range(3), vectors), expected, atol=1e-15)
    assert count.calls == 1


def test_sums_reach_the_host_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many chunks there are: each copy waits for the device."""
    some = operator()
    some.chunk.size = 4
    copies: list[tuple[int, ...]] = []
    numpy_ = Tensor.numpy

    def copied(tensor: Tensor, *, force: bool = False) -> np.ndarray:
        copies.append(tuple(tensor.shape))
        return numpy_(tensor, force=force)

    monkeypatch.setattr(Tensor, "numpy", copied)
    some.products(np.ones((2, PARAMETERS)))
    assert copies == [(2, PARAMETERS)]
    some.first_order()
    assert copies[1:] == [(PARAMETERS,)]


def test_where_memory_ends_chunks_halve(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = np.random.default_rng(0).normal(size=(512, PARAMETERS))
    expected = operator().products(vectors)
    on_a_card(monkeypatch)
    there, count = operator(), counted(monkeypatch, most=20)
    np.testing.assert_allclose(there.products(vectors), expected, atol=1e-14)
    assert (count.calls, count.tries) == (4, 6)
    assert there.chunk.size == 8_192
    assert "out of memory: derivatives are made in chunks of 8192 samples" in caplog.text


def test_memory_that_ends_in_the_smallest_chunks_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = operator()
    counted(monkeypatch, most=0)
    with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate"):
        some.products(np.ones((1, PARAMETERS)))


def on_another_device(n: int) -> AutogradOperator:
    """An operator made here that now lies there, as far as calls see; torch's mode is on."""
    some = operator(n)
    some.net.module, some.net.device = moved_net(some.net.module), ELSEWHERE
    some.rows = Rows(*map(moved, some.rows))
    return some


def test_products_stay_on_their_device_until_they_are_summed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In torch's mode of tensors with devices alone, the host's among them are an error."""
    read: list[str] = []

    def numpy(tensor: Tensor, *, force: bool) -> np.ndarray:
        read.append(f"{tensor.device}, {force}")
        return np.zeros(tensor.shape)

    ends = [on_another_device(n) for n in (7, 12)]
    ends[0].chunk.size = 16
    monkeypatch.setattr(Tensor, "numpy", numpy)
    with FakeTensorMode(allow_non_fake_inputs=True):
        for count in (1, 3):
            ends[0].products(np.ones((count, PARAMETERS)))
        AutogradStack(ends).products([0, 1], np.ones((2, PARAMETERS)))
        assert read == [f"{ELSEWHERE}, True"] * 3
        with pytest.raises(DataDependentOutputException, match="local_scalar_dense") as asked:
            ends[0].first_order()
    assert any("return FirstOrder" in str(entry.statement) for entry in asked.traceback)

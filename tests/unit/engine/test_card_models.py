"""Models of cards by what drivers say of them."""

import pytest

from emc.engine.card_models import card_model


@pytest.mark.parametrize(
    ("told", "multiprocessors", "teraflops"),
    [
        ("NVIDIA H200", 132, 67),
        ("NVIDIA H100 80GB HBM3", 132, 67),
        ("NVIDIA H100 PCIe", 114, 51),
        ("NVIDIA A100-SXM4-40GB", 108, 19.5),
        ("NVIDIA A10", 72, 31.2),
        ("Tesla V100-SXM2-16GB", 80, 15.7),
        ("Tesla T4", 40, 8.1),
        ("NVIDIA L40S", 142, 91.6),
        ("NVIDIA L4", 58, 30.3),
        ("NVIDIA GeForce RTX 4090", 128, 82.6),
    ],
)
def test_models_are_those_of_their_data_sheets(
    told: str, multiprocessors: int, teraflops: float
) -> None:
    """A product and its sum are two operations."""
    model = card_model(told)
    assert (model.name, model.multiprocessors, model.listed) == (told, multiprocessors, True)
    assert 2 * model.products / 1e12 == pytest.approx(teraflops, rel=0.02)


@pytest.mark.parametrize("told", ["", "NVIDIA H2000 Ada", "A card of 2031"])
def test_a_model_that_is_not_listed_counts_as_the_slowest(told: str) -> None:
    model, slowest = card_model(told), card_model("Tesla T4")
    assert (model.products, model.name, model.listed) == (slowest.products, told, False)


def test_a_part_of_a_card_counts_as_the_smallest_part() -> None:
    assert card_model("MIG NVIDIA H100 80GB HBM3").multiprocessors == 132 // 7


def test_blocks_have_what_the_driver_would_tell() -> None:
    """Compute capability 9.0: 228 kB for a multiprocessor, 227 for a block."""
    limits = card_model("NVIDIA H200").limits
    assert (limits.shared_memory, limits.block_memory) == (228 * 1024, 227 * 1024)
    assert limits.multiprocessors == 132

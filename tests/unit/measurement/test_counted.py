"""Times of steps by counted operations."""

import pytest

from emc.engine.card_models import card_model
from emc.engine.persistent.placement import placement
from emc.measurement.counted import in_a_block, in_lockstep, on_processor
from emc.nets.layers import Conv, Dense, multiply_adds
from emc.nets.transformer import Transformer

H200 = card_model("NVIDIA H200")
MLP = (Dense(64, 16, True, "relu"), Dense(16, 16, True, "relu"), Dense(16, 10, True, "identity"))


def test_products_are_those_of_the_layers() -> None:
    assert multiply_adds(MLP) == 64 * 16 + 16 * 16 + 16 * 10
    cnn = (Conv(1, 8, 28, 28, "relu"), Dense(8 * 14 * 14, 10, True, "identity"))
    assert multiply_adds(cnn) == 28 * 28 * 9 * 8 + 8 * 14 * 14 * 10


def test_the_processor_takes_as_long_as_it_did() -> None:
    """11 million samples a second were measured for this net, evaluation apart."""
    assert 1 / on_processor(MLP) == pytest.approx(11e6, rel=0.4)


def test_a_block_is_slower_than_a_core_but_there_are_many() -> None:
    """Which is why a card is worth it for rounds of many probes, and not for a single one."""
    alone = in_a_block(MLP, 128, H200)
    blocks = H200.multiprocessors * placement(MLP, H200.limits).blocks_at_once
    assert on_processor(MLP) < alone < 10 * on_processor(MLP)
    assert blocks == 264
    assert 5e8 < blocks / alone < H200.products / multiply_adds(MLP)


def test_one_layer_in_one_tile_is_counted_by_hand() -> None:
    """4 rows and 2 outputs are one tile of one warp: each product waits for the one before."""
    layer = (Dense(10, 2, True, "identity"),)
    parts = 300 + 10 * 40  # forward, in training and in evaluation
    gradient = 300 + 4 * 40  # 11 x 2 numbers, six tiles
    update = 300 + 40
    clocks = 2 * parts + gradient + update
    assert in_a_block(layer, 4, H200) == pytest.approx(clocks / 4 / 1.98e9)


def test_numbers_outside_of_a_blocks_memory_take_longer() -> None:
    wide = (Dense(784, 64, True, "relu"), Dense(64, 10, True, "identity"))
    assert not placement(wide, H200.limits).arrays_inside
    narrow = (Dense(196, 64, True, "relu"), Dense(64, 10, True, "identity"))
    assert placement(narrow, H200.limits).arrays_inside
    assert in_a_block(wide, 128, H200) > 4 * in_a_block(narrow, 128, H200)


CNN = (
    Conv(1, 8, 28, 28, "relu"),
    Conv(8, 16, 14, 14, "relu"),
    Dense(784, 10, True, "identity"),
)


def test_blocks_train_convolutions_below_what_a_card_could_at_most() -> None:
    alone = in_a_block(CNN, 128, H200)
    blocks = H200.multiprocessors * placement(CNN, H200.limits).blocks_at_once
    at_most = H200.products / multiply_adds(CNN)
    assert 0.05 * at_most < blocks / alone < at_most


def test_one_stage_in_one_tile_is_counted_by_hand() -> None:
    """Two rows of one pooled pixel and channel are one warp's, their taps in 32 parts, too."""
    layers = (Conv(1, 1, 2, 2, "relu"), Dense(1, 2, True, "identity"))
    stage, head = 300 + 25 * 2, (300 + 40) + (300 + 32 * 40)
    taps = (300 + 40) + (300 + 32 * 40)
    gradient, delta = 300 + 2 * 40, 300 + 2 * 40
    update = 300 + 40
    clocks = 2 * (stage + head) + taps + gradient + delta + update
    assert in_a_block(layers, 2, H200) == pytest.approx(clocks / 2 / 1.98e9)


def test_one_patch_in_one_tile_is_counted_by_hand() -> None:
    """Two tokens of two numbers: each part is one warp's, each product waits for the one before."""
    net = Transformer(1, 2, 2, 1, 2, 1, "relu", 2)
    attention = 2 + 3 * 2 + 2  # scores, their softmax and what they weigh
    dense = 2 + 2 + 2 + 2 + 8  # queries, keys and values, out, and the MLP's two
    there = 1 + 4 + 6 + dense + attention + 6 + 6 + 2
    products = (1 + 2) + (1 + 2 + 1 + 8) + 2 * (1 + 2) + (2 + 4)  # gradients, and by inputs
    back = products + (2 * 1 + 2 * 2 + 2) + 3 * 6 + 1 + 1 + 1
    barriers = 2 * 12 + 21 + 1
    clocks = 300 * barriers + 40 * (2 * there + back) + 40
    assert in_a_block(net, 1, H200) == pytest.approx(clocks / 1.98e9)


def test_blocks_train_transformers_below_what_a_card_could_at_most() -> None:
    net = Transformer(1, 8, 4, 1, 16, 4, "gelu", 10)
    alone = in_a_block(net, 128, H200)
    blocks = H200.multiprocessors * placement(net, H200.limits).blocks_at_once
    assert on_processor(net) < alone
    assert blocks / alone < 0.5 * H200.products / net.multiply_adds


def test_in_lockstep_launches_are_shared_and_the_host_plans() -> None:
    few, many = (in_lockstep(MLP, 128, together, H200) for together in (1, 64))
    launches = 20 * 4 * 2e-6 / 128
    assert few - many == pytest.approx(launches * (1 - 1 / 64))
    assert many > 120e-9

"""Parameter counts by hand, and the width that comes nearest by trying them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.study.architectures import Cnn, Linear, Mlp, Scaled, Vit, sized


@pytest.mark.parametrize(
    ("net", "shape", "classes", "count"),
    [
        # 64 inputs and a bias for each of 10 logits
        (Linear(name="linear"), (1, 8, 8), 10, 65 * 10),
        (Linear(name="linear", bias=False), (1, 8, 8), 10, 64 * 10),
        (Linear(name="linear", bias=False), (1,), 2, 2),
        # 64 -> 4 -> 10: 260 + 50
        (Mlp(name="mlp", depth=1, width=4), (1, 8, 8), 10, 310),
        # 784 -> 16 -> 16 -> 10: 12560 + 272 + 170
        (Mlp(name="mlp", width=16), (1, 28, 28), 10, 13_002),
        # 7 -> 5 -> 5 -> 5 -> 3: 40 + 30 + 30 + 18
        (Mlp(name="mlp", depth=3, width=5), (7,), 3, 118),
        (Mlp(name="mlp", depth=1, width=1), (1,), 2, 6),
        # 9 * 1 * 4 + 4, 9 * 4 * 8 + 8, then 8 maps of 7x7 to 10 logits: 40 + 296 + 3930
        (Cnn(name="cnn", width=4), (1, 28, 28), 10, 4_266),
        # 27 * 2 + 2, 9 * 2 * 4 + 4, 9 * 4 * 8 + 8, 8 maps of 4x4 to 100: 56 + 76 + 296 + 12900
        (Cnn(name="cnn", depth=3, width=2), (3, 32, 32), 100, 13_328),
        # the same with a scale and a shift for each of 2 + 4 + 8 maps
        (Cnn(name="cnn", depth=3, width=2, normalisation="group"), (3, 32, 32), 100, 13_356),
        # odd sides: 7x5 is pooled to 3x2 and to 1x1: 10 + 20 + 6
        (Cnn(name="cnn", depth=2, width=1), (1, 7, 5), 2, 36),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else str(value),
)
def test_parameters(
    net: Linear | Mlp | Cnn, shape: tuple[int, ...], classes: int, count: int
) -> None:
    assert net.parameters(shape, classes) == count


nets = st.one_of(
    st.tuples(
        st.builds(Mlp, name=st.just("mlp"), depth=st.integers(1, 4), params=st.floats(0.5, 1e4)),
        st.sampled_from([(1,), (7,), (3, 5)]),
    ),
    st.tuples(
        st.builds(Cnn, name=st.just("cnn"), depth=st.integers(1, 3), params=st.floats(0.5, 1e4)),
        st.sampled_from([(1, 8, 8), (3, 9, 17)]),
    ),
    st.tuples(
        st.builds(
            Vit,
            name=st.just("vit"),
            depth=st.integers(1, 3),
            heads=st.integers(1, 3),
            params=st.floats(0.5, 1e5),
        ),
        st.sampled_from([(1, 8, 8), (3, 12, 12)]),
    ),
)


@given(nets, st.integers(2, 5))
def test_sized_takes_the_width_that_comes_nearest(
    case: tuple[Scaled, tuple[int, ...]], classes: int
) -> None:
    net, shape = case
    assert net.params is not None
    wanted = net.params
    shallow = isinstance(net, Mlp) and net.depth == 1
    widths = range(net.narrowest, 3000 if shallow else 300, net.step)
    counts = {
        width: net.model_copy(update={"width": width}).parameters(shape, classes)
        for width in widths
    }
    nearest = min(counts, key=lambda width: (abs(counts[width] - wanted), width))
    found = sized(net, shape, classes)
    assert (found.width, found.params) == (nearest, None)


def test_of_two_widths_equally_near_the_smaller_is_taken() -> None:
    def mlp(**size: float) -> Mlp:
        return Mlp(name="mlp", depth=1, **size)

    counts = [mlp(width=width).parameters((7,), 2) for width in (3, 4)]
    halfway = sum(counts) / 2
    assert sized(mlp(params=halfway), (7,), 2).width == 3
    assert sized(mlp(params=halfway + 0.5), (7,), 2).width == 4


@pytest.mark.parametrize("wanted", [1e-9, 1.0, 5.9, 6.0])
def test_no_net_is_narrower_than_the_narrowest(wanted: float) -> None:
    assert sized(Mlp(name="mlp", depth=1, params=wanted), (1,), 2).width == 1


def test_a_given_width_is_kept() -> None:
    net = Mlp(name="mlp", width=7)
    assert sized(net, (1, 8, 8), 10) is net


@given(st.integers(1, 10**6), st.integers(1, 3))
def test_the_count_of_a_width_gives_the_width_back(width: int, depth: int) -> None:
    net = Mlp(name="mlp", depth=depth, width=width)
    count = net.parameters((1, 8, 8), 10)
    assert sized(Mlp(name="mlp", depth=depth, params=count), (1, 8, 8), 10) == net


@pytest.mark.parametrize(
    ("depth", "shape", "unsuitable"),
    [
        (2, (1, 8, 8), None),
        (3, (1, 8, 8), None),
        (4, (1, 8, 8), "depth 4 halves 8x8 pixels to nothing"),
        (2, (1, 28, 3), "depth 2 halves 28x3 pixels to nothing"),
        (1, (54,), "'cnn': expected images (channels, height, width), found inputs (54,)"),
    ],
)
def test_what_a_cnn_cannot_take(depth: int, shape: tuple[int, ...], unsuitable: str | None) -> None:
    assert Cnn(name="cnn", depth=depth, width=1).unsuitable(shape) == unsuitable

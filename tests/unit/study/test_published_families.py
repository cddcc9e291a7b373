"""Published families: counts by hand or as published, sizes, and what they cannot take."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from emc.study.architectures import Architecture, sized


def made(entry: dict[str, Any]) -> Any:
    return TypeAdapter(Architecture).validate_python(entry)


@pytest.mark.parametrize(
    ("entry", "shape", "classes", "count"),
    [
        # stem 9 + 2; blocks of 1, 2, 4 and 8 channels, two convolutions and norms each, the last
        # three with a projection: 18 + 4, 54 + 8 + 6, 216 + 16 + 16, 864 + 32 + 48; 9 to 3 logits
        ({"name": "resnet", "width": 1, "depth": 10}, (1, 8, 8), 3, 11 + 22 + 68 + 248 + 944 + 27),
        # with a second block in each stage: 18 c^2 + 4 c more
        (
            {"name": "resnet", "width": 1, "depth": 18},
            (1, 8, 8),
            3,
            1320 + sum(18 * c * c + 4 * c for c in (1, 2, 4, 8)),
        ),
        # as many as torchvision's own resnet18 and resnet34 of 10 classes
        ({"name": "resnet", "multiplier": 1, "stem": "large"}, (3, 32, 32), 10, 11_181_642),
        (
            {"name": "resnet", "width": 64, "depth": 34, "stem": "large"},
            (3, 32, 32),
            10,
            21_289_802,
        ),
        # as many as torchvision's own of 1000 classes: from 5.3 to 66 million
        ({"name": "efficientnet", "multiplier": 1}, (3, 32, 32), 1000, 5_288_548),
        ({"name": "efficientnet", "variant": "b7", "width": 64}, (3, 32, 32), 1000, 66_347_960),
        # as many as torchvision's own vit_b_16
        (
            {"name": "vit", "width": 768, "depth": 12, "heads": 12, "patch": 16},
            (3, 224, 224),
            1000,
            86_567_656,
        ),
        # embedding 17 x 2, class 2, positions 5 x 2, attention 4 x 6, MLP 24 + 18, norms 8;
        # last norm 4, head 3 x 3
        (
            {"name": "vit", "width": 2, "depth": 1, "heads": 1},
            (1, 8, 8),
            3,
            34 + 2 + 10 + 24 + 42 + 8 + 4 + 9,
        ),
        # embedding 17 x 2; 4 tokens through 1 unit: 5 + 8; MLP 24 + 18; norms 8; norm 4, head 9
        ({"name": "mlp-mixer", "width": 2, "depth": 1}, (1, 8, 8), 3, 34 + 13 + 42 + 8 + 4 + 9),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else None,
)
def test_parameters_of_published_families(
    entry: dict[str, Any], shape: tuple[int, ...], classes: int, count: int
) -> None:
    assert made(entry).parameters(shape, classes) == count


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "resnet", "depth": 10},
        {"name": "vit", "heads": 3, "patch": 8},
        {"name": "vit", "heads": 1, "patch": 8},
        {"name": "efficientnet", "variant": "b1"},
        {"name": "mlp-mixer", "patch": 8},
        {"name": "cnn", "normalisation": "group"},
    ],
    ids=str,
)
@given(wanted=st.floats(1, 3e5))
def test_the_nearest_of_the_widths_that_a_family_has(entry: dict[str, Any], wanted: float) -> None:
    shape = (1, 16, 16)
    found = sized(made({**entry, "params": wanted}), shape, 10)
    step, least = found.step, found.narrowest
    assert found.width in range(least, 2000, step)
    beside = [found.width + by for by in (-step, step) if found.width + by >= least]
    misses = [
        abs(made({**entry, "width": width}).parameters(shape, 10) - wanted) for width in beside
    ]
    assert abs(found.parameters(shape, 10) - wanted) <= min(misses)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "vit", "width": 10}, "'width': expected a multiple of 4, at least 4, found 10"),
        ({"name": "vit", "width": 1, "heads": 1}, "a multiple of 1, at least 2, found 1"),
        ({"name": "mlp-mixer", "width": 1}, "a multiple of 1, at least 2, found 1"),
        (
            {"name": "resnet", "width": 4, "depth": 20},
            "'depth': expected 10, 18, 26, 34, ... .*found 20",
        ),
        ({"name": "resnet", "width": 4, "depth": 2}, "found 2"),
        (
            {"name": "resnet", "width": 4, "multiplier": 1},
            "expected either 'width', 'params' or 'multiplier', found 'width' and 'multiplier'",
        ),
        ({"name": "efficientnet"}, "'params' or 'multiplier', found neither"),
        ({"name": "efficientnet", "multiplier": 0}, "multiplier"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_keys_that_make_no_net(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        made(entry)


@pytest.mark.parametrize(
    ("name", "multiplier", "width"),
    [("resnet", 0.25, 16), ("resnet", 1e-9, 1), ("resnet", 2, 128), ("efficientnet", 0.5, 16)],
)
def test_a_multiplier_is_a_width(name: str, multiplier: float, width: int) -> None:
    assert made({"name": name, "multiplier": multiplier}) == made({"name": name, "width": width})


@pytest.mark.parametrize(
    ("entry", "shape", "unsuitable"),
    [
        ({"name": "vit", "width": 4}, (3, 32, 32), None),
        (
            {"name": "vit", "width": 4, "patch": 7},
            (3, 32, 32),
            "patch 7 does not divide 32x32 pixels (possible: 1, 2, 4, 8, 16, 32)",
        ),
        (
            {"name": "mlp-mixer", "width": 4, "patch": 4},
            (1, 8, 6),
            "patch 4 does not divide 8x6 pixels (possible: 1, 2)",
        ),
        ({"name": "mlp-mixer", "width": 4, "patch": 2}, (1, 8, 6), None),
        (
            {"name": "vit", "width": 4, "patch": 2},
            (1, 8, 6),
            "'vit': expected square images, found 8x6 pixels",
        ),
        ({"name": "resnet", "width": 4}, (1, 8, 8), None),
        (
            {"name": "resnet", "width": 4},
            (1, 8, 7),
            "3 halvings leave nothing of 8x7 pixels: expected sides of 8 or more",
        ),
        (
            {"name": "resnet", "width": 4, "stem": "large"},
            (1, 28, 28),
            "5 halvings leave nothing of 28x28 pixels: expected sides of 32 or more"
            " or the small stem",
        ),
        ({"name": "efficientnet", "width": 4}, (1, 16, 16), None),
        (
            {"name": "efficientnet", "width": 4},
            (1, 8, 8),
            "4 halvings leave nothing of 8x8 pixels: expected sides of 16 or more",
        ),
        *(
            (
                {"name": name, "width": 4},
                (54,),
                f"{name!r}: expected images (channels, height, width), found inputs (54,)",
            )
            for name in ("resnet", "vit", "efficientnet", "mlp-mixer")
        ),
    ],
    ids=str,
)
def test_what_published_families_cannot_take(
    entry: dict[str, Any], shape: tuple[int, ...], unsuitable: str | None
) -> None:
    assert made(entry).unsuitable(shape) == unsuitable

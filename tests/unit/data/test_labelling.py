"""Samples, inputs and labels of probes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.entries import labels_of

from emc.data import Drawn, Samples, draw, for_testing
from emc.data import samples as samples_module
from emc.errors import EmcError

RULES = (
    "original",
    "random",
    {"name": "random", "classes": 4},
    "random-inputs",
    "permuted-pixels",
    {"noisy": 0.3},
    {"classes": 3},
)
seeds = st.integers(0, 2**62)
sizes = st.integers(1, 1438)
few = settings(max_examples=30, deadline=None)


def seen(drawn: Drawn) -> np.ndarray:
    return drawn.inputs[drawn.rows]


@few
@given(st.sampled_from(RULES), sizes, seeds)
def test_same_seed_same_probe(digits: Samples, entry: object, n: int, seed: int) -> None:
    one, two = draw(digits, labels_of(entry), n, seed), draw(digits, labels_of(entry), n, seed)
    np.testing.assert_array_equal(seen(one), seen(two))
    np.testing.assert_array_equal(one.labels, two.labels)


@few
@given(st.sampled_from(RULES), sizes, seeds)
def test_types_and_ranges(digits: Samples, entry: object, n: int, seed: int) -> None:
    drawn = draw(digits, labels_of(entry), n, seed)
    classes = {"random": 10, "classes": 3}.get(labels_of(entry).name, 10)
    assert drawn.inputs.dtype == np.float32
    assert drawn.inputs.flags.c_contiguous
    assert drawn.inputs.shape[1:] == digits.shape
    assert drawn.rows.dtype == drawn.labels.dtype == np.int64
    assert drawn.rows.shape == drawn.labels.shape == (n,)
    assert len(set(drawn.rows.tolist())) == n
    assert 0 <= drawn.labels.min() <= drawn.labels.max() < classes


@few
@given(sizes, seeds)
def test_original(digits: Samples, n: int, seed: int) -> None:
    drawn = draw(digits, labels_of("original"), n, seed)
    assert drawn.inputs is digits.shared_inputs()
    np.testing.assert_array_equal(drawn.labels, digits.labels[drawn.rows])


@pytest.mark.parametrize("entry", ["original", "random", {"noisy": 0.5}, {"classes": 2}])
def test_labellings_share_samples_and_inputs(digits: Samples, entry: object) -> None:
    drawn, original = (
        draw(digits, labels_of(entry), 50, 3),
        draw(digits, labels_of("original"), 50, 3),
    )
    assert drawn.inputs is original.inputs
    np.testing.assert_array_equal(drawn.rows, original.rows)


def test_whole_data_set_and_one_sample(digits: Samples) -> None:
    drawn = draw(digits, labels_of("original"), digits.n, 1)
    assert sorted(drawn.rows.tolist()) == list(range(digits.n))
    assert len(draw(digits, labels_of({"noisy": 0.4}), 1, 1).labels) == 1


@pytest.mark.parametrize("n", [0, 1439])
def test_more_than_there_are(digits: Samples, n: int) -> None:
    with pytest.raises(EmcError, match=f"digits: expected 1 to 1438 samples to draw, found {n}"):
        draw(digits, labels_of("original"), n, 0)


def test_every_row_is_equally_likely(gaussian: Samples) -> None:
    counts = np.zeros(gaussian.n)
    for seed in range(2000):
        counts[draw(gaussian, labels_of("original"), 30, seed).rows] += 1
    assert (counts.sum(), len(counts)) == (60_000, 300)
    chi_square = ((counts - 200) ** 2 / (200 * 0.9)).sum()
    assert abs(chi_square - 300) < 5 * (2 * 300) ** 0.5


@pytest.mark.parametrize("classes", [None, 2, 17])
def test_random_labels_are_uniform_and_ignore_the_inputs(
    digits: Samples, classes: int | None
) -> None:
    k = classes or 10
    drawn = draw(digits, labels_of({"name": "random", "classes": classes}), digits.n, 5)
    counts = np.bincount(drawn.labels, minlength=k)
    expected = digits.n / k
    assert len(counts) == k
    assert abs(((counts - expected) ** 2 / expected).sum() - (k - 1)) < 5 * (2 * k) ** 0.5
    agree = (drawn.labels == digits.labels[drawn.rows]).mean()
    assert agree == pytest.approx(1 / max(k, 10), abs=5 * (0.1 / digits.n) ** 0.5)


@few
@given(st.floats(0.001, 1), sizes, seeds)
def test_noise_hits_exactly_its_fraction(
    digits: Samples, fraction: float, n: int, seed: int
) -> None:
    drawn = draw(digits, labels_of({"noisy": fraction}), n, seed)
    wrong = drawn.labels != digits.labels[drawn.rows]
    assert wrong.sum() == round(fraction * n)


def test_noise_is_uniform_over_the_other_classes(gaussian: Samples) -> None:
    shifts = np.concatenate(
        [
            (drawn.labels - gaussian.labels[drawn.rows]) % 3
            for drawn in (
                draw(gaussian, labels_of({"noisy": 1.0}), 300, seed) for seed in range(20)
            )
        ]
    )
    assert set(shifts.tolist()) == {1, 2}
    assert (shifts == 1).mean() == pytest.approx(0.5, abs=5 * (0.25 / 6000) ** 0.5)


@few
@given(st.integers(2, 10), sizes, seeds)
def test_merged_classes(digits: Samples, count: int, n: int, seed: int) -> None:
    drawn = draw(digits, labels_of({"classes": count}), n, seed)
    np.testing.assert_array_equal(drawn.labels, digits.labels[drawn.rows] % count)


def test_random_inputs_are_standard_normal(digits: Samples) -> None:
    drawn = draw(digits, labels_of("random-inputs"), 1000, 2)
    inputs = seen(drawn).astype(np.float64)
    size = inputs.size
    assert inputs.mean() == pytest.approx(0, abs=5 / size**0.5)
    assert inputs.var() == pytest.approx(1, abs=5 * (2 / size) ** 0.5)
    assert (inputs**3).mean() == pytest.approx(0, abs=5 * (15 / size) ** 0.5)
    assert (inputs**4).mean() == pytest.approx(3, abs=5 * (96 / size) ** 0.5)
    rows = draw(digits, labels_of("original"), 1000, 2).rows
    np.testing.assert_array_equal(drawn.labels, digits.labels[rows])


def test_permuted_pixels_keep_each_image_and_differ(digits: Samples) -> None:
    drawn = draw(digits, labels_of("permuted-pixels"), 200, 4)
    original = draw(digits, labels_of("original"), 200, 4)
    before, after = seen(original).reshape(200, -1), seen(drawn).reshape(200, -1)
    np.testing.assert_array_equal(np.sort(after, axis=1), np.sort(before, axis=1))
    assert (before != after).any(axis=1).all()
    np.testing.assert_array_equal(drawn.labels, original.labels)


def test_permutations_move_whole_pixels_and_are_each_image_s_own(
    tmp_path_factory: pytest.TempPathFactory, digits: Samples
) -> None:
    """Images whose three channels hold each pixel's number show their own permutation."""
    numbers = np.arange(64, dtype=np.uint8).reshape(8, 8)
    stored = np.broadcast_to(numbers, (300, 3, 8, 8))
    samples = Samples(
        digits.manifest, stored, np.zeros(300, dtype=np.int64), (stored[:0], digits.labels[:0])
    )
    orders = seen(draw(samples, labels_of("permuted-pixels"), 300, 9)).reshape(300, 3, 64)
    np.testing.assert_array_equal(orders[:, 0], orders[:, 1])
    np.testing.assert_array_equal(orders[:, 0], orders[:, 2])
    assert len(np.unique(orders[:, 0], axis=0)) == 300
    ranks = orders[:, 0].argsort(axis=1).argsort(axis=1)
    spread = ranks.mean(axis=0)
    assert abs(spread - 31.5).max() < 5 * ((64**2 - 1) / 12 / 300) ** 0.5


def test_permuted_pixels_want_images(gaussian: Samples) -> None:
    with pytest.raises(EmcError, match=r"gaussian: 'permuted-pixels': expected images"):
        draw(gaussian, labels_of("permuted-pixels"), 5, 0)


def test_too_many_merged_classes(gaussian: Samples) -> None:
    with pytest.raises(EmcError, match="gaussian: expected at most 3 classes, found 4"):
        draw(gaussian, labels_of({"classes": 4}), 5, 0)


@pytest.mark.parametrize("entry", ["original", {"noisy": 0.3}, "permuted-pixels"])
def test_large_sets_give_their_rows_alone(
    digits: Samples, monkeypatch: pytest.MonkeyPatch, entry: object
) -> None:
    shared = draw(digits, labels_of(entry), 40, 6)
    monkeypatch.setattr(samples_module, "SHARED_BYTES", 1000)
    alone = draw(digits, labels_of(entry), 40, 6)
    assert alone.inputs.shape == (40, 1, 8, 8)
    assert alone.rows.tolist() == list(range(40))
    np.testing.assert_array_equal(seen(alone), seen(shared))
    np.testing.assert_array_equal(alone.labels, shared.labels)


def test_test_part_under_a_labelling(digits: Samples) -> None:
    own = digits.test().labels
    np.testing.assert_array_equal(for_testing(digits, labels_of("original")).labels, own)
    np.testing.assert_array_equal(for_testing(digits, labels_of({"noisy": 0.5})).labels, own)
    np.testing.assert_array_equal(for_testing(digits, labels_of({"classes": 4})).labels, own % 4)


@pytest.mark.parametrize("name", ["random", "random-inputs", "permuted-pixels"])
def test_what_cannot_be_tested(digits: Samples, name: str) -> None:
    with pytest.raises(EmcError, match=f"labels: '{name}' cannot be tested on new samples"):
        for_testing(digits, labels_of(name))

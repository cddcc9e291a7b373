"""Cells of every kind, and the many ways to write each."""

from typing import Any

from hypothesis import strategies as st

_rates = st.floats(1e-4, 10)
_small = st.integers(1, 40)
_share = st.floats(0, 0.99)


def _entry(name: str, **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"name": st.just(name)}, optional=keys)


def _net(name: str, **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A family with some of its keys, and a size."""
    sizes = st.one_of(
        st.fixed_dictionaries({"width": st.integers(1, 5).map(lambda k: 12 * k)}),
        st.fixed_dictionaries({"params": st.floats(2e5, 1e6)}),
    )
    return st.builds(lambda entry, size: {**entry, **size}, _entry(name, **keys), sizes)


_large_images = st.sampled_from(["mnist-5k", "mnist", "cifar10", {"name": "imagenet"}])
_images = st.just("digits") | _large_images
_gaussian = st.fixed_dictionaries(
    {"name": st.just("gaussian"), "dimension": _small},
    optional={"samples": st.integers(5, 10**6), "classes": st.integers(2, 5), "seed": _small},
)
_depth = st.integers(1, 3)
_stem = st.just("small")
_flat_nets = st.one_of(_entry("linear", bias=st.booleans()), _net("mlp", depth=_depth))
_nets = st.one_of(
    _flat_nets,
    _net("cnn", depth=_depth, normalisation=st.sampled_from(["none", "group"])),
    _net("vit", depth=_depth, patch=st.sampled_from([2, 4]), heads=_depth),
    _net("mlp-mixer", depth=_depth),
    _net("resnet", depth=st.sampled_from([10, 34]), stem=_stem),
    st.just({"name": "resnet", "multiplier": 0.25}),
)
_large_nets = st.one_of(
    _net("resnet", normalisation=st.just("batch")),
    _net("efficientnet", variant=st.sampled_from(["b0", "b3"]), stem=_stem),
)

_labels = st.one_of(
    st.sampled_from(["original", "random", "random-inputs"]),
    st.fixed_dictionaries({"noisy": st.floats(0.01, 1)}),
    st.just({"classes": 2}),
    _entry("random", classes=st.integers(2, 9)),
)
_optimizers = st.one_of(
    _entry("sgd", lr=_rates, momentum=_share, weight_decay=_share),
    _entry("gd", lr=st.lists(_rates, min_size=1, max_size=3, unique=True), momentum=_share),
    _entry("adam", lr=_rates, beta1=_share, beta2=_share, epsilon=_rates),
    _entry("adamw", weight_decay=_share),
    _entry("shampoo", epsilon=_rates, interval=_small, largest=_small),
    _entry("soap", beta1=_share, interval=_small, largest=_small),
    _entry("lbfgs", history=_small),
    _entry("sam", rho=_rates, momentum=_share),
)
_parameterisations = st.one_of(
    st.just("full"),
    st.builds(lambda bits: {"name": "quantised", "bits": bits}, st.integers(1, 16)),
    st.just({"name": "subspace", "dimension": 2, "projection": "film"}),
)
_rest = {
    "labels": _labels,
    "activation": st.sampled_from(["relu", "leaky-relu", "gelu", "silu", "tanh", "identity"]),
    "initialisation": st.sampled_from(["scaled-normal", "torch"]),
    "parameterisation": _parameterisations,
    "optimizer": _optimizers,
    "schedule": st.one_of(st.just("cosine"), _entry("constant", warmup=_share)),
    "batch": st.fixed_dictionaries({"size": _small}, optional={"order": st.just("ragged")}),
    "loss": st.one_of(st.just("squared-error"), st.fixed_dictionaries({"label_smoothing": _share})),
    "budget": st.sampled_from([{"epochs": 300}, {"epochs": 20}, {"steps": 300}]),
    "criterion": st.floats(0.5, 1),
    "stopping": st.fixed_dictionaries({}, optional={"gradient": _rates, "plateau": _rates}),
    "search": st.one_of(
        st.sampled_from(["walk", "bayes"]),
        st.fixed_dictionaries({}, optional={"tolerance": st.floats(0.01, 0.9), "probes": _small}),
    ),
    "endpoints": _small,
    "seed": st.integers(0, 2**63 - 1),
}

raw_cells = st.one_of(
    st.fixed_dictionaries({"dataset": _images, "architecture": _nets}, optional=_rest),
    st.fixed_dictionaries({"dataset": _large_images, "architecture": _large_nets}, optional=_rest),
    st.fixed_dictionaries({"dataset": _gaussian, "architecture": _flat_nets}, optional=_rest),
)
"""Valid cells as a study file writes them."""


@st.composite
def rewritten(draw: st.DrawFn, value: Any) -> Any:
    """The same value with its keys in another order and its numbers in another spelling."""
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: draw(rewritten(value[key])) for key in keys}
    if isinstance(value, list):
        return [draw(rewritten(one)) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    spellings = [value, str(value), f" {value}"]
    if isinstance(value, float) or abs(value) < 2**53:
        spellings += [float(value), f"{value:.17e}", f"{float(value)!r}"]
    return draw(st.sampled_from(spellings))

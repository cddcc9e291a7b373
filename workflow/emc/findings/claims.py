"""The findings of Shwartz-Ziv et al. (arXiv 2406.11463), each as a claim that can fail."""

from typing import Final

import polars as pl

from emc.findings.claim import (
    ALL,
    Claim,
    Gather,
    compared,
    compared_at_equal_evaluations,
    per_parameter,
)
from emc.findings.factors import FACTORS, Factor, of_equal_size
from emc.findings.statistics import Expectation
from emc.study.datasets import IMAGES, PUBLISHED_TABLES

_GREATER, _LESS = Expectation.GREATER, Expectation.LESS

_LABELS: Final = pl.col("labels")
_PARAMETERISATION: Final = pl.col("parameterisation")
_DATA_SET: Final = pl.col("definition").str.json_path_match("$.dataset.name")
"""Its name in a study, whatever the user calls it."""
_ON_RANDOM: Final = _LABELS == "random"
_ON_ORIGINAL: Final = _LABELS == "original"
_A_NET: Final = pl.col("architecture") != "linear"


def _named(condition: pl.Expr, name: str, otherwise: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(name)).otherwise(pl.lit(otherwise))


def _architectures(over: str, under: str, where: pl.Expr) -> Gather:
    return compared(FACTORS["architecture"], over, under, where=where)


def _optimizers(
    name: str, finding: int, statement: str, *, over: str, under: str, expect: Expectation
) -> tuple[Claim, Claim]:
    """At equal budgets in epochs or steps, and at equal cost: their steps cost unequally much."""
    wants = f"cells that differ in optimizer only, {over} and {under}"
    ratio, factor = f"{over} over {under}", FACTORS["optimizer"]
    return (
        Claim(
            name,
            finding,
            f"{statement}, at minima",
            ratio,
            expect,
            wants,
            compared(factor, over, under),
        ),
        Claim(
            f"{name}-at-equal-evaluations",
            finding,
            f"{statement} within equal gradient evaluations",
            f"{ratio}, both at the best rate of their whole budget",
            expect,
            f"{wants}, with a learning rate that does not follow the budget",
            compared_at_equal_evaluations(factor, over, under),
            of_budget=True,
        ),
    )


def _over_gd(optimizer: str, title: str) -> tuple[Claim, Claim]:
    statement = f"{title} fits more than full-batch gradient descent"
    name = f"{optimizer}-over-gd"
    return _optimizers(name, 3, statement, over=optimizer, under="gd", expect=_GREATER)


def _activations(under: str) -> Claim:
    return Claim(
        f"relu-over-{under}",
        5,
        f"ReLU fits more than {under}, at minima",
        f"relu over {under}",
        _GREATER,
        f"cells that differ in activation only, relu and {under}",
        compared(FACTORS["activation"], "relu", under),
    )


def _random_inputs(architecture: str, expect: Expectation) -> Claim:
    harder = "more" if expect is _GREATER else "fewer"
    return Claim(
        f"{architecture}-random-inputs",
        7,
        f"{architecture} nets fit {harder} random inputs than original data, at minima",
        "random inputs over original data",
        expect,
        f"{architecture} cells with labels random-inputs and original",
        compared(
            FACTORS["labels"],
            "random-inputs",
            "original",
            where=pl.col("architecture") == architecture,
        ),
    )


def _classes(name: str, where: pl.Expr, expect: Expectation, kind: str) -> Claim:
    classes = pl.col("classes")
    level = (
        pl.when(classes == classes.max())
        .then(pl.lit("most"))
        .when(classes == classes.min())
        .then(pl.lit("fewest"))
    )
    harder = "easier" if expect is _GREATER else "harder"
    return Claim(
        name,
        8,
        f"more classes are {harder} to fit with {kind} labels, at minima",
        "most classes over fewest, per parameter",
        expect,
        f"cells with {kind} labels of different numbers of classes, nets of equal size",
        compared(
            of_equal_size("classes", "labels", "architecture.width"),
            "most",
            "fewest",
            level=level,
            where=where,
        ),
    )


def _wide_or_deep() -> pl.Expr:
    depth = pl.col("depth")
    family = ("architecture", "dataset")
    return (
        pl.when(depth == depth.min().over(family))
        .then(pl.lit("wide"))
        .when(depth == depth.max().over(family))
        .then(pl.lit("deep"))
    )


CLAIMS: Final[tuple[Claim, ...]] = (
    Claim(
        "fewer-than-parameters",
        1,
        "standard optimizers fit far fewer samples than there are parameters, at minima",
        "samples over parameters",
        _LESS,
        "cells of nets that are not linear",
        per_parameter(_A_NET),
    ),
    Claim(
        "cnn-over-mlp-original",
        2,
        "CNNs fit more per parameter than MLPs at minima, on original labels",
        "cnn over mlp, per parameter",
        _GREATER,
        "cnn and mlp cells of equal size with original labels",
        _architectures("cnn", "mlp", _ON_ORIGINAL),
    ),
    Claim(
        "cnn-over-mlp-random",
        2,
        "CNNs fit more per parameter than MLPs at minima, on random labels",
        "cnn over mlp, per parameter",
        _GREATER,
        "cnn and mlp cells of equal size with random labels",
        _architectures("cnn", "mlp", _ON_RANDOM),
    ),
    Claim(
        "cnn-over-vit",
        2,
        "CNNs fit more per parameter than ViTs, at minima",
        "cnn over vit, per parameter",
        _GREATER,
        "cnn and vit cells of equal size",
        _architectures("cnn", "vit", ALL),
    ),
    *_over_gd("sgd", "mini-batch SGD"),
    *_over_gd("shampoo", "Shampoo"),
    Claim(
        "label-gap-predicts-generalisation",
        4,
        "the larger EMC at minima on original labels over that on random ones, the smaller the"
        " generalisation gap",
        "correlation of label gap and generalisation gap at equal size and architecture",
        _LESS,
        "cells that differ in labels only, original and random, with a test accuracy",
        lambda material: material.gaps,
    ),
    *map(_activations, ("sigmoid", "tanh", "leaky-relu", "identity")),
    Claim(
        "random-below-original",
        6,
        "fewer randomly than originally labelled samples fit, at minima",
        "random over original labels",
        _LESS,
        "cells that differ in labels only, random and original",
        compared(FACTORS["labels"], "random", "original"),
    ),
    Claim(
        "nets-below-linear-on-random",
        6,
        "on random labels nets fit fewer samples per parameter than linear models, at minima",
        "nets over linear models, per parameter",
        _LESS,
        "cells of linear models beside those of nets, with random labels",
        compared(
            Factor(
                "kind", ("architecture", "activation", "initialisation"), measure="per_parameter"
            ),
            "net",
            "linear",
            level=_named(_A_NET, "net", "linear"),
            where=_ON_RANDOM,
        ),
    ),
    _random_inputs("mlp", _GREATER),
    _random_inputs("cnn", _LESS),
    _classes("more-classes-original", _LABELS.is_in(["original", "classes"]), _LESS, "original"),
    _classes("more-classes-random", _ON_RANDOM, _GREATER, "random"),
    Claim(
        "tabular-over-images",
        9,
        "tabular data sets give larger EMC than image data sets, at minima",
        "tabular over image data, per parameter",
        _GREATER,
        "cells of nets of equal size on tabular and on image data sets",
        compared(
            of_equal_size("kind", *FACTORS["dataset"].keys),
            "tabular",
            "image",
            level=_named(_DATA_SET.is_in(PUBLISHED_TABLES), "tabular", "image"),
            where=_DATA_SET.is_in([*PUBLISHED_TABLES, *IMAGES]),
        ),
    ),
    Claim(
        "width-over-depth",
        10,
        "scaling width raises EMC at minima more than scaling depth at equal parameters",
        "shallow and wide over deep and narrow",
        _GREATER,
        "cells of one family and equal size at different depths",
        compared(FACTORS["depth"], "wide", "deep", level=_wide_or_deep()),
    ),
    Claim(
        "reparameterised-over-full",
        11,
        "training in a subspace raises EMC at minima per trainable number",
        "reparameterised over full, per trainable number",
        _GREATER,
        "cells that differ in parameterisation only, full and subspace or low-rank",
        compared(
            FACTORS["parameterisation"],
            "reparameterised",
            "full",
            level=_named(_PARAMETERISATION == "full", "full", "reparameterised"),
            where=_PARAMETERISATION != "quantised",
        ),
    ),
    Claim(
        "low-precision-over-full",
        11,
        "low precision raises EMC per bit, at minima",
        "quantised over full, per bit",
        _GREATER,
        "cells that differ in parameterisation only, full and quantised",
        compared(
            Factor("parameterisation", ("parameterisation",), measure="per_bit"),
            "quantised",
            "full",
        ),
    ),
    Claim(
        "weight-decay-lowers",
        12,
        "weight decay lowers EMC at minima",
        "with over without weight decay",
        _LESS,
        "cells that differ in weight decay only, none and some",
        compared(
            FACTORS["weight_decay"],
            "with",
            "without",
            level=_named(pl.col("weight_decay") > 0, "with", "without"),
        ),
    ),
    Claim(
        "label-smoothing-lowers",
        12,
        "label smoothing lowers EMC at minima",
        "with over without label smoothing",
        _LESS,
        "cells that differ in label smoothing only, none and some",
        compared(
            FACTORS["label_smoothing"],
            "with",
            "without",
            level=_named(pl.col("label_smoothing") > 0, "with", "without"),
        ),
    ),
    *_optimizers(
        "sam-does-not-lower",
        12,
        "SAM does not lower EMC",
        over="sam",
        under="sgd",
        expect=Expectation.NOT_LESS,
    ),
)

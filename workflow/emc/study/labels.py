"""The labellings that a study can name: what is to be fitted of a data set."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from emc.study.datasets import Facts
from emc.study.strict import Positive, Several, Strict, named


class Original(Strict):
    """The labels of the data set."""

    name: Literal["original"]


class Random(Strict):
    """Uniformly random labels, drawn anew for each probe and fixed while it trains."""

    name: Literal["random"]
    classes: Several | None = None
    """How many classes to draw from; the data set's own number where absent."""


class RandomInputs(Strict):
    """Standard normal inputs of the same shape, drawn anew for each probe; original labels."""

    name: Literal["random-inputs"]


class PermutedPixels(Strict):
    """Each image's pixels in an order of its own, drawn anew for each probe; original labels."""

    name: Literal["permuted-pixels"]


class Noisy(Strict):
    """Original labels, a fraction of which is replaced by another class at random."""

    name: Literal["noisy"]
    fraction: Annotated[Positive, Field(le=1)]
    """Share of the labels that are replaced."""


class Classes(Strict):
    """Original classes merged to `count`: class c becomes c modulo `count`."""

    name: Literal["classes"]
    count: Several
    """Classes that remain."""


def labelling(value: object) -> object:
    """Read the short forms `random`, `{noisy: 0.2}` and `{classes: 5}`."""
    if isinstance(value, dict) and set(value) == {"noisy"}:
        return {"name": "noisy", "fraction": value["noisy"]}
    if isinstance(value, dict) and set(value) == {"classes"}:
        return {"name": "classes", "count": value["classes"]}
    return named(value)


Labels = Annotated[
    Original | Random | RandomInputs | PermutedPixels | Noisy | Classes,
    Field(discriminator="name"),
    BeforeValidator(labelling),
]


def label_classes(labels: Labels, own: int) -> int:
    """Number of classes that the labelling of a data set with `own` classes has."""
    match labels:
        case Random(classes=int(count)) | Classes(count=count):
            return count
        case _:
            return own


def unsuitable(facts: Facts, labels: Labels) -> str | None:
    """Why the labelling does not suit a data set of which these are the facts, or None."""
    if isinstance(labels, Classes) and labels.count > facts.classes:
        return f"labels: expected at most {facts.classes} classes, found {labels.count}"
    if isinstance(labels, PermutedPixels) and len(facts.shape) != 3:
        return f"labels: 'permuted-pixels': expected images, found inputs {facts.shape}"
    return None

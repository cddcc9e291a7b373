"""Architectures that plug-ins register."""

from functools import lru_cache
from math import prod
from typing import Any, ClassVar

from pydantic import model_validator

from emc.study.architectures.family import Family, Matrix, Scaled, Shape
from emc.study.plugin_entry import PluginEntry, check_column, plugin_model, type_of
from emc.study.plugins import Registered


class PluginArchitecture(PluginEntry, Family):
    """A user's net; the inputs it takes are known as it is made."""

    own_initialisation: ClassVar[bool] = True

    def parameters(self, shape: Shape, classes: int) -> int:
        """Number of trainable parameters; the net is made, and tried on two inputs.

        Raises:
            EmcError: the plug-in fails, or what it makes is no net with such logits.
        """
        return sum(map(prod, _weights(self, shape, classes)))

    def matrices(self, shape: Shape, classes: int) -> list[Matrix]:
        """Every trainable weight with two dimensions or more.

        Raises:
            EmcError: as for `parameters`.
        """
        weights = _weights(self, shape, classes)
        return [(one[0], prod(one[1:])) for one in weights if len(one) > 1]

    def unsuitable(self, shape: Shape) -> str | None:  # noqa: ARG002
        """None: making the net tells."""
        return None


class PluginScaled(PluginArchitecture, Scaled):
    """A user's net with a whole number `width`, so that `params` can choose it."""

    inherited: ClassVar[frozenset[str]] = frozenset({"width"})
    default_width: ClassVar[int | None] = None

    @model_validator(mode="before")
    @classmethod
    def _width_by_default(cls, value: Any) -> Any:
        if isinstance(value, dict) and cls.default_width and not {"width", "params"} & {*value}:
            return {**value, "width": cls.default_width}
        return value


@lru_cache(maxsize=1024)
def _weights(net: PluginArchitecture, shape: Shape, classes: int) -> tuple[Shape, ...]:
    """Shapes of everything the net trains."""
    weights: tuple[Shape, ...] = net.registered.details(net, shape, classes)
    return weights


def plugin_architecture(registered: Registered) -> type[PluginArchitecture]:
    """The model of a user's architecture."""
    width = registered.keys.get("width")
    if width is None:
        return plugin_model(registered, PluginArchitecture)
    check_column(registered, "width", type_of(width))
    model = plugin_model(registered, PluginScaled)
    if width.default is not width.empty:
        model.default_width = width.default
    return model

"""The activation of a study: one of the program's, or a plug-in's."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import ValidationInfo, WrapValidator, model_validator

from emc.activations import ACTIVATIONS
from emc.errors import EmcError
from emc.study.plugin_entry import PluginEntry, plugin_model, plugin_or_known
from emc.study.strict import is_canonical


class PluginActivation(PluginEntry):
    """An activation that a plug-in registers; its function is tried before anything is trained."""

    @model_validator(mode="after")
    def _works(self, info: ValidationInfo) -> Self:
        if is_canonical(info):
            return self
        try:
            self.registered.details.check(self.registered)
        except EmcError as error:
            raise ValueError(str(error)) from None
        return self


if TYPE_CHECKING:
    ActivationChoice = str | PluginActivation
else:
    ActivationChoice = Annotated[
        Literal[tuple(ACTIVATIONS)],
        WrapValidator(
            plugin_or_known(
                "activation",
                lambda registered: plugin_model(registered, PluginActivation),
                ACTIVATIONS,
            )
        ),
    ]


def activation_name(activation: ActivationChoice) -> str:
    """The name of an activation, the program's or a plug-in's."""
    return activation if isinstance(activation, str) else activation.name

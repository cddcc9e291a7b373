"""What followed a run that did not fit within its budget: a descent to a minimum."""

from dataclasses import dataclass
from enum import StrEnum

from emc.records.column import column
from emc.records.outcome import Outcome


class FirstOrderTest(StrEnum):
    """Which first-order test a point passed, or would have had to pass."""

    GRADIENT = "gradient"
    DIRECTIONAL = "directional"
    COMBINATION = "combination"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How a deterministic full-batch descent in float64 ended, from where training stopped.

    Accuracy, loss and gradient norm are those of the point that was reached; the loss is the
    objective, with its smoothing and weight decay. On kinks the norm is that of the shortest
    convex combination of the one-sided gradients.
    """

    outcome: Outcome = column("how it ended: finished, minimum or open")
    test: FirstOrderTest | None = column(
        "first-order test that decided: gradient, directional, combination"
    )
    reason: str = column("why it ended so, in one sentence")
    iterations: int = column("iterations of the descent")
    escapes: int = column("saddles that were left along negative curvature")
    kinks: int = column("active kinks at the point: pre-activations that are zero")
    accuracy: float = column("training accuracy at the point")
    loss: float = column("objective at the point, with smoothing and weight decay", unit="nats")
    gradient_norm: float = column("norm of what was tested there, the gradient or a combination")
    seconds: float = column("wall time of the finish", unit="seconds")

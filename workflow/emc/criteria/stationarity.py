"""The first-order tests together."""


def is_stationary(
    *, gradient_norm: float, gradient_tolerance: float, plateau: float, plateau_tolerance: float
) -> bool:
    """Whether the full-batch gradient is small and the training loss has stopped moving.

    `gradient_norm` is the Euclidean norm of the gradient of the mean training loss; not-a-number
    passes neither test.
    """
    return gradient_norm <= gradient_tolerance and plateau <= plateau_tolerance

"""How fast a machine trains and finishes one kind of net."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """What a procedure took in a short timing run on one machine.

    Attributes:
        parameters: trainable numbers of the net that was timed.
        work: multiply-adds of one sample forward, of nets of layers; of others as `parameters`.
        training: seconds of training per sample and step, evaluation included.
        gradients: gradients of single samples per sample and step: two for SAM.
        finishing: seconds of a pass of a finish, loss and gradient in float64, per sample; 0 where
            no run is finished.
        passing: seconds that each pass of a finish takes besides, whatever its samples.
        starting: seconds of a process until it trains: interpreter and imports.
        megabytes: peak of a process that trains and finishes, resident, without a data set.
        together: replicas that train side by side, which end with the last of them.
    """

    parameters: int
    work: float
    training: float
    gradients: float
    finishing: float
    passing: float
    starting: float
    megabytes: float
    together: float = 1.0

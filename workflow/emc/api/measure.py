"""`emc.measure`: the EMC of anyone's net on anyone's data."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from emc.api.measurement import Measurement
from emc.engine import Procedure, Update, choose
from emc.engine.device import resolve
from emc.errors import EmcError
from emc.measurement.arrays import ArraySource
from emc.measurement.measure import round_size
from emc.measurement.memory import MemoryJournal
from emc.measurement.progress import reporter
from emc.measurement.result import estimate
from emc.measurement.rounds import Setting, run_rounds
from emc.search import make
from emc.study.complaints import complaints, report
from emc.study.training import FULL_BATCH, Optimizer

if TYPE_CHECKING:
    from torch import nn


def measure(
    model: "Callable[[], nn.Module]",
    source: Any,
    *,
    labels: str = "original",
    optimizer: str | Mapping[str, Any] = "sgd",
    batch: int = 128,
    epochs: int = 300,
    tolerance: float = 0.05,
    probes: int = 200,
    smallest: int = 1,
    seed: int = 0,
    device: str = "auto",
    back_end: str | None = None,
) -> Measurement:
    """Measure how many samples a net fits.

    Args:
        model: makes a fresh net at each call; it maps float32 [batch, *shape] to logits
            [batch, classes].
        source: inputs [N, *shape] and integer labels [N] as a pair of arrays or tensors, or a
            torch data set of such pairs.
        labels: "original", or "random" for uniformly random ones.
        optimizer: a name or an entry as in a study file, such as
            {"name": "adam", "lr": [0.001, 0.01]}.
        batch: samples a step.
        epochs: longest training of one probe.
        tolerance: wanted half width of the 95 % interval, relative.
        probes: most training runs to spend.
        smallest: the smallest n to try; batch normalisation needs two samples or more.
        seed: another seed measures independently.
        device: "auto", "cpu" or "cuda".
        back_end: engine to use, whatever the rule would choose.

    Raises:
        EmcError: model, source or optimizer are not as described.
    """
    _check_counts(batch=batch, epochs=epochs, probes=probes, smallest=smallest)
    drawn_from = _source(source, labels)
    chosen = _optimizer(optimizer)
    procedure = Procedure(
        classes=drawn_from.classes,
        update=Update(**chosen.model_dump(exclude={"lr"})),
        module=model,
        batch=None if chosen.name in FULL_BATCH else batch,
        epochs=epochs,
    )
    parameters = _parameters(model)
    place = resolve(device)
    method = make(
        "bayes",
        smallest=smallest,
        largest=drawn_from.available,
        rates=chosen.lr,
        tolerance=tolerance,
        probes=probes,
        round_size=round_size(choose.back_end(procedure, place, back_end), place),
    )
    setting = Setting(f"own-{seed}", drawn_from, procedure, method, place, back_end)
    return _run(setting, tolerance, probes, parameters)


def _run(setting: Setting, tolerance: float, probes: int, parameters: int) -> Measurement:
    """Run all rounds in memory and gather the answer."""
    journal = MemoryJournal()
    with reporter(setting.cell, tolerance, probes) as progress:
        answer = run_rounds(setting, journal, progress)
    found = estimate(
        answer,
        journal.probes,
        method="bayes",
        tolerance=tolerance,
        procedure=setting.procedure,
        parameters=parameters,
        available=setting.source.available,
    )
    return Measurement(found, tuple(journal.probes))


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise EmcError(f"{name}: a whole number from 1 is wanted, found {value!r}")


def _optimizer(entry: str | Mapping[str, Any]) -> Any:
    raw = {"name": entry} if isinstance(entry, str) else dict(entry)
    try:
        return TypeAdapter(Optimizer).validate_python(raw)
    except ValidationError as error:
        raise EmcError(report("optimizer", complaints("", error, raw))) from None


def _parameters(model: "Callable[[], nn.Module]") -> int:
    from torch import nn

    if isinstance(model, nn.Module) or not callable(model):
        raise EmcError(f"model: a function that makes a fresh net is wanted, found {type(model)}")
    net = model()
    if not isinstance(net, nn.Module):
        raise EmcError(f"model: it must return a torch.nn.Module, found {type(net)}")
    return sum(weight.numel() for weight in net.parameters() if weight.requires_grad)


def _source(source: Any, labels: str) -> ArraySource:
    if labels not in {"original", "random"}:
        raise EmcError(f"labels: 'original' or 'random' is wanted, found {labels!r}")
    inputs, classes = _arrays(source)
    _check(inputs, classes)
    own = None if labels == "random" else classes
    return ArraySource(inputs, own, int(classes.max()) + 1)


def _arrays(source: Any) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(source, Sequence) and not isinstance(source, str) and len(source) == 2:
        inputs, classes = source
    elif not isinstance(source, str) and hasattr(source, "__getitem__"):
        inputs, classes = zip(*(source[i] for i in range(len(source))), strict=True)
        inputs = np.stack([np.asarray(one) for one in inputs])
    else:
        raise EmcError(f"source: (inputs, labels) or a torch data set is wanted, found {source!r}")
    return np.ascontiguousarray(inputs, dtype=np.float32), np.asarray(classes)


def _check(inputs: np.ndarray, classes: np.ndarray) -> None:
    if classes.ndim != 1 or len(classes) != len(inputs) or not len(inputs):
        raise EmcError(
            f"source: inputs [N, ...] and labels [N] are wanted, found {inputs.shape} and"
            f" {classes.shape}"
        )
    if not np.issubdtype(classes.dtype, np.integer):
        raise EmcError(f"source: integer labels are wanted, found {classes.dtype}")
    if not np.isfinite(inputs).all():
        row = int(np.argwhere(~np.isfinite(inputs))[0][0])
        raise EmcError(f"source: input {row} is not finite")
    absent = sorted(set(range(int(classes.max()) + 1)) - set(classes.tolist()))
    if classes.min() < 0 or absent or classes.max() == 0:
        raise EmcError(
            f"source: labels 0 to classes - 1 are wanted, at least two, each present; found"
            f" {classes.min()} to {classes.max()}, absent {absent[:5]}"
        )

"""Which back end trains a procedure."""

import logging
from collections.abc import Iterator, Sequence
from functools import cache

from emc.engine.back_end import BackEnd, SlicingBackEnd
from emc.engine.check import check_willing
from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints
from emc.engine.fastest import clock_of, fastest, worth_a_trial
from emc.engine.native import NativeBackEnd
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.slices import InSlices, alone
from emc.errors import EmcError
from emc.native.unavailable import UnavailableError

log = logging.getLogger(__name__)

BACK_ENDS = ("native", "persistent", "compiled", "vmap", "sequential")

_PREFERRED = {
    "cpu": ("native", "vmap", "sequential"),
    "cuda": ("persistent", "compiled", "vmap", "sequential"),
}
"""On a CPU compiling takes half a minute per shape and saves little: only on demand."""

_ONLY_ON = {"native": "cpu", "persistent": "cuda"}

_chosen: dict[tuple[str, object, str, str], str] = {}
"""By device, net, optimizer and loss, the back end that a timing run found, maybe an earlier
process's: kernels that know no rule of one optimizer may know another's."""

_gave_way: dict[tuple[str, str, object], str] = {}
"""Why back ends, devices and nets turned out not to go together: not tried again."""


def run_probes(
    procedure: Procedure,
    replicas: Sequence[Replica],
    device: str = "cpu",
    back_end: str | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[TrainedRun]:
    """As `probes_in_slices` says, each slice being launched by itself."""
    return alone(probes_in_slices(procedure, replicas, device, back_end, checkpoints))


def probes_in_slices(
    procedure: Procedure,
    replicas: Sequence[Replica],
    device: str = "cpu",
    back_end: str | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> InSlices[list[TrainedRun]]:
    """Train every replica on `device`, "cpu" or "cuda", and answer in their order.

    Back ends that know no slices train all of it before they go on.

    What is reached goes to `checkpoints` now and then; the same call goes on from what it finds
    there, to the same runs.

    Without a forced `back_end` the one that `settle` or `prefer` chose is taken, else the first
    that can; where one turns out unable as it runs, its reason is logged as a warning and the next
    is taken, for the rest of the process without another try. `TrainedRun.back_end` says which ran.

    Raises:
        EmcError: samples, labels or net do not fit the procedure, or the forced back end refuses.
    """
    if back_end is not None:
        forced = _forced(procedure, device, back_end)
        return (yield from _in_slices(forced, procedure, replicas, checkpoints))
    for chosen in _willing(procedure, device):
        pairing = (chosen.name, device, procedure.net)
        if pairing in _gave_way:
            continue
        try:
            return (yield from _in_slices(chosen, procedure, replicas, checkpoints))
        except UnavailableError as error:
            log.warning("the %s back end gives way to the next: %s", chosen.name, error)
            _gave_way[pairing] = str(error)
    raise AssertionError("the sequential back end never refuses")


def _in_slices(
    chosen: BackEnd, procedure: Procedure, replicas: Sequence[Replica], checkpoints: Checkpoints
) -> InSlices[list[TrainedRun]]:
    if isinstance(chosen, SlicingBackEnd):
        return (yield from chosen.in_slices(procedure, replicas, checkpoints))
    return chosen.run(procedure, replicas, checkpoints)


def back_end(procedure: Procedure, device: str, forced: str | None = None) -> BackEnd:
    """The back end that `run_probes` tries first.

    Raises:
        EmcError: the forced back end is not known, or refuses the procedure on this device.
    """
    if forced is not None:
        return _forced(procedure, device, forced)
    return next(_willing(procedure, device))


def settle(procedure: Procedure, replicas: Sequence[Replica], device: str) -> None:
    """Find by a short timing run which back end trains such replicas fastest, for all calls.

    Kernels need no timing run, nor does what is over in moments. The numbers of a run are the same,
    up to rounding, whichever is chosen.

    Raises:
        EmcError: samples, labels or net do not fit the procedure.
    """
    if back_end(procedure, device).name == "native" or not worth_a_trial(procedure, replicas):
        return
    compiled = _made("compiled", device)
    able = [
        one
        for one in _willing(procedure, device)
        if (one.name, device, procedure.net) not in _gave_way and one is not compiled
    ]
    more = compiled if compiled.refuses(procedure) is None else None
    if len(able) > 1 or more is not None:
        found = fastest(able, more, procedure, replicas, clock_of(device))
        log.info("the %s back end was the fastest in a timing run", found.name)
        prefer(procedure, device, found.name)


def prefer(procedure: Procedure, device: str, name: str) -> None:
    """Let calls of `run_probes` take this back end first, unless another is forced."""
    _chosen[_training(procedure, device)] = name


def _training(procedure: Procedure, device: str) -> tuple[str, object, str, str]:
    return device, procedure.net, procedure.update.name, procedure.loss


def native_refusal(procedure: Procedure, device: str, forced: str | None) -> str | None:
    """Why the native back end does not train a procedure on a device, or None where it does."""
    if forced not in {None, "native"}:
        return f"the back end {forced!r} is asked for"
    if device != "cpu":
        return f"they train on the processor, and the device is {device!r}"
    gave_way = _gave_way.get(("native", device, procedure.net))
    return _made("native", device).refuses(procedure) or gave_way


def _willing(procedure: Procedure, device: str) -> Iterator[BackEnd]:
    first = _chosen.get(_training(procedure, device))
    names = [name for name in _PREFERRED[device] if name != first]
    for name in [first, *names] if first else names:
        candidate = _made(name, device)
        if reason := candidate.refuses(procedure):
            log.info("the %s back end does not run this procedure: %s", name, reason)
        else:
            yield candidate


def _forced(procedure: Procedure, device: str, name: str) -> BackEnd:
    if name not in BACK_ENDS:
        raise EmcError(f"back end: expected one of {', '.join(BACK_ENDS)}, found {name!r}")
    if (only := _ONLY_ON.get(name, device)) != device:
        raise EmcError(f"back end {name!r}: expected the device {only!r}, found {device!r}")
    chosen = _made(name, device)
    check_willing(chosen, procedure)
    return chosen


@cache
def _made(name: str, device: str) -> BackEnd:
    """One of each for the life of the process: compiled programs live as long as it does."""
    if name == "native":
        return NativeBackEnd()
    if name == "persistent":
        from emc.engine.persistent import Persistent
        from emc.engine.persistent.card import Card

        return Persistent(Card())
    if name == "sequential":
        from emc.engine.sequential import Sequential

        return Sequential(device)
    if name == "vmap":
        from emc.engine.stacked.vmap import Vmap

        return Vmap(device)
    from emc.engine.stacked.compiled import Compiled

    return Compiled(device)

"""Certify the end points that a measurement kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emc.curvature.endpoint import EndPoint, certify_end_points
from emc.curvature.parameters import EndPointError
from emc.curvature.tolerances import CertificateTolerances
from emc.data.samples import open_samples
from emc.engine.procedure import Procedure
from emc.errors import FileError
from emc.jobs.stage import follow
from emc.measurement.device_choice import device_to_certify, known_cell
from emc.measurement.objective import objective, seed_constants
from emc.measurement.procedure import procedure
from emc.measurement.source import LabelledSamples
from emc.records import Certificate, Probe
from emc.store.columns import CERTIFICATES
from emc.store.endpoints import Endpoint, read_endpoints
from emc.store.journal import forget
from emc.store.layout import REMADE_BY, Results
from emc.store.rows import certificate_row
from emc.study.cell import Cell
from emc.study.certificate import CertificateSettings
from emc.study.identity import cell_id, dataset_id, settings_id


def certify(
    cell: Cell,
    settings: CertificateSettings,
    results: Results,
    output: Path,
    *,
    threads: int = 1,
) -> None:
    """Write the table of certificates of a cell's end points.

    A net that kernels know is differentiated on the processor and shares out its samples between
    `threads`; any other takes one GPU where there is one. Whether they know a traced net shows
    once it is made, which begins CUDA: a card has to be held by then. A cell whose measurement
    failed gets an empty file, as does one that fails here. The journal of a measured cell goes:
    that this job was started says that the measurement's outputs are known.

    Raises:
        FileError: end points or data are missing, damaged, or do not belong to the cell.
    """
    files = results.cell(cell_id(cell))
    failure = files.failure(f"certify-{settings_id(settings)}")

    def rows(device: str) -> Iterator[dict[str, Any]]:
        found = certificates_of(cell, settings, results, device=device, threads=threads)
        return map(certificate_row, found)

    follow(
        "certify",
        files,
        rows,
        failure=failure,
        output=output,
        table=CERTIFICATES,
        device=lambda: device_to_certify(known_cell(cell, results)),
    )
    if files.measured:
        forget(files.journal)


def certificates_of(
    cell: Cell,
    settings: CertificateSettings,
    results: Results,
    *,
    device: str,
    threads: int = 1,
) -> list[Certificate]:
    """One certificate per kept end point; samples and labels are drawn again from its seed.

    Raises:
        FileError: end points or data are missing, damaged, or do not belong to the cell.
    """
    identity = cell_id(cell)
    path = results.cell(identity).endpoints
    kept = read_endpoints(path, identity)
    samples = open_samples(results.data(dataset_id(cell.dataset)))
    source = LabelledSamples(samples, cell.labels)
    trained = procedure(cell, samples.shape, samples.classes)
    ends = [_end_point(source, trained, one) for one in kept]
    judge = _Judge(trained, _settings(settings), device, threads)
    try:
        return judge.certificates([probe for probe, _ in kept], ends)
    except EndPointError as error:
        raise FileError(
            f"{path}: end points of {identity}: {error}; remove it and run {REMADE_BY} again"
        ) from None


@dataclass(frozen=True, slots=True)
class _Judge:
    """What all end points of a cell have in common."""

    trained: Procedure
    settings: CertificateTolerances
    device: str
    threads: int

    def certificates(self, probes: Sequence[Probe], ends: Sequence[EndPoint]) -> list[Certificate]:
        found = certify_end_points(
            self.trained.net,
            ends,
            objective(self.trained),
            tolerances=self.settings,
            device=self.device,
            threads=self.threads,
        )
        return [
            evidence.certificate(
                cell=probe.cell,
                number=probe.round,
                replica=probe.replica,
                outcome=probe.outcome,
            )
            for probe, end, evidence in zip(probes, ends, found, strict=True)
        ]


def _end_point(source: LabelledSamples, trained: Procedure, kept: Endpoint) -> EndPoint:
    probe, parameters = kept
    drawn = source.draw(probe.n, probe.seed)
    return EndPoint(
        parameters=parameters,
        inputs=drawn.inputs[drawn.rows],
        labels=drawn.labels,
        plateau=None if probe.finish else probe.run.plateau,
        seed=probe.seed,
        constants=seed_constants(trained, probe.seed),
    )


def _settings(wanted: CertificateSettings) -> CertificateTolerances:
    return CertificateTolerances(
        eps=wanted.eps,
        delta=wanted.delta,
        gradient=wanted.gradient,
        plateau=wanted.plateau,
        max_iterations=wanted.iterations,
    )

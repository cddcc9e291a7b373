"""Certify the end points that a measurement kept."""

from pathlib import Path

from emc.curvature.endpoint import EndPoint, certify_end_points
from emc.curvature.objective import Objective
from emc.curvature.settings import Settings
from emc.data.samples import open_samples
from emc.engine.device import resolve
from emc.measurement.cards import one_card
from emc.measurement.procedure import procedure
from emc.measurement.source import LabelledSamples
from emc.records import Certificate
from emc.store.columns import CERTIFICATES
from emc.store.endpoints import Endpoint, read_endpoints
from emc.store.layout import Results
from emc.store.rows import certificate_row
from emc.store.tables import write_table
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id
from emc.study.models import CertificateSettings
from emc.study.training import AdamW, OwnOptimizer


def certify(cell: Cell, settings: CertificateSettings, results: Results, output: Path) -> None:
    """Write the table of certificates of a cell's end points, on one GPU where there is one.

    Raises:
        EmcError: end points or data are missing, damaged, or do not belong to the cell.
    """
    with one_card():
        certificates = certificates_of(cell, settings, results, device=resolve("auto"))
    write_table(output, CERTIFICATES, map(certificate_row, certificates))


def certificates_of(
    cell: Cell, settings: CertificateSettings, results: Results, *, device: str
) -> list[Certificate]:
    """One certificate a kept end point; samples and labels are drawn again from its seed."""
    identity = cell_id(cell)
    kept = read_endpoints(results.cell(identity).endpoints, identity)
    samples = open_samples(results.data(dataset_id(cell.dataset)))
    source = LabelledSamples(samples, cell.labels)
    trained = procedure(cell, samples.shape, samples.classes)
    found = certify_end_points(
        trained.net,
        [_end_point(source, one) for one in kept],
        _objective(cell),
        settings=_settings(settings),
        device=device,
    )
    return [
        evidence.certificate(
            cell=identity, number=probe.round, replica=probe.replica, outcome=probe.outcome
        )
        for (probe, _), evidence in zip(kept, found, strict=True)
    ]


def _end_point(source: LabelledSamples, kept: Endpoint) -> EndPoint:
    probe, parameters = kept
    drawn = source.draw(probe.n, probe.seed)
    return EndPoint(
        parameters=parameters,
        inputs=drawn.inputs[drawn.rows],
        labels=drawn.labels,
        plateau=probe.plateau,
        seed=probe.seed,
    )


def _objective(cell: Cell) -> Objective:
    """Decoupled weight decay is no part of what is minimised, nor is that of a plug-in."""
    optimizer = cell.optimizer
    coupled = 0.0 if isinstance(optimizer, AdamW | OwnOptimizer) else optimizer.weight_decay
    return Objective(cell.loss.name, cell.loss.label_smoothing, coupled)


def _settings(wanted: CertificateSettings) -> Settings:
    return Settings(
        eps=wanted.eps,
        delta=wanted.delta,
        gradient=wanted.gradient,
        plateau=wanted.plateau,
        max_iterations=wanted.iterations,
    )

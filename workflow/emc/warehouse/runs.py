"""The jobs behind the numbers: what ran, on which device, with which code, for how long."""

from typing import Final

from emc.store.columns import Column
from emc.warehouse.relations import View

RUNS: Final = View(
    "runs",
    "One row per finished job of a cell. What a machine consumed is not recorded.",
    (
        Column("cell", "text", "cell"),
        Column("job", "text", "measure, certify or generalise"),
        Column("protocol", "whole", "version of the measurement: part of the cell's id"),
        Column("software", "text", "versions of the code; empty where not recorded", True),
        Column("back_end", "text", "back end that trained", True),
        Column("device", "text", "kind of device; certificates are computed in float64", True),
        Column("items", "whole", "probes trained, end points certified, or runs on all data"),
        Column("gradient_evaluations", "whole", "per-sample gradients of all probes", True),
        Column("seconds", "real", "wall time of them"),
    ),
    """
    WITH trained AS (
      SELECT cell, sum(gradient_evaluations)::BIGINT AS gradient_evaluations
      FROM probes GROUP BY cell),
    jobs AS (
      SELECT cell, 'measure' AS job, software, back_end, device, probes AS items,
        gradient_evaluations, seconds
      FROM estimates JOIN trained USING (cell)
      UNION ALL
      SELECT cell, 'certify', NULL, NULL, NULL, count(*), NULL,
        sum(seconds)
      FROM certificates GROUP BY cell
      UNION ALL
      SELECT cell, 'generalise', NULL, any_value(back_end), any_value(device), count(*), NULL,
        sum(seconds)
      FROM generalisation GROUP BY cell)
    SELECT cell, job, (definition ->> '$.protocol')::BIGINT AS protocol, software, back_end, device,
      items, gradient_evaluations, seconds
    FROM jobs JOIN cells USING (cell) ORDER BY cell, job DESC
    """,
)

# The data product: every cell, probe and certificate of the study in one database.


rule aggregate:
    input:
        cells="results/studies/{study}/cells.parquet",
        manifests=ASKED.manifests,
        # The last files of each cell; whatever else it lacks is missed, too.
        certificates=lambda wildcards: ASKED.certificates,
        missing=lambda wildcards: ASKED.missing_files,
        generalisation=ASKED.generalisation,
    output:
        database="results/studies/{study}/emc.duckdb",
    log:
        "results/logs/aggregate/{study}.log",
    benchmark:
        "results/benchmarks/aggregate/{study}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        results=results_of,
        settings=ASKED.settings_id,
        claims=lambda wildcards: ASKED.claims,
        seeds=STUDY.generalised_seeds,
    message:
        "Aggregating study {wildcards.study}"
    shell:
        "python -P -m emc.scripts.aggregate --cells {input.cells:q} --settings {params.settings}"
        " --claims={params.claims:q} --seeds {params.seeds} --results {params.results:q}"
        " --database {output.database:q} > {log} 2>&1"


rule export:
    input:
        database="results/studies/{study}/emc.duckdb",
    output:
        folder=directory("results/studies/{study}/tables"),
    log:
        "results/logs/export/{study}.log",
    benchmark:
        "results/benchmarks/export/{study}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        # A function, as are others of a user's text: braces in a text would be wildcards.
        title=lambda wildcards: ASKED.title,
    message:
        "Exporting the tables of {wildcards.study}"
    shell:
        "python -P -m emc.scripts.export --database {input.database:q} --folder {output.folder:q}"
        " --study {wildcards.study} --title={params.title:q} > {log} 2>&1"

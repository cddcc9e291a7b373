# The data product: every cell, probe and certificate of the study in one database.


rule aggregate:
    input:
        cells="results/studies/{study}/cells.parquet",
        probes=cell_files("results/cells/{cell}/probes.parquet"),
        estimates=cell_files("results/cells/{cell}/estimate.json"),
        certificates=cell_files(
            f"results/cells/{{cell}}/certificate-{SETTINGS_ID}.parquet"
        ),
    output:
        database="results/studies/{study}/emc.duckdb",
    log:
        "results/logs/aggregate/{study}.log",
    benchmark:
        "results/benchmarks/aggregate/{study}.tsv"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=SETTINGS_ID,
    message:
        "Aggregating study {wildcards.study}"
    shell:
        "python -P scripts/aggregate.py --cells {input.cells:q} --settings {params.settings}"
        " --results results --database {output.database:q} > {log} 2>&1"

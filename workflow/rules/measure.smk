# The plan of a study and the search for each cell's EMC.


rule plan:
    output:
        cells="results/studies/{study}/cells.parquet",
    log:
        "results/logs/plan/{study}.log",
    benchmark:
        "results/benchmarks/plan/{study}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        study=lambda wildcards: str(STUDY.file),
        # Not the file's date: it would hide a study that is exchanged for an older file.
        cells=lambda wildcards: ASKED.plan,
    message:
        "Planning study {wildcards.study}"
    shell:
        "python -P -m emc.scripts.plan --study={params.study:q} --results results"
        " --cells {output.cells:q} > {log} 2>&1"


rule measure:
    input:
        data=ancient(lambda wildcards: ASKED.data_to_measure(wildcards.cell)),
    output:
        probes="results/cells/{cell}/probes.parquet",
        estimate="results/cells/{cell}/estimate.json",
        endpoints="results/cells/{cell}/endpoints.safetensors",
    log:
        "results/logs/measure/{cell}.log",
    benchmark:
        "results/benchmarks/measure/{cell}.tsv"
    threads: 1
    resources:
        gpu=lambda wildcards: ASKED.cards_to_measure(wildcards.cell),
        mem_mb=lambda wildcards, attempt: ASKED.resources_of_job(
            "measure", "mem_mb", wildcards.cell, attempt
        ),
        runtime=lambda wildcards, attempt: ASKED.resources_of_job(
            "measure", "runtime", wildcards.cell, attempt
        ),
    params:
        cell=lambda wildcards: ASKED.definition(wildcards.cell),
        results=results_of,
    message:
        "Measuring {wildcards.cell}"
    # `exec` since signals go to all of a job: a shell would die of them while the search saves.
    shell:
        "exec python -P -m emc.scripts.measure --cell {params.cell:q} --results {params.results:q} > {log} 2>&1"

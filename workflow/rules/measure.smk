# The plan of a study and the search for each cell's EMC.


rule plan:
    input:
        study=STUDY.file,
        whole=STUDY.part_of or [],
        plugins=STUDY.plugins,
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
        # The file's date alone would hide a study that is exchanged for an older file.
        cells=asked_for,
    message:
        "Planning study {wildcards.study}"
    shell:
        "python -P scripts/plan.py --study={input.study:q} --cells {output.cells:q} > {log} 2>&1"


rule measure:
    input:
        tensors=ancient(
            tensors_for(
                "results/cells/{cell}/probes.parquet",
                "results/cells/{cell}/estimate.json",
                "results/cells/{cell}/endpoints.safetensors",
            )
        ),
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
        gpu=1,
        mem_mb=requested("measure", "mem_mb"),
        runtime=requested("measure", "runtime"),
    params:
        cell=cell_definition,
    message:
        "Measuring {wildcards.cell}"
    # `exec` since signals go to all of a job: a shell would die of them while the search saves.
    shell:
        "exec python -P scripts/measure.py --cell {params.cell:q} --results results > {log} 2>&1"

# How well a procedure does on samples that it did not train on.


rule generalise:
    input:
        tensors=ancient(
            tensors_for(
                "results/cells/{cell}/generalisation-{seeds}.parquet",
                after="results/cells/{cell}/estimate.json",
            )
        ),
        estimate="results/cells/{cell}/estimate.json",
    output:
        runs="results/cells/{cell}/generalisation-{seeds}.parquet",
    log:
        "results/logs/generalise/{cell}-{seeds}.log",
    benchmark:
        "results/benchmarks/generalise/{cell}-{seeds}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=requested("generalise", "mem_mb"),
        runtime=requested("generalise", "runtime"),
    params:
        cell=cell_definition,
    message:
        "Testing {wildcards.cell} on new samples"
    shell:
        "exec python -P scripts/generalise.py --cell {params.cell:q} --seeds {wildcards.seeds}"
        " --results results --output {output.runs:q} > {log} 2>&1"

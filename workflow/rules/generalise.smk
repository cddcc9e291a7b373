# How well a procedure does on samples that it did not train on.


rule generalise:
    input:
        data=ancient(
            lambda wildcards: ASKED.data_to_test(wildcards.cell, wildcards.seeds)
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
        gpu=lambda wildcards: ASKED.cards_to_test(wildcards.cell, wildcards.seeds),
        mem_mb=lambda wildcards, attempt: ASKED.resources_of_job(
            "generalise", "mem_mb", wildcards.cell, attempt
        ),
        runtime=lambda wildcards, attempt: ASKED.resources_of_job(
            "generalise", "runtime", wildcards.cell, attempt
        ),
    params:
        cell=lambda wildcards: ASKED.definition(wildcards.cell),
        results=results_of,
    message:
        "Testing {wildcards.cell} on new samples"
    shell:
        "exec python -P -m emc.scripts.generalise --cell {params.cell:q} --seeds {wildcards.seeds}"
        " --results {params.results:q} --output {output.runs:q} > {log} 2>&1"

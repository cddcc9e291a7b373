# Evidence that the probes which decide a cell's EMC ended in minima.


rule certify:
    input:
        data=ancient(
            lambda wildcards: ASKED.data_to_certify(wildcards.cell, wildcards.settings)
        ),
        endpoints="results/cells/{cell}/endpoints.safetensors",
    output:
        certificates="results/cells/{cell}/certificate-{settings}.parquet",
    log:
        "results/logs/certify/{cell}-{settings}.log",
    benchmark:
        "results/benchmarks/certify/{cell}-{settings}.tsv"
    threads: 1
    resources:
        gpu=lambda wildcards: ASKED.cards_to_certify(wildcards.cell),
        mem_mb=lambda wildcards, attempt: ASKED.resources_of_job(
            "certify", "mem_mb", wildcards.cell, attempt
        ),
        runtime=lambda wildcards, attempt: ASKED.resources_of_job(
            "certify", "runtime", wildcards.cell, attempt
        ),
    params:
        cell=lambda wildcards: ASKED.definition(wildcards.cell),
        settings=lambda wildcards: ASKED.settings,
        results=results_of,
    message:
        "Certifying {wildcards.cell}"
    shell:
        "exec python -P -m emc.scripts.certify --cell {params.cell:q} --settings {params.settings:q}"
        " --results {params.results:q} --threads {threads} --output {output.certificates:q}"
        " > {log} 2>&1"

# Evidence that the probes which decide a cell's EMC ended in minima.


rule certify:
    input:
        tensors=ancient(
            tensors_for(
                "results/cells/{cell}/certificate-{settings}.parquet",
                after="results/cells/{cell}/endpoints.safetensors",
            )
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
        gpu=1,
        mem_mb=requested("certify", "mem_mb"),
        runtime=requested("certify", "runtime"),
    params:
        cell=cell_definition,
        settings=lambda wildcards: SETTINGS,
    message:
        "Certifying {wildcards.cell}"
    shell:
        "exec python -P scripts/certify.py --cell {params.cell:q} --settings {params.settings:q}"
        " --results results --threads {threads} --output {output.certificates:q}"
        " > {log} 2>&1"

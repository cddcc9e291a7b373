# Data sets: one tensor file and one manifest each.


rule dataset:
    output:
        tensors="results/data/{dataset}/tensors.safetensors",
        manifest="results/data/{dataset}/manifest.json",
    log:
        "results/logs/dataset/{dataset}.log",
    benchmark:
        "results/benchmarks/dataset/{dataset}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=lambda wildcards: ASKED.preparation_minutes(wildcards.dataset),
    params:
        dataset=lambda wildcards: ASKED.dataset_definition(wildcards.dataset),
        folder=folder_of,
    message:
        "Preparing data set {wildcards.dataset}"
    shell:
        'python -P -m emc.scripts.dataset --dataset {params.dataset:q} --data-dir "$EMC_DATA_DIR"'
        " --folder {params.folder:q} > {log} 2>&1"

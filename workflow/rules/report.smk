# What a person reads: figures and the page.


rule figures:
    input:
        database="results/studies/{study}/emc.duckdb",
        code=floor_files("findings", "figures"),
    output:
        figures=report(
            directory("results/studies/{study}/figures"),
            patterns=["{name}.html"],
            caption="../report/figure.rst",
            category="Figures",
        ),
    log:
        "results/logs/figures/{study}.log",
    benchmark:
        "results/benchmarks/figures/{study}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Drawing figures of {wildcards.study}"
    shell:
        "python -P scripts/figures.py --database {input.database:q}"
        " --folder {output.figures:q} > {log} 2>&1"


rule report:
    input:
        database="results/studies/{study}/emc.duckdb",
        code=floor_files("findings", "figures", "report"),
    output:
        page="results/studies/{study}/index.html",
    log:
        "results/logs/report/{study}.log",
    benchmark:
        "results/benchmarks/report/{study}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        title=STUDY.study.title or STUDY.name,
    message:
        "Writing the page of {wildcards.study}"
    shell:
        "python -P scripts/report.py --database {input.database:q} --page {output.page:q}"
        " --study {wildcards.study} --title {params.title:q} > {log} 2>&1"

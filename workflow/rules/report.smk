# What a person reads: figures and the page.


rule figures:
    input:
        database="results/studies/{study}/emc.duckdb",
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
    params:
        code=code_of("findings", "figures"),
    message:
        "Drawing figures of {wildcards.study}"
    shell:
        "python -P -m emc.scripts.figures --database {input.database:q}"
        " --folder {output.figures:q} > {log} 2>&1"


rule findings:
    input:
        database="results/studies/{study}/emc.duckdb",
    output:
        table="results/studies/{study}/findings.parquet",
        text="results/studies/{study}/findings.md",
    log:
        "results/logs/findings/{study}.log",
    benchmark:
        "results/benchmarks/findings/{study}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_of("findings"),
    message:
        "Judging the claims of {wildcards.study}"
    shell:
        "python -P -m emc.scripts.findings --database {input.database:q} --table {output.table:q}"
        " --text {output.text:q} > {log} 2>&1"


rule report:
    input:
        database="results/studies/{study}/emc.duckdb",
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
        code=code_of("findings", "figures", "report"),
        title=lambda wildcards: ASKED.title,
        file=lambda wildcards: str(STUDY.file),
    message:
        "Writing the page of {wildcards.study}"
    shell:
        "python -P -m emc.scripts.report --database {input.database:q} --page {output.page:q}"
        " --study {wildcards.study} --title={params.title:q} --file={params.file:q}"
        " > {log} 2>&1"


rule complete:
    input:
        # Here too: a study that has failed cells is never complete, though its database is there.
        missing=lambda wildcards: ASKED.missing_files,
        generalisation=ASKED.generalisation,
        database="results/studies/{study}/emc.duckdb",
        page="results/studies/{study}/index.html",
        figures="results/studies/{study}/figures",
    output:
        note="results/studies/{study}/complete.txt",
    log:
        "results/logs/complete/{study}.log",
    benchmark:
        "results/benchmarks/complete/{study}.tsv"
    # Cells that failed fail again until `emc retry` clears them.
    retries: 0
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        results=results_of,
    message:
        "Looking for failed cells of {wildcards.study}"
    shell:
        "python -P -m emc.scripts.complete --database {input.database:q} --results {params.results:q}"
        " --note {output.note:q} > {log} 2>&1"

# Measures the Effective Model Complexity of every cell of a study; see README.md.
# A study is chosen with --configfile, or by a workflow that has this one as a module; without one,
# config/demo.yaml is measured.
from snakemake.utils import min_version

min_version("9.1")


# Built from Containerfile; used only with --software-deployment-method apptainer.
container: "emc.sif"


include: "workflow/rules/common.smk"


wildcard_constraints:
    # No file of another study: it would be made of the cells of this one.
    study=STUDY.name,
    cell="[a-z0-9-]+",
    dataset="[a-z0-9-]+",
    settings=ASKED.settings_id,
    seeds="[1-9][0-9]*",


localrules:
    all,
    measured,
    plan,
    complete,


# Original files of a user lie where Snakemake was started, and in no storage.
if ASKED.stored:

    localrules:
        dataset,


rule all:
    input:
        f"results/studies/{STUDY.name}/index.html",
        f"results/studies/{STUDY.name}/figures",
        f"results/studies/{STUDY.name}/findings.md",
        f"results/studies/{STUDY.name}/tables",
        f"results/studies/{STUDY.name}/emc.duckdb",
        f"results/studies/{STUDY.name}/complete.txt",


rule measured:
    input:
        lambda wildcards: ASKED.estimates,


include: "workflow/rules/data.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/certify.smk"
include: "workflow/rules/generalise.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/report.smk"

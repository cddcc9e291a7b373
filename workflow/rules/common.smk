# The study, as rules ask for it.
import gc
import os

from emc.cli.snakefile import (
    code_of,
    ending_on_errors,
    folder_of,
    read_study,
    results_of,
)
from emc.jobs.cards import jobs_per_device

# Planning makes millions of objects that live to its end: looking for garbage among them as often
# as by default takes seconds and frees nothing.
gc.freeze()
gc.set_threshold(100_000, 50, 50)

ending_on_errors(jobs_per_device)(os.environ)
# Jobs of a cluster read this file again: the main process alone looks at the data.
ASKED = read_study(
    config,
    workflow.configfiles,
    examine=workflow.is_main_process,
    stored=workflow.storage_settings.default_storage_provider is not None,
)
STUDY = ASKED.study

# Where originals lie changes no number, so it is no parameter that a rerun hangs on.
if STUDY.study.data_dir:
    os.environ["EMC_DATA_DIR"] = STUDY.study.data_dir
os.environ.setdefault("EMC_DATA_DIR", "results/data/originals")


envvars:
    "EMC_DATA_DIR",

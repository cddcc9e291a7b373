# The study, as rules ask for it.
import gc
import os
from pathlib import Path

from emc.cli.snakefile import (
    code_files,
    ending_on_errors,
    read_study,
    refuse_other_folder,
)
from emc.jobs.cards import jobs_per_device

refuse_other_folder(Path(workflow.basedir))

# Planning makes millions of objects that live to its end: looking for garbage among them as often
# as by default takes seconds and frees nothing.
gc.freeze()
gc.set_threshold(100_000, 50, 50)

ending_on_errors(jobs_per_device)(os.environ)
# Jobs of a cluster read this file again: the main process alone looks at the data.
ASKED = read_study(config, workflow.configfiles, examine=workflow.is_main_process)
STUDY = ASKED.study

# Where originals lie changes no number, so it is no parameter that a rerun hangs on.
if STUDY.study.data_dir:
    os.environ["EMC_DATA_DIR"] = STUDY.study.data_dir
os.environ.setdefault("EMC_DATA_DIR", "results/data/originals")


envvars:
    "EMC_DATA_DIR",

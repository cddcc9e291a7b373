# The study, as rules ask for it.
import os

from emc.cli.snakefile import code_of, folder_of, given, results_of

ASKED = given(workflow, config, os.environ)
STUDY = ASKED.study


envvars:
    "EMC_DATA_DIR",

"""The command `emc`, as `python -m emc.cli`."""

from emc.cli.main import main

main()

"""A first study file, with comments, for its author to change."""

from pathlib import Path
from shlex import quote

from emc.cli.shipped import MANUAL, TEMPLATE
from emc.errors import EmcError


def write_first_study(file: Path) -> None:
    """Write a study that can be run as it is.

    Raises:
        EmcError: there is a file already, or it cannot be written.
    """
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(TEMPLATE.read_text(encoding="utf-8"))
    except FileExistsError:
        raise EmcError(f"{file}: there already, and left as it is: name another file") from None
    except OSError as error:
        raise EmcError(f"{file}: cannot be written: {error.strerror}") from None
    name = quote(str(file))
    print(f"{file}: a study of two cells. Change it, then\n")
    print(f"    emc validate {name}    # every fault, before any compute")
    print(f"    emc run {name}         # measures it, and says where the page is")
    print(f"\nEvery key is explained in {MANUAL}")

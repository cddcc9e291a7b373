"""The folder of results that a command is told, and what lies there."""

from pathlib import Path

from emc.errors import EmcError
from emc.store.layout import Results


def results_folder(place: str) -> Path:
    """The folder at this place, which may be made later; a parser of a command's option.

    Raises:
        EmcError: it, or one of the folders in it, is something else than a folder.
    """
    places = Results(Path(place))
    for folder in (places.root, places.cells, places.data_sets, places.studies):
        if folder.is_symlink() and not folder.exists():
            raise EmcError(f"{folder}: expected a folder, found a link to nothing")
        if folder.exists() and not folder.is_dir():
            raise EmcError(
                f"{folder}: expected a folder of results, or nothing yet, found a file: move it"
                " away"
            )
    return places.root


def measured_in(results: Path) -> Results:
    """Where the results lie of a folder that `results_folder` took.

    Raises:
        EmcError: it was not made yet.
    """
    if not results.is_dir():
        raise EmcError(f"{results}: no such folder: nothing was measured here")
    return Results(results)

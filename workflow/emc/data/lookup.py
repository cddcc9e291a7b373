"""What is known of a study's data sets, from their manifests or the user's own files."""

from pathlib import Path

from emc.data.manifest import read_manifest
from emc.data.prepare import Examined, examine
from emc.data.user_files import is_prepared, user_places
from emc.errors import EmcError
from emc.store.layout import Results
from emc.study import StudyPlan, load_file
from emc.study.datasets import Columns, DataSet, Facts, ImageFolder, PluginDataSet
from emc.study.identity import dataset_id


def open_study(file: Path, results: Path) -> StudyPlan:
    """The study in a file, with what is known of its data sets.

    Raises:
        EmcError: any fault of the study; see `load_file`.
    """
    return load_file(file, Lookup(Results(results)).facts)


class Lookup:
    """Data sets of a results folder or of the user's, each looked at once."""

    def __init__(self, results: Results) -> None:
        """Begin with none."""
        self._results = results
        self._found: dict[tuple[DataSet, str | None], Examined | EmcError] = {}

    def facts(self, dataset: DataSet, data_dir: str | None) -> Facts:
        """Shape, classes and training samples; these are None where only unseen files tell.

        Raises:
            EmcError: the user's file, folder or plug-in cannot be prepared.
        """
        facts: Facts | None = dataset.facts
        if facts is not None and facts.samples is not None:
            return facts
        users = isinstance(dataset, Columns | ImageFolder | PluginDataSet)
        if facts is None or users or is_prepared(self._results.data(dataset_id(dataset))):
            return self.examined(dataset, data_dir).facts
        return facts

    def examined(self, dataset: DataSet, data_dir: str | None) -> Examined:
        """From its manifest where it is prepared, else from the user's files.

        Raises:
            EmcError: it cannot be prepared, or could not.
        """
        key = dataset, data_dir
        if key not in self._found:
            self._found[key] = self._look(dataset, data_dir)
        found = self._found[key]
        if isinstance(found, EmcError):
            raise found
        return found

    def _look(self, dataset: DataSet, data_dir: str | None) -> Examined | EmcError:
        prepared = self._results.data(dataset_id(dataset))
        try:
            if is_prepared(prepared):
                return _of_manifest(prepared)
            return examine(dataset, user_places(data_dir)[0])
        except EmcError as error:
            return error


def _of_manifest(folder: Path) -> Examined:
    manifest = read_manifest(folder)
    return Examined(manifest.notes, manifest.facts, manifest.test_samples)

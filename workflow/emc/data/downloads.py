"""Ways to fetch originals where there is a network."""

from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from emc.data.originals import Download
from emc.store.atomic import write_bytes_atomically

UCI: Final = "https://archive.ics.uci.edu/ml/machine-learning-databases/"
_SECONDS: Final = 60


def by_torchvision(dataset: str) -> Download:
    """Let torchvision's class of that name download."""

    def download(folder: Path) -> str:
        try:
            from torchvision import datasets

            getattr(datasets, dataset)(folder, download=True)
        except (ImportError, RuntimeError, OSError) as error:
            return f"Torchvision's download failed: {' '.join(str(error).split())}"
        return ""

    return download


def by_address(folder: str, *addresses: str) -> Download:
    """Fetch files from their addresses into a sub-folder, under the addresses' last parts."""

    def download(root: Path) -> str:
        for address in addresses:
            try:
                with urlopen(address, timeout=_SECONDS) as answer:
                    content = answer.read()
            except (OSError, HTTPException) as error:
                return f"The download of {address} failed: {error}"
            write_bytes_atomically(root / folder / address.rpartition("/")[2], content)
        return ""

    return download


def by_hand(advice: str) -> Download:
    """Nothing can be fetched: `advice` says what the user can do."""

    def download(_folder: Path) -> str:
        return advice

    return download

"""A storage for results that a run is asked for: whether it can be used."""

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Final

from emc.errors import EmcError

_OPTION: Final = "--default-storage-provider"


def refuse_storage(options: Sequence[str]) -> None:
    """Look at Snakemake's options before it starts: its own words on these are a traceback.

    Raises:
        EmcError: a storage's plug-in is not installed, or S3 is asked for without credentials.
    """
    provider = _asked(options)
    if not provider:
        return
    if find_spec(f"snakemake_storage_plugin_{provider.replace('-', '_')}") is None:
        raise EmcError(
            f"{_OPTION} {provider}: its plug-in is not installed: pip install"
            f" snakemake-storage-plugin-{provider}"
        )
    if provider == "s3" and not _s3_credentials(options):
        raise EmcError(
            f"{_OPTION} s3: no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
            " or write them into ~/.aws/credentials"
        )


def _asked(options: Sequence[str]) -> str:
    words = [word for option in options for word in option.split("=", 1)]
    return dict(pairwise(words)).get(_OPTION, "")


def _s3_credentials(options: Sequence[str]) -> bool:
    given = any(option.startswith("--storage-s3-access-key") for option in options)
    if given or "SNAKEMAKE_STORAGE_S3_ACCESS_KEY" in os.environ:
        return True
    return import_module("boto3").Session().get_credentials() is not None

"""Files that are of another kind than their reader expects, told by their first bytes."""

from typing import Final

_KINDS: Final = {
    b"PAR1": "a Parquet file: give `name: parquet`",
    b"ARROW1": "a Feather file: save it as Parquet",
    b"\x80\x04\x95": "a pickle: save it as Parquet or CSV",
    b"\x80\x05\x95": "a pickle: save it as Parquet or CSV",
    b"PK\x03\x04": "a ZIP archive or a workbook: unpack it, or save its sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save its sheet as CSV",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd: unpack it",
    b"BZh": "a file compressed by bzip2: unpack it",
    b"\xfd7zXZ": "a file compressed by xz: unpack it",
    b"7z\xbc\xaf": "a file compressed by 7-Zip: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"\x93NUMPY": "a NumPy file: save it as CSV, or let a plug-in's data set load it",
    b"\x89HDF": "an HDF5 file: save its table as CSV or Parquet",
    b"SQLite format 3": "an SQLite database: save its table as CSV",
    b"Obj\x01": "an Avro file: save it as CSV or Parquet",
    b"ORC": "an ORC file: save it as Parquet",
    b"%PDF": "a PDF file: save its table as CSV",
    b"version https://git-lfs": "a pointer to a file that Git LFS keeps: run `git lfs pull`",
    b"<!doctype html": "a page of the web: download the file itself",
    b"<html": "a page of the web: download the file itself",
    b"@relation": "an ARFF file: save it as CSV",
    b"[{": "a JSON file: save it as CSV",
    b'{"': "a JSON file: save it as CSV",
}
_LONGEST: Final = max(map(len, _KINDS))


def foreign_kind(content: bytes) -> str | None:
    """What a file is that is no table and no image, and what to do; None where that is unknown."""
    start = content[:_LONGEST]
    for begin, kind in _KINDS.items():
        if start.startswith(begin) or start.lower().startswith(begin):
            return kind
    return None

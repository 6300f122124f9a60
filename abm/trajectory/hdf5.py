# SPDX-License-Identifier: Apache-2.0
"""How datasets are stored, and what is said of a file that cannot be read."""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from abm.errors import AbmError, InputError, RunError
from abm.trajectory.disk import Sink
from abm.trajectory.schema import CHECKSUM, FORMAT, FORMAT_VERSION, TEXTS, Header, to_json

TEXT = h5py.string_dtype()
PARTS_SUFFIX = ".parts"
SIGNATURE = b"\x89HDF\r\n\x1a\n"
LIBVER = ("v110", "v110")
"""Bounds of the HDF5 features used: HDF5 1.10 (2016) and later read them. Under older ones a dataset of one chunk costs 2 KB of index."""

DAMAGE = (OSError, KeyError, ValueError, RuntimeError, TypeError)
"""What reading a damaged file raises."""
MIN_CHUNK_BYTES = 32 * 1024
MAX_CHUNK_BYTES = 8 * 1024**2
PIECE_BYTES = 8 * 1024**2
"""Memory for one piece of a dataset that is read from end to end."""


def library() -> str:
    """Return the versions of h5py and of the HDF5 that it uses."""
    return f"h5py {h5py.version.version}, HDF5 {h5py.version.hdf5_version}"


def missing_filters() -> list[str]:
    """Return which of the filters of trajectories this HDF5 lacks; none of them is a plugin."""
    filters = {"gzip": h5py.h5z.FILTER_DEFLATE, "shuffle": h5py.h5z.FILTER_SHUFFLE, "fletcher32": h5py.h5z.FILTER_FLETCHER32}
    return [name for name, code in filters.items() if not h5py.h5z.filter_avail(code)]


class Spec(NamedTuple):
    """Element type of a dataset (None for text) and the shape of one row."""

    dtype: np.dtype[Any] | None
    tail: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Size of one row [bytes]; a guess for text."""
        return 64 if self.dtype is None else max(1, self.dtype.itemsize * math.prod(self.tail))

    def chunk_rows(self, frame_rows: int) -> int:
        """Return the rows of a chunk: those of a frame, unless it is very small or large."""
        least, most = MIN_CHUNK_BYTES // self.row_bytes, MAX_CHUNK_BYTES // self.row_bytes
        return max(1, least, min(frame_rows, most))

    def is_framed(self, frame_rows: int) -> bool:
        """Whether a chunk is one row, which can be copied as it is stored; text lies elsewhere."""
        return self.dtype is not None and self.chunk_rows(frame_rows) == 1


def spec_of(dataset: h5py.Dataset) -> Spec:
    """Return the spec of a stored dataset."""
    text = h5py.check_string_dtype(dataset.dtype) is not None
    return Spec(None if text else dataset.dtype, tuple(dataset.shape[1:]))


def row_ranges(dataset: h5py.Dataset) -> Iterator[tuple[int, int]]:
    """Yield first row and one past the last of pieces of bounded size, each of whole chunks."""
    length = int(dataset.shape[0])
    chunk = dataset.chunks[0] if dataset.chunks else 1
    step = max(1, PIECE_BYTES // spec_of(dataset).row_bytes // chunk) * chunk
    for start in range(0, length, step):
        yield start, min(start + step, length)


def create_dataset(
    group: h5py.Group, name: str, spec: Spec, length: int, frame_rows: int, about: Mapping[str, str], *, compressed: bool = True
) -> h5py.Dataset:
    """Create a dataset whose chunk holds about one frame.

    Parameters
    ----------
    group : h5py.Group
        The series.
    name : str
        Name within the series.
    spec : Spec
        Type and shape of a row.
    length : int
        Number of rows.
    frame_rows : int
        Rows of a typical frame.
    about : mapping
        Attributes: ``unit`` and ``about``.
    compressed : bool
        Whether by gzip.
    """
    shape = (length, *spec.tail)
    if math.prod(shape) == 0:  # neither chunks nor filters can be had for nothing
        dataset = group.create_dataset(name, shape=shape, dtype=spec.dtype or TEXT)
    else:
        rows = min(spec.chunk_rows(frame_rows), length)
        filters: dict[str, Any] = {"fletcher32": True}
        if compressed:
            filters |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        if spec.dtype is None:  # HDF5 keeps text of any length on a heap, where filters do not reach
            filters = {}
        chunks = (rows, *spec.tail)
        dataset = group.create_dataset(name, shape=shape, dtype=spec.dtype or TEXT, chunks=chunks, **filters)
    for key, value in about.items():
        dataset.attrs[key] = value
    return dataset


def stored_alike(one: h5py.Dataset, other: h5py.Dataset) -> bool:
    """Whether chunks of one dataset may stand in another as they are stored."""
    alike = ("chunks", "dtype", "compression", "compression_opts", "shuffle", "fletcher32")
    return all(getattr(one, what) == getattr(other, what) for what in alike)


def copy_frame(source: h5py.Dataset, row: int, target: h5py.Dataset, to: int) -> None:
    """Copy a row as it is stored, a chunk of its own in both datasets."""
    rest = (0,) * (source.ndim - 1)
    mask, content = source.id.read_direct_chunk((row, *rest))
    target.id.write_direct_chunk((to, *rest), content, mask)


@contextmanager
def new_file(path: Path) -> Iterator[tuple[h5py.File, Sink]]:
    """Make a file that is on the disk when the context ends; a fault leaves a torso for the caller to remove.

    Raises
    ------
    OSError
        The disk is full: long work should ask :meth:`Sink.check` from time to time.
    """
    sink = Sink(path)
    try:
        with h5py.File(sink, "w", libver=LIBVER) as file:
            yield file, sink
    except BaseException:
        with suppress(OSError):
            sink.close()
        sink.check()  # a fault of the disk is the cause, whatever HDF5 made of it
        raise
    sink.close()


def write_header(file: h5py.File, header: Header, attributes: Mapping[str, Any]) -> None:
    """Write the texts of a header and the attributes that tell what the file is."""
    mark(file, attributes)
    for path, text in header.texts().items():
        file.create_dataset(path, data=text, dtype=TEXT).attrs[CHECKSUM] = text_checksum(text)


def mark(file: h5py.File, attributes: Mapping[str, Any]) -> None:
    """Write the root attributes: format, version and the given ones."""
    for key, value in {"format": FORMAT, "format_version": FORMAT_VERSION, **attributes}.items():
        file.attrs[key] = value


def seal(file: h5py.File) -> None:
    """Note the checksum of the root attributes; they are all there."""
    file.attrs[CHECKSUM] = _marks_checksum(file)


def header_damage(file: h5py.File) -> tuple[str, ...]:
    """Return which of the root attributes and the texts of the header are not as they were written, as far as that was noted."""
    found = [] if file.attrs.get(CHECKSUM, "") in ("", _marks_checksum(file)) else ["a root attribute"]
    for path in (path for path in TEXTS if path in file):
        noted = file[path].attrs.get(CHECKSUM)
        if noted is not None and noted != text_checksum(file[path].asstr()[()]):
            found.append(f"/{path}")
    return tuple(found)


def text_checksum(text: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _marks_checksum(file: h5py.File) -> str:
    marks = {key: value for key, value in sorted(file.attrs.items()) if key != CHECKSUM}
    return text_checksum(to_json(marks, "attributes"))


def open_file(path: Path) -> h5py.File:
    """Open one file of a trajectory for reading and check that it is one.

    Raises
    ------
    FileNotFoundError
        No such file.
    InputError
        A folder, no HDF5 file, one of another program, or a newer format.
    RunError
        A damaged or truncated file, or one that cannot be read.
    """
    try:
        with path.open("rb") as raw:
            start = raw.read(len(SIGNATURE))
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a trajectory file") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
    if start != SIGNATURE:
        raise InputError(f"{path}: is not an HDF5 file, so not a trajectory")
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(f"{path}: is damaged or truncated: {cause(error)}") from None
    try:
        _check_format(path, file)
    except BaseException as error:
        file.close()
        if isinstance(error, OSError | KeyError | ValueError | RuntimeError):
            raise RunError(f"{path}: is damaged: {cause(error)}") from None
        raise
    return file


def _check_format(path: Path, file: h5py.File) -> None:
    if file.attrs.get("format") != FORMAT:
        raise InputError(f"{path}: is an HDF5 file of another program: it has no attribute format = {FORMAT!r}")
    version = int(file.attrs["format_version"])
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path}: has trajectory format {version}; this version of abm reads up to {FORMAT_VERSION}: "
            "install a newer one"
        )


def cause(error: Exception) -> str:
    """Return what HDF5 says went wrong, without what it was about to do."""
    text = str(error).strip("'\"")
    found = re.search(r"\((.+)\)$", text)
    return found[1] if found else text


def missing_file(path: Path) -> AbmError:
    """Return the error for a trajectory that is not there."""
    parts = parts_folder(path)
    if parts.is_dir() and any(parts.glob("*.h5")):
        return RunError(f"{path}: is missing, but {parts} holds segments of its run: bring it back beside them")
    if not path.parent.is_dir():
        return InputError(f"{path}: no such file; the folder {path.parent} does not exist")
    others = [other.name for other in path.parent.glob("*.h5") if other.is_file()]
    near = difflib.get_close_matches(path.name, others, n=1, cutoff=0.0)
    return InputError(f"{path}: no such file" + (f"; nearest: {near[0]!r}" if near else ""))


def missing_parts(path: Path, missing: FileNotFoundError | None) -> RunError:
    """Return the error for an index without (all of) its segments."""
    name = missing.filename if missing is not None else parts_folder(path)
    return RunError(f"{path}: is the index of a run whose segments are missing: {name} is not there")


def parts_folder(path: Path) -> Path:
    """Return the folder of the segments of a run in progress."""
    return path.with_name(path.name + PARTS_SUFFIX)

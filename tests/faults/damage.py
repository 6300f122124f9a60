# SPDX-License-Identifier: Apache-2.0
"""Damaged files: flipped bytes and truncation, what ``abm check`` says of them, and whether the way that it names helps."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from abm.trajectory import check
from abm.trajectory.index import read_index
from tests.faults.patient import WHOLE, Library
from tests.faults.terminal import abm

KINDS = {
    "finished file": ("whole", "run.h5"),
    "segment": ("cut", "run.h5.parts/0*.h5"),
    "checkpoint of a run in progress": ("cut", "run.h5.parts/checkpoint_*.h5"),
    "index of a run in progress": ("cut", "run.h5"),
}
"""Name -> the run of the library, and which of its files are damaged."""
MENDED = 12
"""Damaged runs in progress of each kind that are mended as ``abm check`` says."""


@dataclass
class Row:
    """One line of the table of damage."""

    damage: str
    where: str
    count: int = 0
    found: Counter[str] = field(default_factory=Counter)
    mended: str = ""
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return it as Markdown."""
        told = " | ".join(str(self.found[what]) for what in ("noticed", "without meaning", "unnoticed"))
        return f"| {self.damage} | {self.where} | {self.count} | {told} | {self.mended or 'not tried'} |"


def tables(library: Library, folder: Path, flips: int, seed: int, tell: Callable[[str], None]) -> list[str]:
    """Print what becomes of damaged files, and return what is wrong."""
    tell("| damage | file | times | noticed by `abm check` | in a place without meaning | unnoticed | mended as it says |")
    tell("|---|---|---|---|---|---|---|")
    problems = []
    for damage, count in ((flipped, flips), (flipped_value, flips), (truncated, flips // 4)):
        for where in KINDS:
            if damage is flipped_value and where.startswith("index"):
                continue  # which holds texts alone
            row = damaged(library, folder / damage.__name__ / where.replace(" ", "_"), where, damage, count, seed)
            tell(row.line())
            problems += row.problems
    return problems


Damage = Callable[[bytes, np.random.Generator], bytes]


def flipped(content: bytes, chance: np.random.Generator) -> bytes:
    """Return a content with one byte changed."""
    changed = bytearray(content)
    changed[int(chance.integers(0, len(content)))] ^= int(chance.integers(1, 256))
    return bytes(changed)


def flipped_value(content: bytes, chance: np.random.Generator) -> bytes:
    """Return a content with one byte changed of those that hold values."""
    places = np.array([(place, place + size) for _, place, size in _chunks(content)])
    sizes = np.diff(places).ravel()
    number = int(chance.choice(len(sizes), p=sizes / sizes.sum()))
    changed = bytearray(content)
    changed[int(chance.integers(*places[number]))] ^= int(chance.integers(1, 256))
    return bytes(changed)


def truncated(content: bytes, chance: np.random.Generator) -> bytes:
    """Return the beginning of a content."""
    return content[: int(chance.integers(0, len(content)))]


def spoilt(content: bytes, chance: np.random.Generator) -> bytes:
    """Return a content with zeros in place of the values of its largest dataset."""
    size, place = max((size, place) for name, place, size in _chunks(content) if name.startswith("cells") or "tables" in name)
    return content[:place] + bytes(size) + content[place + size :]


def _chunks(content: bytes) -> list[tuple[str, int, int]]:
    """Return dataset, place and size of every chunk of an HDF5 file."""
    found: list[tuple[str, int, int]] = []

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.chunks:
            chunks = (item.id.get_chunk_info(number) for number in range(item.id.get_num_chunks()))
            found.extend((name, chunk.byte_offset, chunk.size) for chunk in chunks)

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(note)
    return found


WORDS = {flipped: "one byte changed, anywhere", flipped_value: "one byte of a value", truncated: "truncated", spoilt: "values zeroed"}


def damaged(library: Library, folder: Path, where: str, damage: Damage, count: int, seed: int, mended: int = MENDED) -> Row:
    """Damage a kind of file many times, and look what is noticed, and whether some can be mended."""
    name, pattern = KINDS[where]
    row = Row(WORDS[damage], where)
    chance = np.random.default_rng(seed)
    path = folder / "run.h5"
    folder.mkdir(parents=True)
    library.copy(name, path)
    files = sorted(folder.glob(pattern))
    whole = tried = 0
    for number in range(count):
        file = files[number % len(files)]
        content = file.read_bytes()
        before = meaning_of(file)
        file.write_bytes(damage(content, chance))
        said = abm("check", path, then=lambda file=file: meaning_of(file))
        what = "noticed" if said.code in (1, 2) else "without meaning" if said.then == before else "unnoticed"
        row.count += 1
        row.found[what] += 1
        faults = said.faults + abm("info", path).faults
        if what == "unnoticed":
            faults.append(said.out)
        if said.code == 1 and tried < mended:
            outcome = _mend(library, path, folder / "mended")
            tried += outcome is not None
            whole += outcome == ""
            faults += [outcome] if outcome else []
        row.problems += [f"{row.damage}, {where}, number {number}: {fault}" for fault in faults]
        file.write_bytes(content)
    row.mended = f"{whole} of {tried}" if tried else ""
    shutil.rmtree(folder)
    return row


def _mend(library: Library, path: Path, folder: Path) -> str | None:
    """Do in a copy what ``abm check`` says; return what went wrong, None if it knows no way but to begin anew."""
    folder.mkdir()
    copy = folder / "run.h5"
    shutil.copy(path, copy)
    parts = path.with_name("run.h5.parts")
    if parts.exists():
        shutil.copytree(parts, folder / "run.h5.parts")
    try:
        report = check(copy)
        if "abm rerun" in report.remedy:
            again = folder / "run_again.h5"
            said = abm("rerun", copy, "-o", again, "--threads", 1, "--quiet")
            return "" if digest_of(again) == library.digests["whole"] else f"{report.remedy}: {said.err}"
        if "abm resume" not in report.remedy:
            return None
        after = re.search(r"remove what comes after (\d+)\.h5", report.remedy)
        if "remove" in report.remedy:
            for segment in (folder / "run.h5.parts").glob("0*.h5"):
                if after is None or int(segment.stem) > int(after[1]):
                    segment.unlink()
        said = abm("resume", copy, "--until", WHOLE, "--threads", 1, "--quiet")
        return "" if digest_of(copy) == library.digests["whole"] else f"{report.text()}: {said.err}"
    finally:
        shutil.rmtree(folder)


def digest_of(path: Path) -> str:
    """Return the digest noted in a file, "" if there is none."""
    return read_index(path).digest if path.exists() else ""


def meaning_of(file: Path) -> str:
    """Return a hash of all that a reader of an HDF5 file can see, made without the code that is tested."""
    found = hashlib.sha256()
    with h5py.File(file) as opened:
        for line in _seen(opened, ""):
            found.update(line.encode())
    return found.hexdigest()


def _seen(item: h5py.Group | h5py.Dataset, path: str) -> Iterator[str]:
    yield f"{path} {type(item).__name__}\n"
    for key in sorted(item.attrs):
        yield f"{path}@{key} {item.attrs[key]!r}\n"
    if isinstance(item, h5py.Group):
        for name in sorted(item):
            yield from _seen(item[name], f"{path}/{name}")
    else:
        yield f"{item.dtype} {item.shape} {_values(item)}\n"


def _values(dataset: h5py.Dataset) -> Any:
    values = dataset[()]
    return values.tobytes().hex() if dataset.dtype.kind != "O" else repr(np.asarray(values).tolist())

# SPDX-License-Identifier: Apache-2.0
"""Several runs to be shown side by side, each with a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from abm.errors import InputError
from abm.state.places import PERIPHERY, PLACE_NAMES
from abm.trajectory import Trajectory

Key = TypeVar("Key")


class Run(NamedTuple):
    """A run and what it is called.

    Parameters
    ----------
    label : str
    trajectory : Trajectory
    """

    label: str
    trajectory: Trajectory


@contextmanager
def open_runs(files: Sequence[str | Path], labels: Sequence[str] | None = None) -> Iterator[list[Run]]:
    """Open some runs, finished, interrupted or still going on.

    Parameters
    ----------
    files : sequence of str or pathlib.Path
        Two trajectories or more.
    labels : sequence of str, optional
        A name for each; that of its file, without the suffix, if not given.

    Raises
    ------
    InputError
        Fewer than two files, one that is no trajectory, names that are too few or not different, or patients beside
        closed blocks, which have no course in common.
    RunError
        A damaged file.
    """
    if len(files) < 2:
        raise InputError(f"a comparison needs two runs or more, got {len(files)}")
    names = _labels([Path(file) for file in files], labels)
    with ExitStack() as opened:
        runs = [Run(name, opened.enter_context(Trajectory.open(file))) for name, file in zip(names, files, strict=True)]
        kinds = [PLACE_NAMES[PERIPHERY] in run.trajectory.header.compartments for run in runs]
        if any(kinds) and not all(kinds):
            words = [
                f"{file} is a {'patient' if patient else 'closed block'} ({', '.join(run.trajectory.header.compartments)})"
                for file, run, patient in zip(files, runs, kinds, strict=True)
            ]
            raise InputError(f"the runs have no course in common: {'; '.join(words)}")
        yield runs


def merged(lists: Iterable[list[Key]]) -> list[Key]:
    """Merge lists that share most of their entries; what only one of them has comes after what it follows there."""
    every: list[Key] = []
    for each in lists:
        at = 0
        for key in each:
            if key in every:
                at = max(at, every.index(key) + 1)
            else:
                every.insert(at, key)
                at += 1
    return every


def _labels(files: Sequence[Path], given: Sequence[str] | None) -> list[str]:
    """Return a name for each file, as given, or made from the file's own."""
    if given:
        if len(given) != len(files):
            raise InputError(f"--label: give one for each of the {len(files)} runs, got {len(given)}")
        names = list(given)
    else:
        names = [file.stem for file in files]
        if len(set(names)) < len(names):
            names = [str(file) for file in files]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or not all(name.strip() for name in names):
        which = f"{twice[0]!r} twice" if twice else "an empty one"
        raise InputError(f"--label: the runs need names that differ, got {which}")
    return names

# SPDX-License-Identifier: Apache-2.0
"""What a shell offers at the tab key: files of the right kind, and the words that an option knows."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator

Completer = Callable[[str], list[str]]


def files(*endings: str) -> Completer:
    """Return what completes the names of files, and of the folders on the way to them.

    Names that would need quotes are left out. Where none is left, the shell completes names as it always does.

    Parameters
    ----------
    endings : str
        Of the files, such as ``".h5"``.
    """

    def complete(incomplete: str) -> list[str]:
        found = sorted(filter(_is_plain, _names(incomplete, endings)))
        # A shell would put a space behind a folder that is the only choice: what is in it is offered instead.
        while len(found) == 1 and found[0].endswith(os.sep):
            below = sorted(filter(_is_plain, _names(found[0], endings)))
            if not below:
                break
            found = below
        return found

    return complete


def words(known: Callable[[], Iterable[str]]) -> Completer:
    """Return what completes the words that an option knows, asked for when they are needed."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in known() if word.startswith(incomplete)]

    return complete


def _is_plain(name: str) -> bool:
    return shlex.quote(name) == name


def _names(incomplete: str, endings: tuple[str, ...]) -> Iterator[str]:
    folder, begun = os.path.split(incomplete)
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                if entry.name.startswith(begun) and (begun or not entry.name.startswith(".")):
                    path = os.path.join(folder, entry.name)
                    if entry.is_dir():
                        yield path + os.sep
                    elif entry.name.endswith(endings):
                        yield path
    except OSError:
        return


def _formats() -> Iterable[str]:
    from abm.export import FORMATS

    return FORMATS


def _presets() -> Iterable[str]:
    from abm.playback.presets import PRESETS

    return PRESETS


def _compartments() -> Iterable[str]:
    from abm.state.places import PLACE_NAMES

    return PLACE_NAMES


TRAJECTORIES = files(".h5")
YAML_FILES = files(".yaml", ".yml")
FORMATS = words(_formats)
PRESETS = words(_presets)
COMPARTMENTS = words(_compartments)

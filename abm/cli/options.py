# SPDX-License-Identifier: Apache-2.0
"""What several commands share: a command with its examples, options of the same meaning, text files written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from abm.errors import InputError, RunError
from abm.machine import MOST_THREADS


class Command(NamedTuple):
    """A command: its name, its function, whose signature is its arguments, and examples for its help."""

    name: str
    function: Callable[..., Any]
    examples: str


Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set one value of the scenario, such as treatments[1].dose=2e6; may be repeated.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress, tell nothing.")]


Threads = Annotated[
    int | None,
    typer.Option(min=1, max=MOST_THREADS, metavar="N", help="Threads; all cores if not given. Any number gives the same result."),
]


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a text file.

    Raises
    ------
    InputError
        It exists, and must not be replaced; or its folder does not exist.
    RunError
        It cannot be written.
    """
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path}: exists already; --overwrite replaces it") from None
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no folder {str(path.parent)!r}") from None
    except (IsADirectoryError, ValueError):
        raise InputError(f"{path}: is no name for a file") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from None

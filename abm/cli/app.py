# SPDX-License-Identifier: Apache-2.0
"""The commands put together, and what becomes of an error: a message and an exit code.

=====  ==============================================================
code   meaning
=====  ==============================================================
0      done
1      the work could not be done, or a fault of the program
2      what was given cannot be used: arguments, options, files
129    the terminal was closed (SIGHUP)
130    interrupted from the keyboard
143    ended by the batch system or another process (SIGTERM)
=====  ==============================================================
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from abm.cli.branch import branch
from abm.cli.check import check
from abm.cli.compare import compare
from abm.cli.diff import diff
from abm.cli.doctor import doctor
from abm.cli.export import export
from abm.cli.info import info
from abm.cli.new import new
from abm.cli.play import play
from abm.cli.report import report
from abm.cli.rerun import rerun
from abm.cli.resume import resume
from abm.cli.run import run
from abm.cli.schema import schema
from abm.cli.study import app as study
from abm.cli.validate import validate
from abm.errors import AbmError

TRACEBACK = "ABM_TRACEBACK"
INTERRUPTED = 130

app = typer.Typer(
    name="abm",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for command in (run, resume, branch, rerun, play, compare, report, export, diff, info, check, validate, schema, new, doctor):
    app.command(command.name, epilog=command.examples)(command.function)
app.add_typer(study)


def _tell_version(asked: bool) -> None:
    if asked:
        from abm import __version__

        typer.echo(f"abm {__version__}")
        raise typer.Exit


@app.callback(
    epilog="""\b
Examples:
  abm new my.yaml                       # write a commented scenario to start from
  abm validate my.yaml                  # check it, and tell the size of the run
  abm run my.yaml -o my.h5              # simulate, and tell what happened
  abm play my.h5 -o my.mp4              # make a movie of it
  abm run --help                        # all options of a command, with examples
"""
)
def _abm(
    version: Annotated[
        bool, typer.Option("--version", help="Tell the version and end.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Simulate CAR T cell therapy of B-cell leukaemia, cell by cell."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; the user sees messages, never a traceback.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process if not given.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=None if arguments is None else list(arguments), prog_name="abm")
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _say("interrupted")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except AbmError as error:
        _say(str(error))
        return error.exit_code
    except MemoryError:
        _say("abm: not enough memory")
        return AbmError.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            _forget_output()
            _say("abm: standard output cannot be written, no space is left there; files that were written are whole")
            return AbmError.exit_code
        if os.environ.get(TRACEBACK, "0") not in ("", "0"):
            traceback.print_exc()
        else:
            _say(f"abm: unexpected {type(error).__name__}: {error}\n{_whose_fault(error)}; {TRACEBACK}=1 shows where it arose.")
            if isinstance(error, ImportError):
                _say("Part of the installation may be missing: abm doctor says what is wrong.")
        return AbmError.exit_code
    return 0


def _whose_fault(error: Exception) -> str:
    """Say whose code an error arose in: this package's, or that of one that adds to it."""
    other = ""
    with suppress(Exception):  # with half an installation, or what others put into their classes, there is still a message
        from abm.extensions import at_fault

        other = at_fault(error)
    return f"A fault of {other or 'abm'}"


def _forget_output() -> None:
    """Drop what standard output could not take, which would be tried again at the end of the process."""
    with open(os.devnull, "w") as nowhere, suppress(OSError, io.UnsupportedOperation):
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _say(message: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(message, file=sys.stderr, flush=True)

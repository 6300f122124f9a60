# SPDX-License-Identifier: Apache-2.0
"""``abm study sensitivity`` and ``abm study plot``: what the table of a study says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abm.cli.options import Command, Overwrite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the study.")]
Log = Annotated[bool, typer.Option("--log", help="Of the decimal logarithm of the output.")]
FigureFile = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="A figure: .png, .pdf or .svg.")]
DOTS_PER_INCH = 150


def _sensitivity(
    folder: Folder,
    of: Annotated[list[str], typer.Option("--of", metavar="OUTPUT", help="A column of the table; may be repeated.")],
    output: FigureFile = None,
    log: Log = False,
    overwrite: Overwrite = False,
) -> None:
    """Tell which parameters an output depends on, with intervals and the floor of noise.

    The study has the design morris (screening) or sobol (shares of variance). Runs that failed or are not done are refused.
    """
    from abm.study.analysis import sensitivity
    from abm.study.figures import plot_screening, plot_sobol
    from abm.study.results import Study

    study = Study.open(folder)
    for number, name in enumerate(of):
        found = sensitivity(study, name, log=log)
        typer.echo(found.text() if number == 0 else f"\n{found.text()}")
        if output is not None:
            target = output if len(of) == 1 else output.with_name(f"{output.stem}_{name}{output.suffix}")
            _save(plot_screening(found) if found.method == "morris" else plot_sobol(found), target, overwrite)


def _plot(
    folder: Folder,
    of: Annotated[str, typer.Option("--of", metavar="OUTPUT", help="A column of the table.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The figure: .png, .pdf or .svg.")],
    x: Annotated[str | None, typer.Option(metavar="NAME", help="Parameter on the horizontal axis.")] = None,
    y: Annotated[str | None, typer.Option(metavar="NAME", help="Parameter on the vertical axis.")] = None,
    log: Log = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw an output over two parameters, as a tornado (design one_at_a_time), or how it depends on each (morris, sobol)."""
    from abm.errors import InputError
    from abm.study.analysis import sensitivity, surface, tornado
    from abm.study.declaration import WITH_DUMMY, OneAtATimeDesign
    from abm.study.figures import plot_ranking
    from abm.study.results import Study

    study = Study.open(folder)
    design = study.declaration.design
    if isinstance(design, OneAtATimeDesign) and x is None and y is None:
        figure = tornado(study, of, log=log)
    elif isinstance(design, WITH_DUMMY) and x is None and y is None:
        figure = plot_ranking(sensitivity(study, of, log=log))
    else:
        names = [parameter.column for parameter in study.declaration.parameters]
        if (x is None or y is None) and len(names) != 2:
            raise InputError(f"--x and --y are needed: two of the parameters of the study, {', '.join(names) or 'of which it has none'}")
        figure = surface(study, of, x or names[0], y or names[1], log=log)
    _save(figure, output, overwrite)


def _save(figure: Figure, path: Path, overwrite: bool) -> None:
    from abm.playback.output import check_suffix, refuse_existing, written_whole

    suffix = check_suffix(path, (".png", ".pdf", ".svg"))
    refuse_existing(path, [], overwrite=overwrite)
    with written_whole(path) as unfinished:
        figure.savefig(unfinished, format=suffix[1:], dpi=DOTS_PER_INCH)
    typer.echo(f"wrote {path}")


commands = [
    Command(
        "sensitivity",
        _sensitivity,
        "\b\nExamples:\n  abm study sensitivity screening --of peak_car_t --of mrd_day28\n"
        "  abm study sensitivity screening --of peak_crs_signal --log -o crs.png\n",
    ),
    Command(
        "plot",
        _plot,
        "\b\nExamples:\n  abm study plot doses --of peak_crs_signal -o crs.png --log     # two parameters: a response surface\n"
        "  abm study plot screening --of mrd_day28 --x dose --y burden -o mrd.png\n"
        "  abm study plot screening --of mrd_day28 -o ranking.png            # design morris or sobol: bars, the longest first\n",
    ),
]

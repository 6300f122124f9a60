# SPDX-License-Identifier: Apache-2.0
"""What the figures of a run share: axes to draw on, panels of its courses, marks of infusions, words where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.playback.courses import Panel
from abm.playback.lettering import DARK, GREY
from abm.playback.marks import INFUSION, Treatment
from abm.playback.timecourses import TimeAxis, draw_panel, panels_of

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

POINTS = 9.5
"""Size of the letters."""
SIZE = (7.2, 2.7)
"""Of a figure of its own [inches]."""
SHADE = "#eef1f4"
"""Behind what no assay would find, or what lies below a limit."""
INFUSION_COLOUR = "#f98c24"


def axes_for(ax: Axes | None, size: tuple[float, float] = SIZE) -> Axes:
    """Return the axes that were given, or those of a new figure of pyplot, which notebooks show.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
    size : (float, float)
        Of a new figure [inches].
    """
    if ax is not None:
        return ax
    from matplotlib import pyplot

    _, made = pyplot.subplots(figsize=size, layout="constrained")
    return made


class Courses:
    """Panels, treatments and the time axis of a run, read once for a figure.

    Parameters
    ----------
    trajectory : Trajectory
    """

    def __init__(self, trajectory: Trajectory) -> None:
        panels, self.treatments, self.time = panels_of(trajectory)
        self._panels = {panel.title: panel for panel in panels}

    def panel(self, title: str, *labels: str, renamed: str = "") -> Panel | None:
        """Return a panel with only some of its courses.

        Parameters
        ----------
        title : str
            As :func:`abm.playback.courses.course_panels` names it.
        labels : str
            Of the courses; all if none is given.
        renamed : str
            Title of what is returned, if another.

        Returns
        -------
        Panel or None
            None where nothing was recorded, or all of it was zero.
        """
        found = self._panels.get(title)
        if found is None:
            return None
        courses = tuple(course for course in found.courses if not labels or course.label in labels)
        return replace(found, title=renamed or title, courses=courses) if courses else None


def draw(ax: Axes, panel: Panel, courses: Courses) -> None:
    """Draw a panel over time, with the days of CAR T infusions."""
    draw_panel(ax, panel, courses.time, points=POINTS)
    finish(ax, courses.treatments, courses.time)


def finish(ax: Axes, treatments: Sequence[Treatment], time: TimeAxis) -> None:
    """Write the time under axes, and mark the days on which CAR T cells were infused."""
    ax.set_xlabel(time.label, size=POINTS, color=DARK)
    for treatment in treatments:
        if treatment.name == INFUSION:
            days = [day * time.scale for day in treatment.days]
            ax.plot(
                days, [0.035] * len(days), "^", color=INFUSION_COLOUR, ms=8.0, mec="white", mew=0.7, zorder=6, clip_on=False,
                transform=ax.get_xaxis_transform(), label="_infusions",
            )  # fmt: skip


def shade(ax: Axes, spells: Iterable[tuple[float, float]], time: TimeAxis) -> None:
    """Shade the stretches of days during which something held."""
    for first, last in spells:
        ax.axvspan(first * time.scale, last * time.scale, color=SHADE, lw=0.0, zorder=0)


def legend_above(ax: Axes) -> None:
    """Put the legend above the axes, at the right of the title."""
    ax.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=3, frameon=False, fontsize=POINTS, handlelength=1.1, borderaxespad=0.15,
    )  # fmt: skip


def absent(ax: Axes, title: str, words: str) -> Axes:
    """Say in the place of a figure why there is none."""
    ax.set_axis_off()
    ax.text(0.0, 1.0, title, transform=ax.transAxes, size=POINTS + 1, weight="bold", color=DARK, va="top", parse_math=False)
    ax.text(
        0.5, 0.5, words, transform=ax.transAxes, size=POINTS, color=GREY, ha="center", va="center", wrap=True, parse_math=False
    )
    return ax


def unrecorded(trajectory: Trajectory, *names: str) -> str:
    """Say of observables that they were not recorded, or that nothing of them was seen."""
    missing = [name for name in names if name not in trajectory.header.observables]
    if missing:
        return f"not recorded in this run: {', '.join(missing)}"
    if trajectory.observables.empty:
        return "this run recorded no observables (record.observables is 0)"
    return "none seen in this run"

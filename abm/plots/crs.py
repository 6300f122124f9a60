# SPDX-License-Identifier: Apache-2.0
"""The grade of cytokine release syndrome over time, and under it what was given and neurotoxicity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from abm.clinic.courses import Courses as Recorded
from abm.playback.lettering import DARK, GREY, shorten
from abm.playback.marks import spells
from abm.playback.timecourses import TimeAxis, style, write_title
from abm.plots.axes import POINTS, SIZE, Courses, absent, axes_for, finish, unrecorded
from abm.plots.csf import neurotoxic_spells
from abm.processes.toxicity import CRS_THRESHOLDS

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

TITLE = "Cytokine release syndrome and its treatment"
GRADE_COLOURS = ("#fee0b6", "#fdb863", "#e08214", "#8c4a04")
"""Of grade 1 to 4, ever darker: they can be told in grey as well."""
_ROW = 0.8
"""Height of a row of treatments, in grades."""
_NAME = 1.1
"""Widest name of a treatment [inches]."""
NEUROTOXICITY = "neurotoxicity"
_NEUROTOXIC_COLOUR = "#5e3c99"
Spell = tuple[float, float, int]


def crs(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw the grade of cytokine release syndrome, and a row for each treatment and for neurotoxicity.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    """
    courses = Courses(trajectory)
    rows: dict[str, tuple[str, list[Spell]]] = {item.name: (DARK, spells(item.days)) for item in courses.treatments}
    episodes = neurotoxic_spells(trajectory)
    if episodes:
        rows[NEUROTOXICITY] = (_NEUROTOXIC_COLOUR, [(*span, 1) for span in episodes])
    ax = axes_for(ax, (SIZE[0], SIZE[1] + 0.16 * len(rows)))
    course = Recorded(trajectory.observables).get("crs_grade")
    if course is None:
        return absent(ax, TITLE, unrecorded(trajectory, "crs_grade"))
    time, highest = courses.time, len(CRS_THRESHOLDS)
    ax.set_xlim(*time.limits)
    ax.set_ylim(-_ROW * len(rows) - 0.5, highest + 0.3)
    style(ax, POINTS)
    write_title(ax, TITLE, POINTS)
    # only where it changes: a step needs no more points
    kept = np.flatnonzero(np.diff(course[1], prepend=np.nan, append=np.nan) != 0)
    kept = np.unique(np.minimum(kept, len(course[1]) - 1))
    days, grades = course[0][kept] * time.scale, course[1][kept]
    for grade, colour in enumerate(GRADE_COLOURS[:highest], start=1):
        held = np.clip(grades, grade - 1, grade)
        ax.fill_between(days, grade - 1, held, step="post", color=colour, lw=0.0, zorder=2)
        ax.axhline(grade, color="#ececec", lw=0.8, zorder=1)
    ax.step(days, grades, where="post", color=DARK, lw=1.3, zorder=3)
    ax.axhline(0.0, color=GREY, lw=0.8, zorder=3)
    for number, (colour, spans) in enumerate(rows.values(), start=1):
        _row(ax, -_ROW * number, colour, spans, time, is_marked=colour != _NEUROTOXIC_COLOUR)
    ticks = [(float(grade), f"grade {grade}" if grade else "none") for grade in range(highest + 1)]
    ticks += [(-_ROW * number, shorten(name, POINTS, 100 * _NAME)) for number, name in enumerate(rows, start=1)]
    ax.set_yticks([at for at, _ in ticks], [words for _, words in ticks], size=POINTS)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.tick_params(axis="y", length=0, pad=6.0)
    finish(ax, [], time)
    return ax


def _row(ax: Axes, at: float, colour: str, spans: list[Spell], time: TimeAxis, *, is_marked: bool) -> None:
    """Draw when something was given or lasted: a bar, of what was given with a mark at its first day."""
    ax.axhline(at, color="#ececec", lw=0.8, zorder=1)
    for first, last, _ in spans:
        ax.plot([first * time.scale, last * time.scale], [at, at], color=colour, lw=4.0, solid_capstyle="butt", zorder=2)
        if is_marked:
            ax.plot(first * time.scale, at, "v", color=colour, ms=6.0, zorder=3, clip_on=False)

# SPDX-License-Identifier: Apache-2.0
"""Courses of a closed block of tissue, which has no body: its cells, kills, and effectors per target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.plots.axes import Courses, absent, axes_for, draw

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

_ELSEWHERE = "told of closed blocks of tissue alone (body: null)"


def cells(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw the cells of a closed block by kind."""
    return _panel(trajectory, ax, "Cells")


def kills(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw the targets that the CAR T cells of a closed block have killed."""
    return _panel(trajectory, ax, "Kills")


def ratio(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw the effectors per target of a closed block."""
    return _panel(trajectory, ax, "E:T ratio")


def _panel(trajectory: Trajectory, ax: Axes | None, title: str) -> Axes:
    ax = axes_for(ax)
    courses = Courses(trajectory)
    panel = courses.panel(title)
    if panel is None:
        return absent(ax, title, _ELSEWHERE)
    draw(ax, panel, courses)
    return ax

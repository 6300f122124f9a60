# SPDX-License-Identifier: Apache-2.0
"""The figures of a run as they stand in its report: of one width and one time axis, each with a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from abm.clinic import Courses
from abm.playback.marks import INFUSION, treatments_given
from abm.plots import Plots
from abm.plots.blasts import CD19_LOW
from abm.plots.csf import neurotoxic_spells
from abm.plots.marrow import colour_key, depth, layer_of
from abm.report.document import Paragraph, Picture
from abm.state.places import CSF, PERIPHERY, PLACE_NAMES

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

WIDTH = 6.9
"""Of all figures, that of a page between its margins [inches]."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 1.25, 0.85, 0.32, 0.45
"""Margins of the axes, so that the same day stands at the same place in all figures [inches]."""
_HEIGHT = 2.1

PATIENT = (
    (
        "leukaemia", "Blasts and minimal residual disease",
        "Share of the marrow's nucleated cells that is leukaemic (thick), and that is CD19-negative (thin), on a logarithmic axis. "
        "Dashed: 5 %, below which a microscope sees remission, and 0.01 %, the usual limit of flow cytometry; in the shaded range "
        "below it the simulation still counts cells that no such assay would find.",
    ),
    (
        "car_t", "CAR T cell kinetics",
        "CAR T cells per µL of blood, with their peak. Below 1 cell/µL (shaded) they are said not to persist.",
    ),
    (
        "crs", "Cytokine release syndrome and treatment",
        "The grade of cytokine release syndrome by day, darker for higher grades. The rows under it show when each treatment was "
        "given, and how long neurotoxicity lasted.",
    ),
    (
        "cytokines", "Cytokines in serum",
        "Serum concentrations, and the signal that decides the grade of cytokine release: IL-6 as far as its receptors are free, "
        "so that both lines lie on each other until tocilizumab is given. Dashed: the signal that, held for 12 h, is grade 1 to 4.",
    ),
    (
        "b_cells", "B-cell aplasia",
        "CD19+ B cells per µL of blood, normal and not leukaemic. Aplasia, fewer than 10 cells/µL (dashed), is shaded.",
    ),
)  # fmt: skip
COMPOSITION = (
    (
        "clones", "Composition of the leukaemia",
        "A fish plot. The height is the number of leukaemic cells of the whole body on a logarithmic scale; within it each kind has "
        f"the area of its share. CD19-low blasts (below {CD19_LOW:,.0f} molecules) are shown where they come to 1 % or more, from "
        "the days on which cells were recorded.",
    ),
    (
        "antigen", "Antigen density",
        "CD19 molecules per CD19+ blast of the whole body, weighted by the cells that each agent stands for: median (line), half of "
        f"the blasts (dark) and 90 % of them (light). Dashed: {CD19_LOW:,.0f} molecules. A gap: too few blasts are left to tell.",
    ),
)  # fmt: skip
SPINAL = (
    "csf", "Cerebrospinal fluid",
    "Blasts and CAR T cells per µL of CSF. Days of neurotoxicity are shaded.",
)  # fmt: skip
BLOCK = (
    ("cells", "Cells of the block", "Cells of each kind; every agent is one cell."),
    ("kills", "Kills", "Targets killed by CAR T cells since the start."),
    ("ratio", "Effectors per target", "CAR T cells per CD19+ cell; the line ends where no target is left."),
)
_MARK = " Orange triangle: CAR T infusion."


def pictures(trajectory: Trajectory) -> list[Picture | Paragraph]:
    """Draw what was simulated: other figures for a patient than for a closed block; CSF and views if they were.

    What was not recorded is said in the place of its figure.
    """
    places = trajectory.header.compartments
    is_patient = PLACE_NAMES[PERIPHERY] in places
    spinal = [SPINAL] if PLACE_NAMES[CSF] in places else []
    wanted = [*PATIENT, *spinal, *COMPOSITION] if is_patient else [*BLOCK]
    rows = len(treatments_given(trajectory.events)) + bool(neurotoxic_spells(trajectory))
    infused = any(treatment.name == INFUSION for treatment in treatments_given(trajectory.events))
    plots = Plots(trajectory)
    found: list[Picture | Paragraph] = []
    for name, title, caption in wanted:
        figure, axes = _page_wide(_HEIGHT + (0.17 * rows if name == "crs" else 0.0))
        getattr(plots, name)(axes)
        if not axes.has_data():
            found.append(Paragraph(f"{title}: {axes.texts[-1].get_text()}."))
            continue
        found.append(Picture(figure, title, caption + (_MARK if infused and name != "crs" else "")))
    return [*found, *_sections(trajectory)]


def _page_wide(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.add_axes(
        (_LEFT / WIDTH, _BOTTOM / height, 1 - (_LEFT + _RIGHT) / WIDTH, 1 - (_BOTTOM + _TOP) / height)
    )


def _sections(trajectory: Trajectory) -> list[Picture]:
    """Draw a layer of the marrow at the start, at the peak of CAR T cells and at the end, as far as these were recorded."""
    views = trajectory.views("marrow")
    if not len(views):
        return []
    course = Courses(trajectory.observables).get("car_t_blood")
    days = [float(views.days[0])]
    if course is not None and course[1].max() > 0:
        days.append(min(max(float(course[0][course[1].argmax()]), days[0]), float(views.days[-1])))
    else:
        days.append(float(views.days[len(views) // 2]))
    days.append(float(views.days[-1]))
    numbers = sorted({views.index_at(day) for day in days})
    figure = Figure(figsize=(WIDTH, 3.3), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    plots = Plots(trajectory)
    for place, number in enumerate(numbers, start=1):
        plots.marrow(figure.add_subplot(1, len(numbers), place), day=float(views.days[number]), legend=False)
    entries = colour_key(trajectory, [layer_of(views[number]) for number in numbers])
    figure.legend(handles=entries, loc="outside lower center", ncol=3, frameon=False, fontsize=8.0, handlelength=1.0)
    middle = "half-way" if course is None else "at the peak of CAR T cells in blood"
    where = depth(views[numbers[0]].shape, trajectory.header.compartments["marrow"])
    when = f"at the start, {middle} and at the end"
    return [
        Picture(
            figure,
            "Marrow, cell by cell",
            f"One layer of the lattice, {where}, {when}; both axes in µm. A square is a site; small squares in its corners are "
            "cells of which there are fewer than fill one.",
        )
    ]

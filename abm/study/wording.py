# SPDX-License-Identifier: Apache-2.0
"""Results of a sensitivity analysis as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from abm.study.sampling import DUMMY

if TYPE_CHECKING:
    from abm.study.sensitivity import Sensitivity

_WIDTH = 100
_MOST_PAIRS = 10
_TITLES = {"morris": "Elementary effects (Morris)", "sobol": "Shares of variance (Sobol' indices)"}


def sensitivity_text(result: Sensitivity) -> str:
    """Set a result as a table, the factor of the largest effect first, with what must be known to read it.

    Parameters
    ----------
    result : Sensitivity
    """
    ranked: list[dict[str, Any]] = result.ranked.to_dict("records")
    replicates = result.noise.replicates
    lines = [
        f"{_TITLES[result.method]}: {result.output}",
        f"{result.points} points, {replicates} replicate{'s' * (replicates > 1)} each; ± {100 * result.confidence:g} % interval",
        "",
        *aligned([_heads(result), *(_cells(result, row) for row in ranked)]),
        "",
    ]
    if result.second_order is not None:
        lines += [*aligned(_pairs(result.second_order.sort_values("S2", ascending=False, kind="stable"))), ""]
    for sentence in (result.noise.text(), *result.notes):
        lines += textwrap.wrap(sentence, _WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _heads(result: Sensitivity) -> tuple[str, ...]:
    return ("factor", "mu*", "mu", "sigma", "") if result.method == "morris" else ("factor", "S1", "ST", "")


def _cells(result: Sensitivity, row: dict[str, Any]) -> tuple[str, ...]:
    verdict = "the floor of noise" if row["name"] == DUMMY else _verdict(row)
    if result.method == "morris":
        mean = f"{row['mu_star']:.3g} ± {row['mu_star_conf']:.2g}"
        return row["name"], mean, f"{row['mu']:.3g}", f"{row['sigma']:.3g}", verdict
    return row["name"], _share(row["S1"], row["S1_conf"]), _share(row["ST"], row["ST_conf"]), verdict


def _pairs(table: Any) -> list[tuple[str, ...]]:
    """Rows of the largest interactions, without those of the dummy."""
    rows = [row for row in table.to_dict("records") if DUMMY not in (row["first"], row["second"])]
    cells: list[tuple[str, ...]] = [("pair", "S2", "")]
    for row in rows[:_MOST_PAIRS]:
        cells.append((f"{row['first']} × {row['second']}", _share(row["S2"], row["S2_conf"]), _verdict(row)))
    if len(rows) > _MOST_PAIRS:
        cells.append((f"and {len(rows) - _MOST_PAIRS} smaller", "", ""))
    return cells


def _verdict(row: dict[str, Any]) -> str:
    return "" if row["above_noise"] else "not told from noise"


def _share(index: float, half_width: float) -> str:
    # adding 0.0 takes the sign off a zero
    return f"{round(index, 2) + 0.0:.2f} ± {half_width:.2f}"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Set rows of words below each other in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

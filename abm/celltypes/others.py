# SPDX-License-Identifier: Apache-2.0
"""Cells of types that other packages add: how many there are at the start, and what they bear.

Such a type differs from others in numbers: its cells sit in the marrow, change places with their neighbours, are
pushed and evicted as their lineage is, and are found by a CAR if they bear antigen. They neither divide nor die of
themselves.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from abm.choices import Choice, tag_of
from abm.openings import Opening
from abm.state.columns import Array
from abm.state.kinds import FIRST_OTHER, KINDS, MAX_KIND, CellType
from abm.state.state import State
from abm.units import Parameters, quantity


class OtherCells(Parameters):
    """Cells of a type that another package adds.

    A subclass names its ``kind`` and, in the same words, its ``type``.
    """

    kind: ClassVar[CellType]
    marrow_fraction: float = quantity(
        0, "%", bounds=(0, 100), about="its cells among marrow mononuclear cells at the start",
        source="scenario",
    )  # fmt: skip

    def endow(self, state: State, rows: Array) -> None:
        """Give cells of the start what they bear, such as antigens.

        Parameters
        ----------
        state : State
            Its table ``state.sessile`` holds them, without any antigen.
        rows : (n,) array of int
            Their rows. Draws are keyed by their ``uid``, since the order of rows means nothing.
        """


def _name_of(thing: Any) -> str:
    name, kind = tag_of(thing, OtherCells), getattr(thing, "kind", None)
    if not isinstance(kind, CellType) or kind.name != name:
        raise ValueError(f'class {thing.__name__} needs a cell type of the same name: kind = CellType(code, "{name}", ...), has {kind!r}')
    if not FIRST_OTHER <= kind.code <= MAX_KIND:
        raise ValueError(f"the code of its cell type must be {FIRST_OTHER} to {MAX_KIND}, is {kind.code}")
    if kind.home != "sessile":
        raise ValueError(f"its cell type must be at home among 'sessile' cells, is {kind.home!r}")
    return name


OTHERS: Opening[type[OtherCells]] = Opening(
    "abm.cell_types", "cell type", lambda: [kind.name for kind in KINDS.own()],
    _name_of, enter=lambda cells: KINDS.add(cells.kind), leave=lambda cells: KINDS.discard(cells.kind),
)  # fmt: skip
"""Cell types that other packages add."""

AnyCells: Any = Annotated[OtherCells, Choice((), OTHERS)]
"""Type of one entry of a scenario's list of other cells, told apart by ``type``."""

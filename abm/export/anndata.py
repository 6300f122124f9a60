# SPDX-License-Identifier: Apache-2.0
"""AnnData: the cells of one day as a ``.h5ad`` file, laid out as squidpy and scanpy expect.

All compartments stand in one file. ``obs["compartment"]`` is what squidpy calls a library key; besides, the
compartments are moved apart, so that an analysis that does not name the key finds no neighbours across them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abm.export.output import package
from abm.export.selection import Compartments, Span, cell_stretches, positions, values
from abm.export.tables import kind_names
from abm.playback.output import written_whole
from abm.trajectory import CellFrame, Header, Trajectory
from abm.trajectory.hdf5 import new_file
from abm.trajectory.schema import ANTIGEN_UNIT

if TYPE_CHECKING:
    from pandas import DataFrame

_GAP = 10
"""Sites left free between two compartments."""


def export_anndata(
    trajectory: Trajectory,
    output: str | Path,
    *,
    compartment: Compartments = None,
    day: float | None = None,
) -> Path:
    """Write the cells of one day as an AnnData file.

    ``X`` holds the antigen densities, ``obs`` all recorded columns, with ``kind`` as a category, ``obsm["spatial"]``
    the positions [µm], two columns if all lattices are flat; ``obs_names`` are the uids. ``uns`` has ``kind_colors``,
    ``kind_labels``, ``spatial_offset_um`` (how far each compartment was moved) and ``abm`` (day, units, scenario,
    provenance).

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    output : path
        The file to write.
    compartment : str or sequence of str, optional
        Compartments with a lattice; all if not given.
    day : float, optional
        The frame nearest to it [d]; the last if not given.

    Raises
    ------
    InputError
        Nothing was recorded of what is asked for, or anndata is not installed.
    RunError
        The file cannot be written.
    """
    chosen = cell_stretches(trajectory, compartment, Span(day=day))
    anndata = package("anndata", "anndata")
    header, shared = trajectory.header, [set(one.frames.columns) for one in chosen]
    columns = [name for name in header.columns if all(name in there for there in shared)]
    frames = {stretch.compartment: stretch.frames[stretch.numbers[-1]] for stretch in chosen}
    # Variables are what a cytometer measures per cell.
    antigens = [name for name in columns if header.columns[name]["unit"] == ANTIGEN_UNIT]
    offsets = _offsets(header, list(frames))
    places = [positions(frame["site"], header.compartments[name]) + offsets[name] for name, frame in frames.items()]
    flat = all(header.compartments[name]["shape"][2] == 1 for name in frames)
    cells = _observations(header, frames, columns)
    data = anndata.AnnData(
        X=cells[antigens].to_numpy(np.float32),
        obs=cells,
        var=_variables(header, antigens),
        obsm={"spatial": np.concatenate(places)[:, : 2 if flat else 3]},
    )
    data.uns.update(_unstructured(trajectory, cells, offsets, max(frame.day for frame in frames.values())))
    # As AnnData.write_h5ad does, but through a file that bears a full disk.
    write = package("anndata.io", "anndata").write_elem
    with written_whole(output) as unfinished, new_file(unfinished) as (file, _):
        write(file, "/", data, dataset_kwargs={"compression": "gzip"})
    return Path(output)


def _offsets(header: Header, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Return how far each compartment is moved along x to stand beside the one before it [µm]."""
    offsets, end = {}, 0.0
    for name in names:
        about = header.compartments[name]
        offsets[name] = np.array([end, 0.0, 0.0], np.float32)
        end += (about["shape"][0] + _GAP) * about["spacing_um"]
    return offsets


def _observations(header: Header, frames: dict[str, CellFrame], columns: Sequence[str]) -> DataFrame:
    """Return the cells with their columns; codes of kinds and compartments become categories."""
    import pandas

    parts = [values(frame, columns) for frame in frames.values()]
    table: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table["kind"] = kind_names(header, table["kind"]).remove_unused_categories()
    where = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames.values()])
    table["compartment"] = pandas.Categorical.from_codes(where, categories=list(frames))
    uids = pandas.Index(table.pop("uid").astype(str), name="uid", dtype=object)
    return pandas.DataFrame(table, index=uids)


def _variables(header: Header, antigens: Sequence[str]) -> DataFrame:
    import pandas

    about = {key: [header.columns[name][key] for name in antigens] for key in ("unit", "about")}
    return pandas.DataFrame(about, index=pandas.Index(antigens, dtype=object))


def _unstructured(trajectory: Trajectory, cells: DataFrame, offsets: dict[str, NDArray[np.float32]], day: float) -> dict[str, Any]:
    header = trajectory.header
    kinds = {kind["name"]: kind for kind in header.kinds}
    shown = list(cells["kind"].cat.categories)
    return {
        "kind_colors": np.array([kinds[name]["colour"] for name in shown], dtype=object),
        "kind_labels": {name: kinds[name]["label"] for name in shown},
        "spatial_offset_um": offsets,
        "abm": {
            "day": day,
            "spatial_unit": "µm",
            "units": {name: header.columns[name]["unit"] for name in cells.columns if name in header.columns},
            "scenario": header.scenario,
            "provenance": json.dumps(header.provenance, ensure_ascii=False),
        },
    }

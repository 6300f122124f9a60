# SPDX-License-Identifier: Apache-2.0
"""What squidpy makes of an AnnData export: neighbours by distance, none across compartments, neighbourhoods."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pytest

from abm.celltypes import BLAST, CAR_T
from abm.export.anndata import export_anndata
from abm.trajectory import Header, Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY

pytestmark = [
    pytest.mark.export,
    pytest.mark.filterwarnings("default"),  # of packages that are not ours
]
MARROW, CSF = (6, 5, 4), (8, 7, 1)


@pytest.fixture
def cells(header: Header, tmp_path: Path) -> anndata.AnnData:
    """Return two full lattices: blasts below and CAR T cells above in the marrow, a chequerboard in the CSF."""
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        for room, (name, shape) in enumerate({"marrow": MARROW, "csf": CSF}.items()):
            x, y, z = np.indices(shape).reshape(3, -1)
            upper = z >= 2 if name == "marrow" else (x + y) % 2 == 1
            count = len(x)
            recorded = {"uid": np.arange(count) + 1000 * room, "kind": np.where(upper, CAR_T.code, BLAST.code).astype(np.uint8)}
            antigens = {"cd19": np.where(upper, 0, 1e4).astype(np.float32), "cd22": np.zeros(count, np.float32)}
            writer.cells(TICKS_PER_DAY, name, {**recorded, **antigens, "site": np.arange(count, dtype=np.int32)})
    with Trajectory.open(tmp_path / "run.h5") as run:
        return anndata.read_h5ad(export_anndata(run, tmp_path / "x.h5ad"))


def faces(shape: tuple[int, ...]) -> int:
    """Return the pairs of sites that share a face."""
    return sum(int(np.prod(shape)) // size * (size - 1) for size in shape)


def test_neighbours_are_those_of_the_lattice(cells: anndata.AnnData) -> None:
    import squidpy as sq

    sq.gr.spatial_neighbors(cells, coord_type="generic", radius=12.6, library_key="compartment")
    graph = cells.obsp["spatial_connectivities"]
    assert graph.nnz == 2 * (faces(MARROW) + faces(CSF))
    distances = cells.obsp["spatial_distances"]
    marrow = (cells.obs["compartment"] == "marrow").to_numpy()
    np.testing.assert_allclose(distances[marrow][:, marrow].data, 10)
    np.testing.assert_allclose(distances[~marrow][:, ~marrow].data, 12.5)


def test_no_neighbours_across_compartments_even_without_a_library_key(cells: anndata.AnnData) -> None:
    import squidpy as sq

    sq.gr.spatial_neighbors(cells, coord_type="generic", n_neighs=6)
    graph = cells.obsp["spatial_connectivities"]
    marrow = (cells.obs["compartment"] == "marrow").to_numpy()
    assert graph.nnz > 0
    assert graph[marrow][:, ~marrow].nnz == 0


@pytest.mark.parametrize(("compartment", "sign"), [("marrow", 1), ("csf", -1)])
def test_layers_keep_to_themselves_and_a_chequerboard_mixes(cells: anndata.AnnData, compartment: str, sign: int) -> None:
    import squidpy as sq

    part = cells[cells.obs["compartment"] == compartment].copy()
    sq.gr.spatial_neighbors(part, coord_type="generic", radius=12.6)
    sq.gr.nhood_enrichment(part, cluster_key="kind", seed=1, n_perms=100, show_progress_bar=False)
    scores = part.uns["kind_nhood_enrichment"]["zscore"]
    assert part.obs["kind"].cat.categories.tolist() == ["blast", "car_t"]
    assert (sign * np.diag(scores) > 3).all()
    assert sign * scores[0, 1] < -3

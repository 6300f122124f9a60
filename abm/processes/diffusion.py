# SPDX-License-Identifier: Apache-2.0
"""The grid of a cytokine field over a lattice, and the one owner of the kernel that solves it."""

from __future__ import annotations

import math

import numpy as np

from abm._kernels import _diffusion
from abm.processes.process import threads_for
from abm.state.columns import Array
from abm.state.lattice import AXES, Lattice

COARSENING = 2
"""Sites of the lattice along the edge of a voxel: gradients decay over several cell diameters."""
ML_PER_UM3 = 1e-12
VOXEL_NANOSECONDS = 1
"""Cost of a voxel and pass along an axis."""


class FieldGrid:
    """Voxels of two sites' edge over a lattice, with its boundaries.

    An axis with an odd number of sites has voxels a little longer than two sites, so that they fill it
    evenly; an axis one site thick is one voxel thick. Fat and bone are taken to conduct like marrow.

    Parameters
    ----------
    lattice : Lattice
        Gives shape, spacing and boundaries.
    n_threads : int
        Threads of the solver; the result does not depend on it.

    Attributes
    ----------
    shape : (int, int, int)
        Voxels along each axis.
    spacing : (float, float, float)
        Edges of a voxel [µm].
    voxel_ml : float
        Volume of a voxel [mL].
    """

    def __init__(self, lattice: Lattice, n_threads: int = 1) -> None:
        if n_threads < 1:
            raise ValueError(f"n_threads must be at least 1, got {n_threads}")
        self.lattice = lattice
        self.shape = tuple(max(sites // COARSENING, 1) for sites in lattice.shape)
        self.spacing = tuple(sites * lattice.spacing / voxels for sites, voxels in zip(lattice.shape, self.shape, strict=True))
        self.n_voxels = math.prod(self.shape)
        self.n_threads = threads_for(self.n_voxels, VOXEL_NANOSECONDS, n_threads)
        self.voxel_ml = math.prod(self.spacing) * ML_PER_UM3
        self._work = np.empty((self.n_threads, max(self.shape) * _diffusion.WIDTH), np.float64)
        # What each coordinate along an axis adds to the index of a voxel.
        self._share = [
            (np.arange(sites) * voxels // sites * math.prod(self.shape[axis + 1 :])).astype(np.int32)
            for axis, (sites, voxels) in enumerate(zip(lattice.shape, self.shape, strict=True))
        ]
        self._factors: dict[tuple[int, float, bool], tuple[Array, Array, Array]] = {}

    def empty(self) -> Array:
        """Return a field of zeros, float32, of the grid's shape."""
        return np.zeros(self.shape, np.float32)

    def voxel(self, sites: Array) -> Array:
        """Return the voxel of each site, as an index into the flat field."""
        rest = np.asarray(sites, np.int32)
        found = np.zeros(rest.shape, np.int32)
        for axis in reversed(range(AXES)):
            above = rest // np.int32(self.lattice.shape[axis])
            found += self._share[axis][rest - above * np.int32(self.lattice.shape[axis])]
            rest = above
        return found

    def advance(self, field: Array, source: Array, *, diffusivity: float, decay: float, hours: float, substeps: int = 1) -> None:
        """Carry a field over a time by backward Euler, split by axis.

        Each sub-step is half as long as the one before: the long ones settle the far field, the short
        ones then restore the peaks that they have flattened.

        Parameters
        ----------
        field : array of float32, the grid's shape
            Changed in place [pg/mL].
        source : array of float64, the grid's shape
            Secretion [pg/mL/h].
        diffusivity : float
            [µm²/h].
        decay : float
            [1/h].
        hours : float
            Time [h].
        substeps : int
            Steps into which it is divided, 1 or more.

        Raises
        ------
        ValueError
            Field or source have another shape, a number is negative, or there is no sub-step.
        """
        if field.shape != self.shape or source.shape != self.shape:
            raise ValueError(f"field and source must have shape {self.shape}, got {field.shape} and {source.shape}")
        if min(diffusivity, decay, hours) < 0:
            raise ValueError(f"diffusivity, decay and hours must be >= 0, got {diffusivity}, {decay} and {hours}")
        if substeps < 1:
            raise ValueError(f"substeps must be at least 1, got {substeps}")
        # a reshaped copy would leave the field as it is, and the kernel refuses other types
        flat = np.reshape(field, -1, copy=False)
        secreted = np.reshape(source, -1, copy=False)
        for step in range(substeps):
            part = hours * 2.0 ** (substeps - 1 - step) / (2.0**substeps - 1.0)
            _diffusion.react(field=flat, source=secreted, hours=part, decay=decay, threads=self.n_threads)
            for axis in range(AXES):
                if self.shape[axis] > 1:
                    self._along(flat, axis, diffusivity * part / self.spacing[axis] ** 2)

    def _along(self, flat: Array, axis: int, ratio: float) -> None:
        periodic = self.lattice.periodic[axis]
        key = (self.shape[axis], ratio, periodic)
        if key not in self._factors:
            inverse, gain, correction = (np.empty(self.shape[axis]) for _ in range(3))
            _diffusion.factorise(ratio=ratio, periodic=periodic, inverse=inverse, gain=gain, correction=correction)
            self._factors[key] = (inverse, gain, correction)
        inverse, gain, correction = self._factors[key]
        _diffusion.diffuse(
            field=flat,
            inner=math.prod(self.shape[axis + 1 :]),
            ratio=ratio,
            periodic=periodic,
            inverse=inverse,
            gain=gain,
            correction=correction,
            work=self._work,
        )

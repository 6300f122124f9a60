# SPDX-License-Identifier: Apache-2.0
"""A run as the player reads it: one thread at a time, and looked at again while it is going on."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from abm.errors import InputError, RunError
from abm.playback.player.cells import cells_at, history_of
from abm.playback.player.cuts import Cut, Cutter, Levels
from abm.playback.player.describing import describe_run
from abm.playback.player.highest import HighestConcentrations
from abm.playback.player.layers import CELL_LAYERS, Region, ticks_of, volume_of
from abm.playback.player.packets import BoundedMemory, packet
from abm.trajectory import Trajectory
from abm.trajectory.index import stamp_of

VOLUME_BYTES = 64 * 2**20
"""Volumes kept in memory, so that going through the planes of a frame reads it once [bytes]."""
_GLANCE = 1.0
"""Least time between two looks for what has been recorded since [s]."""


class Recording:
    """A trajectory for several threads; HDF5 and the reader serve one at a time.

    Parameters
    ----------
    path : str or pathlib.Path
    label : str
        What the run is called.

    Raises
    ------
    InputError
        No trajectory there.
    RunError
        It is damaged.
    """

    def __init__(self, path: str | Path, label: str) -> None:
        self.label = label
        self._lock = RLock()
        self._trajectory = Trajectory.open(path)
        self.path = self._trajectory.path
        self._volumes: BoundedMemory[tuple[Levels, dict[str, Any]]] = BoundedMemory(VOLUME_BYTES)
        self._looked = time.monotonic()
        self._damage: tuple[tuple[int, ...] | None, RunError] | None = None
        self._identify()

    def _identify(self) -> None:
        header = self._trajectory.header
        self._header = header
        self.version = hashlib.sha256("\0".join(header.texts().values()).encode()).hexdigest()[:16]
        self._cutter = Cutter(header.kinds)
        self._highest = HighestConcentrations()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._trajectory.close()

    def standing(self) -> dict[str, Any]:
        """Say how far the run has come, in few bytes; ``stamp`` changes when there is more to see.

        Raises
        ------
        InputError, RunError
            The file is gone or damaged.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._looked >= _GLANCE:
                self._refresh()
                self._looked = now
            self._require_sound()
            if self._trajectory.header is not self._header:
                self._identify()
            trajectory = self._trajectory
            status, frames = trajectory.status, trajectory.frames
            stamp = f"{self.version}-{len(frames)}-{trajectory.last_day:.6f}-{status}"
            return {"version": self.version, "status": status, "stamp": stamp}

    def _refresh(self) -> None:
        """Look at the file again; one that is damaged stays so until another stands in its place."""
        if self._damage is not None and self._stamp() == self._damage[0]:
            return
        try:
            self._trajectory.refresh()
            self._damage = None
        except RunError as error:
            self._damage = self._stamp(), error

    def _stamp(self) -> tuple[int, ...] | None:
        """Return what tells the file from another under its name, None if there is none."""
        return stamp_of(self.path) if self.path.exists() else None

    def _require_sound(self) -> None:
        if self._damage is not None:
            raise RunError(str(self._damage[1]))

    def description(self) -> dict[str, Any]:
        """Describe the run; see :func:`abm.playback.player.describing.describe_run`."""
        with self._lock:
            standing = self.standing()
            highest = self._highest.of(self._trajectory)
            return {**describe_run(self._trajectory, self.label), "highest": highest, **standing}

    def frame(self, place: str, layer: str, number: int, cut: str) -> bytes:
        """Return a packet with a cut of one frame of a layer.

        Raises
        ------
        InputError
            No such place, layer, frame or cut.
        RunError
            The frame is damaged, or the file is gone.
        """
        with self._lock:
            volume, about = self.volume(place, layer, number)
            wanted = Cut.parse(cut, volume.shape)
            levels = self._cutter.cut(volume, wanted, layer=layer)
            tick = int(ticks_of(self._trajectory, place, layer)[number])
            return packet({"layer": layer, "frame": number, "tick": tick, **about}, levels)

    def volume(self, place: str, layer: str, number: int) -> tuple[Levels, dict[str, Any]]:
        """Return a frame of a layer, from memory if it was read lately."""
        with self._lock:
            self._require_sound()
            self._require_lattice(place)
            ticks = ticks_of(self._trajectory, place, layer)
            if not 0 <= number < len(ticks):
                raise InputError(f"{place}: has {len(ticks)} frames of {layer}, asked for number {number}")
            key = (self.version, place, layer, int(ticks[number]))
            found = self._volumes.get(key)
            if found is None:
                found = volume_of(self._trajectory, place, layer, number)
                self._volumes.put(key, found, found[0].nbytes)
            return found

    def cells_at(self, place: str, number: int, site: tuple[int, int, int]) -> dict[str, Any]:
        """Tell of the cells on a site of a view; see :func:`abm.playback.player.cells.cells_at`."""
        with self._lock:
            self._require_lattice(place)
            frames = self._trajectory.cell_frames(place)
            region = Region.of(self._trajectory, place)
            if not 0 <= number < len(frames) or any(not 0 <= at < size for at, size in zip(site, region.view, strict=True)):
                raise InputError(f"{place}: no frame {number} of cells, or no site {site}")
            if not {"site", "kind"} <= set(frames.columns):
                raise InputError(f"{place}: cells were recorded without {' or '.join(CELL_LAYERS)}")
            return cells_at(self._trajectory, place, number, site)

    def history(self, uid: int) -> dict[str, Any]:
        """Tell what became of a cell; see :func:`abm.playback.player.cells.history_of`."""
        with self._lock:
            return history_of(self._trajectory, uid)

    def _require_lattice(self, place: str) -> None:
        places = self._trajectory.header.compartments
        if place not in places or places[place]["shape"] is None:
            known = ", ".join(name for name, about in places.items() if about["shape"] is not None)
            raise InputError(f"{self.path}: no place {place!r} with a lattice; allowed: {known}")

    def ticks(self, place: str, layer: str) -> list[int]:
        """Return the ticks of the frames of a layer."""
        with self._lock:
            return [int(tick) for tick in np.asarray(ticks_of(self._trajectory, place, layer))]

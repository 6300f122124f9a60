# SPDX-License-Identifier: Apache-2.0
"""The player in one file: as many frames of a run as fit into a given size, each as its difference from the one before.

Whole views come first, since from them any slice, projection and 3-D view is made in the page; where they are too large,
the middle layer and the projection stand for them. Cells and fields share what views leave.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from abm.errors import InputError
from abm.playback.output import check_suffix, refuse_existing, written_whole
from abm.playback.player.cuts import CODES, Cut, Cutter, Levels
from abm.playback.player.packets import gzipped
from abm.playback.player.page import whole_page
from abm.playback.player.recording import Recording
from abm.playback.player.serving import open_recordings
from abm.playback.sections import thin_axis

DEFAULT_MEGABYTES = 10.0
_LEAST_MEGABYTES = 0.5
_MOST_MEGABYTES = 1e6
_BLOCK = 16
"""Frames that are unpacked together."""
_BLOCK_BYTES = 24 * 2**20
"""Levels in a block at most [bytes]."""
_VIEWS = 0.75
"""Share of the room that views have."""
_ENOUGH = 24
"""Frames of whole views below which slices and projections are held instead: more frames tell more than more layers."""
_SAMPLE = 9
_TRIES = 4
_LEVEL = 6

Told = Callable[[str], object]


@dataclass(frozen=True)
class _Wanted:
    """A layer of a place of a run, and how it is to be cut."""

    run: int
    place: str
    layer: str
    cut: str
    shape: tuple[int, int, int]

    @property
    def sites(self) -> int:
        """Sites of a whole frame."""
        return math.prod(self.shape)


def write_page(
    file: str | Path,
    output: str | Path,
    *,
    compare: str | Path | None = None,
    megabytes: float = DEFAULT_MEGABYTES,
    overwrite: bool = False,
    progress: Told | None = None,
) -> Path:
    """Write a page that holds its run, to be opened without server or network.

    Parameters
    ----------
    file : str or pathlib.Path
        The trajectory.
    output : str or pathlib.Path
        The ``.html`` file to write.
    compare : str or pathlib.Path, optional
        Another run, to be shown beside it; both share the room.
    megabytes : float
        Size that the file may have, 0.5 to 1e6 [MB]; frames are left out evenly until it has.
    overwrite : bool
        Whether an earlier file there may be replaced.
    progress : callable, optional
        Told what is being packed.

    Raises
    ------
    InputError
        No trajectory there, another suffix, a size that is too small or not finite, or a file that must not be replaced.
    RunError
        A damaged trajectory, a file that cannot be written, or an installation that lacks a part of the page.
    """
    check_suffix(output, (".html",))
    if not _LEAST_MEGABYTES <= megabytes <= _MOST_MEGABYTES:
        raise InputError(f"--megabytes: must be at least {_LEAST_MEGABYTES:g} and at most {_MOST_MEGABYTES:.0f}, got {megabytes:g}")
    refuse_existing(output, [file, *([compare] if compare is not None else [])], overwrite=overwrite)
    with open_recordings(file, compare) as recordings, written_whole(output) as unfinished:
        packer = _Packer(recordings, progress or (lambda words: None))
        unfinished.write_text(whole_page(packer.pack(int(megabytes * 1e6))), encoding="utf-8")
    return Path(output)


class _Packer:
    """Chooses what of some runs is held, and packs it."""

    def __init__(self, recordings: Sequence[Recording], told: Told) -> None:
        self.recordings = recordings
        self.told = told
        self.runs = [recording.description() for recording in recordings]
        self.cutters = [Cutter(run["kinds"]) for run in self.runs]

    def pack(self, room: int) -> dict[str, Any]:
        """Return what the page holds, in about so many bytes."""
        room -= len(whole_page({"runs": self.runs, "streams": []}).encode())
        if room < 0:
            raise InputError("--megabytes: too small for the page and its courses alone; allow more")
        places = [(number, place) for number, run in enumerate(self.runs) for place in run["places"]]
        layers = [_wanted(number, place, layer, "whole") for number, place in places for layer in place["layers"]]
        views, others = ([each for each in layers if (each.layer == CODES) is wanted] for wanted in (True, False))
        streams = self._streams(views, room * _VIEWS if others else room)
        streams += self._streams(others, room - sum(_size(stream) for stream in streams))
        self._tell_what_is_held(streams)
        return {"runs": self.runs, "streams": streams}

    def _streams(self, layers: Sequence[_Wanted], room: float) -> list[dict[str, Any]]:
        """Pack some layers, each in a room by its sites; what one leaves is for those after it."""
        left = sum(wanted.sites for wanted in layers)
        found: list[dict[str, Any]] = []
        for wanted in layers:
            self.told(f"{wanted.place}, {wanted.layer}")
            mine = self._stream(wanted, room * wanted.sites / left)
            left -= wanted.sites
            room -= sum(_size(stream) for stream in mine)
            found += mine
        return found

    def _stream(self, wanted: _Wanted, room: float) -> list[dict[str, Any]]:
        """Return a layer in as many frames as there is room for: whole, or else a plane and a projection of it."""
        total = len(self.recordings[wanted.run].ticks(wanted.place, wanted.layer))
        whole = self._fitting(wanted, total, room)
        if len(whole["ticks"]) >= min(_ENOUGH, total):
            return [whole]
        axis = thin_axis(wanted.shape)
        cuts = [replace(wanted, cut=cut) for cut in (f"plane:{axis}:{wanted.shape[axis] // 2}", f"front:{axis}:0")]
        first, second = (self._fitting(cut, total, room / 2) for cut in cuts)
        if len(first["ticks"]) > len(second["ticks"]):  # of both the same frames
            first = self._packed(cuts[0], _spread(total, len(second["ticks"])))
        elif len(first["ticks"]) < len(second["ticks"]):
            second = self._packed(cuts[1], _spread(total, len(first["ticks"])))
        return [first, second]

    def _fitting(self, wanted: _Wanted, total: int, room: float) -> dict[str, Any]:
        """Return a stream of at most so many bytes, or of one frame."""
        number = self._guess(wanted, total, room)
        for _ in range(_TRIES):
            stream = self._packed(wanted, _spread(total, number))
            size = _size(stream)
            if size <= room or number == 1:
                break
            number = max(1, int(0.95 * number * room / size))
        return stream

    def _guess(self, wanted: _Wanted, total: int, room: float) -> int:
        """Guess how many frames fit, from some of them."""
        sample = _spread(total, _SAMPLE)
        size = _size(self._packed(wanted, sample)) / len(sample)
        # nearer frames differ less: the more there are, the smaller is each
        return max(1, min(total, int(2.5 * room / max(size, 1.0))))

    def _packed(self, wanted: _Wanted, chosen: Sequence[int]) -> dict[str, Any]:
        recording = self.recordings[wanted.run]
        heads: list[dict[str, Any]] = []
        blocks: list[str] = []
        shape: list[int] = []
        per_block = _BLOCK
        waiting: list[Levels] = []
        ticks = recording.ticks(wanted.place, wanted.layer)
        for levels, about, number in self._frames(wanted, chosen):
            shape = list(levels.shape)
            per_block = max(1, min(_BLOCK, _BLOCK_BYTES // max(levels.nbytes, 1)))
            heads.append({"layer": wanted.layer, "tick": ticks[number], **about})
            waiting.append(levels)
            if len(waiting) == per_block:
                blocks.append(_block(waiting))
                waiting = []
        if waiting:
            blocks.append(_block(waiting))
        return {
            "run": wanted.run, "place": wanted.place, "layer": wanted.layer, "cut": wanted.cut, "shape": shape,
            "ticks": [ticks[number] for number in chosen], "heads": heads, "block": per_block, "blocks": blocks,
        }  # fmt: skip

    def _frames(self, wanted: _Wanted, chosen: Sequence[int]) -> Iterator[tuple[Levels, dict[str, Any], int]]:
        for number in chosen:
            volume, about = self.recordings[wanted.run].volume(wanted.place, wanted.layer, number)
            cut = Cut.parse(wanted.cut, volume.shape)
            yield self.cutters[wanted.run].cut(volume, cut, layer=wanted.layer), about, number

    def _tell_what_is_held(self, streams: Sequence[dict[str, Any]]) -> None:
        """Let the descriptions of the runs speak of the frames held alone."""
        for number, run in enumerate(self.runs):
            for place in run["places"]:
                mine = [stream for stream in streams if (stream["run"], stream["place"]) == (number, place["name"])]
                recorded = {layer: len(ticks) for layer, ticks in place["layers"].items()}
                place["layers"] = {stream["layer"]: stream["ticks"] for stream in mine}
                place["offers"] = {
                    layer: [stream["cut"] for stream in mine if stream["layer"] == layer] for layer in place["layers"]
                }
                place["recorded"] = recorded
        for stream in streams:
            del stream["ticks"]


def _wanted(run: int, place: dict[str, Any], layer: str, cut: str) -> _Wanted:
    x, y, z = place["shape"]
    return _Wanted(run, place["name"], layer, cut, (x, y, z))


def _spread(total: int, number: int) -> list[int]:
    """Return numbers of frames, evenly over all, with the first and the last."""
    return sorted({round(at) for at in np.linspace(0, total - 1, number)})


def _block(frames: Sequence[Levels]) -> str:
    """Pack frames: the first as it is, each other as what differs from the one before."""
    stacked = np.stack(frames)
    stacked[1:] ^= stacked[:-1].copy()
    return base64.b64encode(gzipped(stacked.tobytes(), _LEVEL)).decode()


def _size(stream: dict[str, Any]) -> int:
    return sum(len(block) for block in stream["blocks"]) + len(json.dumps([stream["heads"], stream["ticks"]]))

# SPDX-License-Identifier: Apache-2.0
"""Twin of ``abm/_kernels/_division.pyx`` on a board of site objects, after its design note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from abm.streams import Stream
from tests.reference.board import Board, Cell, Site
from tests.reference.philox import below, philox, to_uniform

LOW = 0xFFFFFFFF


@dataclass
class Birth:
    """What became of a division; without a daughter it waits."""

    daughter: Cell | None = None
    evicted_kind: int = 0
    evicted: Cell | None = None


def chain(board: Board, mother: int, axis: int, way: int, reach: int, movable: Callable[[Site], bool]) -> list[int] | None:
    """Return the sites from the mother's neighbour to the first void along a direction, None if something bars the way."""
    sites: list[int] = []
    here: int | None = mother
    while len(sites) < reach:
        assert here is not None
        here = board.neighbour(here, axis, way)
        if here is None or here == mother:
            return None
        sites.append(here)
        if board.sites[here].is_void:
            return sites
        if not movable(board.sites[here]):
            return None
    return None


def divide(
    board: Board, mothers: Sequence[tuple[Cell, bool, float]], *, reach: int, eviction: float, first_row: int, seed: int, tick: int,
    movable: Callable[[Site], bool], evictable: Callable[[Site], bool],
) -> list[Birth]:  # fmt: skip
    """Serve mothers, each with whether she is a guest and with her weight over S, one after the other."""
    return [
        _serve(board, mother, guest, share, first_row + number, reach, eviction, philox(seed, Stream.DIVISION, mother.uid, tick, 0, 0),
               movable, evictable)
        for number, (mother, guest, share) in enumerate(mothers)
    ]  # fmt: skip


def _serve(
    board: Board, mother: Cell, guest: bool, share: float, row: int, reach: int, eviction: float, words: tuple[int, ...],
    movable: Callable[[Site], bool], evictable: Callable[[Site], bool],
) -> Birth:  # fmt: skip
    n = len(board.directions)
    pieces = [words[0] >> 32, words[0] & LOW, words[2] >> 32, words[2] & LOW, words[3] & LOW]
    ways = list(board.directions)
    for last, piece in zip(range(n - 1, 0, -1), pieces, strict=False):
        other = below(piece, last + 1)
        ways[last], ways[other] = ways[other], ways[last]
    chains = [found for way in ways if (found := chain(board, mother.site, *way, reach, movable))]
    if chains:
        nearest = min(chains, key=len)  # of equals the first
        if guest:
            return Birth(Cell(-1, row, mother.kind, nearest[-1]))
        for empty, full in zip(nearest[:0:-1], nearest[-2::-1], strict=True):
            board.exchange(full, empty)
        return Birth(_fill(board, nearest[0], mother, row))
    if to_uniform(words[1]) < eviction:
        for way in ways:
            there = board.neighbour(mother.site, *way)
            if there is not None and there != mother.site and evictable(board.sites[there]):
                site, kind, occupant = board.sites[there], 0, None
                if (words[3] >> 32) < share * 2.0**32:
                    kind, occupant = site.kind, site.occupant
                    site.clear()
                return Birth(Cell(-1, row, mother.kind, there) if guest else _fill(board, there, mother, row), kind, occupant)
    return Birth()


def _fill(board: Board, site: int, mother: Cell, row: int) -> Cell:
    daughter = Cell(-1, row, mother.kind, site)
    board.sites[site].kind, board.sites[site].occupant = mother.kind, daughter
    return daughter

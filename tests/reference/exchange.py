# SPDX-License-Identifier: Apache-2.0
"""Twin of ``abm/_kernels/_exchange.pyx`` on a board of site objects, after its design note."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from abm.streams import Stream
from tests.reference.board import Board, Site
from tests.reference.philox import philox

BITS, PAIRS_PER_WORD, PAIRS_PER_BLOCK = 16, 4, 16


def lines(board: Board, axis: int) -> Iterator[list[int]]:
    """Yield the sites of each line along an axis, the lines in the order of their first sites."""
    for start in range(len(board.sites)):
        if board.coordinates(start)[axis] == 0:
            stride = board.number(*(int(other == axis) for other in range(3)))
            yield [start + i * stride for i in range(board.shape[axis])]


def pairs(length: int, offset: int, periodic: bool) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each pair and its two places along a line: (0, 1), (2, 3), or (1, 2), (3, 4).

    On a periodic axis places are counted round; elsewhere the last one has no partner beyond the wall.
    """
    for number in range(length // 2):
        first, second = 2 * number + offset, 2 * number + offset + 1
        if periodic:
            yield number, first % length, second % length
        elif second < length:
            yield number, first, second


def sweep(
    board: Board, axis: int, offset: int, threshold: int, *, seed: int, tick: int,
    may_move: Callable[[Site], bool], is_light: Callable[[Site], bool],
) -> int:  # fmt: skip
    """Exchange the contents of pairs along one axis with chance ``threshold / 2**16``; return how many did.

    Two voids, or two light cells of one kind, are told apart by nobody and stay.
    """
    done = 0
    for line, sites in enumerate(lines(board, axis)):
        for number, first, second in pairs(len(sites), offset, board.periodic[axis]):
            a, b = board.sites[sites[first]], board.sites[sites[second]]
            alike = is_light(a) and is_light(b) and a.kind == b.kind
            if not (may_move(a) and may_move(b)) or alike:
                continue
            block, place = divmod(number, PAIRS_PER_BLOCK)
            words = philox(seed, Stream.SWAP, line, tick, block, 0)
            drawn = words[place // PAIRS_PER_WORD] >> BITS * (place % PAIRS_PER_WORD) & 0xFFFF
            if drawn < threshold:
                board.exchange(sites[first], sites[second])
                done += 1
    return done

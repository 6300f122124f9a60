# SPDX-License-Identifier: Apache-2.0
# Neighbours on a lattice, for one site at a time.
#
# A byte per site (`edge`) says which directions leave the lattice; everywhere else a neighbour is
# one addition away, with no division and no table of neighbours (24 bytes a site) in the cache.
from libc.stdint cimport int32_t, uint8_t


cdef inline int32_t neighbour(
    int32_t site, int direction, const uint8_t* edge, const int32_t* step, const int32_t* wrap
) noexcept nogil:
    # The neighbouring site, or -1 behind a wall.
    if not (edge[site] >> direction) & 1:
        return site + step[direction]
    if wrap[direction] != 0:
        return site + wrap[direction]
    return -1

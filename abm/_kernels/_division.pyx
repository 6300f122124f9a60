# SPDX-License-Identifier: Apache-2.0
# Where the daughters of dividing cells go.
#
# Design
# ------
# Model       A daughter takes a void next to her mother, or pushes a straight chain of movable cells
#             into a void two or three sites away (`reach`); the nearest void is taken, directions are tried
#             in random order. A mother without such a void may evict a neighbour of a kind
#             that gives way (a blast crowds out normal marrow), with her own chance; otherwise the
#             division waits. A guest needs the same void as a full cell, takes no room, and goes on
#             that void; without one it may evict with the same chance, goes on the neighbour's site,
#             and the neighbour leaves with chance w / S: as many body cells give way as are born.
# Source      Space is the largest spatial effect on growth; pushing as in off-lattice cell models
#             reduced to chains (Drasdo & Hoehme 2005 argue the same cut-off of a few cells).
# Races       None: mothers are served one after the other, in the order in which they are given,
#             which is that of their uids. What they evict is of kinds that do not divide in the same
#             call, so that a newborn, which has no row yet, is pushed but never evicted. Divisions are
#             few (about 700 in 10 minutes per 1e6 blasts).
# Cost        About 100-300 ns a division.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from abm._kernels._lattice cimport neighbour
from abm._kernels._philox cimport below, philox, to_uniform, words_t

cdef enum:
    KIND_MASK = 31, BOUND = 32, GUESTS = 64, VOID = 0
    MOST_REACH = 3
    MOST_DIRECTIONS = 6


cdef inline void shift(
    int32_t origin, int32_t target, uint8_t* site_code, int32_t* occupant, const uint8_t* home,
    int32_t* s_site, int32_t* m_site, int newborn_home, int32_t first_row, int32_t* newborn_site
) noexcept nogil:
    # The content of `origin` moves to the void `target`; marks of guests stay with their sites. A
    # newborn of this call has no row yet: its site is kept in `newborn_site`.
    cdef uint8_t code = site_code[origin]
    cdef int32_t row = occupant[origin]
    site_code[target] = (code & ~GUESTS) | (site_code[target] & GUESTS)
    occupant[target] = row
    if home[code & KIND_MASK] == newborn_home and row >= first_row:
        newborn_site[row - first_row] = target
    elif home[code & KIND_MASK] == 1:
        s_site[row] = target
    elif home[code & KIND_MASK] == 2:
        m_site[row] = target
    site_code[origin] = code & GUESTS
    occupant[origin] = -1


cdef inline int reach_void(
    int32_t mother, int direction, int depth, int32_t* chain, const uint8_t* site_code, const uint8_t* movable,
    const uint8_t* edge, const int32_t* step, const int32_t* wrap
) noexcept nogil:
    # Whether the first void along a direction is `depth` sites away, past movable cells only.
    cdef int32_t here = mother
    cdef int i
    for i in range(depth):
        here = neighbour(here, direction, edge, step, wrap)
        if here < 0 or here == mother:
            return 0
        chain[i] = here
        if i < depth - 1 and not movable[site_code[here]]:
            return 0
    return (site_code[here] & (KIND_MASK | BOUND)) == VOID


cdef inline void shuffle(const uint8_t* direction, int n, words_t* w, uint8_t* order) noexcept nogil:
    # A random order of the directions (Fisher and Yates), from the words that nothing else needs.
    cdef uint32_t pieces[5]
    cdef int i, j
    cdef uint8_t kept
    pieces[0] = <uint32_t>(w.w0 >> 32)
    pieces[1] = <uint32_t>w.w0
    pieces[2] = <uint32_t>(w.w2 >> 32)
    pieces[3] = <uint32_t>w.w2
    pieces[4] = <uint32_t>w.w3
    for i in range(n):
        order[i] = direction[i]
    for i in range(n - 1, 0, -1):
        j = <int>below(pieces[n - 1 - i], <uint32_t>(i + 1))
        kept = order[i]
        order[i] = order[j]
        order[j] = kept


def place_daughters(
    *,
    uint8_t[::1] site_code,           # INOUT (n_sites,)
    int32_t[::1] occupant,            # INOUT (n_sites,)
    const uint8_t[::1] edge,          # IN (n_sites,)
    const int32_t[::1] step,          # IN (6,)
    const int32_t[::1] wrap,          # IN (6,)
    const uint8_t[::1] direction,     # IN (n_directions,)
    int32_t[::1] s_site,              # INOUT (n_sessile,)
    int32_t[::1] m_site,              # INOUT (n_motile,)
    const uint8_t[::1] movable,       # IN (256,) by site code: can be pushed (no void)
    const uint8_t[::1] evictable,     # IN (256,) by site code: can be evicted
    const uint8_t[::1] home,          # IN (32,) by kind
    const int64_t[::1] uid,           # IN (n,) mothers, in the order of service
    const int32_t[::1] mother,        # IN (n,) their rows in their table
    bint motile,                      # IN whether that is the motile table
    const uint8_t[::1] kind,          # IN (n,) kind of the daughter
    const uint8_t[::1] guest,         # IN (n,) whether mother and daughter are guests
    const double[::1] eviction,       # IN (n,) chance of evicting
    const double[::1] share,          # IN (n,) weight over S, 1 of a full cell
    int reach,                        # IN sites within which a void must lie, 1 to 3
    int32_t first_row,                # IN provisional row of daughter 0; daughter i is first_row + i
    uint64_t seed, uint64_t stream, uint64_t tick,
    int32_t[::1] site,                # OUT (n,) site of the daughter, -1 if the division waits
    uint8_t[::1] evicted_kind,        # OUT (n,) kind evicted, or 0
    int32_t[::1] evicted_row,         # OUT (n,) its row, or -1
):
    """Place the daughters of ``n`` mothers one after the other; return how many found a site."""
    cdef Py_ssize_t n = uid.shape[0], i
    cdef int n_directions = <int>direction.shape[0], depth, j, k
    cdef int32_t chain[3]
    cdef uint8_t order[6]
    cdef int32_t origin, there, placed = 0
    cdef words_t w
    cdef bint found
    if n == 0:
        return 0
    if n_directions > MOST_DIRECTIONS:
        raise ValueError(f"at most {MOST_DIRECTIONS} directions, got {n_directions}")
    if not 1 <= reach <= MOST_REACH:
        raise ValueError(f"reach must be 1 to {MOST_REACH}, got {reach}")
    cdef uint8_t* code = &site_code[0]
    cdef int32_t* who = &occupant[0]
    cdef int32_t* rows_s = &s_site[0] if s_site.shape[0] else NULL
    cdef int32_t* rows_m = &m_site[0] if m_site.shape[0] else NULL
    cdef const uint8_t* directions = &direction[0] if n_directions else NULL  # a lattice of one site has none
    with nogil:
        for i in range(n):
            site[i] = -1
            evicted_kind[i] = 0
            evicted_row[i] = -1
            w = philox(seed, stream, <uint64_t>uid[i], tick, 0, 0)
            shuffle(directions, n_directions, &w, order)
            found = False
            origin = rows_m[mother[i]] if motile else rows_s[mother[i]]  # earlier daughters may have pushed her
            for depth in range(1, reach + 1):
                for j in range(n_directions):
                    if reach_void(origin, order[j], depth, chain, code, &movable[0],
                                  &edge[0], &step[0], &wrap[0]):
                        found = True
                        break
                if found:
                    break
            if found:
                if guest[i]:
                    site[i] = chain[depth - 1]
                else:
                    for k in range(depth - 1, 0, -1):
                        shift(chain[k - 1], chain[k], code, who, &home[0], rows_s, rows_m,
                              2 if motile else 1, first_row, &site[0])
                    site[i] = chain[0]
            elif to_uniform(w.w1) < eviction[i]:
                for j in range(n_directions):
                    there = neighbour(origin, order[j], &edge[0], &step[0], &wrap[0])
                    if there >= 0 and there != origin and evictable[code[there]]:
                        site[i] = there
                        if <double>(w.w3 >> 32) < share[i] * 4294967296.0:
                            evicted_kind[i] = code[there] & KIND_MASK
                            evicted_row[i] = who[there]
                            code[there] &= GUESTS
                            who[there] = -1
                        break
            if site[i] >= 0:
                if not guest[i]:
                    code[site[i]] = (code[site[i]] & GUESTS) | kind[i]
                    who[site[i]] = first_row + <int32_t>i
                placed += 1
    return placed

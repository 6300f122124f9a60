# SPDX-License-Identifier: Apache-2.0
# Exchanges of places between neighbouring sites: the motility of the cells that sit.
#
# Design
# ------
# Model       In a sweep along one axis the sites are paired, even with odd or odd with even (on a
#             periodic axis of odd length from any site on, so that no seam is left); the two
#             cells (or cell and void) of a pair change places with chance p. One sweep moves a site's
#             content with probability p by one spacing h, so that sweeps every t along axes drawn at
#             random give the random-walk coefficient D = p h^2 / (6 t) in three dimensions.
# Source      Kawasaki exchange; leukaemic blasts are motile in marrow (Hawkins et al. 2016).
# Races       Pairs are disjoint: each pair touches its own two sites and the rows on them.
# Draws       Keyed by line and pair, 16 bits a pair, sixteen pairs a block: 9 s against 88 s (per
#             cell) for 28 days of 1e6 sites. The chance is thus a multiple of 2^-16.
# Cost        2-4 ns a pair.
from cython.parallel cimport prange
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from abm._kernels._philox cimport philox, words_t

cdef enum:
    KIND_MASK = 31, GUESTS = 64
    PAIRS_PER_BLOCK = 16


cdef inline uint64_t word_of(words_t* w, int which) noexcept nogil:
    if which == 0:
        return w.w0
    if which == 1:
        return w.w1
    if which == 2:
        return w.w2
    return w.w3


cdef inline void exchange(
    int32_t a, int32_t b, uint8_t* site_code, int32_t* occupant, const uint8_t* home, int32_t* s_site, int32_t* m_site
) noexcept nogil:
    # Contents change places; the mark of guests stays with the site.
    cdef uint8_t code_a = site_code[a], code_b = site_code[b]
    cdef int32_t row_a = occupant[a], row_b = occupant[b]
    site_code[a] = (code_b & ~GUESTS) | (code_a & GUESTS)
    site_code[b] = (code_a & ~GUESTS) | (code_b & GUESTS)
    occupant[a] = row_b
    occupant[b] = row_a
    if home[code_a & KIND_MASK] == 1:
        s_site[row_a] = b
    elif home[code_a & KIND_MASK] == 2:
        m_site[row_a] = b
    if home[code_b & KIND_MASK] == 1:
        s_site[row_b] = a
    elif home[code_b & KIND_MASK] == 2:
        m_site[row_b] = a


cdef inline void sweep_line(
    int32_t line, int32_t n, int32_t stride, bint periodic, int offset, uint32_t threshold, uint64_t seed,
    uint64_t stream, uint64_t tick, uint8_t* site_code, int32_t* occupant, const uint8_t* mobile,
    const uint8_t* home, int32_t* s_site, int32_t* m_site
) noexcept nogil:
    cdef int32_t base = (line // stride) * (stride * n) + line % stride
    cdef int32_t n_pairs = n // 2, k, first, second, a, b
    cdef words_t w
    cdef uint64_t bits
    cdef uint8_t code_a, code_b
    cdef bint drawn = False
    for k in range(n_pairs):
        if k % PAIRS_PER_BLOCK == 0:
            drawn = False
        first = 2 * k + offset
        if first >= n:
            first = first - n
        second = first + 1
        if second == n:
            if not periodic:
                continue
            second = 0
        a = base + first * stride
        b = base + second * stride
        code_a = site_code[a]
        code_b = site_code[b]
        if not (mobile[code_a] & mobile[code_b] & 1):
            continue
        if mobile[code_a] & mobile[code_b] & 2 and (code_a & KIND_MASK) == (code_b & KIND_MASK):
            continue
        if not drawn:
            w = philox(seed, stream, <uint64_t>line, tick, k // PAIRS_PER_BLOCK, 0)
            drawn = True
        bits = word_of(&w, (k % PAIRS_PER_BLOCK) >> 2) >> (16 * (k & 3))
        if <uint32_t>(bits & 0xFFFF) < threshold:
            exchange(a, b, site_code, occupant, home, s_site, m_site)


def sweep(
    *,
    uint8_t[::1] site_code,          # INOUT (n_sites,)
    int32_t[::1] occupant,           # INOUT (n_sites,)
    int32_t[::1] s_site,             # INOUT (n_sessile,)
    int32_t[::1] m_site,             # INOUT (n_motile,)
    const uint8_t[::1] mobile,       # IN (256,) by site code: bit 1 may exchange, bit 2 has no row
    const uint8_t[::1] home,         # IN (32,) by kind: 1 sessile, 2 motile, 0 neither
    int32_t length,                  # IN sites along the axis
    int32_t stride,                  # IN site offset along the axis
    bint periodic,                   # IN whether the axis wraps round
    int offset,                      # IN site from which pairs are counted: 0 or 1; to length - 1 on odd periodic axes
    uint32_t threshold,              # IN chance of an exchange, in 2^-16
    uint64_t seed, uint64_t stream, uint64_t tick,
    int n_threads,
):
    """Sweep once over the disjoint pairs along one axis."""
    cdef int32_t n_lines = <int32_t>(site_code.shape[0] // length), line
    cdef int32_t* rows_s = &s_site[0] if s_site.shape[0] else NULL
    cdef int32_t* rows_m = &m_site[0] if m_site.shape[0] else NULL
    for line in prange(n_lines, num_threads=n_threads, schedule="static", nogil=True):
        sweep_line(
            line, length, stride, periodic, offset, threshold, seed, stream, tick,
            &site_code[0], &occupant[0], &mobile[0], &home[0], rows_s, rows_m,
        )

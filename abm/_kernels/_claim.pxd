# SPDX-License-Identifier: Apache-2.0
# Who gets a site that several want at the same step: the one with the smallest ticket.
#
# A ticket is a bijection, keyed by the tick, of the claimant's rank by uid, so that there are no ties and
# that it tells whose it is. Its upper bits fall from step to step, so that older ones always lose; when they
# have run down, the claims are cleared. See docs/decisions/001-claims-without-locks.md.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from abm._kernels._philox cimport philox, words_t

cdef enum:
    RANK_BITS = 26
    RANKS = 1 << 26
    EPOCHS = 64      # steps between two clearings of the claims: what is left of 32 bits

cdef extern from *:
    """
    #ifndef ABM_CLAIM
    #define ABM_CLAIM
    #include <stdint.h>
    static inline void abm_claim(uint32_t *claim, uint32_t ticket, int shared) {
        uint32_t now = __atomic_load_n(claim, __ATOMIC_RELAXED);
        if (!shared) {
            if (ticket < now) *claim = ticket;
            return;
        }
        while (ticket < now &&
               !__atomic_compare_exchange_n(claim, &now, ticket, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
    #endif
    """
    void keep_smallest "abm_claim"(uint32_t* claim, uint32_t ticket, int shared) noexcept nogil

# The step that is under way: when, and what scrambles its tickets.
cdef struct step_t:
    int32_t now
    uint32_t epoch
    uint32_t key
    uint32_t odd
    uint32_t odd_inverse

cdef enum:
    GOLDEN = 0x9E3779B1
    GOLDEN_INVERSE = 0x28B2F51  # modulo 2**RANK_BITS, as everything here


cdef inline uint32_t inverse(uint32_t odd) noexcept nogil:
    # modulo 2**32, each round doubles the bits that are right (Newton)
    cdef uint32_t x = odd
    cdef int _i
    for _i in range(4):
        x *= <uint32_t>2 - odd * x
    return x


cdef inline void begin_step(
    step_t* s, int32_t now, int32_t step_ticks, uint64_t seed, uint64_t stream, uint32_t* claim, Py_ssize_t n_claims,
    int64_t* claim_block,
) noexcept nogil:
    cdef int64_t block = now // (<int64_t>step_ticks * EPOCHS)
    cdef words_t w = philox(seed, stream, 0, <uint64_t>now, 0, 0)
    s.now = now
    s.epoch = <uint32_t>(EPOCHS - 1 - (now // step_ticks) % EPOCHS)
    if block != claim_block[0] and n_claims:
        memset(claim, 255, n_claims * sizeof(uint32_t))
    claim_block[0] = block
    s.key, s.odd = <uint32_t>w.w0, <uint32_t>w.w1 | 1
    s.odd_inverse = inverse(s.odd)


cdef inline uint32_t ticket_of(int32_t rank, const step_t* s) noexcept nogil:
    cdef uint32_t mask = RANKS - 1
    cdef uint32_t x = (<uint32_t>rank ^ s.key) & mask
    x = (x * s.odd) & mask
    x ^= x >> 13
    x = (x * <uint32_t>GOLDEN) & mask
    x ^= x >> 13  # its own inverse on 26 bits
    return (s.epoch << RANK_BITS) | x


cdef inline int32_t rank_of(uint32_t ticket, const step_t* s) noexcept nogil:
    cdef uint32_t mask = RANKS - 1
    cdef uint32_t x = ticket & mask
    x ^= x >> 13
    x = (x * <uint32_t>GOLDEN_INVERSE) & mask
    x ^= x >> 13
    x = (x * s.odd_inverse) & mask
    return <int32_t>((x ^ s.key) & mask)

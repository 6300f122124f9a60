# SPDX-License-Identifier: Apache-2.0
# Counter-based random numbers: pure functions of (seed, stream, ident, tick, draw), without state.
#
# Design
# ------
# Generator   Philox-4x64-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3",
#             SC11). Key (seed, stream); counter (ident, tick, draw, block), ident least significant.
#             Equal to numpy.random.Philox(counter=c - 1, key=k).random_raw(4), with c taken as one
#             256-bit number: NumPy counts up before it generates.
# Blocks      One draw may need more words than the four of a block (rejection). Only `block`
#             counts up then, so draws never run into their neighbours'.
# Races       None: there is nothing shared.
# Uniforms    53 bits, in [0, 1). Events are tested as integers against `threshold(p)`; that is the
#             same test as to_uniform(w) < p.
# Counts      Sequential inversion for means below 10, transformed rejection with squeeze above:
#             PTRS for Poisson, BTRS for binomial (Hoermann, 1993, "The transformed rejection method
#             for generating Poisson random variables" and "The generation of binomial random
#             variates").
# Accuracy    Inversion sees one 53-bit uniform: probabilities are exact to about 1e-16 absolute, so
#             an event rarer than that never happens. Rejection compares log probabilities in the
#             form of Loader (2000, "Fast and accurate computation of binomial probabilities"),
#             where the large terms n log n have cancelled on paper: the error of the logarithm is
#             about 1e-16 |k - mean| plus 1e-12 of Stirling's series, below 1e-8 for n = 1e13. The
#             textbook form, with lgamma, would be off by 1e-2 there. The mean n p itself carries
#             the rounding of one product (1e-3 cells at 1e13, against a standard deviation of 1e6).
# Functions   log1p, log, exp, cos and sqrt are the C library's; Python's math module calls the same
#             ones, so the reference in tests/reference can agree bit for bit.
# Cost        About 8 ns a block, 5 ns per count of an inversion on top; rejection takes 1.2-1.4 blocks.
from libc.math cimport ceil, cos, exp, fabs, floor, log, log1p, sqrt
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from *:
    """
    #ifndef ABM_PHILOX
    #define ABM_PHILOX
    #include <stdint.h>

    typedef struct { uint64_t w0, w1, w2, w3; } abm_words_t;

    static inline abm_words_t abm_philox(uint64_t seed, uint64_t stream, uint64_t ident,
                                         uint64_t tick, uint64_t draw, uint64_t block) {
        abm_words_t c = {ident, tick, draw, block};
        for (int round = 0; round < 10; round++) {
            const unsigned __int128 a = (unsigned __int128) 0xD2E7470EE14C6C93ULL * c.w0;
            const unsigned __int128 b = (unsigned __int128) 0xCA5A826395121157ULL * c.w2;
            c.w0 = (uint64_t) (b >> 64) ^ c.w1 ^ seed;
            c.w1 = (uint64_t) b;
            c.w2 = (uint64_t) (a >> 64) ^ c.w3 ^ stream;
            c.w3 = (uint64_t) a;
            seed += 0x9E3779B97F4A7C15ULL;
            stream += 0xBB67AE8584CAA73BULL;
        }
        return c;
    }

    /* log k! less Stirling's k log k - k + log(2 pi k) / 2, for k = 0 (unused) to 9 */
    static const double abm_stirling[10] = {
        0.0, 0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.020790672103765093,
        0.016644691189821193, 0.013876128823070748, 0.01189670994589177, 0.010411265261972096, 0.009255462182712733};
    #endif
    """
    ctypedef struct words_t "abm_words_t":
        uint64_t w0, w1, w2, w3

    words_t philox "abm_philox"(
        uint64_t seed, uint64_t stream, uint64_t ident, uint64_t tick, uint64_t draw, uint64_t block
    ) noexcept nogil
    const double STIRLING "abm_stirling"[10]


cdef inline double to_uniform(uint64_t w) noexcept nogil:
    # [0, 1), multiples of 2**-53
    return <double>(w >> 11) * (1.0 / 9007199254740992.0)


cdef inline uint32_t below(uint32_t w, uint32_t n) noexcept nogil:
    # 0 to n - 1; Lemire's multiply-shift without rejection: uneven by n / 2**32
    return <uint32_t>((<uint64_t>w * n) >> 32)


cdef inline uint64_t threshold(double p) noexcept nogil:
    # (w >> 11) < threshold(p) is an event of probability p; not a number counts as 0
    if not p > 0.0:
        return 0
    if p >= 1.0:
        return <uint64_t>1 << 53
    return <uint64_t>ceil(p * 9007199254740992.0)


cdef inline double to_exponential(uint64_t w) noexcept nogil:
    # mean 1
    return -log1p(-to_uniform(w))


cdef inline double to_normal(uint64_t wa, uint64_t wb) noexcept nogil:
    # Box and Muller (1958): mean 0, variance 1; beyond 8.57 it has no tail
    return sqrt(-2.0 * log1p(-to_uniform(wa))) * cos(6.283185307179586 * to_uniform(wb))


cdef inline double log_poisson(double k, double mean) noexcept nogil:
    # log of the Poisson probability of k, for mean > 0, without cancellation (Loader, 2000):
    # -(k log(k / mean) - (k - mean)) - log(2 pi k) / 2 - (log k! less Stirling)
    cdef double distance = k - mean, inverse, tail
    if k < 0.5:
        return -mean
    if k < 9.5:
        tail = STIRLING[<int>k]
    else:
        inverse = 1.0 / (k * k)
        tail = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / k
    # log1p of the exact difference: log(k / mean) would lose k * 1e-16
    return distance - k * log1p(distance / mean) - 0.5 * log(6.283185307179586 * k) - tail


cdef inline int64_t poisson(
    double mean, uint64_t seed, uint64_t stream, uint64_t ident, uint64_t tick, uint64_t draw
) noexcept nogil:
    # Poisson variate for 0 <= mean <= 1e15; 0 for a mean that is negative or not a number
    cdef words_t w
    cdef uint64_t block = 0
    cdef int64_t count = 0
    cdef double u, v, us, k, term, total, a, b, centre, inverse_alpha, squeeze
    if not mean > 0.0:
        return 0
    if mean < 10.0:
        u = to_uniform(philox(seed, stream, ident, tick, draw, 0).w0)
        term = exp(-mean)
        total = term
        # the rounded total may stay below u: counts above 110 have no probability in 53 bits
        while u >= total and count < 110:
            count += 1
            term = term * mean / count
            total += term
        return count
    b = 0.931 + 2.53 * sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2.0)
    centre = mean + 0.43
    while True:
        w = philox(seed, stream, ident, tick, draw, block)
        block += 1
        u = to_uniform(w.w0) - 0.5
        v = to_uniform(w.w1)
        us = 0.5 - fabs(u)
        if us == 0.0:
            continue
        k = floor((2.0 * a / us + b) * u + centre)
        if us >= 0.07 and v <= squeeze:
            return <int64_t>k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        if v * inverse_alpha / (a / (us * us) + b) <= exp(log_poisson(k, mean)):
            return <int64_t>k


cdef inline int64_t binomial(
    int64_t n, double p, uint64_t seed, uint64_t stream, uint64_t ident, uint64_t tick, uint64_t draw
) noexcept nogil:
    # binomial variate for n <= 1e13; 0 for n <= 0 or p that is not above 0, n for p >= 1
    cdef words_t w
    cdef uint64_t block = 0
    cdef int64_t count = 0
    cdef double size, q, u, v, us, k, odds, term, total, root, a, b, centre, squeeze, alpha, mode, at_mode
    cdef bint flipped = p > 0.5
    if n <= 0 or not p > 0.0:
        return 0
    if p >= 1.0:
        return n
    if flipped:
        p = 1.0 - p
    q = 1.0 - p
    odds = p / q
    size = <double>n
    if size * p < 10.0:
        u = to_uniform(philox(seed, stream, ident, tick, draw, 0).w0)
        term = exp(size * log1p(-p))
        total = term
        while u >= total and count < 110 and count < n:
            count += 1
            term = term * odds * (size - count + 1.0) / count
            total += term
        return n - count if flipped else count
    root = sqrt(size * p * q)
    b = 1.15 + 2.53 * root
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = size * p + 0.5
    squeeze = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * root
    mode = floor((size + 1.0) * p)
    at_mode = log_poisson(mode, size * p) + log_poisson(size - mode, size * q)
    while True:
        w = philox(seed, stream, ident, tick, draw, block)
        block += 1
        u = to_uniform(w.w0) - 0.5
        v = to_uniform(w.w1)
        us = 0.5 - fabs(u)
        if us == 0.0:
            continue
        k = floor((2.0 * a / us + b) * u + centre)
        if k < 0.0 or k > size:
            continue
        if (us >= 0.07 and v <= squeeze) or (
            # a binomial is a Poisson pair given its sum; the sum's own term is the same for k and mode
            v * alpha / (a / (us * us) + b)
            <= exp(log_poisson(k, size * p) + log_poisson(size - k, size * q) - at_mode)
        ):
            return n - <int64_t>k if flipped else <int64_t>k

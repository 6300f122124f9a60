# SPDX-License-Identifier: Apache-2.0
# Random draws over arrays of identities: the loops of abm.streams.Draws, their one caller.
#
# Design
# ------
# Each element is the pure function of _philox.pxd with its own `ident`; elements share nothing, so
# order and number of threads cannot matter. The loops are serial: they serve set-up and events, a
# process draws inside its own kernel. Linear in the length; allocates nothing, raises nothing.
# All arrays of a call have the same length, which the caller guarantees.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from abm._kernels._philox cimport (
    below,
    binomial,
    philox,
    poisson,
    threshold,
    to_exponential,
    to_normal,
    to_uniform,
    words_t,
)


def fill_raw(
    *, uint64_t seed, uint64_t stream, uint64_t tick, uint64_t draw,
    const uint64_t[::1] ident,  # IN (n,)
    uint64_t[:, ::1] out,  # OUT (n, 4)
):
    """Write the four words of block 0."""
    cdef Py_ssize_t i
    cdef words_t w
    with nogil:
        for i in range(ident.shape[0]):
            w = philox(seed, stream, ident[i], tick, draw, 0)
            out[i, 0] = w.w0
            out[i, 1] = w.w1
            out[i, 2] = w.w2
            out[i, 3] = w.w3


def fill_uniform(
    *, uint64_t seed, uint64_t stream, uint64_t tick, uint64_t draw,
    const uint64_t[::1] ident,  # IN (n,)
    double[::1] out,  # OUT (n,)
):
    """Write uniforms in [0, 1)."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(ident.shape[0]):
            out[i] = to_uniform(philox(seed, stream, ident[i], tick, draw, 0).w0)


def fill_exponential(
    *, uint64_t seed, uint64_t stream, uint64_t tick, uint64_t draw,
    const uint64_t[::1] ident,  # IN (n,)
    double[::1] out,  # OUT (n,)
):
    """Write exponentials of mean 1."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(ident.shape[0]):
            out[i] = to_exponential(philox(seed, stream, ident[i], tick, draw, 0).w0)


def fill_normal(
    *, uint64_t seed, uint64_t stream, uint64_t tick, uint64_t draw,
    const uint64_t[::1] ident,  # IN (n,)
    double[::1] out,  # OUT (n,)
):
    """Write normals of mean 0 and variance 1."""
    cdef Py_ssize_t i
    cdef words_t w
    with nogil:
        for i in range(ident.shape[0]):
            w = philox(seed, stream, ident[i], tick, draw, 0)
            out[i] = to_normal(w.w0, w.w1)


def fill_integers(
    *, uint64_t seed, uint64_t stream, uint64_t tick, uint64_t draw,
    const uint64_t[::1] ident,  # IN (n,)
    const uint32_t[::1] bound,  # IN (n,) at least 1
    int64_t[::1] out,  # OUT (n,)
):
    """Write integers from 0 to bound - 1."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(ident.shape[0]):
            out[i] = below(<uint32_t>(philox(seed, stream, ident[i], tick, draw, 0).w0 >> 32), bound[i])


def fill_poisson(
    *, uint64_t seed, uint64_t stream, uint64_t tick, uint64_t draw,
    const uint64_t[::1] ident,  # IN (n,)
    const double[::1] mean,  # IN (n,) 0 to 1e15
    int64_t[::1] out,  # OUT (n,)
):
    """Write Poisson counts."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(ident.shape[0]):
            out[i] = poisson(mean[i], seed, stream, ident[i], tick, draw)


def fill_binomial(
    *, uint64_t seed, uint64_t stream, uint64_t tick, uint64_t draw,
    const uint64_t[::1] ident,  # IN (n,)
    const int64_t[::1] n,  # IN (n,) 0 to 1e13
    const double[::1] p,  # IN (n,) 0 to 1
    int64_t[::1] out,  # OUT (n,)
):
    """Write binomial counts."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(ident.shape[0]):
            out[i] = binomial(n[i], p[i], seed, stream, ident[i], tick, draw)


def fill_threshold(
    *,
    const double[::1] p,  # IN (n,)
    uint64_t[::1] out,  # OUT (n,)
):
    """Write the integer t for which (word >> 11) < t is an event of probability p."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(p.shape[0]):
            out[i] = threshold(p[i])

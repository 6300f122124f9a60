# SPDX-License-Identifier: Apache-2.0
# Reaction and diffusion of one cytokine on a box of voxels: the loops of abm.processes.diffusion.FieldGrid.
#
# Design
# ------
# Equation    du/dt = D lap(u) - k u + s, by backward Euler split by axis (Lie splitting; Yanenko 1971,
#             "The Method of Fractional Steps"): first u <- (u + s dt) / (1 + k dt), then along each axis
#             in turn the solution of (1 - r d2) u' = u with r = D dt / h^2. An axis of one voxel is left out.
#             Every stage is the inverse of an M-matrix: stable for any dt, and a field that is not
#             negative stays so. A stage's columns sum to one, so diffusion conserves the amount, and a
#             constant source settles at the amount s/k whatever dt is; only the shape has an error
#             of first order in dt.
# Lines       Thomas algorithm, whose factors depend on r alone and are computed once (`factorise`). Walls:
#             no flux. A periodic axis: the corners of its matrix as an update of rank one (Sherman and
#             Morrison 1950); with two voxels both neighbours are the same voxel, which it gives too.
# Numbers     The field is float32, arithmetic along a line is double, the result is rounded once per stage.
# Memory      The field is seen as (outer, length, inner). LINES lines are solved at a time: side by side in
#             memory where they lie so; along the last axis (inner = 1) one behind the other, so that the
#             sums of one line, each of which waits for the last, overlap with those of the others.
# Threads     A line is solved by one thread, reads and writes only itself and a row of `work` that belongs
#             to its thread: no race, and the result cannot depend on the number of threads.
# Cost        Linear in the number of voxels: about 1 ns per voxel and axis.
from cython.parallel cimport prange
from libc.stdint cimport int64_t

from abm._kernels._typedefs cimport real_t

cdef enum:
    LINES = 16  # floats in a line of the cache

WIDTH = LINES


def factorise(
    *,
    double ratio,  # D dt / h^2 [1], 0 or more
    bint periodic,
    double[::1] inverse,  # OUT (length,) 1 / pivot
    double[::1] gain,  # OUT (length,) ratio / pivot
    double[::1] correction,  # OUT (length,) rank-one update of a periodic axis
):
    """Write the factors of (1 - ratio d2) along an axis of two voxels or more."""
    cdef Py_ssize_t n = inverse.shape[0], i
    cdef double middle = 1.0 + 2.0 * ratio, diagonal, scale
    with nogil:
        for i in range(n):
            diagonal = middle
            if periodic:
                # the corners are taken out of the first and the last row
                if i == 0:
                    diagonal = middle + middle
                elif i == n - 1:
                    diagonal = middle + ratio * ratio / middle
            elif i == 0 or i == n - 1:
                diagonal = 1.0 + ratio
            if i > 0:
                diagonal = diagonal - ratio * gain[i - 1]
            inverse[i] = 1.0 / diagonal
            gain[i] = ratio * inverse[i]
        for i in range(n):
            correction[i] = 0.0
        if periodic:
            correction[0] = -middle
            correction[n - 1] = -ratio
            correction[0] = correction[0] * inverse[0]
            for i in range(1, n):
                correction[i] = correction[i] * inverse[i] + gain[i] * correction[i - 1]
            for i in range(n - 2, -1, -1):
                correction[i] = correction[i] + gain[i] * correction[i + 1]
            scale = 1.0 / (1.0 + correction[0] + ratio / middle * correction[n - 1])
            for i in range(n):
                correction[i] = correction[i] * scale


cdef inline void solve(
    real_t* field,  # INOUT first voxel of the first line
    Py_ssize_t length, Py_ssize_t stride,  # voxels of a line, and how far they are apart in memory
    Py_ssize_t count, Py_ssize_t pitch,  # lines, and how far apart those are
    double ratio, bint periodic,
    const double* inverse, const double* gain, const double* correction,
    double* line,  # scratch (length, LINES)
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double weight = ratio / (1.0 + 2.0 * ratio)
    cdef double share[LINES]
    for j in range(count):
        line[j] = field[j * pitch] * inverse[0]
    for i in range(1, length):
        for j in range(count):
            line[i * LINES + j] = field[i * stride + j * pitch] * inverse[i] + gain[i] * line[(i - 1) * LINES + j]
    for i in range(length - 2, -1, -1):
        for j in range(count):
            line[i * LINES + j] = line[i * LINES + j] + gain[i] * line[(i + 1) * LINES + j]
    if periodic:
        for j in range(count):
            share[j] = line[j] + weight * line[(length - 1) * LINES + j]
        for i in range(length):
            for j in range(count):
                field[i * stride + j * pitch] = <real_t>(line[i * LINES + j] - share[j] * correction[i])
    else:
        for i in range(length):
            for j in range(count):
                field[i * stride + j * pitch] = <real_t>line[i * LINES + j]


cdef void solve_lines(
    real_t* field, Py_ssize_t length, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t pitch, double ratio, bint periodic,
    const double* inverse, const double* gain, const double* correction, double* line,
) noexcept nogil:
    """Solve ``count`` lines; where that is LINES, the compiler knows it and keeps them in registers."""
    if count < LINES:
        solve(field, length, stride, count, pitch, ratio, periodic, inverse, gain, correction, line)
    elif pitch == 1:
        solve(field, length, stride, LINES, 1, ratio, periodic, inverse, gain, correction, line)
    else:
        solve(field, length, 1, LINES, pitch, ratio, periodic, inverse, gain, correction, line)


def diffuse(
    *,
    real_t[::1] field,  # INOUT (outer * length * inner,) [pg/mL]
    Py_ssize_t inner,  # voxels between neighbours along the axis
    double ratio,  # D dt / h^2 [1]
    bint periodic,
    const double[::1] inverse,  # IN (length,)
    const double[::1] gain,  # IN (length,)
    const double[::1] correction,  # IN (length,)
    double[:, ::1] work,  # scratch (threads, length * LINES or more)
):
    """Carry a field over one step along one axis, on as many threads as ``work`` has rows."""
    cdef Py_ssize_t length = inverse.shape[0]
    cdef Py_ssize_t outer = field.shape[0] // (length * inner)
    # Along the last axis lines lie one behind the other, along the others side by side.
    cdef Py_ssize_t beside = inner if inner > 1 else outer
    cdef Py_ssize_t pitch = 1 if inner > 1 else length
    cdef Py_ssize_t blocks = (beside + LINES - 1) // LINES
    cdef int64_t tasks = (outer if inner > 1 else 1) * blocks
    cdef int threads = <int>work.shape[0], thread
    cdef Py_ssize_t task, first
    for thread in prange(threads, nogil=True, schedule="static", num_threads=threads):
        for task in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            first = (task % blocks) * LINES
            solve_lines(
                &field[(task // blocks) * length * inner + first * pitch], length, inner, min(LINES, beside - first), pitch,
                ratio, periodic, &inverse[0], &gain[0], &correction[0], &work[thread, 0],
            )


def react(
    *,
    real_t[::1] field,  # INOUT (n,) [pg/mL]
    const double[::1] source,  # IN (n,) [pg/mL/h]
    double hours,  # [h]
    double decay,  # [1/h]
    int threads,
):
    """Add what is secreted and take away what decays in one step of backward Euler."""
    cdef Py_ssize_t i
    cdef double remaining = 1.0 / (1.0 + decay * hours)
    for i in prange(field.shape[0], nogil=True, schedule="static", num_threads=threads):
        field[i] = <real_t>((field[i] + source[i] * hours) * remaining)

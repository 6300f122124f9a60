# SPDX-License-Identifier: Apache-2.0
"""The kernel of reaction and diffusion in plain Python, line by line, bit for bit, and its exact limits."""

from __future__ import annotations

from itertools import product

import numpy as np

Array = np.ndarray


def factorise(n: int, ratio: float, periodic: bool) -> tuple[list[float], list[float], list[float]]:
    """Return inverse pivots, gains and the rank-one correction of an axis of n voxels."""
    middle = 1.0 + 2.0 * ratio
    diagonal = [middle] * n
    if periodic:
        diagonal[0], diagonal[-1] = middle + middle, middle + ratio * ratio / middle
    else:
        diagonal[0] = diagonal[-1] = 1.0 + ratio
    inverse, gain = [], []
    for i in range(n):
        inverse.append(1.0 / (diagonal[i] - ratio * gain[-1] if i else diagonal[i]))
        gain.append(ratio * inverse[-1])
    correction = [0.0] * n
    if periodic:
        correction = sweep([-middle] + [0.0] * (n - 2) + [-ratio], inverse, gain)
        scale = 1.0 / (1.0 + correction[0] + ratio / middle * correction[-1])
        correction = [value * scale for value in correction]
    return inverse, gain, correction


def sweep(line: list[float], inverse: list[float], gain: list[float]) -> list[float]:
    """Solve the tridiagonal system."""
    out = [line[0] * inverse[0]]
    for i in range(1, len(line)):
        out.append(line[i] * inverse[i] + gain[i] * out[-1])
    for i in range(len(line) - 2, -1, -1):
        out[i] = out[i] + gain[i] * out[i + 1]
    return out


def solve_line(line: list[float], ratio: float, periodic: bool) -> list[float]:
    """Return the solution of (1 - ratio d2) x = line."""
    inverse, gain, correction = factorise(len(line), ratio, periodic)
    out = sweep(line, inverse, gain)
    if periodic:
        share = out[0] + ratio / (1.0 + 2.0 * ratio) * out[-1]
        out = [value - share * part for value, part in zip(out, correction, strict=True)]
    return out


def advance(field: Array, source: Array, ratios: tuple[float, ...], periodic: tuple[bool, ...], hours: float, decay: float) -> Array:
    """Return a float32 field after one step: reaction, then each axis longer than one voxel."""
    remaining = 1.0 / (1.0 + decay * hours)
    out = np.empty_like(field)
    for at in np.ndindex(field.shape):
        out[at] = (float(field[at]) + float(source[at]) * hours) * remaining
    for axis, n in enumerate(field.shape):
        if n == 1:
            continue
        others = [range(m) if other != axis else [slice(None)] for other, m in enumerate(field.shape)]
        for at in product(*others):
            out[at] = solve_line([float(value) for value in out[at]], ratios[axis], periodic[axis])
    return out


def laplacian(shape: tuple[int, ...], ratios: tuple[float, ...], periodic: tuple[bool, ...]) -> Array:
    """Return the dense matrix of sum over axes of ratio d2, with walls or wrapped, in the order of C."""
    n = int(np.prod(shape))
    number = np.arange(n).reshape(shape)
    matrix = np.zeros((n, n))
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        for at in np.ndindex(shape):
            for step in (-1, 1):
                other = list(at)
                other[axis] += step
                if not 0 <= other[axis] < length:
                    if not periodic[axis]:
                        continue
                    other[axis] %= length
                matrix[number[at], number[at]] -= ratios[axis]
                matrix[number[at], number[tuple(other)]] += ratios[axis]
    return matrix
